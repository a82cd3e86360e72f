#include "capture/clock.h"
#include "capture/script.h"
#include "capture/script_row.h"
#include "capture/source.h"
#include "capture/source_settings.h"
#include "protocol/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A source without a database: plays the transactions of a file (capture/script.h), for
 * trials and tests.  Its position is the number of the last transaction, 8 bytes,
 * big-endian; 0 behind the snapshot. */

#define POSITION_BYTES          8
#define SCRIPT_BYTES_MAX        (64u * 1024 * 1024)
#define SNAPSHOT_PART_ROWS      1000
#define CHECK_ROWS              1000
#define IDLE_MS                 50

#define PROGRESS_BEGUN          "begun"
#define PROGRESS_WHOLE          "whole"

struct scripted {
	const struct source_settings *settings;
	struct source_context *context;
	struct script script;
	bool is_open;
	struct writer_table **tables;   /* owned array; NULL: not used yet */
	uint64_t *failures;             /* owned array: of each step, so far; outlives close */
	size_t failure_count;
	uint64_t position;              /* of the last transaction written */
	int confirm_fd;
	uint64_t confirmed;
	struct source_progress progress;
	msgpack_sbuffer row, key, was, was_key;
	uint8_t *durable;               /* SOURCE_POSITION_BYTES_MAX of room */
};

static bool should_stop(const struct scripted *scripted)
{
	return scripted->context->should_stop(scripted->context->user);
}

static void tell_progress(struct scripted *scripted)
{
	snprintf(scripted->progress.position, sizeof(scripted->progress.position), "%" PRIu64,
		 scripted->position);
	scripted->context->on_progress(scripted->context->user, &scripted->progress);
}

static int create(void **out, const struct source_settings *settings,
		  struct source_context *context, struct error *err)
{
	struct scripted *scripted = calloc(1, sizeof(*scripted));
	if (scripted == NULL)
		return error_set(err, ERROR_MEMORY, "a scripted source");
	scripted->durable = malloc(65536);
	if (scripted->durable == NULL) {
		free(scripted);
		return error_set(err, ERROR_MEMORY, "a scripted source");
	}
	scripted->settings = settings;
	scripted->context = context;
	scripted->confirm_fd = -1;
	msgpack_sbuffer_init(&scripted->row);
	msgpack_sbuffer_init(&scripted->key);
	msgpack_sbuffer_init(&scripted->was);
	msgpack_sbuffer_init(&scripted->was_key);
	*out = scripted;
	return 0;
}

static void destroy(void *source)
{
	struct scripted *scripted = source;
	msgpack_sbuffer_destroy(&scripted->row);
	msgpack_sbuffer_destroy(&scripted->key);
	msgpack_sbuffer_destroy(&scripted->was);
	msgpack_sbuffer_destroy(&scripted->was_key);
	free(scripted->failures);
	free(scripted->durable);
	free(scripted);
}

/* Opening. */

static int read_file(const char *path, char **out, size_t *out_bytes, struct error *err)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return error_set(err, ERROR_NOT_FOUND, "script '%s': %s", path, strerror(errno));
	char *text = malloc(SCRIPT_BYTES_MAX + 1);
	size_t size = text != NULL ? fread(text, 1, SCRIPT_BYTES_MAX + 1, file) : 0;
	fclose(file);
	if (text == NULL)
		return error_set(err, ERROR_MEMORY, "script '%s'", path);
	if (size > SCRIPT_BYTES_MAX) {
		free(text);
		return error_set(err, ERROR_LIMIT, "script '%s': over %u bytes", path, SCRIPT_BYTES_MAX);
	}
	*out = text;
	*out_bytes = size;
	return 0;
}

static int load(struct scripted *scripted, struct error *err)
{
	const char *path = scripted->settings->script_file;
	char *text = NULL;
	size_t size = 0;
	if (read_file(path, &text, &size, err) != 0)
		return -1;
	int rc = script_parse(&scripted->script, (struct bytes){ (const uint8_t *)text, size }, err);
	free(text);
	if (rc != 0)
		return error_context(err, "script '%s'", path);
	scripted->is_open = true;
	scripted->tables = calloc(scripted->script.table_count + 1, sizeof(struct writer_table *));
	if (scripted->tables == NULL)
		return error_set(err, ERROR_MEMORY, "script '%s'", path);
	if (scripted->failure_count >= scripted->script.step_count)
		return 0;
	free(scripted->failures);
	scripted->failure_count = scripted->script.step_count;
	scripted->failures = calloc(scripted->failure_count, sizeof(uint64_t));
	if (scripted->failures == NULL) {
		scripted->failure_count = 0;
		return error_set(err, ERROR_MEMORY, "script '%s'", path);
	}
	return 0;
}

