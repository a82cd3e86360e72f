#include "storage/log_tables.h"

#include <stdlib.h>

int log_tables_open(struct log_tables *out, struct store *store, struct error *err)
{
	struct log_tables tables = { .snapshot = { 0 } };
	if (snapshot_open(&tables.snapshot, store, err) != 0)
		return -1;
	msgpack_sbuffer_init(&tables.key);
	msgpack_sbuffer_init(&tables.value);
	*out = tables;
	return 0;
}

void log_tables_close(struct log_tables *tables)
{
	snapshot_close(&tables->snapshot);
	msgpack_sbuffer_destroy(&tables->key);
	msgpack_sbuffer_destroy(&tables->value);
}

/* What must survive a jump out of the guard lies in the caller's frame. */
struct search {
	struct log_tables *tables;
	enum table table;
	struct bytes from;
	bool wants_exactly;
	struct error *err;
};

/* The memory is got before a byte of the map is touched: reading one may end
 * in a jump. */
static int copy(msgpack_sbuffer *out, struct bytes bytes, struct error *err)
{
	if (bytes.size > out->alloc) {
		char *data = realloc(out->data, bytes.size);
		if (data == NULL)
			return error_set(err, ERROR_MEMORY, "no memory for an entry of %zu bytes",
					 bytes.size);
		out->data = data;
		out->alloc = bytes.size;
	}
	if (bytes.size > 0)
		memcpy(out->data, bytes.data, bytes.size);
	out->size = bytes.size;
	return 0;
}

static int search_guarded(void *argument)
{
	struct search *search = argument;
	struct log_tables *tables = search->tables;
	struct bytes key = search->from, value;
	int found = search->wants_exactly
			    ? snapshot_get(&tables->snapshot, search->table, key, &value, search->err)
			    : snapshot_seek(&tables->snapshot, search->table, key, &key, &value,
					    search->err);
	if (found <= 0)
		return found;
	if (copy(&tables->value, value, search->err) != 0 ||
	    (!search->wants_exactly && copy(&tables->key, key, search->err) != 0))
		return -1;
	return 1;
}

static struct bytes bytes_of(const msgpack_sbuffer *buffer)
{
	/* Never nil: nothing at all is still a value. */
	return (struct bytes){ (const uint8_t *)(buffer->data != NULL ? buffer->data : ""),
			       buffer->size };
}

int log_tables_next(struct log_tables *tables, enum table table, struct log_entry *entry,
		    struct error *err)
{
	/* LMDB's keys have at most 511 bytes; the next one has a zero more. */
	uint8_t from[512];
	size_t size = entry->key.data == NULL ? 0 : entry->key.size + 1;
	if (size > sizeof(from) - 1)
		return error_set(err, ERROR_CORRUPT, "table %s: a key of %zu bytes",
				 table_name(table), entry->key.size);
	if (size > 0) {
		memcpy(from, entry->key.data, size - 1);
		from[size - 1] = 0;
	}
	struct search search = { tables, table, { from, size }, false, err };
	int found = snapshot_run(&tables->snapshot, search_guarded, &search, err);
	if (found == 1) {
		entry->key = bytes_of(&tables->key);
		entry->value = bytes_of(&tables->value);
	}
	return found;
}

int log_tables_get(struct log_tables *tables, enum table table, struct bytes key,
		   struct bytes *out_value, struct error *err)
{
	struct search search = { tables, table, key, true, err };
	int found = snapshot_run(&tables->snapshot, search_guarded, &search, err);
	if (found == 1)
		*out_value = bytes_of(&tables->value);
	return found;
}
