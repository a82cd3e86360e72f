#include "client/millstream.h"
#include "protocol/change.h"
#include "protocol/position.h"
#include "protocol/record.h"
#include "storage/reader.h"
#include "storage/sources.h"
#include "storage/store.h"
#include "storage/topics.h"
#include "tests/support/random.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A source plays thousands of transactions, small and large, over two tables and seven
 * partitions, while the server is killed again and again.  After each kill the log itself is
 * read: it holds each transaction up to the stored position once, whole and in order, and
 * nothing behind it; and nothing was confirmed to the source that it does not hold. */

enum { BLOCKS = 400, IN_BLOCK = 20, TRANSACTIONS = BLOCKS * IN_BLOCK, LARGE_ROWS = 20000,
       PARTITIONS_MAX = 8 };

struct run {
	struct server_process server;
	char script[300];
	char confirmed[300];
	uint32_t rows[TRANSACTIONS + 1];        /* of transaction n */
	uint32_t seen[TRANSACTIONS + 1];
	uint64_t row_count;
};

/* Each row stands in table a; every third transaction has one in b, at its end. */
static void write_script(struct run *run, struct random *random)
{
	FILE *file = fopen(run->script, "we");
	uint64_t n = 0;
	assert_non_null(file);
	fprintf(file, "table public.a id:int64* v:string\ntable public.b n:int64 v:string\nconfirm %s\n",
		run->confirmed);
	for (int block = 0; block < BLOCKS; block++) {
		bool is_large = block % 40 == 17, has_b = block % 3 == 0;
		uint32_t rows = (uint32_t)random_between(random, 1, 12);
		fprintf(file, "begin*%d\nc*%u public.a $i \"$n\"\n%scommit\nwait 1\n", IN_BLOCK - is_large,
			rows, has_b ? "c public.b $n \"last\"\n" : "");
		for (int i = 0; i < IN_BLOCK - is_large; i++)
			run->rows[++n] = rows + has_b;
		if (!is_large)
			continue;
		fprintf(file, "begin\nc*%d public.a $i \"$n\"\ncommit\n", LARGE_ROWS);
		run->rows[++n] = LARGE_ROWS;
	}
	fclose(file);
	assert_int_equal(n, TRANSACTIONS);
	for (n = 1; n <= TRANSACTIONS; n++)
		run->row_count += run->rows[n];
}

/* Where a partition is. */
struct place {
	struct run *run;
	uint64_t n;                     /* of the last record */
	uint64_t index;
	uint64_t stored;                /* the source's position */
	char failure[256];
};

static void check_record(struct place *place, const struct record *record)
{
	struct change change;
	struct position position;
	struct error err = { 0 };
	if (change_decode(record->value.bytes.data, record->value.bytes.size, &change, &err) != 0 ||
	    position_decode(change.position, &position, &err) != 0) {
		snprintf(place->failure, sizeof(place->failure), "%.200s", err.text);
		return;
	}
	uint64_t n = position.commit_lsn;
	if (n > place->stored)
		snprintf(place->failure, sizeof(place->failure),
			 "transaction %llu is visible, the position is %llu", (unsigned long long)n,
			 (unsigned long long)place->stored);
	else if (n < place->n || (n == place->n && change.index <= place->index) ||
		 change.index >= place->run->rows[n])
		snprintf(place->failure, sizeof(place->failure), "%llu.%llu behind %llu.%llu",
			 (unsigned long long)n, (unsigned long long)change.index,
			 (unsigned long long)place->n, (unsigned long long)place->index);
	place->n = n;
	place->index = change.index;
	place->run->seen[n]++;
}

