/* change_consumer: a subscriber for the side-by-side harness (tests/bench/peers/bench.py).
 *
 *	change_consumer HOST:PORT TOPIC EXPECT LATFILE|- IDLE_S [SKIP]
 *
 * Counts changes (tombstones apart), stops at EXPECT of them or after IDLE_S seconds
 * without one; the first SKIP are not counted at all.  Prints what the harness reads,
 * times in ns since the Unix epoch:
 *
 *	READY t                 it waits
 *	FIRST t                 the first change
 *	P t events bytes        each 100 ms
 *	DONE t events bytes c=.. u=.. d=.. r=.. tomb=.. uniq=..    (uniq: distinct pairs of op and id)
 *
 * LATFILE gets pairs of int64: the row's created_at and when it was received, µs.
 * SIGTERM ends it as IDLE_S does. */
#include "client/millstream.h"
#include "protocol/change.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ID_COLUMN               0
#define CREATED_AT_COLUMN       5
#define IDS_MAX                 (1 << 24)
#define PROGRESS_NS             100000000
#define LATENCIES_MAX           20000000

static volatile sig_atomic_t is_asked_to_end;
static const char operations[] = "cudr";
static uint8_t seen[sizeof(operations) - 1][IDS_MAX / 8];

struct tally {
	int64_t expected_count, skip_count, idle_ns;
	int64_t count, byte_count, tombstone_count, distinct_count;
	int64_t counts[256];
	int64_t last_progress_ns, last_change_ns;
	FILE *latencies;
};

static void on_signal(int number)
{
	(void)number;
	is_asked_to_end = 1;
}

static int64_t now_ns(void)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

/* The integers of a row that the harness asks for; -1: not there. */
static void read_row(struct bytes row, int64_t *out_id, int64_t *out_created_us)
{
	struct unpack unpack = unpack_over(row.data, row.size);
	struct value value;
	uint32_t count;
	*out_id = *out_created_us = -1;
	if (unpack_array(&unpack, &count, NULL) != 0)
		return;
	for (uint32_t n = 0; n < count && n <= CREATED_AT_COLUMN; n++) {
		if (value_decode(&unpack, &value, NULL) != 0)
			return;
		if (value.kind == VALUE_INTEGER && n == ID_COLUMN)
			*out_id = value.integer;
		if (value.kind == VALUE_INTEGER && n == CREATED_AT_COLUMN)
			*out_created_us = value.integer;
	}
}

static void mark_seen(struct tally *tally, char op, int64_t id)
{
	const char *at = memchr(operations, op, sizeof(operations) - 1);
	if (at == NULL || id < 0 || id >= IDS_MAX)
		return;
	uint8_t *byte = &seen[at - operations][id / 8], bit = (uint8_t)(1 << id % 8);
	tally->distinct_count += (*byte & bit) == 0;
	*byte |= bit;
}

static void take_change(struct tally *tally, const struct millstream_record *record, int64_t at_ns)
{
	struct change change;
	int64_t id, created_us;
	if (change_decode(record->value, record->value_bytes, &change, NULL) != 0) {
		fprintf(stderr, "offset %" PRIu64 " is no change\n", record->offset);
		exit(EXIT_FAILURE);
	}
	if (tally->count == 0) {
		printf("FIRST %" PRId64 "\n", at_ns);
		fflush(stdout);
	}
	tally->count++;
	tally->byte_count += (int64_t)(record->value_bytes + record->key_bytes);
	tally->counts[(uint8_t)change.op]++;
	read_row(change.after.data != NULL ? change.after : change.before, &id, &created_us);
	mark_seen(tally, (char)change.op, id);
	if (tally->latencies != NULL && created_us >= 0) {
		int64_t pair[2] = { created_us, at_ns / 1000 };
		fwrite(pair, sizeof(pair), 1, tally->latencies);
	}
}

static void take_record(struct tally *tally, const struct millstream_record *record)
{
	int64_t at_ns = now_ns();
	if (record->value_content == MILLSTREAM_NONE) {
		tally->tombstone_count++;
		return;
	}
	tally->last_change_ns = at_ns;
	if (tally->skip_count > 0) {
		tally->skip_count--;
		return;
	}
	take_change(tally, record, at_ns);
	if (at_ns - tally->last_progress_ns > PROGRESS_NS) {
		printf("P %" PRId64 " %" PRId64 " %" PRId64 "\n", at_ns, tally->count, tally->byte_count);
		fflush(stdout);
		tally->last_progress_ns = at_ns;
	}
}

static int follow(struct millstream_client *client, struct tally *tally)
{
	const struct millstream_record *record;
	while (tally->count < tally->expected_count && !is_asked_to_end) {
		int code = millstream_next(client, 50, &record);
		if (code == MILLSTREAM_OK && record->kind == MILLSTREAM_RECORD)
			take_record(tally, record);
		else if (code != MILLSTREAM_OK && now_ns() - tally->last_change_ns > tally->idle_ns)
			break;
		if (code != MILLSTREAM_OK && code != MILLSTREAM_TIMEOUT && code != MILLSTREAM_DISCONNECTED)
			return code;
	}
	return MILLSTREAM_OK;
}

static void print_tally(const struct tally *tally)
{
	printf("DONE %" PRId64 " %" PRId64 " %" PRId64, tally->last_change_ns, tally->count,
	       tally->byte_count);
	for (const char *op = operations; *op != '\0'; op++)
		printf(" %c=%" PRId64, *op, tally->counts[(uint8_t)*op]);
	printf(" tomb=%" PRId64 " uniq=%" PRId64 "\n", tally->tombstone_count, tally->distinct_count);
}

int main(int argc, char **argv)
{
	struct tally tally = { 0 };
	struct millstream_client *client = NULL;
	struct millstream_subscription *subscription;
	if (argc < 6) {
		fprintf(stderr, "usage: change_consumer HOST:PORT TOPIC EXPECT LATFILE|- IDLE_S [SKIP]\n");
		return 64;
	}
	signal(SIGTERM, on_signal);
	tally.expected_count = atoll(argv[3]);
	tally.idle_ns = (int64_t)(atof(argv[5]) * 1e9);
	tally.skip_count = argc > 6 ? atoll(argv[6]) : 0;
	tally.last_change_ns = now_ns();
	if (strcmp(argv[4], "-") != 0 && (tally.latencies = fopen(argv[4], "w")) == NULL) {
		perror(argv[4]);
		return EXIT_FAILURE;
	}
	/* The server is started anew in the measured part. */
	struct millstream_options soon = { .reconnect_min_ms = 10, .reconnect_max_ms = 20 };
	int code = millstream_open(argv[1], &soon, &client);
	if (code == MILLSTREAM_OK) {
		/* A pattern: the topic may be made later. */
		const char *const topics[] = { argv[2] };
		struct millstream_subscribe_options options = { .topics = topics, .topic_count = 1 };
		code = millstream_subscribe(client, &options, 10000, &subscription);
	}
	printf("READY %" PRId64 "\n", now_ns());
	fflush(stdout);
	if (code == MILLSTREAM_OK)
		code = follow(client, &tally);
	if (code != MILLSTREAM_OK)
		fprintf(stderr, "change_consumer: %s\n",
			client != NULL ? millstream_error_text(client) : millstream_code_text(code));
	print_tally(&tally);
	millstream_close(client);
	if (tally.latencies != NULL)
		fclose(tally.latencies);
	return code == MILLSTREAM_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
