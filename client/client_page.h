#ifndef CLIENT_CLIENT_PAGE_H
#define CLIENT_CLIENT_PAGE_H

#include "protocol/bytes.h"

#include <stdbool.h>

/* What the walks over a reply's pages share. */

/* Where a walk over pages goes on: *after is in room then.  false: that was the last. */
static inline bool client_next_page(struct bytes next, uint8_t *room, size_t room_bytes, struct bytes *after)
{
	if (next.data == NULL || next.size > room_bytes)
		return false;
	memcpy(room, next.data, next.size);
	*after = (struct bytes){ room, next.size };
	return true;
}

/* A text that ends in a zero, in out; NULL: there is none, or it does not fit. */
static inline const char *client_copy_text(char *out, size_t out_bytes, struct bytes text)
{
	if (text.data == NULL || text.size >= out_bytes)
		return NULL;
	memcpy(out, text.data, text.size);
	out[text.size] = '\0';
	return out;
}

/* The same where there is room for it, at *at, which moves on. */
static inline const char *client_add_text(char **at, struct bytes text)
{
	const char *added = client_copy_text(*at, text.size + 1, text);

	if (added != NULL)
		*at += text.size + 1;
	return added;
}

#endif
