#include "storage/log_names.h"

#include "storage/layout.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct log_name *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static bool read_id(enum table table, const struct log_entry *entry, uint32_t *out)
{
	struct topic_record topic;
	struct source_record source;
	if (table == TABLE_TOPICS) {
		if (topic_record_decode(entry->key, entry->value, &topic, NULL) != 0)
			return false;
		*out = topic.id;
		return true;
	}
	if (source_record_decode(entry->key, entry->value, &source, NULL) != 0)
		return false;
	*out = source.id;
	return true;
}

static int add(struct log_names *names, uint32_t id, struct bytes text, struct error *err)
{
	if (names->count == names->capacity) {
		size_t capacity = names->capacity == 0 ? 16 : 2 * names->capacity;
		struct log_name *grown = realloc(names->names, capacity * sizeof(*grown));
		if (grown == NULL)
			return error_set(err, ERROR_MEMORY, "no memory for %zu names", capacity);
		names->names = grown;
		names->capacity = capacity;
	}
	struct log_name *name = &names->names[names->count++];
	name->id = id;
	memcpy(name->text, text.data, text.size);
	name->text[text.size] = '\0';
	return 0;
}

int log_names_load(struct log_names *out, struct log_tables *tables, enum table table,
		   struct error *err)
{
	struct log_names names = { 0 };
	struct log_entry entry = { 0 };
	struct error why = { 0 };
	uint32_t id;
	int found;
	while ((found = log_tables_next(tables, table, &entry, &why)) == 1) {
		if (entry.key.size >= sizeof(names.names->text) || !read_id(table, &entry, &id))
			continue;
		if (add(&names, id, entry.key, &why) != 0)
			goto fail;
	}
	/* Where a page is damaged the names end; showing the table says so. */
	if (found < 0 && why.code != ERROR_CORRUPT)
		goto fail;
	if (names.count > 0)
		qsort(names.names, names.count, sizeof(*names.names), compare);
	*out = names;
	return 0;
fail:
	log_names_clear(&names);
	if (err != NULL)
		*err = why;
	return -1;
}

void log_names_clear(struct log_names *names)
{
	free(names->names);
	*names = (struct log_names){ 0 };
}

const char *log_names_find(const struct log_names *names, uint32_t id)
{
	if (names->count == 0)
		return NULL;
	const struct log_name key = { .id = id };
	const struct log_name *found =
		bsearch(&key, names->names, names->count, sizeof(key), compare);
	return found != NULL ? found->text : NULL;
}
