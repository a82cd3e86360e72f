#include "client/schema_cache.h"

#include <stdlib.h>

#define SLOTS_MIN 16

struct cached_schema {
	uint32_t id;
	size_t size;
	uint8_t data[];
};

void schema_cache_clear(struct schema_cache *cache)
{
	for (uint32_t i = 0; i < cache->slot_count; i++)
		free(cache->slots[i]);
	free(cache->slots);
	*cache = (struct schema_cache){ 0 };
}

/* Where it is, or would be. */
static uint32_t find_slot(const struct schema_cache *cache, uint32_t id)
{
	uint32_t slot = id * UINT32_C(2654435769) & (cache->slot_count - 1);

	while (cache->slots[slot] != NULL && cache->slots[slot]->id != id)
		slot = (slot + 1) & (cache->slot_count - 1);
	return slot;
}

struct bytes schema_cache_find(const struct schema_cache *cache, uint32_t id)
{
	if (cache->slot_count == 0)
		return (struct bytes){ NULL, 0 };
	const struct cached_schema *schema = cache->slots[find_slot(cache, id)];
	if (schema == NULL)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ schema->data, schema->size };
}

static int make_room(struct schema_cache *cache, struct error *err)
{
	if (2 * cache->count < cache->slot_count)
		return 0;
	struct schema_cache larger = {
		.slot_count = cache->slot_count > 0 ? 2 * cache->slot_count : SLOTS_MIN,
		.count = cache->count,
	};
	larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
	if (larger.slots == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a schema");
	for (uint32_t i = 0; i < cache->slot_count; i++)
		if (cache->slots[i] != NULL)
			larger.slots[find_slot(&larger, cache->slots[i]->id)] = cache->slots[i];
	free(cache->slots);
	*cache = larger;
	return 0;
}

int schema_cache_add(struct schema_cache *cache, uint32_t id, struct bytes schema,
		     struct error *err)
{
	struct cached_schema *cached;

	if (make_room(cache, err) != 0)
		return -1;
	uint32_t slot = find_slot(cache, id);
	if (cache->slots[slot] != NULL)
		return 0;
	cached = malloc(sizeof(*cached) + schema.size);
	if (cached == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a schema");
	cached->id = id;
	cached->size = schema.size;
	if (schema.size > 0)
		memcpy(cached->data, schema.data, schema.size);
	cache->slots[slot] = cached;
	cache->count++;
	return 0;
}
