#include "tests/support/example_log.h"

#include "protocol/change.h"
#include "storage/groups.h"
#include "storage/schemas.h"
#include "storage/sources.h"
#include "storage/topics.h"
#include "storage/transaction.h"
#include "tests/support/hex.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* 2026-01-02T03:04:05Z; each commit is a second later than the one before. */
#define START_US INT64_C(1767323045000000)

struct example {
	struct store *store;
	struct appender *appender;
	atomic_llong now_us;
	uint16_t shop;
	uint32_t orders;
	uint32_t types;
	uint32_t events;
	uint32_t bulk;
	uint64_t index;                 /* of the next change in its transaction */
	bool has_misfits;
};

static void need(int rc, const struct error *err)
{
	if (rc == 0)
		return;
	fprintf(stderr, "example_log: %s\n", err->text);
	abort();
}

static int64_t wall_us(void *user)
{
	struct example *example = user;
	return atomic_load(&example->now_us);
}

static int64_t monotonic_us(void *user)
{
	(void)user;
	return 0;
}

static uint32_t make_topic(struct example *example, const char *name, uint32_t partition_count,
			   uint16_t owner_source_id, const char *retention_ms)
{
	struct topic topic = { .partition_count = partition_count,
			       .owner_source_id = owner_source_id };
	struct error err = { 0 };
	snprintf(topic.name, sizeof(topic.name), "%s", name);
	topic_config_init(&topic.config);
	if (retention_ms != NULL)
		need(topic_config_set(&topic.config, "retention.ms", retention_ms, &err), &err);
	need(topics_create(example->appender, &topic, &err), &err);
	return topic.id;
}

static struct submission *begin(struct example *example, uint16_t source_id)
{
	struct submission *submission;
	struct error err = { 0 };
	example->index = 0;
	need(submission_create(&submission, source_id, &err), &err);
	return submission;
}

static void end(struct example *example, struct submission *submission, const char *position)
{
	struct error err = { 0 };
	if (position != NULL)
		need(submission_set_position(submission, bytes_of_text(position), &err), &err);
	need(appender_submit(example->appender, submission, &err), &err);
	need(appender_flush(example->appender, &err), &err);
	atomic_fetch_add(&example->now_us, 1000000);
}

static struct content array_of(uint8_t room[4096], const char *hex)
{
	if (hex == NULL)
		return (struct content){ .kind = CONTENT_NIL };
	size_t size = hex_bytes(room, 4096, hex);
	return (struct content){ CONTENT_ARRAY, { room, size } };
}

struct written {
	enum change_op op;
	const char *key;                /* hex */
	const char *before;
	const char *after;
};

static void add_change(struct example *example, struct submission *submission, uint32_t topic_id,
		       uint32_t partition, uint32_t schema_id, const struct written *written)
{
	uint8_t key[4096], before[4096], after[4096];
	msgpack_sbuffer encoded;
	struct error err = { 0 };
	struct change change = {
		.op = written->op,
		.schema_id = schema_id,
		.before = array_of(before, written->before).bytes,
		.after = array_of(after, written->after).bytes,
		.source_time_us = atomic_load(&example->now_us) - 250000,
		.position = bytes_of_text("0/16B3748"),
		.index = example->index++,
	};
	struct content key_content = array_of(key, written->key);
	msgpack_sbuffer_init(&encoded);
	need(change_encode(&encoded, &change, &err), &err);
	struct content value = { CONTENT_ARRAY, { (const uint8_t *)encoded.data, encoded.size } };
	need(submission_add(submission, topic_id, partition, &key_content, &value,
			    (struct bytes){ NULL, 0 }, 0, &err), &err);
	msgpack_sbuffer_destroy(&encoded);
}

static void add_tombstone(struct submission *submission, uint32_t topic_id, const char *key)
{
	uint8_t room[4096];
	struct content key_content = array_of(room, key), nothing = { .kind = CONTENT_NIL };
	struct error err = { 0 };
	need(submission_add(submission, topic_id, 0, &key_content, &nothing,
			    (struct bytes){ NULL, 0 }, 0, &err), &err);
}

