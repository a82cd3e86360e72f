/* Bugs on demand, to see that the checker finds them.  tests/checker/planted/millstreamd
 * is millstreamd linked with this file and with --wrap for each function here;
 * $MILLSTREAM_PLANTED_BUG names the one bug that it has.  Without it, it behaves as the
 * other does.  They stand between the sources and the writer, so every source can have them. */
#include "capture/writer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POSITION_ROOM           65536
#define STALLS_AFTER_COMMITS    20
#define STALL_US                INT64_C(500000)

void __real_writer_begin(struct writer *writer, int64_t source_time_us);
int __real_writer_row(struct writer *writer, struct writer_table *table,
		      const struct writer_row *row, struct error *err);
int __real_writer_commit(struct writer *writer, struct bytes position, struct error *err);
int __real_writer_commit_snapshot(struct writer *writer, struct bytes position,
				  struct bytes progress, struct error *err);
int __real_writer_abandon(struct writer *writer, struct error *err);
int __real_writer_durable(struct writer *writer, uint8_t *out, size_t *out_bytes,
			  struct error *err);

void __wrap_writer_begin(struct writer *writer, int64_t source_time_us);
int __wrap_writer_row(struct writer *writer, struct writer_table *table,
		      const struct writer_row *row, struct error *err);
int __wrap_writer_commit(struct writer *writer, struct bytes position, struct error *err);
int __wrap_writer_commit_snapshot(struct writer *writer, struct bytes position,
				  struct bytes progress, struct error *err);
int __wrap_writer_abandon(struct writer *writer, struct error *err);
int __wrap_writer_durable(struct writer *writer, uint8_t *out, size_t *out_bytes,
			  struct error *err);

static uint64_t row_count;              /* all are of the source's thread */
static uint64_t commit_count;
static int64_t begun_us;
static bool is_open;
static bool has_rows;
static uint8_t last_position[POSITION_ROOM];
static size_t last_position_bytes;
static int64_t stalled_since_us;        /* 0: the log takes what it is given */

static bool has_bug(const char *name)
{
	static const char *planted;
	if (planted == NULL && (planted = getenv("MILLSTREAM_PLANTED_BUG")) == NULL)
		planted = "";
	return strcmp(planted, name) == 0;
}

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A disk that takes nothing more, while the source is told that all is well; then the
 * power goes. */
static bool is_stalled(void)
{
	if (has_bug("confirmed before it is durable") && commit_count >= STALLS_AFTER_COMMITS &&
	    stalled_since_us == 0)
		stalled_since_us = now_us();
	if (stalled_since_us != 0 && now_us() - stalled_since_us > STALL_US)
		raise(SIGKILL);
	return stalled_since_us != 0;
}

void __wrap_writer_begin(struct writer *writer, int64_t source_time_us)
{
	if (is_stalled())
		return;
	begun_us = source_time_us;
	has_rows = false;
	if (is_open)                    /* two transactions in one */
		return;
	is_open = true;
	__real_writer_begin(writer, source_time_us);
}

/* Values that the source did not send become null. */
static void forget_absent_values(struct bytes row, uint8_t *out, struct bytes *out_row)
{
	static const uint8_t unavailable[] = { 0xc7, 0x00, VALUE_EXTENSION_UNAVAILABLE };
	size_t size = 0;
	for (size_t n = 0; n < row.size;) {
		if (row.size - n >= sizeof(unavailable) &&
		    memcmp(row.data + n, unavailable, sizeof(unavailable)) == 0) {
			out[size++] = 0xc0;
			n += sizeof(unavailable);
		} else {
			out[size++] = row.data[n++];
		}
	}
	*out_row = (struct bytes){ out, size };
}

static int write_nulls(struct writer *writer, struct writer_table *table,
		       const struct writer_row *row, struct error *err)
{
	struct writer_row spoiled = *row;
	uint8_t *copy = malloc(row->after.size);
	if (copy == NULL)
		return error_set(err, ERROR_MEMORY, "a planted bug");
	forget_absent_values(row->after, copy, &spoiled.after);
	int rc = __real_writer_row(writer, table, &spoiled, err);
	free(copy);
	return rc;
}

static int split_here(struct writer *writer, struct error *err)
{
	struct bytes position = { last_position, last_position_bytes };
	if (last_position_bytes == 0)
		return 0;
	if (__real_writer_commit(writer, position, err) != 0)
		return -1;
	__real_writer_begin(writer, begun_us);
	return 0;
}

int __wrap_writer_row(struct writer *writer, struct writer_table *table,
		      const struct writer_row *row, struct error *err)
{
	struct writer_row spoiled = *row;
	bool is_snapshot = row->op == CHANGE_READ;
	row_count++;
	if (is_stalled() && !is_open)
		return 0;
	if (has_bug("row lost") && !is_snapshot && row_count % 97 == 0)
		return 0;
	if (has_bug("row of the snapshot lost") && is_snapshot && row_count % 5 == 0)
		return 0;
	if (has_bug("first transaction after a start lost") && !is_snapshot && commit_count == 0) {
		has_rows = true;
		return 0;
	}
	if (has_bug("truncate ignored") && row->op == CHANGE_TRUNCATE)
		return 0;
	if (has_bug("row written twice") && !is_snapshot && row_count % 97 == 0 &&
	    __real_writer_row(writer, table, row, err) != 0)
		return -1;
	if (has_bug("transaction split in two") && has_rows && !is_snapshot && row_count % 29 == 0 &&
	    split_here(writer, err) != 0)
		return -1;
	has_rows = true;
	if (has_bug("absent value becomes null") && row->op == CHANGE_UPDATE)
		return write_nulls(writer, table, row, err);
	if (has_bug("key change as an update"))
		spoiled.old_key = (struct bytes){ NULL, 0 };
	if (has_bug("snapshot without an end") && spoiled.position.marker == SNAPSHOT_LAST)
		spoiled.position.marker = SNAPSHOT_LAST_IN_TABLE;
	if (has_bug("update as a create") && row->op == CHANGE_UPDATE && row_count % 7 == 0)
		spoiled.op = CHANGE_CREATE;
	return __real_writer_row(writer, table, &spoiled, err);
}

int __wrap_writer_commit(struct writer *writer, struct bytes position, struct error *err)
{
	struct bytes stored = position;
	uint8_t before[POSITION_ROOM];
	size_t before_bytes = last_position_bytes;
	memcpy(before, last_position, before_bytes);
	memcpy(last_position, position.data, position.size);
	last_position_bytes = position.size;
	commit_count += has_rows;
	if (is_stalled() && !is_open)
		return 0;
	if (has_bug("two transactions in one") && has_rows && commit_count % 13 == 0)
		return 0;
	is_open = false;
	if (has_bug("position of the transaction before") && before_bytes > 0)
		stored = (struct bytes){ before, before_bytes };
	return __real_writer_commit(writer, stored, err);
}

int __wrap_writer_commit_snapshot(struct writer *writer, struct bytes position,
				  struct bytes progress, struct error *err)
{
	is_open = false;
	return __real_writer_commit_snapshot(writer, position, progress, err);
}

int __wrap_writer_abandon(struct writer *writer, struct error *err)
{
	is_open = false;
	last_position_bytes = 0;
	return __real_writer_abandon(writer, err);
}

int __wrap_writer_durable(struct writer *writer, uint8_t *out, size_t *out_bytes,
			  struct error *err)
{
	int rc = __real_writer_durable(writer, out, out_bytes, err);
	if (is_stalled() && rc >= 0) {
		memcpy(out, last_position, last_position_bytes);
		*out_bytes = last_position_bytes;
		return 1;
	}
	return rc;
}
