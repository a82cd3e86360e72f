#ifndef PROTOCOL_BYTES_H
#define PROTOCOL_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A piece of somebody else's memory.  data == NULL means nil, which is not
 * the same as zero bytes. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

static inline struct bytes bytes_of_text(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* As keys sort: below, at or above 0. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
	size_t shorter = a.size < b.size ? a.size : b.size;
	int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Unaligned big-endian integers: every integer on disk and on the wire. */
static inline uint16_t load_u16(const uint8_t *at)
{
	uint16_t n;
	memcpy(&n, at, sizeof(n));
	return be16toh(n);
}

static inline uint32_t load_u32(const uint8_t *at)
{
	uint32_t n;
	memcpy(&n, at, sizeof(n));
	return be32toh(n);
}

static inline uint64_t load_u64(const uint8_t *at)
{
	uint64_t n;
	memcpy(&n, at, sizeof(n));
	return be64toh(n);
}

static inline void store_u16(uint8_t *at, uint16_t n)
{
	n = htobe16(n);
	memcpy(at, &n, sizeof(n));
}

static inline void store_u32(uint8_t *at, uint32_t n)
{
	n = htobe32(n);
	memcpy(at, &n, sizeof(n));
}

static inline void store_u64(uint8_t *at, uint64_t n)
{
	n = htobe64(n);
	memcpy(at, &n, sizeof(n));
}

#endif