static uint32_t add_schema(struct example *example, struct submission *submission,
			   struct schema *schema)
{
	msgpack_sbuffer encoded;
	struct error err = { 0 };
	bool is_stored;
	uint32_t id;
	msgpack_sbuffer_init(&encoded);
	need(schema_encode(&encoded, schema, &err), &err);
	struct bytes bytes = { (const uint8_t *)encoded.data, encoded.size };
	need(schemas_reserve(example->appender, bytes, &id, &is_stored, &err), &err);
	need(submission_add_schema(submission, id, bytes, &err), &err);
	msgpack_sbuffer_destroy(&encoded);
	return id;
}

#define TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

static uint32_t add_schema_of_orders(struct example *example, struct submission *submission)
{
	static struct bytes labels[] = { TEXT("NEW"), TEXT("PAID") };
	struct schema_column columns[] = {
		{ .name = TEXT("id"), .type = LOGICAL_INT64, .native_type = TEXT("bigint"),
		  .length = -1, .scale = -1, .key_position = 1 },
		{ .name = TEXT("status"), .type = LOGICAL_ENUM, .native_type = TEXT("order_status"),
		  .length = -1, .scale = -1, .default_text = TEXT("'NEW'"), .labels = labels,
		  .label_count = 2 },
		{ .name = TEXT("total"), .type = LOGICAL_DECIMAL, .native_type = TEXT("numeric"),
		  .length = 10, .scale = 2, .flags = SCHEMA_COLUMN_OPTIONAL },
		{ .name = TEXT("gross total"), .type = LOGICAL_DECIMAL, .native_type = TEXT("numeric"),
		  .length = 10, .scale = 2,
		  .flags = SCHEMA_COLUMN_OPTIONAL | SCHEMA_COLUMN_GENERATED },
		{ .name = TEXT("note"), .type = LOGICAL_STRING, .native_type = TEXT("text"),
		  .length = -1, .scale = -1, .flags = SCHEMA_COLUMN_OPTIONAL },
	};
	struct schema schema = { TEXT("shop"), TEXT("shopdb"), TEXT("public"), TEXT("orders"),
				 columns, sizeof(columns) / sizeof(columns[0]) };
	return add_schema(example, submission, &schema);
}

/* [id, status, total, gross total, note] */
#define ORDER_1       "95 01 a3 4e4557 a5 31322e3530 a5 31342e3838 a9 6c65617665 206279 f0"
#define ORDER_1_NEW   "95 01 a3 4e4557 a5 31322e3530 a5 31342e3838 a4 646f6f72"
#define ORDER_1_PAID  "95 01 a4 50414944 a5 31322e3530 a5 31342e3838 c70001"
#define ORDER_2       "95 02 a3 4e4557 c0 c0 c0"

static void write_orders(struct example *example)
{
	static const struct written first[] = {
		{ CHANGE_READ, "91 01", NULL, ORDER_1_NEW },
		{ CHANGE_READ, "91 02", NULL, ORDER_2 },
	};
	static const struct written second[] = {
		{ CHANGE_UPDATE, "91 01", ORDER_1_NEW, ORDER_1_PAID },
		{ CHANGE_DELETE, "91 02", ORDER_2, NULL },
	};
	static const struct written others[] = {
		{ CHANGE_CREATE, "91 03", NULL, "95 03 a3 4e4557 d40203 d40203 a0" },
		{ CHANGE_TRUNCATE, NULL, NULL, NULL },
	};
	static const struct written message =
		{ CHANGE_MESSAGE, NULL, NULL, "92 a6 707265666978 c403 00ff41" };
	static const struct written misfit = { CHANGE_CREATE, "91 04", NULL, "92 04 a3 4e4557" };
	struct submission *submission = begin(example, example->shop);
	uint32_t schema_id = add_schema_of_orders(example, submission);
	for (size_t i = 0; i < 2; i++)
		add_change(example, submission, example->orders, 0, schema_id, &first[i]);
	end(example, submission, "0/16B3748");
	submission = begin(example, example->shop);
	for (size_t i = 0; i < 2; i++)
		add_change(example, submission, example->orders, 0, schema_id, &second[i]);
	add_tombstone(submission, example->orders, "91 02");
	end(example, submission, "0/16B3800");
	submission = begin(example, example->shop);
	for (size_t i = 0; i < 2; i++)
		add_change(example, submission, example->orders, 1, schema_id, &others[i]);
	end(example, submission, "0/16B3888");
	submission = begin(example, example->shop);
	add_change(example, submission, example->orders, 0, 0, &message);
	if (example->has_misfits) {
		add_change(example, submission, example->orders, 0, schema_id, &misfit);
		/* This id meets that of schema 1 where a tool keeps a few of them. */
		add_change(example, submission, example->orders, 0, 65, &misfit);
	}
	end(example, submission, "0/16B3900");
}

