/* How fast batches are checksummed, written and read, in memory, on one core.
 *
 *	bench_protocol [--json]
 */
#include "protocol/batch.h"
#include "protocol/crc32c.h"
#include "tests/bench/bench_rate.h"

#include <inttypes.h>
#include <msgpack/pack.h>
#include <stdbool.h>
#include <stdio.h>

#define RECORD_BYTES 300
#define BATCH_BYTES  65536

#define BASE_OFFSET    1000000
#define APPEND_TIME_US 1700000000000000
#define ORDINAL        5000

struct bench {
	uint8_t *batch;         /* a whole one, sealed */
	size_t size;
	uint8_t *copy;          /* room for another */
	uint8_t key[BATCH_KEY_BYTES];
	uint8_t body[RECORD_BYTES];
	size_t body_bytes;
	uint32_t record_count;
	uint64_t sum;           /* of results, so that none is left out */
};

/* A change of ten columns, as capture writes it. */
static void make_body(struct bench *bench)
{
	static const char text[] = "a text of some length, as rows have them; twice over: ";
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, 1);         /* key */
	msgpack_pack_uint32(&packer, 123456);
	msgpack_pack_array(&packer, 7);         /* value */
	msgpack_pack_uint8(&packer, 'c');
	msgpack_pack_uint32(&packer, 17);
	msgpack_pack_nil(&packer);
	msgpack_pack_array(&packer, 10);
	for (int i = 0; i < 7; i++)
		msgpack_pack_int64(&packer, 1000000007 * (int64_t)i - 5);
	msgpack_pack_nil(&packer);
	for (int i = 0; i < 2; i++) {
		msgpack_pack_str(&packer, 2 * (sizeof(text) - 1));
		msgpack_pack_str_body(&packer, text, sizeof(text) - 1);
		msgpack_pack_str_body(&packer, text, sizeof(text) - 1);
	}
	msgpack_pack_int64(&packer, APPEND_TIME_US);
	msgpack_pack_bin(&packer, 8);
	msgpack_pack_bin_body(&packer, "\0\0\0\1\2\3\4\5", 8);
	msgpack_pack_uint32(&packer, 3);
	msgpack_pack_nil(&packer);              /* headers */
	if (buffer.size > sizeof(bench->body))
		bench_die("the body is too large");
	memcpy(bench->body, buffer.data, buffer.size);
	bench->body_bytes = buffer.size;
	msgpack_sbuffer_destroy(&buffer);
}

static void encode_step(struct bench *bench)
{
	uint8_t *at = bench->batch + BATCH_HEADER_BYTES;

	for (uint32_t i = 0; i < bench->record_count; i++) {
		at += record_prefix_encode(at, i, -2000 - (int64_t)i, i / 10);
		memcpy(at, bench->body, bench->body_bytes);
		at += bench->body_bytes;
	}
	bench->size = (size_t)(at - bench->batch);
	const struct batch_header header = {
		.base_offset = BASE_OFFSET,
		.record_count = bench->record_count,
		.last_offset_delta = bench->record_count - 1,
		.append_time_us = APPEND_TIME_US,
		.transaction_ordinal = ORDINAL,
		.source_id = 1,
		.payload_bytes = (uint32_t)bench->size - BATCH_HEADER_BYTES,
	};
	batch_header_encode(bench->batch, &header);
	batch_seal(bench->batch, bench->size, bench->key);
}

static void copy_step(struct bench *bench)
{
	memcpy(bench->copy, bench->batch, bench->size);
	bench->sum += bench->copy[bench->sum % bench->size];
}

static void check_step(struct bench *bench)
{
	struct error err = { 0 };

	if (batch_check(bench->batch, bench->size, bench->key, &err) != 0)
		bench_die(err.text);
}

static void next_step(struct bench *bench)
{
	struct batch_cursor cursor;
	struct error err = { 0 };
	struct record record;
	int rc;

	if (batch_open(&cursor, bench->batch, bench->size, &err) != 0)
		bench_die(err.text);
	while ((rc = batch_next(&cursor, &record, &err)) == 1)
		bench->sum += record.offset + record.value.bytes.size;
	if (rc != 0)
		bench_die(err.text);
}

static void crc32c_step(struct bench *bench)
{
	bench->sum += crc32c((uint32_t)bench->sum, bench->batch, BATCH_BYTES);
}

static void portable_step(struct bench *bench)
{
	bench->sum += crc32c_portable((uint32_t)bench->sum, bench->batch, BATCH_BYTES);
}

/* A measurement and what it is held against; events of a step, each of event_bytes. */
static void report(bool json, const char *name, double steps_per_s, const char *peer,
		   double peer_steps_per_s, uint32_t events, double event_bytes)
{
	const double per_s = steps_per_s * events;

	if (json)
		printf("{\"bench\":\"%s\",\"events\":%" PRIu32 ",\"per_s\":%.0f,\"gb_per_s\":%.2f,"
		       "\"peer\":\"%s\",\"peer_per_s\":%.0f,\"ratio\":%.3f}\n",
		       name, events, per_s, per_s * event_bytes / 1e9, peer,
		       peer_steps_per_s * events, steps_per_s / peer_steps_per_s);
	else
		printf("%-14s %12.0f /s  %6.2f GB/s   %.3f of %s\n", name, per_s,
		       per_s * event_bytes / 1e9, steps_per_s / peer_steps_per_s, peer);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
	struct bench bench = { 0 };

	if (argc > 1 && !json) {
		fprintf(stderr, "usage: bench_protocol [--json]\n");
		return 64;
	}
	bench.batch = calloc(1, BATCH_BYTES + RECORD_BYTES);
	bench.copy = calloc(1, BATCH_BYTES + RECORD_BYTES);
	if (bench.batch == NULL || bench.copy == NULL)
		bench_die("out of memory");
	batch_key_encode(bench.key, 1, 0, BASE_OFFSET);
	make_body(&bench);
	bench.record_count = BATCH_BYTES / RECORD_BYTES;
	encode_step(&bench);
	const double record_bytes = (double)(bench.size - BATCH_HEADER_BYTES) / bench.record_count;

	report(json, "crc32c", bench_rate(&bench, crc32c_step), "plain C",
	       bench_rate(&bench, portable_step), 1, BATCH_BYTES);
	const double copy_per_s = bench_rate(&bench, copy_step);
	report(json, "batch encode", bench_rate(&bench, encode_step), "memcpy", copy_per_s,
	       bench.record_count, record_bytes);
	report(json, "batch_check", bench_rate(&bench, check_step), "memcpy", copy_per_s,
	       bench.record_count, record_bytes);
	report(json, "batch_next", bench_rate(&bench, next_step), "memcpy", copy_per_s,
	       bench.record_count, record_bytes);
	free(bench.batch);
	free(bench.copy);
	return EXIT_SUCCESS;
}
