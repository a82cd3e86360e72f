#include "capture/postgresql_catalog.h"

#include "protocol/limits.h"

#include <stdio.h>
#include <stdlib.h>

/* pg_publication_tables tells what comes under its own name, whatever the
 * publication says of partitions, schemas or all tables. */
#define CANDIDATES                                                                              \
	"SELECT c.oid, n.nspname, c.relname, c.relkind = 'p', c.relpersistence = 'u',"          \
	" has_schema_privilege(n.oid, 'USAGE') AND"                                             \
	" (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT')),"   \
	" CASE c.relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE EXISTS (SELECT 1"     \
	" FROM pg_index i WHERE i.indrelid = c.oid AND"                                         \
	" CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END) END,"     \
	" b.puballtables OR EXISTS (SELECT 1 FROM pg_publication_rel r"                         \
	" WHERE r.prpubid = b.oid AND r.prrelid = c.oid)%s,"                                    \
	" p.tablename IS NOT NULL, %s,"                                                         \
	" (SELECT sum(greatest(l.reltuples, 0))::int8 FROM pg_class l WHERE l.oid = c.oid OR (" \
	" c.relkind = 'p' AND l.oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf)))," \
	" CASE WHEN c.relispartition THEN (SELECT string_agg(relid::oid::text, ' ')"            \
	" FROM pg_partition_ancestors(c.oid) WHERE relid <> c.oid) END, %s"                     \
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                        \
	" LEFT JOIN pg_publication b ON b.pubname = $1"                                         \
	" LEFT JOIN pg_publication_tables p"                                                    \
	" ON p.pubname = $1 AND p.schemaname = n.nspname AND p.tablename = c.relname"           \
	" WHERE c.relkind IN ('r', '%s') AND c.relpersistence <> 't'"                           \
	" AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"                        \
	" ORDER BY n.nspname, c.relname"

/* From version 18 on that stands in the way of UPDATE and DELETE. */
#define HAS_UNPUBLISHED_IDENTITY                                                                \
	"c.relreplident = 'f' AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid" \
	" AND a.attgenerated <> '' AND NOT a.attisdropped"                                      \
	" AND (p.attnames IS NULL OR a.attname <> ALL (p.attnames)))"

enum { OID, SCHEMA, TABLE, PARTITIONED, UNLOGGED, MAY_READ, IDENTITY, MEMBER, PUBLISHED, ROW_FILTER, ESTIMATE, ANCESTORS,
       UNPUBLISHED_IDENTITY };

static bool has_oid(const struct postgresql_candidates *list, uint32_t oid)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->items[i].oid == oid)
			return true;
	return false;
}

static bool has_ancestor(const struct postgresql_candidates *list, int row)
{
	const char *at = PQgetvalue(list->result, row, ANCESTORS);
	char *end;
	for (;;) {
		unsigned long oid = strtoul(at, &end, 10);
		if (end == at)
			return false;
		if (has_oid(list, (uint32_t)oid))
			return true;
		at = end;
	}
}

static void fill_candidate(const PGresult *result, int row, struct postgresql_candidate *out)
{
	*out = (struct postgresql_candidate){
		.oid = (uint32_t)postgresql_field_u64(result, row, OID),
		.schema = postgresql_field(result, row, SCHEMA),
		.table = postgresql_field(result, row, TABLE),
		.is_partitioned = postgresql_field_bool(result, row, PARTITIONED),
		.is_unlogged = postgresql_field_bool(result, row, UNLOGGED),
		.may_read = postgresql_field_bool(result, row, MAY_READ),
		.has_identity = postgresql_field_bool(result, row, IDENTITY),
		.has_unpublished_identity = postgresql_field_bool(result, row, UNPUBLISHED_IDENTITY),
		.is_member = postgresql_field_bool(result, row, MEMBER),
		.is_published = postgresql_field_bool(result, row, PUBLISHED),
		.row_filter = postgresql_field(result, row, ROW_FILTER),
		.row_estimate = postgresql_field_u64(result, row, ESTIMATE),
	};
}

