/* How fast PostgreSQL's rows become ours, in memory, on one core: a row of ten columns
 * from a pgoutput message, as text and in binary, and from a line of COPY.
 *
 *	bench_pgoutput [--json]
 */
#include "capture/postgresql_table.h"
#include "tests/bench/bench_rate.h"

#include <inttypes.h>
#include <stdio.h>

#define TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }
#define COLUMN(number, column_name) { .name = TEXT(column_name), .type_oid = number, .type_modifier = -1 }

enum { COLUMN_COUNT = 10, MESSAGE_BYTES_MAX = 2048 };

static struct postgresql_column columns[COLUMN_COUNT] = {
	{ .name = TEXT("id"), .type_oid = 20, .type_modifier = -1, .is_not_null = true, .key_position = 1 },
	COLUMN(1043, "name"), COLUMN(25, "address"), COLUMN(1700, "amount"), COLUMN(1184, "created_at"),
	COLUMN(16, "is_paid"), COLUMN(2950, "customer"), COLUMN(701, "weight"), COLUMN(3802, "attributes"),
	COLUMN(1082, "due"),
};

static const char *const texts[COLUMN_COUNT] = {
	"1234567", "Johann Sebastian", "Thomaskirchhof 15/16, 04109 Leipzig, Sachsen", "1234.50",
	"2026-11-23 18:00:41.979144+00", "t", "00112233-4455-6677-8899-aabbccddeeff", "71.25",
	"{\"color\": \"red\", \"sizes\": [38, 40, 42]}", "2026-12-24",
};

static const struct bytes binaries[COLUMN_COUNT] = {
	TEXT("\0\0\0\0\0\x12\xd6\x87"), TEXT("Johann Sebastian"),
	TEXT("Thomaskirchhof 15/16, 04109 Leipzig, Sachsen"),
	TEXT("\0\2\0\0\0\0\0\2\4\xd2\x13\x88"), TEXT("\0\3\3\xf4\x24\x0e\xb5\x08"), TEXT("\1"),
	TEXT("\0\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"),
	TEXT("\x40\x51\xd0\0\0\0\0\0"), TEXT("\1{\"color\": \"red\", \"sizes\": [38, 40, 42]}"),
	TEXT("\0\0\x26\x7e"),
};

struct input {
	uint8_t bytes[MESSAGE_BYTES_MAX];
	size_t size;
};

struct bench {
	struct postgresql_table *table;
	struct input insert, update, binary, line;
	uint8_t copy[MESSAGE_BYTES_MAX];
	msgpack_sbuffer row;
	msgpack_sbuffer key;
	size_t sum;             /* of results, so that none is left out */
};

static void add(struct input *input, const void *data, size_t size)
{
	if (size > sizeof(input->bytes) - input->size)
		bench_die("the message is too large");
	memcpy(input->bytes + input->size, data, size);
	input->size += size;
}

static void add_tuple(struct input *input, char kind, bool is_binary)
{
	uint8_t head[5] = { (uint8_t)kind, 0, COLUMN_COUNT };

	add(input, head, 3);
	for (int i = 0; i < COLUMN_COUNT; i++) {
		struct bytes value = is_binary ? binaries[i] : bytes_of_text(texts[i]);
		head[0] = is_binary ? 'b' : 't';
		store_u32(head + 1, (uint32_t)value.size);
		add(input, head, 5);
		add(input, value.data, value.size);
	}
}

static void make_inputs(struct bench *bench)
{
	add(&bench->insert, "I\0\0\0\1", 5);
	add_tuple(&bench->insert, 'N', false);
	add(&bench->update, "U\0\0\0\1", 5);
	add_tuple(&bench->update, 'O', false);
	add_tuple(&bench->update, 'N', false);
	add(&bench->binary, "I\0\0\0\1", 5);
	add_tuple(&bench->binary, 'N', true);
	for (int i = 0; i < COLUMN_COUNT; i++) {
		add(&bench->line, texts[i], strlen(texts[i]));
		add(&bench->line, i + 1 < COLUMN_COUNT ? "\t" : "\n", 1);
	}
}

