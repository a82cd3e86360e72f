#include "capture/postgresql_stream_tables.h"

#include "capture/postgresql_catalog.h"

#include <stdlib.h>

void postgresql_stream_tables_clear(struct postgresql_stream_tables *tables)
{
	for (uint32_t i = 0; i < tables->count; i++)
		postgresql_table_destroy(tables->items[i].table);
	free(tables->items);
	*tables = (struct postgresql_stream_tables){ 0 };
}

/* The first whose oid is not lower. */
static uint32_t place_of(const struct postgresql_stream_tables *tables, uint32_t oid)
{
	uint32_t low = 0, high = tables->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (tables->items[middle].oid < oid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct postgresql_stream_table *postgresql_stream_tables_find(struct postgresql_stream_tables *tables,
						   uint32_t oid)
{
	if (tables->last >= tables->count || tables->items[tables->last].oid != oid) {
		tables->last = place_of(tables, oid);
		if (tables->last >= tables->count || tables->items[tables->last].oid != oid)
			return NULL;
	}
	return &tables->items[tables->last];
}

static int put(struct postgresql_stream_tables *tables, const struct postgresql_stream_table *known,
	       struct error *err)
{
	struct postgresql_stream_table *old = postgresql_stream_tables_find(tables, known->oid);
	uint32_t at;
	if (old != NULL) {
		postgresql_table_destroy(old->table);
		*old = *known;
		return 0;
	}
	if (tables->count == tables->capacity) {
		uint32_t capacity = tables->capacity == 0 ? 16 : tables->capacity * 2;
		struct postgresql_stream_table *items = realloc(tables->items, capacity * sizeof(*items));
		if (items == NULL)
			return error_set(err, ERROR_MEMORY, "%u tables", capacity);
		tables->items = items;
		tables->capacity = capacity;
	}
	at = place_of(tables, known->oid);
	memmove(&tables->items[at + 1], &tables->items[at],
		(tables->count - at) * sizeof(tables->items[0]));
	tables->items[at] = *known;
	tables->count++;
	return 0;
}

static int open_table(struct postgresql_source *source, const struct pgoutput_relation *message,
		      struct postgresql_stream_table *known, struct error *err)
{
	struct postgresql_catalog_relation today = { 0 };
	struct postgresql_relation relation = { 0 };
	int found = -1, rc = -1;
	if (postgresql_source_need_catalog(source, err) == 0)
		found = postgresql_catalog_relation(source, source->catalog, message->oid, false, &today, err);
	if (found >= 0 && postgresql_relation_merge(message, found ? &today.relation : NULL, &relation, err) == 0)
		rc = postgresql_catalog_open_table(source, source->catalog, &relation, &known->table,
						   &known->writer_table, err);
	postgresql_relation_clear(&relation);
	postgresql_catalog_relation_clear(&today);
	return rc;
}

int postgresql_stream_tables_learn(struct postgresql_stream_tables *tables,
			       struct postgresql_source *source,
			       const struct pgoutput_relation *message, struct error *err)
{
	struct postgresql_stream_table known = { .oid = message->oid };
	if (source_settings_has_table(source->settings, message->schema, message->table) &&
	    open_table(source, message, &known, err) != 0)
		return -1;
	if (put(tables, &known, err) != 0) {
		postgresql_table_destroy(known.table);
		return -1;
	}
	return 0;
}