static int check_position(struct scripted *scripted, const struct source_stored *stored,
			  struct error *err)
{
	if (stored->position.size != POSITION_BYTES)
		return error_set(err, ERROR_MALFORMED, "the stored position has %zu bytes and is not this source's",
				 stored->position.size);
	scripted->position = load_u64(stored->position.data);
	if (scripted->script.oldest > scripted->position + 1)
		return error_set(err, ERROR_GAP,
				 "transactions %" PRIu64 " to %" PRIu64 " are gone; to begin again: "
				 "millstream source reset %s",
				 scripted->position + 1, scripted->script.oldest - 1,
				 scripted->settings->name);
	return 0;
}

/* Confirming: what is durable in the log, and nothing before. */

static int write_confirmed(struct scripted *scripted, uint64_t durable, struct error *err)
{
	char line[32];
	if (durable == scripted->confirmed || scripted->confirm_fd < 0)
		return 0;
	int length = snprintf(line, sizeof(line), "%020" PRIu64 "\n", durable);
	if (pwrite(scripted->confirm_fd, line, (size_t)length, 0) != length)
		return error_set(err, ERROR_CONNECTION, "'%s': %s", scripted->script.confirm_path,
				 strerror(errno));
	scripted->confirmed = durable;
	return 0;
}

static bool is_whole(struct bytes progress)
{
	return progress.size == strlen(PROGRESS_WHOLE) &&
	       memcmp(progress.data, PROGRESS_WHOLE, progress.size) == 0;
}

