#include "protocol/render_field.h"

#include "protocol/nearest.h"
#include "protocol/render_text.h"
#include "protocol/render_time.h"

#include <stdio.h>

static const char *const source_names[] = {
	"version", "connector", "name",   "ts_ms", "snapshot", "db",   "sequence", "ts_us",
	"ts_ns",   "schema",    "table",  "txId",  "lsn",      "xmin", "origin",   "origin_lsn",
};

/* ---- Values ---- */

/* Years that ns cannot say are held at its ends. */
static void add_ns(struct text *text, int64_t time_us)
{
	int64_t ns;
	if (__builtin_mul_overflow(time_us, INT64_C(1000), &ns)) {
		text_add_i64(text, time_us > 0 ? INT64_MAX : INT64_MIN);
		return;
	}
	text_add_i64(text, time_us);
	if (time_us != 0)
		RENDER_TEXT_ADD(text, "000");
}

static void add_null(struct text *text)
{
	RENDER_TEXT_ADD(text, "null");
}

static void add_quoted(struct text *text, const char *plain)
{
	text_add_byte(text, '"');
	text_add_string(text, plain);
	text_add_byte(text, '"');
}

/* Debezium's pair that orders changes: the transaction's commit, then the change. */
static void add_sequence(struct text *text, const struct render_facts *facts)
{
	if (!facts->has_position) {
		add_null(text);
		return;
	}
	if (facts->position.marker == SNAPSHOT_NO) {
		RENDER_TEXT_ADD(text, "\"[\\\"");
		text_add_u64(text, facts->position.commit_lsn);
		RENDER_TEXT_ADD(text, "\\\",\\\"");
	} else {
		RENDER_TEXT_ADD(text, "\"[null,\\\"");
	}
	text_add_u64(text, facts->position.lsn);
	RENDER_TEXT_ADD(text, "\\\"]\"");
}

static void add_schema_text(struct text *text, const struct render_facts *facts, struct bytes found)
{
	render_text_string(text, facts->schema != NULL ? found : (struct bytes){ 0 });
}

static void add_source_field(struct text *text, const struct render_facts *facts,
			     enum render_field field)
{
	static const struct schema none;
	const struct schema *schema = facts->schema != NULL ? facts->schema : &none;
	int64_t time_us = facts->change->source_time_us;
	switch (field) {
	case RENDER_FIELD_VERSION: render_text_string(text, bytes_of_text(facts->version)); break;
	case RENDER_FIELD_CONNECTOR: add_quoted(text, "postgresql"); break;
	case RENDER_FIELD_NAME: render_text_string(text, facts->source); break;
	case RENDER_FIELD_TS_MS: text_add_i64(text, render_time_ms(time_us)); break;
	case RENDER_FIELD_SNAPSHOT:
		add_quoted(text, snapshot_marker_name(facts->has_position ? facts->position.marker
									  : SNAPSHOT_NO));
		break;
	case RENDER_FIELD_DB: add_schema_text(text, facts, schema->database); break;
	case RENDER_FIELD_SEQUENCE: add_sequence(text, facts); break;
	case RENDER_FIELD_TS_US: text_add_i64(text, time_us); break;
	case RENDER_FIELD_TS_NS: add_ns(text, time_us); break;
	case RENDER_FIELD_SCHEMA: add_schema_text(text, facts, schema->schema); break;
	case RENDER_FIELD_TABLE: add_schema_text(text, facts, schema->table); break;
	case RENDER_FIELD_TXID:
		if (facts->has_position && facts->position.transaction_id != 0)
			text_add_u64(text, facts->position.transaction_id);
		else
			add_null(text);
		break;
	case RENDER_FIELD_LSN:
		if (facts->has_position)
			text_add_u64(text, facts->position.lsn);
		else
			add_null(text);
		break;
	default: add_null(text);
	}
}