static int check_batch(void *user, const uint8_t *batch, size_t size,
		       const struct batch_header *header)
{
	struct place *place = user;
	struct unpack unpack = unpack_over(batch + BATCH_HEADER_BYTES, size - BATCH_HEADER_BYTES);
	for (uint32_t i = 0; i < header->record_count && place->failure[0] == '\0'; i++) {
		struct record record;
		struct error err = { 0 };
		if (record_decode(&unpack, header->base_offset, header->append_time_us,
				  header->transaction_ordinal, &record, &err) != 0)
			snprintf(place->failure, sizeof(place->failure), "%.200s", err.text);
		else
			check_record(place, &record);
	}
	return 0;
}

static void check_topic(struct run *run, struct reader *reader, const struct topic *topic,
			uint64_t stored)
{
	for (uint32_t partition = 0; partition < topic->partition_count; partition++) {
		struct place place = { .run = run, .stored = stored };
		struct reader_progress progress = { 0 };
		struct error err = { 0 };
		int rc;
		while ((rc = reader_read(reader, topic->id, partition, progress.next_offset,
					 READER_BYTES_MAX, check_batch, &place, &progress, &err)) == 1)
			;
		assert_string_equal(err.text, "");
		if (place.failure[0] != '\0')
			fail_msg("topic %s, partition %u: %s", topic->name, partition, place.failure);
	}
}

static uint64_t read_confirmed(const struct run *run)
{
	unsigned long long confirmed = 0;
	FILE *file = fopen(run->confirmed, "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu", &confirmed) != 1)
		confirmed = 0;
	fclose(file);
	return confirmed;
}

/* The log of a server that does not run.  Returns the stored position. */
static uint64_t check_log(struct run *run)
{
	const struct store_options options = { .dir = run->server.dir, .mode = STORE_INSPECT };
	struct store *store;
	struct reader *reader;
	struct source source = { 0 };
	struct topic topic = { .name = "" };
	struct error err = { 0 };
	if (store_open(&store, &options, &err) != 0 || reader_open(&reader, store, &err) != 0)
		fail_msg("%s", err.text);
	uint64_t stored = 0;
	if (sources_describe(reader, "shop", &source, &err) == 0 && source.position != NULL)
		stored = load_u64(source.position);
	source_clear(&source);
	memset(run->seen, 0, sizeof(run->seen));
	while (topics_next(reader, topic.name, &topic, &err) == 1)
		check_topic(run, reader, &topic, stored);
	for (uint64_t n = 1; n <= TRANSACTIONS; n++)
		if (run->seen[n] != (n <= stored ? run->rows[n] : 0))
			fail_msg("transaction %llu has %u rows, not %u; the position is %llu",
				 (unsigned long long)n, run->seen[n], run->rows[n], (unsigned long long)stored);
	reader_close(reader);
	store_close(store);
	if (read_confirmed(run) > stored)
		fail_msg("%llu were confirmed, %llu are stored", (unsigned long long)read_confirmed(run),
			 (unsigned long long)stored);
	return stored;
}

/* Reads it all as it comes, and never hears of a gap. */
struct subscriber {
	struct run *run;
	atomic_ullong count;
	uint64_t next[2][PARTITIONS_MAX];
	char failure[256];
	pthread_t thread;
};

static atomic_bool is_over;

static void take(struct subscriber *subscriber, const struct millstream_record *record)
{
	uint64_t *next = &subscriber->next[strstr(record->topic, ".b") != NULL][record->partition];
	if (record->offset != *next)
		snprintf(subscriber->failure, sizeof(subscriber->failure), "%s/%u: offset %llu, not %llu",
			 record->topic, record->partition, (unsigned long long)record->offset,
			 (unsigned long long)*next);
	*next = record->offset + 1;
	subscriber->count++;
}