static int open_source(void *source, const struct source_stored *stored, enum source_start *out,
		       struct error *err)
{
	struct scripted *scripted = source;
	const int mode = scripted->settings->snapshot_mode;
	scripted->position = 0;
	scripted->progress = (struct source_progress){ .behind_bytes = UINT64_MAX };
	if (load(scripted, err) != 0)
		return -1;
	if (scripted->script.confirm_path != NULL) {
		scripted->confirm_fd = open(scripted->script.confirm_path, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
		if (scripted->confirm_fd < 0)
			return error_set(err, ERROR_CONNECTION, "'%s': %s", scripted->script.confirm_path,
					 strerror(errno));
	}
	if (stored->position.data != NULL) {
		/* A server that was killed may have stored it and not confirmed it. */
		if (check_position(scripted, stored, err) != 0 ||
		    write_confirmed(scripted, scripted->position, err) != 0)
			return -1;
		*out = mode == SNAPSHOT_MODE_INITIAL_ONLY && is_whole(stored->snapshot_progress)
			       ? SOURCE_START_DONE : SOURCE_START_STREAM;
	} else {
		if (stored->snapshot_progress.data != NULL)
			scripted->context->log(scripted->context->user, SOURCE_LOG_WARNING,
					       "the snapshot begins again");
		*out = mode == SNAPSHOT_MODE_NEVER || !scripted->script.has_snapshot
			       ? SOURCE_START_STREAM : SOURCE_START_SNAPSHOT;
	}
	tell_progress(scripted);
	return 0;
}

static int confirm(struct scripted *scripted, struct error *err)
{
	size_t size = 0;
	int rc = writer_durable(scripted->context->writer, scripted->durable, &size, err);
	return rc <= 0 ? rc : write_confirmed(scripted, load_u64(scripted->durable), err);
}

static void close_source(void *source)
{
	struct scripted *scripted = source;
	if (scripted->confirm_fd >= 0) {
		(void)confirm(scripted, NULL);
		close(scripted->confirm_fd);
	}
	scripted->confirm_fd = -1;
	free(scripted->tables);
	scripted->tables = NULL;
	if (scripted->is_open)
		script_clear(&scripted->script);
	scripted->is_open = false;
}

/* Rows. */

static int find_table(struct scripted *scripted, uint32_t number, struct writer_table **out,
		      struct error *err)
{
	const struct script_table *table = &scripted->script.tables[number];
	char topic[TOPIC_NAME_BYTES_MAX + 1];
	msgpack_sbuffer encoded;
	if (scripted->tables[number] == NULL) {
		msgpack_sbuffer_init(&encoded);
		int rc = source_settings_topic(scripted->settings, table->schema.schema,
					       table->schema.table, topic, err);
		if (rc == 0)
			rc = schema_encode(&encoded, &table->schema, err);
		if (rc == 0)
			rc = writer_table(scripted->context->writer, topic,
					  (struct bytes){ (const uint8_t *)encoded.data, encoded.size },
					  &scripted->tables[number], err);
		msgpack_sbuffer_destroy(&encoded);
		if (rc != 0)
			return -1;
	}
	*out = scripted->tables[number];
	return 0;
}

static struct bytes bytes_of(const msgpack_sbuffer *buffer)
{
	return (struct bytes){ buffer->size > 0 ? (const uint8_t *)buffer->data : NULL, buffer->size };
}

static bool is_same(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static int encode(struct scripted *scripted, const struct script_step *step, uint64_t n, uint64_t i,
		  struct writer_row *row, struct error *err)
{
	const struct script_table *table = &scripted->script.tables[step->table];
	msgpack_sbuffer_clear(&scripted->row);
	msgpack_sbuffer_clear(&scripted->key);
	msgpack_sbuffer_clear(&scripted->was);
	msgpack_sbuffer_clear(&scripted->was_key);
	if (step->op != CHANGE_TRUNCATE &&
	    script_row_encode(table, step->values, n, i, &scripted->row, &scripted->key, err) != 0)
		return -1;
	if (step->was.data != NULL &&
	    script_row_encode(table, step->was, n, i, &scripted->was, &scripted->was_key, err) != 0)
		return -1;
	*row = (struct writer_row){ .op = step->op, .key = bytes_of(&scripted->key) };
	if (step->op == CHANGE_DELETE)
		row->before = bytes_of(&scripted->row);
	else
		row->after = bytes_of(&scripted->row);
	if (step->was.data == NULL)
		return 0;
	row->before = bytes_of(&scripted->was);
	if (!is_same(row->key, bytes_of(&scripted->was_key)))
		row->old_key = bytes_of(&scripted->was_key);
	return 0;
}

static int write_row(struct scripted *scripted, const struct script_step *step, uint64_t n,
		     uint64_t i, enum snapshot_marker marker, struct error *err)
{
	struct writer_table *table;
	struct writer_row row;
	if (find_table(scripted, step->table, &table, err) != 0 ||
	    encode(scripted, step, n, i, &row, err) != 0)
		return error_context(err, "line %u", step->line);
	row.position = (struct position){
		.kind = POSITION_POSTGRESQL,
		.marker = marker,
		.transaction_id = (uint32_t)n,
		.lsn = n,
		.commit_lsn = n,
	};
	return writer_row(scripted->context->writer, table, &row, err);
}

static int commit(struct scripted *scripted, uint64_t n, struct error *err)
{
	uint8_t position[POSITION_BYTES];
	store_u64(position, n);
	if (writer_commit(scripted->context->writer, (struct bytes){ position, sizeof(position) }, err) != 0)
		return -1;
	scripted->position = n;
	return 0;
}

/* Snapshot. */

static enum snapshot_marker marker_of(uint64_t row, uint64_t row_count)
{
	return row == row_count ? SNAPSHOT_LAST : row == 1 ? SNAPSHOT_FIRST : SNAPSHOT_ROW;
}

static int commit_part(struct scripted *scripted, bool is_last, struct error *err)
{
	uint8_t position[POSITION_BYTES] = { 0 };
	const struct bytes nil = { NULL, 0 }, zero = { position, sizeof(position) };
	return writer_commit_snapshot(scripted->context->writer, is_last ? zero : nil,
				      bytes_of_text(is_last ? PROGRESS_WHOLE : PROGRESS_BEGUN), err);
}

static int snapshot(void *source, struct error *err)
{
	struct scripted *scripted = source;
	const struct script *script = &scripted->script;
	struct source_progress *progress = &scripted->progress;
	uint64_t row_count = 0, done = 0;
	for (size_t s = 0; s < script->snapshot_count; s++)
		row_count += script->snapshot[s].count;
	progress->rows_estimated = row_count;
	progress->tables_total = script->table_count;
	writer_begin(scripted->context->writer, clock_real_us());
	for (size_t s = 0; s < script->snapshot_count; s++) {
		const struct script_step *step = &script->snapshot[s];
		snprintf(progress->table, sizeof(progress->table), "%.199s", script->tables[step->table].name);
		for (uint64_t i = 1; i <= step->count; i++) {
			if (write_row(scripted, step, 0, i, marker_of(++done, row_count), err) != 0)
				return -1;
			if (done % SNAPSHOT_PART_ROWS != 0 || done == row_count)
				continue;
			progress->rows_done = done;
			tell_progress(scripted);
			if (commit_part(scripted, false, err) != 0)
				return -1;
			if (should_stop(scripted))
				return 0;
			writer_begin(scripted->context->writer, clock_real_us());
		}
	}
	progress->rows_done = done;
	progress->tables_done = progress->tables_total;
	progress->table[0] = '\0';
	tell_progress(scripted);
	return commit_part(scripted, true, err);
}

/* Stream. */

/* 1: it is time, 0: asked to stop, -1. */
static int wait_ms(struct scripted *scripted, uint64_t ms, struct error *err)
{
	struct pollfd wake = { .fd = scripted->context->wake_fd, .events = POLLIN };
	const int64_t begin_us = clock_monotonic_us();
	for (;;) {
		if (confirm(scripted, err) != 0)
			return -1;
		/* Stores a position that waits. */
		(void)writer_is_idle(scripted->context->writer);
		if (should_stop(scripted))
			return 0;
		uint64_t passed_ms = (uint64_t)(clock_monotonic_us() - begin_us) / 1000;
		if (passed_ms >= ms)
			return 1;
		uint64_t left_ms = ms - passed_ms;
		(void)poll(&wake, 1, left_ms < IDLE_MS ? (int)left_ms : IDLE_MS);
	}
}

/* What is not a row: 1 go on, 0 asked to stop, -1. */
static int pass(struct scripted *scripted, size_t s, struct error *err)
{
	const struct script_step *step = &scripted->script.steps[s];
	switch (step->verb) {
	case SCRIPT_WAIT:
		return wait_ms(scripted, step->count, err);
	case SCRIPT_HANG:
		return wait_ms(scripted, UINT64_MAX, err);
	case SCRIPT_FAIL:
		if (scripted->failures[s] >= step->count)
			return 1;
		scripted->failures[s]++;
		return error_set(err, step->code, "%.*s", (int)step->values.size,
				 (const char *)step->values.data);
	default:
		return 1;
	}
}

/* Transaction n, which begins at step s: 1, 0 asked to stop, -1. */
static int play(struct scripted *scripted, size_t s, uint64_t n, struct error *err)
{
	writer_begin(scripted->context->writer, clock_real_us());
	for (s++; scripted->script.steps[s].verb != SCRIPT_COMMIT; s++) {
		const struct script_step *step = &scripted->script.steps[s];
		int rc = step->verb == SCRIPT_ROW ? 1 : pass(scripted, s, err);
		if (rc != 1)
			return rc;
		for (uint64_t i = 1; step->verb == SCRIPT_ROW && i <= step->count; i++) {
			if (write_row(scripted, step, n, i, SNAPSHOT_NO, err) != 0)
				return -1;
			if (i % CHECK_ROWS == 0 && should_stop(scripted))
				return 0;
		}
	}
	if (commit(scripted, n, err) != 0 || confirm(scripted, err) != 0)
		return -1;
	scripted->progress.source_time_us = clock_real_us();
	tell_progress(scripted);
	return should_stop(scripted) ? 0 : 1;
}

static size_t end_of_transaction(const struct script *script, size_t s)
{
	while (script->steps[s].verb != SCRIPT_COMMIT)
		s++;
	return s;
}

static int stream(void *source, struct error *err)
{
	struct scripted *scripted = source;
	const struct script *script = &scripted->script;
	uint64_t n = 0;                 /* transactions before step s */
	int rc = 1;
	for (size_t s = 0; rc == 1 && s < script->step_count; s++) {
		const struct script_step *step = &script->steps[s];
		if (step->verb != SCRIPT_BEGIN) {
			/* What was passed in an earlier turn is not met again. */
			if (n >= scripted->position)
				rc = pass(scripted, s, err);
			continue;
		}
		uint64_t end = n + step->count;
		if (scripted->position > n)
			n = scripted->position < end ? scripted->position : end;
		while (rc == 1 && n < end)
			rc = play(scripted, s, ++n, err);
		s = end_of_transaction(script, s);
	}
	if (rc == 1)
		rc = wait_ms(scripted, UINT64_MAX, err);
	return rc < 0 ? -1 : 0;
}

static int drop(void *source, struct error *err)
{
	struct scripted *scripted = source;
	(void)err;
	scripted->context->log(scripted->context->user, SOURCE_LOG_INFO,
			       "a script has nothing to remove");
	return 0;
}

static void position_text(struct bytes position, char *out)
{
	out[0] = '\0';
	if (position.size == POSITION_BYTES)
		snprintf(out, 64, "%" PRIu64, load_u64(position.data));
}

const struct source_ops scripted_source_ops = {
	.connector = "scripted",
	.create = create,
	.open = open_source,
	.snapshot = snapshot,
	.stream = stream,
	.close = close_source,
	.destroy = destroy,
	.drop = drop,
	.snapshot_begun = { (const uint8_t *)PROGRESS_BEGUN, sizeof(PROGRESS_BEGUN) - 1 },
	.position_text = position_text,
};
