#include "capture/pgoutput.h"

#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Messages that a PostgreSQL 15 sent (long values cut), and what they say. */
static const struct golden {
	const char *hex;
	const char *text;
} goldens[] = {
	{ "42 00000000019f4f28 000303f4240eb508 00000303",
	  "begin 19f4f28, 1795456841979144 us, xid 771" },
	{ "43 00 00000000019f4f28 00000000019f4f58 000303f4240eb508",
	  "commit 19f4f28, end 19f4f58, 1795456841979144 us" },
	{ "4f 0000000012345678 6f3100",
	  "origin 12345678 o1" },
	/* A domain is announced with its base type's name. */
	{ "59 0000403c 00 6e756d6572696300",
	  "type 16444 pg_catalog.numeric" },
	{ "59 00004037 7075626c696300 6d6f6f6400",
	  "type 16439 public.mood" },
	{ "52 0000403d 7075626c696300 6400 64 0006"
	  " 01 696400 00000017 ffffffff  00 6e616d6500 00000413 00000018"
	  " 00 616d6f756e7400 0000403c ffffffff  00 62696700 00000019 ffffffff"
	  " 00 6d6f6f6400 00004037 ffffffff  00 7461677300 000003f1 ffffffff",
	  "relation 16445 public.d identity d: id* 23/-1, name 1043/24, amount 16444/-1,"
	  " big 25/-1, mood 16439/-1, tags 1009/-1" },
	{ "52 00004045 7075626c696300 6600 66 0002"
	  " 01 6100 00000017 ffffffff  01 6200 00000019 ffffffff",
	  "relation 16453 public.f identity f: a* 23/-1, b* 25/-1" },
	{ "52 00000a2f 00 6300 6e 0000",
	  "relation 2607 pg_catalog.c identity n:" },
	{ "49 0000403d 4e 0006 74 00000001 32  74 00000003 626f62  6e 6e 6e 6e",
	  "insert 16445 N('2' 'bob' null null null null)" },
	{ "49 0000403d 4e 0002 62 00000004 00000002  74 00000000",
	  "insert 16445 N(b00000002 '')" },
	{ "49 0000403d 4e 0000",
	  "insert 16445 N()" },
	{ "55 0000403d 4e 0006 74 00000001 31  74 00000004 616e6e61  74 00000005 31322e3530"
	  " 75  74 00000005 6861707079  74 0000000e 7b612c4e554c4c2c22622063227d",
	  "update 16445 N('1' 'anna' '12.50' unchanged 'happy' '{a,NULL,\"b c\"}')" },
	{ "55 0000404a 4b 0003 6e 74 00000001 6b 6e  4e 0003 74 00000001 31  74 00000001 6c 6e",
	  "update 16458 K(null 'k' null) N('1' 'l' null)" },
	{ "55 00004045 4f 0002 74 00000001 31  74 00000002 7979  4e 0002 74 00000001 32  75",
	  "update 16453 O('1' 'yy') N('2' unchanged)" },
	{ "44 0000404a 4b 0003 6e 74 00000001 6c 6e",
	  "delete 16458 K(null 'l' null)" },
	{ "44 00004045 4f 0002 74 00000001 32  74 00000002 7979",
	  "delete 16453 O('2' 'yy')" },
	{ "54 00000002 03 0000403d 00004045",
	  "truncate flags 3: 16445 16453" },
	{ "54 00000000 00",
	  "truncate flags 0:" },
	{ "4d 01 00000000019f9238 70726500 00000007 636f6e74656e74",
	  "message transactional 19f9238 pre: content" },
	{ "4d 00 00000000019f92a8 70726500 00000003 6e6f77",
	  "message at once 19f92a8 pre: now" },
};

enum { GOLDEN_COUNT = sizeof(goldens) / sizeof(goldens[0]), MESSAGE_BYTES_MAX = 512 };

static char text[1024];
static size_t text_size;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_size += (size_t)vsnprintf(text + text_size, sizeof(text) - text_size, format, arguments);
	va_end(arguments);
	assert_true(text_size < sizeof(text));
}

#define TEXT(bytes) (int)(bytes).size, (const char *)(bytes).data

