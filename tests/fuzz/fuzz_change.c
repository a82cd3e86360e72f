/* A change that is read can be written and reads the same again.  Its rows are
 * held against schemas of every type. */
#include "protocol/change.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LENT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

/* One column of each type; an array of each. */
static struct schema_column columns[] = {
#define X(stem, number, words)                                \
	{ .name = LENT(words),                                \
	  .type = LOGICAL_##stem,                             \
	  .element_type = number == LOGICAL_ARRAY ? LOGICAL_POINT : 0 },
	LOGICAL_TYPES(X)
#undef X
#define X(stem, number, words) \
	{ .name = LENT(words "[]"), .type = LOGICAL_ARRAY, .element_type = LOGICAL_##stem },
	LOGICAL_TYPES(X)
#undef X
};

enum { COLUMN_COUNT = sizeof(columns) / sizeof(columns[0]) };

static void demand(bool fact)
{
	if (!fact)
		abort();
}

/* A row of n values against the first n columns; a row of one against each. */
static void check_row(struct bytes row)
{
	struct unpack unpack = unpack_over(row.data, row.size);
	struct schema schema = { .columns = columns };

	if (unpack_array(&unpack, &schema.column_count, NULL) != 0)
		return;
	if (schema.column_count <= COLUMN_COUNT && change_check_row(row, &schema, NULL) == 0)
		demand(unpack_check(row.data, row.size, UINT32_MAX, NULL) == 0);
	for (int i = 0; schema.column_count == 1 && i < COLUMN_COUNT; i++) {
		schema.columns = &columns[i];
		if (change_check_row(row, &schema, NULL) == 0)
			demand(unpack_check(row.data, row.size, UINT32_MAX, NULL) == 0);
	}
}

static void demand_same_bytes(struct bytes a, struct bytes b)
{
	demand((a.data == NULL) == (b.data == NULL) && a.size == b.size);
	demand(a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static void demand_same(const struct change *a, const struct change *b)
{
	demand(a->op == b->op && a->schema_id == b->schema_id && a->index == b->index);
	demand(a->source_time_us == b->source_time_us);
	demand_same_bytes(a->before, b->before);
	demand_same_bytes(a->after, b->after);
	demand_same_bytes(a->position, b->position);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct change change;
	struct change copy;
	msgpack_sbuffer once;

	check_row((struct bytes){ data, size });
	if (change_decode(data, size, &change, NULL) != 0)
		return 0;
	check_row(change.before);
	check_row(change.after);

	msgpack_sbuffer_init(&once);
	demand(change_encode(&once, &change, NULL) == 0);
	demand(change_decode(once.data, once.size, &copy, NULL) == 0);
	demand_same(&change, &copy);
	msgpack_sbuffer_destroy(&once);
	return 0;
}