static int fetch(struct postgresql_source *source, struct postgresql_connection *connection,
		 struct postgresql_candidates *out, struct error *err)
{
	const char *const values[] = { source->settings->publication_name };
	char sql[sizeof(CANDIDATES) + 500];
	bool is_15 = source->server_version >= 150000;
	snprintf(sql, sizeof(sql), CANDIDATES,
		 is_15 ? " OR EXISTS (SELECT 1 FROM pg_publication_namespace s"
			 " WHERE s.pnpubid = b.oid AND s.pnnspid = c.relnamespace)" : "",
		 is_15 ? "p.rowfilter" : "NULL",
		 source->server_version >= 180000 ? HAS_UNPUBLISHED_IDENTITY : "false",
		 source->server_version >= POSTGRESQL_ROOT_VERSION_MIN ? "p" : "r");
	if (postgresql_connection_query(connection, sql, values, 1, &out->result, err) != 0)
		return error_context(err, "list the tables");
	out->items = calloc((size_t)PQntuples(out->result) + 1, sizeof(*out->items));
	return out->items != NULL ? 0 : error_set(err, ERROR_MEMORY, "a list of tables");
}

static int list(struct postgresql_source *source, struct postgresql_connection *connection,
		bool published, struct postgresql_candidates *out, struct error *err)
{
	struct postgresql_candidates all = { 0 };
	uint32_t kept = 0;
	int *rows = NULL;
	if (fetch(source, connection, &all, err) != 0)
		goto fail;
	rows = calloc((size_t)PQntuples(all.result) + 1, sizeof(*rows));
	if (rows == NULL) {
		error_set(err, ERROR_MEMORY, "a list of tables");
		goto fail;
	}
	for (int row = 0; row < PQntuples(all.result); row++) {
		struct postgresql_candidate candidate;
		fill_candidate(all.result, row, &candidate);
		if (!source_settings_has_table(source->settings, candidate.schema, candidate.table))
			continue;
		rows[all.count] = row;
		all.items[all.count++] = candidate;
	}
	for (uint32_t i = 0; i < all.count; i++)
		if (published ? all.items[i].is_published : !has_ancestor(&all, rows[i]))
			rows[kept++] = (int)i;
	for (uint32_t i = 0; i < kept; i++)
		all.items[i] = all.items[rows[i]];
	all.count = kept;
	free(rows);
	*out = all;
	return 0;
fail:
	free(rows);
	postgresql_candidates_clear(&all);
	return -1;
}

int postgresql_catalog_candidates(struct postgresql_source *source,
				  struct postgresql_connection *connection,
				  struct postgresql_candidates *out, struct error *err)
{
	return list(source, connection, false, out, err);
}

int postgresql_catalog_published(struct postgresql_source *source,
				 struct postgresql_connection *connection,
				 struct postgresql_candidates *out, struct error *err)
{
	return list(source, connection, true, out, err);
}

void postgresql_candidates_clear(struct postgresql_candidates *candidates)
{
	free(candidates->items);
	PQclear(candidates->result);
	*candidates = (struct postgresql_candidates){ 0 };
}

/* Generated columns are published from version 18 on, where pg_publication_tables
 * then names them. */
#define COLUMNS                                                                                  \
	"SELECT n.nspname, c.relname, c.relreplident,"                                           \
	" a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated <> '',"               \
	" CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,"               \
	" coalesce(k.n, 0), CASE c.relreplident WHEN 'f' THEN true WHEN 'd' THEN k.n IS NOT NULL" \
	" WHEN 'i' THEN r.n IS NOT NULL ELSE false END"                                          \
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                         \
	" JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"     \
	" LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"               \
	" LEFT JOIN LATERAL (SELECT u.n FROM pg_index i, unnest(i.indkey) WITH ORDINALITY u(attnum, n)" \
	" WHERE i.indrelid = c.oid AND i.indisprimary AND u.attnum = a.attnum"                   \
	" AND u.n <= i.indnkeyatts) k ON true"                                                   \
	" LEFT JOIN LATERAL (SELECT u.n FROM pg_index i, unnest(i.indkey) WITH ORDINALITY u(attnum, n)" \
	" WHERE i.indrelid = c.oid AND i.indisreplident AND u.attnum = a.attnum"                 \
	" AND u.n <= i.indnkeyatts) r ON true"                                                   \
	"%s WHERE c.oid = $1::oid%s ORDER BY a.attnum"

#define JOIN_COLUMN_LIST                                                      \
	" LEFT JOIN pg_publication_tables p"                                  \
	" ON p.pubname = $2 AND p.schemaname = n.nspname AND p.tablename = c.relname"