void render_field_add(struct text *text, const struct render_facts *facts, enum render_field field)
{
	char op[] = { '"', (char)facts->change->op, '"' };
	switch (field) {
	case RENDER_FIELD_OP: text_add(text, op, sizeof(op)); break;
	case RENDER_FIELD_PAYLOAD_TS_MS: text_add_i64(text, render_time_ms(facts->time_us)); break;
	case RENDER_FIELD_PAYLOAD_TS_US: text_add_i64(text, facts->time_us); break;
	case RENDER_FIELD_PAYLOAD_TS_NS: add_ns(text, facts->time_us); break;
	case RENDER_FIELD_TRANSACTION: add_null(text); break;
	default: add_source_field(text, facts, field);
	}
}

int render_pieces_make(struct render_pieces *pieces, struct bytes source, const struct schema *schema,
		       const char *version, struct error *err)
{
	static const struct schema none;
	struct text *text = &pieces->text;
	if (schema == NULL)
		schema = &none;
	text_empty(text);
	RENDER_TEXT_ADD(text, "\"source\":{\"version\":");
	render_text_string(text, bytes_of_text(version));
	RENDER_TEXT_ADD(text, ",\"connector\":\"postgresql\",\"name\":");
	render_text_string(text, source);
	RENDER_TEXT_ADD(text, ",\"ts_ms\":");
	pieces->ends[0] = text->buffer.size;
	RENDER_TEXT_ADD(text, "\",\"db\":");
	render_text_string(text, schema->database);
	RENDER_TEXT_ADD(text, ",\"sequence\":");
	pieces->ends[1] = text->buffer.size;
	RENDER_TEXT_ADD(text, ",\"schema\":");
	render_text_string(text, schema->schema);
	RENDER_TEXT_ADD(text, ",\"table\":");
	render_text_string(text, schema->table);
	RENDER_TEXT_ADD(text, ",\"txId\":");
	pieces->ends[2] = text->buffer.size;
	return text_check(text, err);
}

static void add_piece(struct text *text, const struct render_pieces *pieces, int piece)
{
	size_t from = piece > 0 ? pieces->ends[piece - 1] : 0;
	text_add(text, pieces->text.buffer.data + from, pieces->ends[piece] - from);
}

void render_field_add_source(struct text *text, const struct render_facts *facts)
{
	enum snapshot_marker marker = facts->has_position ? facts->position.marker : SNAPSHOT_NO;
	add_piece(text, facts->pieces, 0);
	add_source_field(text, facts, RENDER_FIELD_TS_MS);
	RENDER_TEXT_ADD(text, ",\"snapshot\":\"");
	text_add_string(text, snapshot_marker_name(marker));
	add_piece(text, facts->pieces, 1);
	add_source_field(text, facts, RENDER_FIELD_SEQUENCE);
	RENDER_TEXT_ADD(text, ",\"ts_us\":");
	add_source_field(text, facts, RENDER_FIELD_TS_US);
	RENDER_TEXT_ADD(text, ",\"ts_ns\":");
	add_source_field(text, facts, RENDER_FIELD_TS_NS);
	add_piece(text, facts->pieces, 2);
	add_source_field(text, facts, RENDER_FIELD_TXID);
	RENDER_TEXT_ADD(text, ",\"lsn\":");
	add_source_field(text, facts, RENDER_FIELD_LSN);
	RENDER_TEXT_ADD(text, ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null}");
}

void render_field_add_envelope(struct text *text, const struct render_facts *facts)
{
	text_add_byte(text, ',');
	render_field_add_source(text, facts);
	RENDER_TEXT_ADD(text, ",\"transaction\":null,\"op\":");
	render_field_add(text, facts, RENDER_FIELD_OP);
	RENDER_TEXT_ADD(text, ",\"ts_ms\":");
	render_field_add(text, facts, RENDER_FIELD_PAYLOAD_TS_MS);
	RENDER_TEXT_ADD(text, ",\"ts_us\":");
	render_field_add(text, facts, RENDER_FIELD_PAYLOAD_TS_US);
	RENDER_TEXT_ADD(text, ",\"ts_ns\":");
	render_field_add(text, facts, RENDER_FIELD_PAYLOAD_TS_NS);
}

