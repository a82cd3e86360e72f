#ifndef CAPTURE_ROOM_H
#define CAPTURE_ROOM_H

#include "protocol/error.h"

#include <msgpack/sbuffer.h>

/* Let the buffer have room for so many more bytes, so that they can be written
 * in place; its size stays.  Grows as msgpack_sbuffer_write does.  ERROR_MEMORY. */
static inline int room_make(msgpack_sbuffer *buffer, size_t size, struct error *err)
{
	if (buffer->alloc - buffer->size >= size)
		return 0;

	size_t alloc = buffer->alloc == 0 ? MSGPACK_SBUFFER_INIT_SIZE : buffer->alloc * 2;
	if (alloc < buffer->size + size)
		alloc = buffer->size + size;
	void *data = realloc(buffer->data, alloc);
	if (data == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a row of %zu bytes", alloc);
	buffer->data = data;
	buffer->alloc = alloc;
	return 0;
}

#endif