/* A column of each logical type, and what its values look like, encoded. */
static const struct sample {
	enum logical_type type;
	enum logical_type element_type;
	const char *value;
	const char *other;              /* a special or an unusual one */
} samples[] = {
	{ LOGICAL_BOOL, 0, "c3", "c2" },
	{ LOGICAL_INT16, 0, "d18000", "00" },
	{ LOGICAL_INT32, 0, "ce7fffffff", "ff" },
	{ LOGICAL_INT64, 0, "d38000000000000000", "cf7fffffffffffffff" },
	{ LOGICAL_UINT64, 0, "cfffffffffffffffff", "00" },
	{ LOGICAL_FLOAT32, 0, "ca3dcccccd", "ca7fc00000" },
	{ LOGICAL_FLOAT64, 0, "cb3fd3333333333334", "d40202" },
	{ LOGICAL_DECIMAL, 0, "b7 3132333435363738393031323334353637382e39303132", "d40203" },
	{ LOGICAL_STRING, 0, "a8 4ac3b672670a2209", "a6 1b5b306dff41" },
	{ LOGICAL_BYTES, 0, "c403 00ff41", "c400" },
	{ LOGICAL_DATE, 0, "cd5007", "d40201" },
	{ LOGICAL_TIME, 0, "cf0000000ef725edfa", "cf000000141dd76000" },
	{ LOGICAL_TIMETZ, 0, "92 cf0000000ef725edfa cd1c20", "92 00 d1ce c8" },
	{ LOGICAL_TIMESTAMP, 0, "cf0006475ef64cf346", "d40202" },
	{ LOGICAL_TIMESTAMPTZ, 0, "cf0006475ef64cf346", "d3ff23400100d44000" },
	{ LOGICAL_INTERVAL, 0, "93 0e 03 cf00000003 6c966ee0", "93 00 ff 00" },
	{ LOGICAL_UUID, 0, "c410 123e4567e89b12d3a456426614174000", "c70001" },
	{ LOGICAL_JSON, 0, "af 7b2261223a205b312c20325d207d20", "a4 6e756c6c" },
	{ LOGICAL_XML, 0, "a4 3c612f3e", "a5 3c613e0a3e" },
	{ LOGICAL_ENUM, 0, "a4 50414944", "a0" },
	{ LOGICAL_SET, 0, "92 a161 a162", "90" },
	{ LOGICAL_BIT, 0, "a4 30313031", "a1 31" },
	{ LOGICAL_ARRAY, LOGICAL_INT32, "93 01 c0 02", "92 92 01 02 92 03 04" },
	{ LOGICAL_POINT, 0, "92 cb3ff8000000000000 cb4000000000000000",
	  "92 cb7ff0000000000000 cb8000000000000000" },
	{ LOGICAL_GEOMETRY, 0, "92 cd10e6 c4020101", "92 c0 c4020102" },
	{ LOGICAL_INET, 0, "aa 31302e302e302e302f38", "a3 3a3a31" },
	{ LOGICAL_OID, 0, "ceffffffff", "00" },
	{ LOGICAL_BSON, 0, "c405 0500000000", "c405 0500000000" },
	{ LOGICAL_TEXT, 0, "a5 28312c3229", "ab 303030302d30302d3030 20" },
};

enum { SAMPLE_COUNT = sizeof(samples) / sizeof(samples[0]) };

/* An array of SAMPLE_COUNT values, as hex. */
static void row_of(char *out, size_t room, int which)
{
	size_t used = (size_t)snprintf(out, room, "dc%04x", SAMPLE_COUNT);
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		const char *value = which == 0 ? samples[i].value
				    : which == 1 ? samples[i].other : "c0";
		used += (size_t)snprintf(out + used, room - used, " %s", value);
	}
}