/* ---- add.fields ---- */

static const struct { const char *name; enum render_field field; } other_names[] = {
	{ "op", RENDER_FIELD_OP },
	{ "ts_ms", RENDER_FIELD_PAYLOAD_TS_MS },
	{ "ts_us", RENDER_FIELD_PAYLOAD_TS_US },
	{ "ts_ns", RENDER_FIELD_PAYLOAD_TS_NS },
	{ "transaction.id", RENDER_FIELD_TRANSACTION },
	{ "transaction.total_order", RENDER_FIELD_TRANSACTION },
	{ "transaction.data_collection_order", RENDER_FIELD_TRANSACTION },
};

#define OTHERS (sizeof(other_names) / sizeof(other_names[0]))

static int refuse(const char *name, struct error *err)
{
	char dotted[32];
	struct nearest nearest = nearest_to(name);
	for (size_t i = 0; i < OTHERS; i++)
		nearest_try(&nearest, other_names[i].name);
	for (int i = 0; i < RENDER_FIELD_SOURCE_COUNT; i++)
		nearest_try(&nearest, source_names[i]);
	const char *found = nearest_name(&nearest);
	if (strncmp(name, "source.", 7) == 0) {
		nearest = nearest_to(name + 7);
		for (int i = 0; i < RENDER_FIELD_SOURCE_COUNT; i++)
			nearest_try(&nearest, source_names[i]);
		found = nearest_name(&nearest);
		if (found != NULL) {
			snprintf(dotted, sizeof(dotted), "source.%s", found);
			found = dotted;
		}
	}
	if (found != NULL)
		return error_set(err, ERROR_INVALID, "'%s' is no field of a change: did you mean '%s'?",
				 name, found);
	return error_set(err, ERROR_INVALID, "'%s' is no field of a change; there are op, ts_ms, source.ts_ms, "
			 "source.lsn, source.table, ...", name);
}

static int find_field(const char *name, enum render_field *out, struct error *err)
{
	for (size_t i = 0; i < OTHERS; i++)
		if (strcmp(name, other_names[i].name) == 0) {
			*out = other_names[i].field;
			return 0;
		}
	const char *of_source = strncmp(name, "source.", 7) == 0 ? name + 7 : name;
	for (int i = 0; i < RENDER_FIELD_SOURCE_COUNT; i++)
		if (strcmp(of_source, source_names[i]) == 0) {
			*out = (enum render_field)i;
			return 0;
		}
	return refuse(name, err);
}

/* "source.ts_ms:when" is called prefix "when", "source.ts_ms" prefix "source_ts_ms". */
static int parse_one(char *item, const char *prefix, struct render_added *out, struct error *err)
{
	char *name = strchr(item, ':');
	if (name != NULL)
		*name++ = '\0';
	if (find_field(item, &out->field, err) != 0)
		return -1;
	for (char *at = item; name == NULL && *at != '\0'; at++)
		if (*at == '.')
			*at = '_';
	int size = snprintf(out->name, sizeof(out->name), "%s%s", prefix, name != NULL ? name : item);
	if (size >= (int)sizeof(out->name))
		return error_set(err, ERROR_LIMIT, "the name '%.40s...' is too long", out->name);
	return 0;
}

int render_field_parse(const char *list, const char *prefix, struct render_added *out,
		       struct error *err)
{
	char item[160];
	int count = 0;
	while (*list != '\0') {
		list += strspn(list, " ,");
		size_t size = strcspn(list, ",");
		const char *next = list + size;
		while (size > 0 && list[size - 1] == ' ')
			size--;
		if (size == 0)
			break;
		if (count == RENDER_ADDED_MAX || size >= sizeof(item))
			return error_set(err, ERROR_LIMIT, "more fields, or longer names, than can be added");
		memcpy(item, list, size);
		item[size] = '\0';
		if (parse_one(item, prefix, &out[count], err) != 0)
			return -1;
		count++;
		list = next;
	}
	return count;
}
