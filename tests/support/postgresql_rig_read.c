#include "protocol/change.h"
#include "protocol/record.h"
#include "protocol/text.h"
#include "storage/schemas.h"
#include "storage/sources.h"
#include "tests/support/postgresql_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* Reading what the rig's source has written. */

static bool find_topic(struct postgresql_rig *rig, const char *table, struct topic *out)
{
	char name[300];
	struct error err;
	snprintf(name, sizeof(name), "shop.public.%s", table);
	return topics_describe(rig->log->reader, name, out, &err) == 0;
}

size_t rig_count(struct postgresql_rig *rig, const char *table)
{
	struct topic topic;
	struct reader_ends ends;
	struct error err = { 0 };
	if (!find_topic(rig, table, &topic))
		return 0;
	if (reader_ends(rig->log->reader, topic.id, 0, &ends, &err) != 0)
		fail_msg("%s", err.text);
	return ends.visible_end;
}

typedef void on_record_function(void *user, const struct record *record);

struct walk {
	on_record_function *on_record;
	void *user;
};

static int sink(void *user, const uint8_t *batch, size_t size, const struct batch_header *header)
{
	struct walk *walk = user;
	struct batch_cursor cursor;
	struct record record;
	struct error err = { 0 };
	(void)header;
	if (batch_open(&cursor, batch, size, &err) != 0)
		fail_msg("%s", err.text);
	while (batch_next(&cursor, &record, &err) > 0)
		walk->on_record(walk->user, &record);
	return 0;
}

static void walk_records(struct postgresql_rig *rig, const char *table, on_record_function *on_record,
			 void *user)
{
	struct topic topic;
	struct walk walk = { on_record, user };
	struct reader_progress progress = { 0 };
	struct error err = { 0 };
	int rc = 1;
	if (!find_topic(rig, table, &topic))
		return;
	while (rc > 0)
		rc = reader_read(rig->log->reader, topic.id, 0, progress.next_offset, READER_BYTES_MAX, sink, &walk,
				 &progress, &err);
	if (rc < 0)
		fail_msg("%s", err.text);
}

static void add_value(struct text *text, struct unpack *unpack)
{
	struct value value;
	struct error err = { 0 };
	if (value_decode(unpack, &value, &err) != 0)
		fail_msg("%s", err.text);
	switch (value.kind) {
	case VALUE_NULL: text_add_string(text, "null"); break;
	case VALUE_BOOL: text_add_string(text, value.boolean ? "true" : "false"); break;
	case VALUE_INTEGER: text_add_i64(text, value.integer); break;
	case VALUE_UNSIGNED: text_add_u64(text, value.number); break;
	case VALUE_FLOAT32: text_add_float32(text, value.float32); break;
	case VALUE_FLOAT64: text_add_float64(text, value.float64); break;
	case VALUE_TEXT:
		text_add_byte(text, '\'');
		text_add(text, value.bytes.data, value.bytes.size);
		text_add_byte(text, '\'');
		break;
	case VALUE_BYTES: text_add_hex(text, value.bytes); break;
	case VALUE_UNAVAILABLE: text_add_string(text, "?"); break;
	case VALUE_SPECIAL: text_add_string(text, "special"); break;
	case VALUE_ARRAY:
		text_add_byte(text, '[');
		for (uint32_t i = 0; i < value.count; i++) {
			text_add_string(text, i > 0 ? "," : "");
			add_value(text, unpack);
		}
		text_add_byte(text, ']');
		break;
	}
}

/* "{1,'a'}", or "-" for nil. */
static void add_row(struct text *text, struct bytes row)
{
	struct unpack unpack = unpack_over(row.data, row.size);
	uint32_t count;
	if (row.data == NULL) {
		text_add_byte(text, '-');
		return;
	}
	assert_int_equal(unpack_array(&unpack, &count, NULL), 0);
	text_add_byte(text, '{');
	for (uint32_t i = 0; i < count; i++) {
		text_add_string(text, i > 0 ? "," : "");
		add_value(text, &unpack);
	}
	text_add_byte(text, '}');
}

static void add_line(void *user, const struct record *record)
{
	struct text *text = user;
	struct change change;
	struct position position;
	struct error err = { 0 };
	if (record->value.kind == CONTENT_NIL) {
		text_add_string(text, "tombstone ");
		add_row(text, record->key.bytes);
		text_add_byte(text, '\n');
		return;
	}
	if (change_decode(record->value.bytes.data, record->value.bytes.size, &change, &err) != 0 ||
	    position_decode(change.position, &position, &err) != 0)
		fail_msg("%s", err.text);
	if (position.marker != SNAPSHOT_NO)
		text_add_format(text, "%s ", snapshot_marker_name(position.marker));
	text_add_format(text, "%c ", change.op);
	add_row(text, record->key.kind == CONTENT_NIL ? (struct bytes){ NULL, 0 } : record->key.bytes);
	text_add_byte(text, ' ');
	add_row(text, change.before);
	text_add_byte(text, ' ');
	add_row(text, change.after);
	text_add_byte(text, '\n');
}

