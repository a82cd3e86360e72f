#ifndef PROTOCOL_PUT_H
#define PROTOCOL_PUT_H

#include "protocol/bytes.h"

/* msgpack's shortest forms, written straight to memory that has the room, for what is
 * encoded once a record.  Each put returns where it ended; its _size tells how far that is. */

static inline uint8_t *put_unsigned(uint8_t *at, uint64_t n)
{
	if (n < 0x80) {
		at[0] = (uint8_t)n;
		return at + 1;
	}
	if (n <= UINT8_MAX) {
		at[0] = 0xcc;
		at[1] = (uint8_t)n;
		return at + 2;
	}
	if (n <= UINT16_MAX) {
		at[0] = 0xcd;
		store_u16(at + 1, (uint16_t)n);
		return at + 3;
	}
	if (n <= UINT32_MAX) {
		at[0] = 0xce;
		store_u32(at + 1, (uint32_t)n);
		return at + 5;
	}
	at[0] = 0xcf;
	store_u64(at + 1, n);
	return at + 9;
}

static inline uint8_t *put_signed(uint8_t *at, int64_t n)
{
	if (n >= 0)
		return put_unsigned(at, (uint64_t)n);
	if (n >= -32) {
		at[0] = (uint8_t)n;
		return at + 1;
	}
	if (n >= INT8_MIN) {
		at[0] = 0xd0;
		at[1] = (uint8_t)n;
		return at + 2;
	}
	if (n >= INT16_MIN) {
		at[0] = 0xd1;
		store_u16(at + 1, (uint16_t)n);
		return at + 3;
	}
	if (n >= INT32_MIN) {
		at[0] = 0xd2;
		store_u32(at + 1, (uint32_t)n);
		return at + 5;
	}
	at[0] = 0xd3;
	store_u64(at + 1, (uint64_t)n);
	return at + 9;
}

static inline size_t unsigned_size(uint64_t n)
{
	if (n < 0x80)
		return 1;
	if (n <= UINT16_MAX)
		return n <= UINT8_MAX ? 2 : 3;
	return n <= UINT32_MAX ? 5 : 9;
}

static inline size_t signed_size(int64_t n)
{
	if (n >= 0)
		return unsigned_size((uint64_t)n);
	if (n >= INT8_MIN)
		return n >= -32 ? 1 : 2;
	if (n >= INT16_MIN)
		return 3;
	return n >= INT32_MIN ? 5 : 9;
}

static inline size_t bin_size(size_t size)
{
	return size + (size <= UINT8_MAX ? 2 : size <= UINT16_MAX ? 3 : 5);
}

/* bytes.data may not be nil. */
static inline uint8_t *put_bin(uint8_t *at, struct bytes bytes)
{
	if (bytes.size <= UINT8_MAX) {
		at[0] = 0xc4;
		at[1] = (uint8_t)bytes.size;
		at += 2;
	} else if (bytes.size <= UINT16_MAX) {
		at[0] = 0xc5;
		store_u16(at + 1, (uint16_t)bytes.size);
		at += 3;
	} else {
		at[0] = 0xc6;
		store_u32(at + 1, (uint32_t)bytes.size);
		at += 5;
	}
	if (bytes.size > 0)
		memcpy(at, bytes.data, bytes.size);
	return at + bytes.size;
}

/* What is encoded already; nil where there is none. */
static inline uint8_t *put_encoded(uint8_t *at, struct bytes encoded)
{
	if (encoded.data == NULL) {
		*at = 0xc0;
		return at + 1;
	}
	memcpy(at, encoded.data, encoded.size);
	return at + encoded.size;
}

static inline size_t encoded_size(struct bytes encoded)
{
	return encoded.data == NULL ? 1 : encoded.size;
}

#endif