static int fill_columns(struct postgresql_catalog_relation *relation, struct error *err)
{
	const PGresult *result = relation->result;
	int count = PQntuples(result);
	struct postgresql_column *columns = calloc((size_t)count + 1, sizeof(*columns));
	if (columns == NULL)
		return error_set(err, ERROR_MEMORY, "%d columns", count);
	for (int row = 0; row < count; row++)
		columns[row] = (struct postgresql_column){
			.name = postgresql_field(result, row, 3),
			.type_oid = (uint32_t)postgresql_field_u64(result, row, 4),
			.type_modifier = (int32_t)strtol(PQgetvalue(result, row, 5), NULL, 10),
			.is_not_null = postgresql_field_bool(result, row, 6),
			.is_generated = postgresql_field_bool(result, row, 7),
			.default_text = postgresql_field(result, row, 8),
			.key_position = (uint32_t)postgresql_field_u64(result, row, 9),
			.is_identity = postgresql_field_bool(result, row, 10),
		};
	relation->relation.columns = columns;
	relation->relation.column_count = (uint32_t)count;
	if (count > 0) {
		relation->relation.schema = postgresql_field(result, 0, 0);
		relation->relation.table = postgresql_field(result, 0, 1);
		relation->relation.replica_identity = PQgetvalue(result, 0, 2)[0];
	}
	return 0;
}

int postgresql_catalog_relation(struct postgresql_source *source,
				struct postgresql_connection *connection, uint32_t oid,
				bool published_only, struct postgresql_catalog_relation *out,
				struct error *err)
{
	struct postgresql_catalog_relation relation = { .relation = { .oid = oid } };
	bool has_lists = published_only && source->server_version >= 150000;
	char sql[sizeof(COLUMNS) + 500], oid_text[16];
	const char *const values[] = { oid_text, source->settings->publication_name };
	snprintf(oid_text, sizeof(oid_text), "%u", oid);
	snprintf(sql, sizeof(sql), COLUMNS, has_lists ? JOIN_COLUMN_LIST : "",
		 !published_only ? "" :
		 source->server_version >= 180000 ?
			" AND CASE WHEN p.attnames IS NULL THEN a.attgenerated = '' ELSE a.attname = ANY (p.attnames) END" :
		 has_lists ? " AND a.attgenerated = '' AND (p.attnames IS NULL OR a.attname = ANY (p.attnames))" :
			" AND a.attgenerated = ''");
	if (postgresql_connection_query(connection, sql, values, has_lists ? 2 : 1, &relation.result, err) != 0 ||
	    fill_columns(&relation, err) != 0) {
		postgresql_catalog_relation_clear(&relation);
		return error_context(err, "read the columns of table %u", oid);
	}
	*out = relation;
	return relation.relation.column_count > 0;
}

void postgresql_catalog_relation_clear(struct postgresql_catalog_relation *relation)
{
	free(relation->relation.columns);
	PQclear(relation->result);
	*relation = (struct postgresql_catalog_relation){ 0 };
}

/* Types of columns, in turn with their base and element types. */
#define TYPES                                                                          \
	"WITH RECURSIVE wanted(oid) AS (SELECT unnest($1::oid[]) UNION"                \
	" SELECT v.oid FROM wanted w JOIN pg_type t ON t.oid = w.oid"                  \
	" LEFT JOIN pg_type e ON e.typarray = t.oid,"                                  \
	" LATERAL (VALUES (t.typbasetype), (e.oid)) v(oid) WHERE v.oid <> 0)"          \
	" SELECT t.oid, t.typtype, format_type(t.oid, NULL), t.typbasetype, t.typtypmod," \
	" coalesce(e.oid, 0), coalesce(e.typdelim, t.typdelim)"                        \
	" FROM wanted w JOIN pg_type t ON t.oid = w.oid LEFT JOIN pg_type e ON e.typarray = t.oid" \
	" ORDER BY t.oid"

/* All labels of them, an enum's next to each other. */
#define LABELS                                                                  \
	"SELECT enumtypid, enumlabel FROM pg_enum WHERE enumtypid = ANY ($1::oid[])" \
	" ORDER BY enumtypid, enumsortorder"

struct types {
	struct postgresql_type_list list;
	struct postgresql_type_info *items;
	struct bytes *labels;
	PGresult *result;
	PGresult *label_result;
};

static void types_clear(struct types *types)
{
	free(types->items);
	free(types->labels);
	PQclear(types->result);
	PQclear(types->label_result);
}

static int fetch_oids(struct postgresql_connection *connection, const char *sql, const char *oids,
		      PGresult **out, struct error *err)
{
	return postgresql_connection_query(connection, sql, &oids, 1, out, err);
}

/* "{16385,16390}": of the columns' types that are not built in; or of what a result has. */
static void oids_of_columns(const struct postgresql_relation *relation, struct text *text, int *count)
{
	for (uint32_t i = 0; i < relation->column_count; i++)
		if (!postgresql_type_is_built_in(relation->columns[i].type_oid))
			text_add_format(text, "%c%u", (*count)++ == 0 ? '{' : ',', relation->columns[i].type_oid);
	text_add(text, "}", 2);
}

