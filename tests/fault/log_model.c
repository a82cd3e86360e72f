#include "tests/fault/log_model.h"

#include "protocol/change.h"
#include "tests/fault/must_alloc.h"
#include "tests/support/random.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	LARGE_EVERY = 37,       /* a transaction in three parts */
	LARGE_AT = 20,
	SCHEMA_EVERY = 10,
	SCHEMA_AT = 5,
	BURST_EVERY = 16,       /* some steps in a row that nobody waits for */
	BURST_AT = 8,
	BURST_STEPS = 4,
	NUMBERS_MAX = 1024,     /* records of one step */
	ROW_HEAD_BYTES = 15,
	ROW_BYTES_MAX = 160 * 1024,
	CHANGE_HEAD_BYTES_MAX = 1024,
	SCHEMA_BYTES_MAX = 1024,
	KEY_BYTES_MAX = 64,
	HEADER_BYTES_MAX = 64,
};

#define TIME_BASE_US INT64_C(1700000000000000)

const char *const model_source_names[MODEL_SOURCES] = { "shop", "stock" };

const struct model_topic model_topics[MODEL_TOPICS] = {
	{ "shop.orders", 3, 0, NULL },
	{ "shop.recent", 2, 0, "40000" },
	{ "shop.all", 1, 0, NULL },
	{ "stock.items", 2, 1, NULL },
	{ "events", 2, -1, NULL },
};

static void describe(struct log_model *model, int number, int *schema_count)
{
	struct random random = random_seeded(model->seed, (uint64_t)number);
	struct model_step *step = &model->steps[number];
	const uint64_t dice = random_below(&random, 100);

	*step = (struct model_step){ .part_count = 1, .schema = -1, .waits = true };
	if (number % LARGE_EVERY == LARGE_AT) {
		step->part_count = 3;
		step->record_count = (int)random_between(&random, 20, 60);
	} else if (dice < 10) {
		step->kind = MODEL_PUBLISH;
		step->source = -1;
		step->record_count = (int)random_between(&random, 1, 3);
	} else if (dice < 14) {
		step->kind = MODEL_HEARTBEAT;
		step->source = (int)random_below(&random, MODEL_SOURCES);
	} else {
		step->source = random_once_in(&random, 5) ? 1 : 0;
		step->record_count = (int)random_between(&random, 1, 7);
	}
	if (number % SCHEMA_EVERY == SCHEMA_AT && step->kind == MODEL_TRANSACTION)
		step->schema = (*schema_count)++;
	/* Ids are given in the order in which schemas come, from 1. */
	step->schema_id = (uint32_t)*schema_count;
	step->waits = number % BURST_EVERY < BURST_AT || number % BURST_EVERY >= BURST_AT + BURST_STEPS;
}

void log_model_init(struct log_model *out, uint64_t seed, int step_count)
{
	uint64_t ordinals[MODEL_SOURCES] = { 0 };
	int schema_count = 0;

	*out = (struct log_model){ .seed = seed, .step_count = step_count };
	out->steps = calloc((size_t)step_count + 1, sizeof(struct model_step));
	if (out->steps == NULL) {
		perror("log_model");
		abort();
	}
	for (int number = 1; number <= step_count; number++) {
		struct model_step *step = &out->steps[number];
		describe(out, number, &schema_count);
		if (step->source < 0)
			continue;
		ordinals[step->source] += step->kind == MODEL_TRANSACTION;
		step->ordinal = ordinals[step->source];
	}
}

void log_model_clear(struct log_model *model)
{
	free(model->steps);
	*model = (struct log_model){ 0 };
}

static void fill(struct random *random, uint8_t *out, size_t size)
{
	while (size > 0) {
		uint64_t word = random_next(random);
		size_t piece = size < sizeof(word) ? size : sizeof(word);
		memcpy(out, &word, piece);
		out += piece;
		size -= piece;
	}
}

static size_t choose_size(struct random *random)
{
	const uint64_t dice = random_below(random, 100);

	if (dice < 60)
		return random_between(random, 0, 200);
	if (dice < 90)
		return random_between(random, 200, 1500);
	if (dice < 98)
		return random_between(random, 2000, 8000);
	return random_between(random, 20000, ROW_BYTES_MAX - ROW_HEAD_BYTES);
}

/* [step * 1024 + number, filler] as msgpack: what is published, and a row that
 * follows our schemas. */
static struct bytes make_row(struct random *random, int step, int number, uint8_t *out)
{
	const size_t size = choose_size(random);
	uint8_t *at = out;

	*at++ = 0x92;
	*at++ = 0xcf;
	store_u64(at, (uint64_t)step * NUMBERS_MAX + (uint64_t)number);
	at += 8;
	*at++ = 0xc6;
	store_u32(at, (uint32_t)size);
	at += 4;
	fill(random, at, size);
	return (struct bytes){ out, (size_t)(at - out) + size };
}

static struct bytes make_change(const struct model_step *step, struct bytes row, int number)
{
	static _Thread_local char bytes[ROW_BYTES_MAX + CHANGE_HEAD_BYTES_MAX];
	msgpack_sbuffer buffer;
	const struct change change = {
		.op = step->schema_id > 0 ? CHANGE_CREATE : CHANGE_MESSAGE,
		.schema_id = step->schema_id,
		.after = row,
		.source_time_us = TIME_BASE_US,
		.position = { (const uint8_t *)"0/16B3748", 9 },
		.index = (uint64_t)number,
	};

