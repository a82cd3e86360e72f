#ifndef PROTOCOL_CRC32C_H
#define PROTOCOL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, RFC 3720 B.4).  Start with crc 0 and feed pieces in
 * order: crc32c(crc32c(0, a), b) equals the checksum of a followed by b.
 * Uses the CPU's own instruction where there is one.  Any thread. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

/* The same in plain C: what crc32c falls back to, and what tests compare. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size);

#endif
