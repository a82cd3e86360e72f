#include "capture/postgresql_relation.h"

#include <stdlib.h>

static bool is_same_text(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static const struct postgresql_column *find_column(const struct postgresql_relation *relation,
						   struct bytes name)
{
	for (uint32_t i = 0; i < relation->column_count; i++) {
		if (is_same_text(relation->columns[i].name, name))
			return &relation->columns[i];
	}
	return NULL;
}

static void merge_column(const struct pgoutput_column *message, const struct postgresql_column *today,
			 struct postgresql_column *out)
{
	*out = (struct postgresql_column){
		.name = message->name,
		.type_oid = message->type_oid,
		.type_modifier = message->type_modifier,
		.is_identity = message->is_identity,
	};
	if (today == NULL)
		return;
	out->key_position = today->key_position;
	if (today->type_oid != message->type_oid)
		return;
	out->is_not_null = today->is_not_null;
	out->is_generated = today->is_generated;
	out->default_text = today->default_text;
}

/* Today's primary key, where all its columns were there at the time, and were what
 * REPLICA IDENTITY DEFAULT calls the identity; else, if the identity is the primary
 * key, its columns in the table's order. */
static void settle_key(const struct postgresql_relation *catalog, struct postgresql_relation *relation)
{
	uint32_t wanted = 0, found = 0, position = 0;
	bool is_identity = true;

	for (uint32_t i = 0; catalog != NULL && i < catalog->column_count; i++)
		wanted += catalog->columns[i].key_position != 0;
	for (uint32_t i = 0; i < relation->column_count; i++) {
		const struct postgresql_column *column = &relation->columns[i];
		found += column->key_position != 0;
		is_identity &= column->is_identity == (column->key_position != 0);
	}
	if (found == wanted && (relation->replica_identity != 'd' || is_identity))
		return;
	for (uint32_t i = 0; i < relation->column_count; i++) {
		struct postgresql_column *column = &relation->columns[i];
		bool is_key = relation->replica_identity == 'd' && column->is_identity;
		column->key_position = is_key ? ++position : 0;
		column->is_not_null |= is_key;
	}
}

int postgresql_relation_merge(const struct pgoutput_relation *message,
			      const struct postgresql_relation *catalog,
			      struct postgresql_relation *out, struct error *err)
{
	struct pgoutput_relation rest = *message;
	struct pgoutput_column column;
	struct postgresql_relation relation = {
		.oid = message->oid,
		.schema = message->schema,
		.table = message->table,
		.replica_identity = message->replica_identity,
		.column_count = message->column_count,
	};

	/* One more: a table may have no columns. */
	relation.columns = calloc((size_t)message->column_count + 1, sizeof(*relation.columns));
	if (relation.columns == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for the columns of a table");
	for (uint32_t i = 0; pgoutput_column_next(&rest, &column); i++)
		merge_column(&column, catalog == NULL ? NULL : find_column(catalog, column.name),
			     &relation.columns[i]);
	settle_key(catalog, &relation);
	*out = relation;
	return 0;
}

void postgresql_relation_clear(struct postgresql_relation *relation)
{
	free(relation->columns);
	relation->columns = NULL;
	relation->column_count = 0;
}
