#include "storage/name.h"

int name_check(const char *what, struct bytes name, size_t bytes_max, struct error *err)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	if (name.size == 0 || name.size > bytes_max)
		return error_set(err, ERROR_INVALID, "the name of a %s has 1 to %zu bytes, not %zu", what,
				 bytes_max, name.size);
	for (size_t n = 0; n < name.size; n++)
		if (memchr(allowed, name.data[n], sizeof(allowed) - 1) == NULL)
			return error_set(err, ERROR_INVALID,
					 "the name of a %s is made of A-Z a-z 0-9 . _ -, but byte %zu is 0x%02x",
					 what, n + 1, name.data[n]);
	return 0;
}