static void make_table(struct bench *bench)
{
	static const struct postgresql_type_list types = { NULL, 0 };
	const struct postgresql_relation relation = {
		.oid = 1, .schema = TEXT("public"), .table = TEXT("orders"), .replica_identity = 'f',
		.columns = columns, .column_count = COLUMN_COUNT,
	};
	const struct postgresql_table_options options = {
		.source = TEXT("shop"), .database = TEXT("app"), .types = &types,
	};
	struct error err = { 0 };

	if (postgresql_table_create(&relation, &options, &bench->table, &err) != 0)
		bench_die(err.text);
}

static void encode(struct bench *bench, const struct pgoutput_tuple *tuple, const struct pgoutput_tuple *old)
{
	struct error err = { 0 };

	bench->row.size = 0;
	bench->key.size = 0;
	if (postgresql_table_encode(bench->table, tuple, old, &bench->row, &bench->key, &err) != 0)
		bench_die(err.text);
	bench->sum += bench->row.size + bench->key.size;
}

static void decode_and_encode(struct bench *bench, const struct input *input)
{
	struct pgoutput_message message;
	struct error err = { 0 };

	if (pgoutput_decode((struct bytes){ input->bytes, input->size }, &message, &err) != 0)
		bench_die(err.text);
	if (message.row.old.kind != PGOUTPUT_TUPLE_NONE)
		encode(bench, &message.row.old, NULL);
	encode(bench, &message.row.new, &message.row.old);
}

static void insert_step(struct bench *bench)
{
	decode_and_encode(bench, &bench->insert);
}

static void update_step(struct bench *bench)
{
	decode_and_encode(bench, &bench->update);
}

static void binary_step(struct bench *bench)
{
	decode_and_encode(bench, &bench->binary);
}

static void line_step(struct bench *bench)
{
	struct error err = { 0 };

	/* The line is changed as it is read. */
	memcpy(bench->copy, bench->line.bytes, bench->line.size);
	bench->row.size = 0;
	bench->key.size = 0;
	if (postgresql_table_encode_copy(bench->table, bench->copy, bench->line.size, &bench->row, &bench->key, &err) != 0)
		bench_die(err.text);
	bench->sum += bench->row.size + bench->key.size;
}

static void memcpy_step(struct bench *bench)
{
	memcpy(bench->copy, bench->insert.bytes, bench->insert.size);
	bench->sum += bench->copy[bench->sum % bench->insert.size];
}

static void report(bool json, const char *name, double per_s, size_t bytes, double peer_per_s)
{
	if (json)
		printf("{\"bench\":\"%s\",\"events\":1,\"per_s\":%.0f,\"gb_per_s\":%.2f,\"peer\":\"memcpy\","
		       "\"peer_per_s\":%.0f,\"ratio\":%.3f}\n",
		       name, per_s, per_s * (double)bytes / 1e9, peer_per_s, per_s / peer_per_s);
	else
		printf("%-16s %12.0f rows/s  %6.2f GB/s   %.3f of memcpy\n", name, per_s,
		       per_s * (double)bytes / 1e9, per_s / peer_per_s);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
	static struct bench bench;

	if (argc > 1 && !json) {
		fprintf(stderr, "usage: bench_pgoutput [--json]\n");
		return 64;
	}
	make_inputs(&bench);
	make_table(&bench);
	const double peer_per_s = bench_rate(&bench, memcpy_step);
	report(json, "pgoutput insert", bench_rate(&bench, insert_step), bench.insert.size, peer_per_s);
	report(json, "pgoutput update", bench_rate(&bench, update_step), bench.update.size, peer_per_s);
	report(json, "pgoutput binary", bench_rate(&bench, binary_step), bench.binary.size, peer_per_s);
	report(json, "copy line", bench_rate(&bench, line_step), bench.line.size, peer_per_s);
	postgresql_table_destroy(bench.table);
	msgpack_sbuffer_destroy(&bench.row);
	msgpack_sbuffer_destroy(&bench.key);
	return EXIT_SUCCESS;
}
