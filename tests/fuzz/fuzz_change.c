/* A change that is read can be written, and from then on reads and writes as
 * the same bytes.  Its rows are held against schemas of every type. */
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

static void round_trip(const uint8_t *data, size_t size, msgpack_sbuffer *out)
{
	struct change change;

	demand(change_decode(data, size, &change, NULL) == 0);
	demand(change_encode(out, &change, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct change change;
	msgpack_sbuffer once;
	msgpack_sbuffer twice;

	check_row((struct bytes){ data, size });
	if (change_decode(data, size, &change, NULL) != 0)
		return 0;
	check_row(change.before);
	check_row(change.after);

	msgpack_sbuffer_init(&once);
	msgpack_sbuffer_init(&twice);
	round_trip(data, size, &once);
	round_trip((const uint8_t *)once.data, once.size, &twice);
	demand(once.size == twice.size);
	demand(memcmp(once.data, twice.data, once.size) == 0);
	msgpack_sbuffer_destroy(&once);
	msgpack_sbuffer_destroy(&twice);
	return 0;
}
