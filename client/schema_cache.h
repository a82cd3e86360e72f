#ifndef CLIENT_SCHEMA_CACHE_H
#define CLIENT_SCHEMA_CACHE_H

#include "protocol/bytes.h"
#include "protocol/error.h"

/* Schemas that were asked for: they never change, so they are kept. */

struct schema_cache {
	struct cached_schema **slots;   /* by id */
	uint32_t slot_count;            /* a power of two, or 0 */
	uint32_t count;
};

void schema_cache_clear(struct schema_cache *cache);

/* data NULL: not there.  Lent until the cache is cleared. */
struct bytes schema_cache_find(const struct schema_cache *cache, uint32_t id);

/* Copies.  ERROR_MEMORY. */
int schema_cache_add(struct schema_cache *cache, uint32_t id, struct bytes schema,
		     struct error *err);

#endif