static void write_types(struct example *example)
{
	struct schema_column columns[SAMPLE_COUNT];
	char rows[3][2048], long_row[8192];
	struct submission *submission = begin(example, example->shop);
	for (size_t i = 0; i < SAMPLE_COUNT; i++)
		columns[i] = (struct schema_column){
			.name = bytes_of_text(logical_type_name(samples[i].type)),
			.type = samples[i].type,
			.element_type = samples[i].element_type,
			.native_type = bytes_of_text("native"),
			.length = -1,
			.scale = -1,
			.flags = SCHEMA_COLUMN_OPTIONAL,
		};
	struct schema schema = { TEXT("shop"), TEXT("shopdb"), TEXT("public"), TEXT("types"), columns,
				 SAMPLE_COUNT };
	uint32_t schema_id = add_schema(example, submission, &schema);
	for (int which = 0; which < 3; which++)
		row_of(rows[which], sizeof(rows[which]), which);
	const struct written changes[] = {
		{ CHANGE_CREATE, NULL, NULL, rows[0] },
		{ CHANGE_UPDATE, NULL, rows[0], rows[1] },
		{ CHANGE_UPDATE, NULL, rows[1], rows[2] },
	};
	for (size_t i = 0; i < 3; i++)
		add_change(example, submission, example->types, 0, schema_id, &changes[i]);

	/* One text of 1200 bytes. */
	columns[0].type = LOGICAL_STRING;
	columns[0].name = (struct bytes)TEXT("long");
	schema.column_count = 1;
	schema_id = add_schema(example, submission, &schema);
	size_t used = (size_t)snprintf(long_row, sizeof(long_row), "91 da04b0");
	for (int i = 0; i < 1200; i++)
		used += (size_t)snprintf(long_row + used, sizeof(long_row) - used, "%02x", 'a' + i % 26);
	add_change(example, submission, example->types, 0, schema_id,
		   &(struct written){ CHANGE_CREATE, NULL, NULL, long_row });
	end(example, submission, "0/16B3999");
}

static void publish(struct submission *submission, uint32_t topic_id, struct bytes key,
		    struct bytes value, struct bytes headers)
{
	struct error err = { 0 };
	struct content contents[] = { { key.data == NULL ? CONTENT_NIL : CONTENT_BYTES, key },
				      { value.data == NULL ? CONTENT_NIL : CONTENT_BYTES, value } };
	need(submission_add(submission, topic_id, 0, &contents[0], &contents[1], headers, 0, &err),
	     &err);
}

static void write_events(struct example *example)
{
	static const struct bytes nil = { NULL, 0 }, bytes = TEXT("\x00\xff\x1b"),
				  key = TEXT("Jörg"), value = TEXT("{\"n\": 1}"), empty = TEXT("");
	struct submission *submission = begin(example, SOURCE_PUBLISHED);
	msgpack_sbuffer headers;
	struct error err = { 0 };
	msgpack_sbuffer_init(&headers);
	need(record_headers_begin(&headers, 3, &err), &err);
	need(record_headers_add(&headers, bytes_of_text("trace"), bytes_of_text("abc 1"), &err), &err);
	need(record_headers_add(&headers, bytes_of_text("sum"), bytes, &err), &err);
	need(record_headers_add(&headers, bytes_of_text("none"), nil, &err), &err);
	struct bytes encoded = { (const uint8_t *)headers.data, headers.size };
	publish(submission, example->events, key, value, encoded);
	publish(submission, example->events, nil, bytes, nil);
	publish(submission, example->events, bytes, empty, nil);
	publish(submission, example->events, key, nil, nil);
	end(example, submission, NULL);
	msgpack_sbuffer_destroy(&headers);
}

static void write_bulk(struct example *example)
{
	struct submission *submission = begin(example, SOURCE_PUBLISHED);
	uint8_t value[100];
	memset(value, 'x', sizeof(value));
	for (int i = 0; i < EXAMPLE_LOG_BULK; i++)
		publish(submission, example->bulk, (struct bytes){ NULL, 0 },
			(struct bytes){ value, sizeof(value) }, (struct bytes){ NULL, 0 });
	end(example, submission, NULL);
}

static void on_committed(void *user, const struct error *err)
{
	(void)user;
	need(err == NULL ? 0 : -1, err);
}

static void commit_offsets(struct example *example)
{
	const struct group_offset offsets[] = {
		{ .topic_id = example->orders, .partition = 0, .offset = 5 },
		{ .topic_id = example->events, .partition = 0, .offset = 4,
		  .metadata = bytes_of_text("seen by a") },
	};
	struct error err = { 0 };
	need(groups_commit(example->appender, bytes_of_text("billing"), offsets, 2, on_committed, NULL,
			   &err), &err);
	need(appender_flush(example->appender, &err), &err);
}