const char *rig_dump(struct postgresql_rig *rig, const char *table)
{
	static struct text text;
	text_clear(&text);
	walk_records(rig, table, add_line, &text);
	text_add_byte(&text, '\0');
	return text.buffer.data;
}

/* Replay: rows by key (without one: by the row itself), as texts. */

struct replay {
	char **keys;
	char **rows;
	size_t count;
	size_t capacity;
	size_t wrong_count;     /* creates of rows that are there, changes of rows that are not */
};

static char *text_of(struct bytes row)
{
	struct text text;
	text_init(&text);
	add_row(&text, row);
	text_add_byte(&text, '\0');
	return text.buffer.data;
}

static void forget(struct replay *replay, size_t i)
{
	free(replay->keys[i]);
	free(replay->rows[i]);
	replay->count--;
	replay->keys[i] = replay->keys[replay->count];
	replay->rows[i] = replay->rows[replay->count];
}

static bool remove_key(struct replay *replay, const char *key)
{
	for (size_t i = 0; i < replay->count; i++)
		if (strcmp(replay->keys[i], key) == 0) {
			forget(replay, i);
			return true;
		}
	return false;
}

static void apply(void *user, const struct record *record)
{
	struct replay *replay = user;
	struct change change;
	if (record->value.kind == CONTENT_NIL)
		return;
	assert_int_equal(change_decode(record->value.bytes.data, record->value.bytes.size, &change, NULL), 0);
	if (change.op == CHANGE_TRUNCATE) {
		while (replay->count > 0)
			forget(replay, replay->count - 1);
		return;
	}
	bool has_key = record->key.kind != CONTENT_NIL;
	bool is_new = change.op == CHANGE_CREATE || change.op == CHANGE_READ;
	if (has_key || !is_new) {
		char *old = text_of(has_key ? record->key.bytes : change.before);
		replay->wrong_count += remove_key(replay, old) == is_new;
		free(old);
	}
	if (change.after.data == NULL)
		return;
	if (replay->count == replay->capacity) {
		replay->capacity = replay->capacity * 2 + 64;
		replay->keys = realloc(replay->keys, replay->capacity * sizeof(char *));
		replay->rows = realloc(replay->rows, replay->capacity * sizeof(char *));
	}
	replay->keys[replay->count] = text_of(has_key ? record->key.bytes : change.after);
	replay->rows[replay->count++] = text_of(change.after);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool rig_is_replayed(struct postgresql_rig *rig, const char *table, const char *columns)
{
	struct replay replay = { 0 };
	char sql[500];
	/* {1,'a'}: as add_row writes rows of numbers and texts. */
	snprintf(sql, sizeof(sql), "SELECT '{' || concat_ws(',', %s) || '}' FROM %s", columns, table);
	PGresult *result = PQexec(rig->admin, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s", PQresultErrorMessage(result));
	size_t count = (size_t)PQntuples(result);
	const char **wanted = calloc(count + 1, sizeof(*wanted));
	for (size_t i = 0; i < count; i++)
		wanted[i] = PQgetvalue(result, (int)i, 0);
	qsort(wanted, count, sizeof(*wanted), compare);
	walk_records(rig, table, apply, &replay);
	bool is_same = replay.count == count && replay.wrong_count == 0;
	if (!is_same)
		print_message("%s: %zu rows replayed, %zu there; %zu changes of rows that were not there, or were\n", table,
			      replay.count, count, replay.wrong_count);
	if (replay.count > 0)
		qsort(replay.rows, replay.count, sizeof(*replay.rows), compare);
	for (size_t i = 0; is_same && i < count; i++)
		if (strcmp(wanted[i], replay.rows[i]) != 0) {
			print_message("%s: %s there, %s replayed\n", table, wanted[i], replay.rows[i]);
			is_same = false;
		}
	while (replay.count > 0)
		forget(&replay, replay.count - 1);
	free(replay.keys);
	free(replay.rows);
	free(wanted);
	PQclear(result);
	return is_same;
}

uint64_t rig_stored_lsn(struct postgresql_rig *rig)
{
	struct source source;
	assert_int_equal(sources_describe(rig->log->reader, "shop", &source, NULL), 0);
	uint64_t lsn = source.position == NULL ? 0 : load_u64(source.position + 1);
	source_clear(&source);
	return lsn;
}

uint64_t rig_slot_lsn(struct postgresql_rig *rig)
{
	char sql[200];
	snprintf(sql, sizeof(sql), "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = '%s'",
		 rig->database);
	char *value = rig_value(rig, sql);
	uint64_t lsn = strtoull(value, NULL, 10);
	free(value);
	return lsn;
}
