#ifndef STORAGE_META_PAGE_H
#define STORAGE_META_PAGE_H

#include "protocol/error.h"

#include <stdint.h>

/* The first two pages of LMDB's data file.  Each says where a commit's trees begin, the
 * newer one counts; LMDB trusts both, without a checksum, and takes some damage for
 * something else: a lack of memory, an input/output error, another version.  So they
 * are looked at before LMDB opens the file.
 *
 * As lmdb 0.9's mdb.c has them, on a machine with 64 bits, in its own byte order:
 *
 *    0 u64 page number           24 u64 map address     88 the second table: 48 bytes,
 *    8 u16 pad                   32 u64 map size           its root at 128
 *   10 u16 flags, 8: meta page   40 u32 page size      136 u64 last page
 *   12 u32                       44 the rest of the    144 u64 transaction
 *   16 u32 0xbeefc0de               first table
 *   20 u32 version, 1
 */
#define META_PAGE_BYTES 152

/* Can LMDB open this file?  Fine where there is none.  map_bytes: no file grows beyond.
 * ERROR_CORRUPT; ERROR_FORMAT_VERSION: LMDB's own; ERROR_DENIED, ERROR_IO. */
int meta_pages_check(const char *path, uint64_t map_bytes, struct error *err);

#endif