/* A transaction's first part; its end never comes. */
static void leave_one_open(struct example *example)
{
	struct submission *submission = begin(example, example->shop);
	add_change(example, submission, example->orders, 1, 1,
		   &(struct written){ CHANGE_CREATE, "91 09", NULL, ORDER_2 });
	submission_set_continues(submission);
	end(example, submission, NULL);
}

static void write_everything(struct example *example)
{
	struct error err = { 0 };
	uint16_t crm;
	need(sources_register(example->appender, "shop", &example->shop, &err), &err);
	need(sources_register(example->appender, "crm", &crm, &err), &err);
	example->orders = make_topic(example, "shop.public.orders", 2, example->shop, "3600000");
	example->types = make_topic(example, "shop.public.types", 1, example->shop, NULL);
	example->events = make_topic(example, "events", 1, SOURCE_PUBLISHED, "-1");
	example->bulk = make_topic(example, "bulk", 1, SOURCE_PUBLISHED, NULL);
	make_topic(example, "empty", 1, crm, NULL);
	write_orders(example);
	write_types(example);
	write_events(example);
	write_bulk(example);
	need(sources_set_state(example->appender, example->shop, 2, "", &err), &err);
	need(sources_set_state(example->appender, crm, 5, "the slot 'crm' is gone", &err), &err);
	commit_offsets(example);
	leave_one_open(example);
}

/* A store has an identity of its own, made of random bytes: not this one. */
static void set_instance(struct store *store)
{
	struct error err = { 0 };
	struct transaction transaction;
	uint8_t value[INSTANCE_ID_BYTES + SEAL_BYTES] = { 0xab, 0xcd };
	store_u32(value + INSTANCE_ID_BYTES,
		  seal_of(value, INSTANCE_ID_BYTES, bytes_of_text(META_INSTANCE)));
	need(transaction_begin(&transaction, store, &err), &err);
	transaction_put(&transaction, TABLE_META, bytes_of_text(META_INSTANCE),
			(struct bytes){ value, sizeof(value) });
	need(transaction_commit(&transaction, &err), &err);
}

static void write_log(const char *dir, bool has_misfits)
{
	struct example example = { .now_us = START_US, .has_misfits = has_misfits };
	struct store_options store_options = { .dir = dir, .map_bytes = UINT64_C(256) << 20 };
	struct appender_options appender_options = {
		.clock = { wall_us, monotonic_us, &example },
	};
	struct error err = { 0 };
	need(store_open(&example.store, &store_options, &err), &err);
	set_instance(example.store);
	need(appender_start(&example.appender, example.store, &appender_options, &err), &err);
	write_everything(&example);
	appender_stop(example.appender);
	store_close(example.store);
}

void example_log_write(const char *dir)
{
	write_log(dir, false);
}

/* Turn one bit of a stored value. */
static void damage(struct transaction *transaction, enum table table, struct bytes key, size_t at)
{
	struct error err = { 0 };
	struct bytes value;
	uint8_t *copy;
	if (transaction_get(transaction, table, key, &value) != 1)
		abort();
	copy = malloc(value.size);
	memcpy(copy, value.data, value.size);
	copy[at] ^= 0x10;
	transaction_put(transaction, table, key, (struct bytes){ copy, value.size });
	free(copy);
	need(transaction_failed(transaction, &err), &err);
}

void example_log_write_damaged(const char *dir)
{
	struct store_options options = { .dir = dir, .map_bytes = UINT64_C(256) << 20 };
	struct transaction transaction;
	struct store *store;
	struct error err = { 0 };
	uint8_t batch[BATCH_KEY_BYTES], schema[SCHEMA_KEY_BYTES];
	batch_key_encode(batch, 1, 0, 2);
	schema_key_encode(schema, 3);
	write_log(dir, true);
	need(store_open(&store, &options, &err), &err);
	need(transaction_begin(&transaction, store, &err), &err);
	damage(&transaction, TABLE_LOG, (struct bytes){ batch, sizeof(batch) }, 60);
	damage(&transaction, TABLE_SCHEMAS, (struct bytes){ schema, sizeof(schema) }, 5);
	damage(&transaction, TABLE_TOPICS, bytes_of_text("empty"), 1);
	need(transaction_commit(&transaction, &err), &err);
	store_close(store);
}