	/* It never grows: nothing is allocated, nor left by a thread that ends. */
	buffer = (msgpack_sbuffer){ .data = bytes, .alloc = sizeof(bytes) };
	if (change_encode(&buffer, &change, NULL) != 0) {
		fprintf(stderr, "log_model: a change cannot be encoded\n");
		abort();
	}
	return (struct bytes){ (const uint8_t *)buffer.data, buffer.size };
}

static struct content make_key(struct random *random, bool is_published, uint8_t *out)
{
	const size_t size = random_between(random, 1, 30);

	if (random_once_in(random, 4))
		return (struct content){ .kind = CONTENT_NIL };
	if (is_published) {
		fill(random, out, size);
		return (struct content){ CONTENT_BYTES, { out, size } };
	}
	out[0] = 0x91;
	out[1] = 0xc4;
	out[2] = (uint8_t)size;
	fill(random, out + 3, size);
	return (struct content){ CONTENT_ARRAY, { out, 3 + size } };
}

/* One header: "trace" and some bytes. */
static struct bytes make_headers(struct random *random, uint8_t *out)
{
	static const uint8_t head[] = { 0x92, 0xa5, 't', 'r', 'a', 'c', 'e', 0xc4, 16 };

	if (!random_once_in(random, 5))
		return (struct bytes){ NULL, 0 };
	memcpy(out, head, sizeof(head));
	fill(random, out + sizeof(head), 16);
	return (struct bytes){ out, sizeof(head) + 16 };
}

static int choose_topic(struct random *random, const struct model_step *step)
{
	int topic;

	do
		topic = (int)random_below(random, MODEL_TOPICS);
	while (model_topics[topic].source != step->source);
	return topic;
}

int log_model_record(const struct log_model *model, int step, int number, model_visit *visit,
		     void *user)
{
	static _Thread_local uint8_t key[KEY_BYTES_MAX];
	static _Thread_local uint8_t row[ROW_BYTES_MAX];
	static _Thread_local uint8_t headers[HEADER_BYTES_MAX];
	const struct model_step *described = &model->steps[step];
	struct random random =
		random_seeded(model->seed + 1, (uint64_t)step * NUMBERS_MAX + (uint64_t)number);
	struct model_record record = { 0 };

	record.topic = choose_topic(&random, described);
	record.partition = (uint32_t)random_below(&random, model_topics[record.topic].partition_count);
	record.part = number * described->part_count / described->record_count;
	record.key = make_key(&random, described->source < 0, key);
	record.headers = make_headers(&random, headers);
	if (random_once_in(&random, 2))
		record.time_us = TIME_BASE_US + step * INT64_C(1000) + number;
	record.value = (struct content){ CONTENT_BYTES, make_row(&random, step, number, row) };
	if (described->source >= 0)
		record.value = (struct content){
			CONTENT_ARRAY,
			make_change(described, record.value.bytes, number),
		};
	if (described->source >= 0 && random_once_in(&random, 20))
		record.value = (struct content){ .kind = CONTENT_NIL };
	return visit(user, number, &record);
}

int log_model_records(const struct log_model *model, int step, model_visit *visit, void *user)
{
	for (int number = 0; number < model->steps[step].record_count; number++) {
		int rc = log_model_record(model, step, number, visit, user);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int log_model_recognize(const struct content *value, int *out_step, int *out_number)
{
	const uint8_t *at = value->bytes.data;

	if (value->kind != CONTENT_BYTES || value->bytes.size < ROW_HEAD_BYTES || at[0] != 0x92)
		return -1;
	*out_step = (int)(load_u64(at + 2) / NUMBERS_MAX);
	*out_number = (int)(load_u64(at + 2) % NUMBERS_MAX);
	return 0;
}

struct bytes log_model_schema(const struct log_model *model, int schema)
{
	static _Thread_local uint8_t copy[SCHEMA_BYTES_MAX];
	char name[32];
	struct schema_column columns[2] = { { .type = LOGICAL_INT64, .length = -1, .scale = -1 },
					    { .type = LOGICAL_BYTES, .length = -1, .scale = -1 } };
	struct schema made = { .columns = columns, .column_count = 2 };
	msgpack_sbuffer buffer;

	snprintf(name, sizeof(name), "table_%d_%llu", schema, (unsigned long long)model->seed);
	made.source = (struct bytes){ (const uint8_t *)"shop", 4 };
	made.database = made.schema = (struct bytes){ (const uint8_t *)"", 0 };
	made.table = (struct bytes){ (const uint8_t *)name, strlen(name) };
	columns[0].name = (struct bytes){ (const uint8_t *)"id", 2 };
	columns[1].name = (struct bytes){ (const uint8_t *)"data", 4 };
	columns[0].native_type = columns[1].native_type = made.source;
	columns[0].key_position = 1;
	msgpack_sbuffer_init(&buffer);
	buffer.alloc = SCHEMA_BYTES_MAX;
	buffer.data = must_realloc(NULL, buffer.alloc);
	if (schema_encode(&buffer, &made, NULL) != 0 || buffer.size > sizeof(copy)) {
		fprintf(stderr, "log_model: a schema cannot be encoded\n");
		abort();
	}
	memcpy(copy, buffer.data, buffer.size);
	struct bytes encoded = { copy, buffer.size };
	msgpack_sbuffer_destroy(&buffer);
	return encoded;
}
