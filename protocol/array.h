#ifndef PROTOCOL_ARRAY_H
#define PROTOCOL_ARRAY_H

#include <stddef.h>
#include <stdlib.h>

/* Room for one more in an array that holds count: it doubles at 0, 1, 2, 4, ..., so no
 * capacity is kept.  The array, moved perhaps; NULL: no memory, and it is as it was. */
static inline void *array_grow(void *array, size_t count, size_t item_bytes)
{
	if ((count & (count - 1)) != 0)
		return array;
	return realloc(array, (count == 0 ? 1 : count * 2) * item_bytes);
}

#endif
