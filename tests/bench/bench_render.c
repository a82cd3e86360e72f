/* How fast changes are rendered, in memory, on one core: an update of ten columns with both rows.
 *
 *	bench_render [--json]
 */
#include "protocol/change.h"
#include "protocol/position.h"
#include "protocol/render.h"
#include "tests/bench/bench_rate.h"

#include <inttypes.h>
#include <msgpack/pack.h>
#include <stdio.h>

#define COLUMNS     10

#define LENT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

struct bench {
	msgpack_sbuffer schema, value;
	struct render *render;
	struct render_record record;
	struct text text;
	uint64_t bytes;
};

static void make_schema(struct bench *bench)
{
#define COLUMN(text, kind, native, digits, behind) \
	{ .name = LENT(text), .type = LOGICAL_##kind, .native_type = LENT(native), .length = digits, \
	  .scale = behind, .flags = SCHEMA_COLUMN_OPTIONAL }
	struct schema_column columns[COLUMNS] = {
		COLUMN("id", INT64, "bigint", -1, -1),
		COLUMN("customer_id", INT32, "integer", -1, -1),
		COLUMN("status", STRING, "text", -1, -1),
		COLUMN("description", STRING, "character varying", 200, -1),
		COLUMN("total", DECIMAL, "numeric", 12, 2),
		COLUMN("weight", FLOAT64, "double precision", -1, -1),
		COLUMN("is_paid", BOOL, "boolean", -1, -1),
		COLUMN("created_at", TIMESTAMPTZ, "timestamp with time zone", -1, -1),
		COLUMN("due_on", DATE, "date", -1, -1),
		COLUMN("reference", UUID, "uuid", -1, -1),
	};
	columns[0].key_position = 1;
	columns[0].flags = 0;
	const struct schema schema = { LENT("shop"), LENT("shopdb"), LENT("public"), LENT("orders"), columns,
				       COLUMNS };
	msgpack_sbuffer_init(&bench->schema);
	if (schema_encode(&bench->schema, &schema, NULL) != 0)
		bench_die("cannot encode the schema");
}

static void pack_row(msgpack_sbuffer *buffer, const char *status, int64_t customer)
{
	static const char description[] = "two boxes of screws, one hammer, and a note that nobody reads";
	static const char reference[] = "0123456789abcdef";
	msgpack_packer packer;
	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, COLUMNS);
	msgpack_pack_int64(&packer, INT64_C(98765432100));
	msgpack_pack_int64(&packer, customer);
	msgpack_pack_str_with_body(&packer, status, strlen(status));
	msgpack_pack_str_with_body(&packer, description, sizeof(description) - 1);
	msgpack_pack_str_with_body(&packer, "1234567.89", 10);
	msgpack_pack_double(&packer, 12.75);
	msgpack_pack_true(&packer);
	msgpack_pack_int64(&packer, INT64_C(1700000000123456));
	msgpack_pack_int64(&packer, 19700);
	msgpack_pack_bin_with_body(&packer, reference, 16);
}

static void make_change(struct bench *bench, bool has_before)
{
	msgpack_sbuffer before, after;
	uint8_t position[POSITION_BYTES_MAX];
	const struct position at = { POSITION_POSTGRESQL, SNAPSHOT_NO, 7777, 33000256, 33000512 };

	msgpack_sbuffer_init(&before);
	msgpack_sbuffer_init(&after);
	pack_row(&before, "NEW", 4711);
	pack_row(&after, "PAID", 4711);
	const struct change change = {
		.op = CHANGE_UPDATE, .schema_id = 1,
		.before = has_before ? (struct bytes){ (const uint8_t *)before.data, before.size }
				     : (struct bytes){ 0 },
		.after = { (const uint8_t *)after.data, after.size },
		.source_time_us = INT64_C(1700000000000000),
		.position = { position, position_encode(position, &at) },
	};
	msgpack_sbuffer_init(&bench->value);
	if (change_encode(&bench->value, &change, NULL) != 0)
		bench_die("cannot encode the change");
	msgpack_sbuffer_destroy(&after);
	msgpack_sbuffer_destroy(&before);
	bench->record = (struct render_record){
		.topic = "shop.public.orders", .offset = 12345, .time_us = INT64_C(1700000001000000),
		.value = { CONTENT_ARRAY, { (const uint8_t *)bench->value.data, bench->value.size } },
	};
}

static int find_schema(void *user, uint32_t id, struct bytes *out, struct error *err)
{
	const struct bench *bench = user;
	(void)id;
	(void)err;
	*out = (struct bytes){ (const uint8_t *)bench->schema.data, bench->schema.size };
	return 0;
}

static void render_step(struct bench *bench)
{
	text_empty(&bench->text);
	if (render_open(bench->render, &bench->record, NULL) < 0 ||
	    render_value(bench->render, &bench->text, NULL) != 0)
		bench_die("cannot render");
}

static void run(const char *format, bool has_before, bool is_json)
{
	struct bench bench = { 0 };
	struct render_options options;
	render_options_init(&options);
	text_init(&bench.text);
	make_schema(&bench);
	make_change(&bench, has_before);
	if (render_options_set_format(&options, format, NULL) != 0 ||
	    render_create(&options, find_schema, &bench, &bench.render, NULL) != 0)
		bench_die("cannot begin");
	double per_s = bench_rate(&bench, render_step);
	bench.bytes = bench.text.buffer.size;
	const char *rows = has_before ? "before and after" : "after";
	if (is_json)
		printf("{\"bench\":\"render\",\"format\":\"%s\",\"rows\":\"%s\",\"columns\":%d,\"bytes\":%" PRIu64
		       ",\"per_s\":%.0f,\"ns\":%.0f}\n", format, rows, COLUMNS, bench.bytes, per_s, 1e9 / per_s);
	else
		printf("%-16s %-17s %6" PRIu64 " bytes %10.0f/s %6.0f ns\n", format, rows, bench.bytes, per_s,
		       1e9 / per_s);
	render_destroy(bench.render);
	text_clear(&bench.text);
	msgpack_sbuffer_destroy(&bench.value);
	msgpack_sbuffer_destroy(&bench.schema);
}

int main(int argc, char **argv)
{
	static const char *const formats[] = { "debezium", "debezium-schema", "flat", "pretty" };
	bool is_json = argc == 2 && strcmp(argv[1], "--json") == 0;
	if (argc > 1 && !is_json) {
		fputs("usage: bench_render [--json]\n", stderr);
		return 64;
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		run(formats[i], false, is_json);
		run(formats[i], true, is_json);
	}
	return 0;
}