static void say_tuple(struct pgoutput_tuple tuple)
{
	struct pgoutput_field field;
	bool is_first = true;

	if (tuple.kind == PGOUTPUT_TUPLE_NONE)
		return;
	for (say(" %c(", tuple.kind); pgoutput_tuple_next(&tuple, &field); is_first = false) {
		say("%s", is_first ? "" : " ");
		switch (field.kind) {
		case PGOUTPUT_FIELD_NULL: say("null"); break;
		case PGOUTPUT_FIELD_UNCHANGED: say("unchanged"); break;
		case PGOUTPUT_FIELD_TEXT: say("'%.*s'", TEXT(field.bytes)); break;
		case PGOUTPUT_FIELD_BINARY:
			say("b");
			for (size_t i = 0; i < field.bytes.size; i++)
				say("%02x", field.bytes.data[i]);
			break;
		}
		assert_int_equal(field.bytes.data == NULL,
				 field.kind == PGOUTPUT_FIELD_NULL || field.kind == PGOUTPUT_FIELD_UNCHANGED);
	}
	assert_int_equal(tuple.fields.size, 0);
	say(")");
}

static void say_relation(struct pgoutput_relation relation)
{
	struct pgoutput_column column;
	bool is_first = true;

	say("relation %u %.*s.%.*s identity %c:", relation.oid, TEXT(relation.schema),
	    TEXT(relation.table), relation.replica_identity);
	for (; pgoutput_column_next(&relation, &column); is_first = false)
		say("%s %.*s%s %u/%d", is_first ? "" : ",", TEXT(column.name), column.is_identity ? "*" : "",
		    column.type_oid, column.type_modifier);
	assert_int_equal(relation.columns.size, 0);
}

static void say_message(const struct pgoutput_message *message)
{
	text_size = 0;
	switch (message->kind) {
	case PGOUTPUT_BEGIN:
		say("begin %llx, %lld us, xid %u", (unsigned long long)message->begin.commit_lsn,
		    (long long)message->begin.commit_time_us, message->begin.transaction_id);
		break;
	case PGOUTPUT_COMMIT:
		say("commit %llx, end %llx, %lld us", (unsigned long long)message->commit.commit_lsn,
		    (unsigned long long)message->commit.end_lsn, (long long)message->commit.commit_time_us);
		break;
	case PGOUTPUT_ORIGIN:
		say("origin %llx %.*s", (unsigned long long)message->origin.lsn, TEXT(message->origin.name));
		break;
	case PGOUTPUT_RELATION:
		say_relation(message->relation);
		break;
	case PGOUTPUT_TYPE:
		say("type %u %.*s.%.*s", message->type.oid, TEXT(message->type.schema), TEXT(message->type.name));
		break;
	case PGOUTPUT_INSERT:
	case PGOUTPUT_UPDATE:
	case PGOUTPUT_DELETE:
		say("%s %u", message->kind == PGOUTPUT_INSERT ? "insert" :
		    message->kind == PGOUTPUT_UPDATE ? "update" : "delete", message->row.relation_oid);
		say_tuple(message->row.old);
		say_tuple(message->row.new);
		break;
	case PGOUTPUT_TRUNCATE:
		say("truncate flags %u:", message->truncate.flags);
		for (uint32_t i = 0; i < message->truncate.relation_count; i++)
			say(" %u", pgoutput_truncate_relation(message, i));
		break;
	case PGOUTPUT_MESSAGE:
		say("message %s %llx %.*s: %.*s", message->message.is_transactional ? "transactional" : "at once",
		    (unsigned long long)message->message.lsn, TEXT(message->message.prefix),
		    TEXT(message->message.content));
		break;
	}
}

/* Decode a copy that ends where its memory ends, so that a sanitizer sees each byte
 * that is read too many. */
static int decode(const uint8_t *bytes, size_t size, struct error *err)
{
	struct pgoutput_message message = { 0 };
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	int rc = pgoutput_decode((struct bytes){ copy, size }, &message, err);
	if (rc == 0)
		say_message(&message);
	else
		assert_int_equal(message.kind, 0);
	free(copy);
	return rc;
}