static void *follow(void *argument)
{
	struct subscriber *subscriber = argument;
	const char *topics[] = { "shop.*" };
	const struct millstream_subscribe_options options = { .topics = topics, .topic_count = 1 };
	struct millstream_client *client;
	struct millstream_subscription *subscription;
	const struct millstream_record *record;
	if (millstream_open(subscriber->run->server.url, NULL, &client) != MILLSTREAM_OK)
		return NULL;
	while (millstream_subscribe(client, &options, 1000, &subscription) != MILLSTREAM_OK)
		;
	while (subscriber->failure[0] == '\0' && subscriber->count < subscriber->run->row_count &&
	       !atomic_load(&is_over)) {
		if (millstream_next(client, 100, &record) != MILLSTREAM_OK)
			continue;
		if (record->kind == MILLSTREAM_RECORD)
			take(subscriber, record);
		else if (record->kind != MILLSTREAM_CAUGHT_UP && record->kind != MILLSTREAM_PARTITION_ADDED)
			snprintf(subscriber->failure, sizeof(subscriber->failure), "unexpected news %d: %s", (int)record->kind,
				 record->text != NULL ? record->text : "");
	}
	millstream_close(client);
	return NULL;
}

static bool has_position(const char *url, const char *position)
{
	const struct millstream_status *status;
	struct millstream_client *client;
	bool has = false;
	if (millstream_open(url, NULL, &client) != MILLSTREAM_OK)
		return false;
	if (millstream_status(client, 10000, &status) == MILLSTREAM_OK && status->source_count == 1) {
		const struct millstream_source *source = &status->sources[0];
		has = source->position != NULL && strcmp(source->position, position) == 0;
		if (strcmp(source->state, "failed") == 0)
			fail_msg("the source failed: %s", source->reason);
	}
	millstream_close(client);
	return has;
}

static void every_transaction_is_there_once_whole_and_in_order_however_often_the_server_is_killed(void **state)
{
	const int kills = test_amount(3, 20, 200);
	struct random random = random_seeded(5432, 0);
	struct run *run = calloc(1, sizeof(*run));
	struct subscriber subscriber = { .run = run };
	char config[1024], *script_dir = temp_dir_create(), last[16];
	uint64_t stored = 0, moved = 0;
	(void)state;
	snprintf(run->script, sizeof(run->script), "%s/script", script_dir);
	snprintf(run->confirmed, sizeof(run->confirmed), "%s/confirmed", script_dir);
	snprintf(config, sizeof(config),
		 "source \"shop\" {\n connector.class = \"scripted\"\n script.file = \"%s\"\n"
		 " retriable.restart.connector.wait.ms = 10\n}\n"
		 "topic \"shop.public.a\" { partitions = 7 }\n", run->script);
	write_script(run, &random);
	atomic_store(&is_over, false);
	server_process_start(&run->server, config);
	assert_int_equal(pthread_create(&subscriber.thread, NULL, follow, &subscriber), 0);
	for (int n = 0; n < kills; n++) {
		struct timespec pause = { .tv_nsec = (long)random_between(&random, 1, 80) * 1000000L };
		nanosleep(&pause, NULL);        /* when it dies is the test's only dice */
		server_process_kill(&run->server);
		uint64_t before = stored;
		stored = check_log(run);
		assert_true(stored >= before);
		moved += stored > before;
		server_process_restart(&run->server);
	}
	snprintf(last, sizeof(last), "%d", TRANSACTIONS);
	assert_true(wait_until(has_position(run->server.url, last)));
	assert_true(wait_until(read_confirmed(run) == TRANSACTIONS));
	(void)wait_until(subscriber.count == run->row_count || subscriber.failure[0] != '\0');
	atomic_store(&is_over, true);
	pthread_join(subscriber.thread, NULL);
	assert_int_equal(server_process_stop(&run->server), 0);
	assert_int_equal(check_log(run), TRANSACTIONS);
	assert_string_equal(subscriber.failure, "");
	assert_int_equal(subscriber.count, run->row_count);
	print_message("# %llu rows; %llu of %d kills found progress\n", (unsigned long long)run->row_count,
		      (unsigned long long)moved, kills);
	server_process_clear(&run->server);
	temp_dir_destroy(script_dir);
	free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_transaction_is_there_once_whole_and_in_order_however_often_the_server_is_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