static void oids_of_result(const PGresult *result, struct text *text)
{
	text_empty(text);
	text_add_byte(text, '{');
	for (int row = 0; row < PQntuples(result); row++)
		text_add_format(text, "%s%s", row == 0 ? "" : ",", PQgetvalue(result, row, 0));
	text_add(text, "}", 2);
}

static int fill_types(struct types *types, struct error *err)
{
	int count = PQntuples(types->result), label_count = PQntuples(types->label_result), at = 0;
	types->items = calloc((size_t)count + 1, sizeof(*types->items));
	types->labels = calloc((size_t)label_count + 1, sizeof(*types->labels));
	if (types->items == NULL || types->labels == NULL)
		return error_set(err, ERROR_MEMORY, "%d types", count);
	for (int i = 0; i < label_count; i++)
		types->labels[i] = postgresql_field(types->label_result, i, 1);
	for (int row = 0; row < count; row++) {
		struct postgresql_type_info *info = &types->items[row];
		*info = (struct postgresql_type_info){
			.oid = (uint32_t)postgresql_field_u64(types->result, row, 0),
			.kind = PQgetvalue(types->result, row, 1)[0],
			.name = postgresql_field(types->result, row, 2),
			.base_oid = (uint32_t)postgresql_field_u64(types->result, row, 3),
			.base_modifier = (int32_t)strtol(PQgetvalue(types->result, row, 4), NULL, 10),
			.element_oid = (uint32_t)postgresql_field_u64(types->result, row, 5),
			.delimiter = PQgetvalue(types->result, row, 6)[0],
		};
		for (; at < label_count && postgresql_field_u64(types->label_result, at, 0) == info->oid; at++) {
			if (info->label_count++ == 0)
				info->labels = &types->labels[at];
		}
	}
	types->list = (struct postgresql_type_list){ types->items, (uint32_t)count };
	return 0;
}

static int fetch_types(struct postgresql_connection *connection,
		       const struct postgresql_relation *relation, struct types *out, struct error *err)
{
	struct text oids;
	int rc = 0, count = 0;
	text_init(&oids);
	oids_of_columns(relation, &oids, &count);
	if (count > 0) {
		rc = text_check(&oids, err);
		if (rc == 0)
			rc = fetch_oids(connection, TYPES, oids.buffer.data, &out->result, err);
		if (rc == 0) {
			oids_of_result(out->result, &oids);
			rc = text_check(&oids, err);
		}
		if (rc == 0)
			rc = fetch_oids(connection, LABELS, oids.buffer.data, &out->label_result, err);
		if (rc == 0)
			rc = fill_types(out, err);
	}
	text_clear(&oids);
	return rc;
}

static bool is_captured(void *context, const struct postgresql_relation *relation, struct bytes column)
{
	const struct source_settings *settings = context;
	return source_settings_has_column(settings, relation->schema, relation->table, column);
}

int postgresql_catalog_open_table(struct postgresql_source *source,
				  struct postgresql_connection *connection,
				  const struct postgresql_relation *relation,
				  struct postgresql_table **out, struct writer_table **out_writer,
				  struct error *err)
{
	struct types types = { 0 };
	struct postgresql_table *table = NULL;
	struct writer_table *writer_table_found = NULL;
	char topic[TOPIC_NAME_BYTES_MAX + 1];
	const struct postgresql_table_options options = {
		.source = bytes_of_text(source->settings->topic_prefix),
		.database = bytes_of_text(source->settings->database_dbname),
		.types = &types.list,
		.is_captured = is_captured,
		.context = (void *)(uintptr_t)source->settings,
	};
	if (fetch_types(connection, relation, &types, err) != 0 ||
	    source_settings_topic(source->settings, relation->schema, relation->table, topic, err) != 0 ||
	    postgresql_table_create(relation, &options, &table, err) != 0 ||
	    writer_table(source->context->writer, topic, postgresql_table_encoded_schema(table),
			 &writer_table_found, err) != 0)
		goto fail;
	types_clear(&types);
	*out = table;
	*out_writer = writer_table_found;
	return 0;
fail:
	types_clear(&types);
	postgresql_table_destroy(table);
	return error_context(err, "table %.*s.%.*s", (int)relation->schema.size,
			     (const char *)relation->schema.data, (int)relation->table.size,
			     (const char *)relation->table.data);
}