static void decoded_message_says_what_the_server_sent(void **state)
{
	uint8_t bytes[MESSAGE_BYTES_MAX];
	(void)state;
	for (int i = 0; i < GOLDEN_COUNT; i++) {
		size_t size = hex_bytes(bytes, sizeof(bytes), goldens[i].hex);
		struct error err = { 0 };
		int rc = decode(bytes, size, &err);
		assert_string_equal(err.text, "");
		assert_int_equal(rc, 0);
		assert_string_equal(text, goldens[i].text);
	}
}

static void message_cut_at_any_byte_is_malformed(void **state)
{
	uint8_t bytes[MESSAGE_BYTES_MAX];
	(void)state;
	for (int i = 0; i < GOLDEN_COUNT; i++) {
		size_t size = hex_bytes(bytes, sizeof(bytes), goldens[i].hex);
		for (size_t cut = 0; cut < size; cut++) {
			struct error err = { 0 };
			assert_int_equal(decode(bytes, cut, &err), -1);
			assert_int_equal(err.code, ERROR_MALFORMED);
		}
	}
}

static void byte_behind_the_end_is_malformed(void **state)
{
	uint8_t bytes[MESSAGE_BYTES_MAX];
	(void)state;
	for (int i = 0; i < GOLDEN_COUNT; i++) {
		size_t size = hex_bytes(bytes, sizeof(bytes), goldens[i].hex);
		struct error err = { 0 };
		bytes[size] = 0;
		assert_int_equal(decode(bytes, size + 1, &err), -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
	}
}

static void message_that_is_none_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *hex;
		const char *text;
	} cases[] = {
		{ "", "a pgoutput message of no bytes" },
		/* Stream start: proto_version 2. */
		{ "53 00000001 01", "pgoutput message 0x53: it is none of proto_version 1" },
		{ "42 0000", "pgoutput message 0x42: cut short at byte 3" },
		{ "54 00000000 00 00", "pgoutput message 0x54: 1 bytes behind its end" },
		{ "54 ffffffff 00 00000001", "pgoutput message 0x54: cut short at byte 10" },
		{ "49 00000001 4b 0000", "pgoutput message 0x49: row of kind 0x4b cannot stand there" },
		{ "44 00000001 4e 0000", "pgoutput message 0x44: row of kind 0x4e cannot stand there" },
		{ "55 00000001 4b 0000 4b 0000", "pgoutput message 0x55: row of kind 0x4b cannot stand there" },
		{ "49 00000001 4e 0001 78", "pgoutput message 0x49: new row: field 1 is of kind 0x78, which is none" },
		{ "49 00000001 4e ffff 6e 6e", "pgoutput message 0x49: new row: field 3 of 65535 is cut short" },
		{ "49 00000001 4e 0001 74 ffffffff 61", "pgoutput message 0x49: new row: field 1 of 1 is cut short" },
		{ "55 00000001 4f 0001 74 7fffffff 61 4e",
		  "pgoutput message 0x55: old row: field 1 of 1 is cut short" },
		{ "52 00000001 6100 6200 78 0000", "pgoutput message 0x52: replica identity 0x78 is none" },
		{ "52 00000001 6100 6200 00 0000", "pgoutput message 0x52: replica identity 0x00 is none" },
		{ "42 0000000000000000 7fffffffffffffff 00000001",
		  "pgoutput message 0x42: commit time 9223372036854775807 is none" },
	};
	uint8_t bytes[MESSAGE_BYTES_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = hex_bytes(bytes, sizeof(bytes), cases[i].hex);
		struct error err = { 0 };
		assert_int_equal(decode(bytes, size, &err), -1);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.code, ERROR_MALFORMED);
	}
}

static void failure_without_an_error_to_fill_is_one(void **state)
{
	(void)state;
	assert_int_equal(decode((const uint8_t *)"S", 1, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoded_message_says_what_the_server_sent),
		cmocka_unit_test(message_cut_at_any_byte_is_malformed),
		cmocka_unit_test(byte_behind_the_end_is_malformed),
		cmocka_unit_test(message_that_is_none_is_refused_with_its_reason),
		cmocka_unit_test(failure_without_an_error_to_fill_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
