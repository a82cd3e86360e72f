#ifndef TESTS_SUPPORT_HEX_H
#define TESTS_SUPPORT_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Golden bytes as they are read: "96 00 d0 df  c4 02 6b31".  Spaces may stand
 * anywhere between bytes; anything else that is no digit ends the program. */
static inline size_t hex_bytes(uint8_t *out, size_t room, const char *hex)
{
	static const char digits[] = "0123456789abcdef";
	size_t size = 0;

	for (; *hex != '\0'; hex++) {
		if (*hex == ' ')
			continue;
		const char *high = strchr(digits, hex[0]);
		const char *low = hex[1] == '\0' ? NULL : strchr(digits, hex[1]);
		if (high == NULL || low == NULL || size == room)
			abort();
		out[size++] = (uint8_t)((high - digits) << 4 | (low - digits));
		hex++;
	}
	return size;
}

#endif
