#include "protocol/value.h"

#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <msgpack.h>
#include <stdlib.h>

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define LENT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

/* Every kind of value and its bytes: these are on disk and stay as they are. */
static const struct golden {
	struct value value;
	size_t size;
	uint8_t bytes[16];
	msgpack_object_type type;       /* what msgpack-c reads from them */
} goldens[] = {
	{ { .kind = VALUE_NULL }, 1, { 0xc0 }, MSGPACK_OBJECT_NIL },
	{ { .kind = VALUE_BOOL, .boolean = true }, 1, { 0xc3 }, MSGPACK_OBJECT_BOOLEAN },
	{ { .kind = VALUE_BOOL, .boolean = false }, 1, { 0xc2 }, MSGPACK_OBJECT_BOOLEAN },
	{ { .kind = VALUE_INTEGER, .integer = 0 }, 1, { 0x00 }, MSGPACK_OBJECT_POSITIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = 127 }, 1, { 0x7f }, MSGPACK_OBJECT_POSITIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = 128 }, 2, { 0xcc, 0x80 },
	  MSGPACK_OBJECT_POSITIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = 256 }, 3, { 0xcd, 0x01, 0x00 },
	  MSGPACK_OBJECT_POSITIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = 65536 }, 5, { 0xce, 0x00, 0x01, 0x00, 0x00 },
	  MSGPACK_OBJECT_POSITIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = INT64_MAX }, 9,
	  { 0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, MSGPACK_OBJECT_POSITIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = -1 }, 1, { 0xff }, MSGPACK_OBJECT_NEGATIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = -32 }, 1, { 0xe0 }, MSGPACK_OBJECT_NEGATIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = -33 }, 2, { 0xd0, 0xdf },
	  MSGPACK_OBJECT_NEGATIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = -129 }, 3, { 0xd1, 0xff, 0x7f },
	  MSGPACK_OBJECT_NEGATIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = -32769 }, 5, { 0xd2, 0xff, 0xff, 0x7f, 0xff },
	  MSGPACK_OBJECT_NEGATIVE_INTEGER },
	{ { .kind = VALUE_INTEGER, .integer = INT64_MIN }, 9, { 0xd3, 0x80 },
	  MSGPACK_OBJECT_NEGATIVE_INTEGER },
	{ { .kind = VALUE_UNSIGNED, .number = 1ull << 63 }, 9, { 0xcf, 0x80 },
	  MSGPACK_OBJECT_POSITIVE_INTEGER },
	{ { .kind = VALUE_UNSIGNED, .number = UINT64_MAX }, 9,
	  { 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, MSGPACK_OBJECT_POSITIVE_INTEGER },
	{ { .kind = VALUE_FLOAT32, .float32 = 1.5f }, 5, { 0xca, 0x3f, 0xc0 },
	  MSGPACK_OBJECT_FLOAT32 },
	{ { .kind = VALUE_FLOAT64, .float64 = -2.5 }, 9, { 0xcb, 0xc0, 0x04 },
	  MSGPACK_OBJECT_FLOAT64 },
	{ { .kind = VALUE_TEXT, .bytes = LENT("") }, 1, { 0xa0 }, MSGPACK_OBJECT_STR },
	{ { .kind = VALUE_TEXT, .bytes = LENT("h\xc3\xa9") }, 4, { 0xa3, 'h', 0xc3, 0xa9 },
	  MSGPACK_OBJECT_STR },
	{ { .kind = VALUE_BYTES, .bytes = LENT("") }, 2, { 0xc4, 0x00 }, MSGPACK_OBJECT_BIN },
	{ { .kind = VALUE_BYTES, .bytes = LENT("\0\xff") }, 4, { 0xc4, 0x02, 0x00, 0xff },
	  MSGPACK_OBJECT_BIN },
	{ { .kind = VALUE_ARRAY, .count = 0 }, 1, { 0x90 }, MSGPACK_OBJECT_ARRAY },
	{ { .kind = VALUE_UNAVAILABLE }, 3, { 0xc7, 0x00, 0x01 }, MSGPACK_OBJECT_EXT },
	{ { .kind = VALUE_SPECIAL, .special = SPECIAL_POSITIVE_INFINITY }, 3, { 0xd4, 0x02, 0x01 },
	  MSGPACK_OBJECT_EXT },
	{ { .kind = VALUE_SPECIAL, .special = SPECIAL_NEGATIVE_INFINITY }, 3, { 0xd4, 0x02, 0x02 },
	  MSGPACK_OBJECT_EXT },
	{ { .kind = VALUE_SPECIAL, .special = SPECIAL_NAN }, 3, { 0xd4, 0x02, 0x03 },
	  MSGPACK_OBJECT_EXT },
	{ { .kind = VALUE_SPECIAL, .special = SPECIAL_TEXT, .bytes = LENT("") }, 3,
	  { 0xd4, 0x02, 0x04 }, MSGPACK_OBJECT_EXT },
	{ { .kind = VALUE_SPECIAL, .special = SPECIAL_TEXT, .bytes = LENT("0000-00-00") }, 14,
	  { 0xc7, 0x0b, 0x02, 0x04, '0', '0', '0', '0', '-', '0', '0', '-', '0', '0' },
	  MSGPACK_OBJECT_EXT },
};

enum { GOLDEN_COUNT = sizeof(goldens) / sizeof(goldens[0]) };

static void encode(msgpack_sbuffer *buffer, const struct value *value)
{
	msgpack_packer packer;
	struct error err = { 0 };

	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	if (value_encode(&packer, value, &err) != 0)
		fail_msg("%s", err.text);
}

static void assert_same_bytes(struct bytes a, struct bytes b)
{
	assert_int_equal(a.size, b.size);
	if (a.size > 0)
		assert_memory_equal(a.data, b.data, a.size);
}

static void assert_same_value(const struct value *a, const struct value *b)
{
	assert_int_equal(a->kind, b->kind);
	switch (a->kind) {
	case VALUE_NULL:
	case VALUE_UNAVAILABLE:
		break;
	case VALUE_BOOL:
		assert_int_equal(a->boolean, b->boolean);
		break;
	case VALUE_INTEGER:
		assert_true(a->integer == b->integer);
		break;
	case VALUE_UNSIGNED:
		assert_true(a->number == b->number);
		break;
	case VALUE_FLOAT32:
		assert_memory_equal(&a->float32, &b->float32, sizeof(a->float32));
		break;
	case VALUE_FLOAT64:
		assert_memory_equal(&a->float64, &b->float64, sizeof(a->float64));
		break;
	case VALUE_TEXT:
	case VALUE_BYTES:
		assert_same_bytes(a->bytes, b->bytes);
		break;
	case VALUE_ARRAY:
		assert_int_equal(a->count, b->count);
		break;
	case VALUE_SPECIAL:
		assert_int_equal(a->special, b->special);
		if (a->special == SPECIAL_TEXT)
			assert_same_bytes(a->bytes, b->bytes);
		break;
	}
}

static void every_kind_has_its_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDEN_COUNT; i++) {
		const struct golden *golden = &goldens[i];
		msgpack_sbuffer buffer;
		msgpack_sbuffer_init(&buffer);
		encode(&buffer, &golden->value);
		assert_int_equal(buffer.size, golden->size);
		assert_memory_equal(buffer.data, golden->bytes, golden->size);
		msgpack_sbuffer_destroy(&buffer);

		msgpack_unpacked unpacked;
		size_t used = 0;
		msgpack_unpacked_init(&unpacked);
		assert_int_equal(msgpack_unpack_next(&unpacked, (const char *)golden->bytes,
						     golden->size, &used),
				 MSGPACK_UNPACK_SUCCESS);
		assert_int_equal(used, golden->size);
		assert_int_equal(unpacked.data.type, golden->type);
		msgpack_unpacked_destroy(&unpacked);
	}
}

static void every_kind_is_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDEN_COUNT; i++) {
		struct unpack unpack = unpack_over(goldens[i].bytes, goldens[i].size);
		struct value value;
		struct error err = { 0 };
		if (value_decode(&unpack, &value, &err) != 0)
			fail_msg("golden %zu: %s", i, err.text);
		assert_same_value(&value, &goldens[i].value);
		assert_true(unpack_at_end(&unpack));
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDEN_COUNT; i++) {
		for (size_t size = 0; size < goldens[i].size; size++) {
			uint8_t *cut = malloc(size > 0 ? size : 1);
			struct value value = { .kind = VALUE_ARRAY, .count = 77 };
			struct error err = { 0 };
			assert_non_null(cut);
			memcpy(cut, goldens[i].bytes, size);
			struct unpack unpack = unpack_over(cut, size);
			assert_int_equal(value_decode(&unpack, &value, &err), -1);
			assert_int_equal(err.code, ERROR_MALFORMED);
			assert_ptr_equal(unpack.at, cut);
			assert_int_equal(value.count, 77);
			free(cut);
		}
	}
}

static void integers_come_as_signed_where_they_fit(void **state)
{
	const uint8_t fits[] = { 0xcf, 0x7f, 255, 255, 255, 255, 255, 255, 255 };
	const uint8_t does_not[] = { 0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0 };
	struct unpack unpack = unpack_over(fits, sizeof(fits));
	struct value value;

	(void)state;
	assert_int_equal(value_decode(&unpack, &value, NULL), 0);
	assert_int_equal(value.kind, VALUE_INTEGER);
	assert_true(value.integer == INT64_MAX);
	unpack = unpack_over(does_not, sizeof(does_not));
	assert_int_equal(value_decode(&unpack, &value, NULL), 0);
	assert_int_equal(value.kind, VALUE_UNSIGNED);
	assert_true(value.number == 1ull << 63);
}

/* The bits of a NaN are the source's business. */
static void floats_keep_every_bit(void **state)
{
	static const uint8_t bits[][9] = {
		{ 0xca, 0x7f, 0xc1, 0x23, 0x45 }, { 0xca, 0xff, 0x80, 0x00, 0x00 },
		{ 0xca, 0x80, 0x00, 0x00, 0x00 }, { 0xcb, 0x7f, 0xf8, 1, 2, 3, 4, 5, 6 },
		{ 0xcb, 0x80 }, { 0xcb, 0, 0, 0, 0, 0, 0, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		size_t size = bits[i][0] == 0xca ? 5 : 9;
		struct unpack unpack = unpack_over(bits[i], size);
		struct value value;
		msgpack_sbuffer buffer;
		assert_int_equal(value_decode(&unpack, &value, NULL), 0);
		msgpack_sbuffer_init(&buffer);
		encode(&buffer, &value);
		assert_int_equal(buffer.size, size);
		assert_memory_equal(buffer.data, bits[i], size);
		msgpack_sbuffer_destroy(&buffer);
	}
}

static void assert_no_value(const uint8_t *data, size_t size)
{
	struct unpack unpack = unpack_over(data, size);
	struct value value;
	struct error err = { 0 };

	assert_int_equal(value_decode(&unpack, &value, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_ptr_equal(unpack.at, data);
}

static void what_is_no_value_is_refused(void **state)
{
	(void)state;
	assert_no_value(BYTES(0x80));                           /* a map */
	assert_no_value(BYTES(0xd4, 0x03, 0x00));               /* extension 3 */
	assert_no_value(BYTES(0xd6, 0xff, 0, 0, 0, 0));         /* msgpack's own timestamp */
	assert_no_value(BYTES(0xd4, 0x01, 0x00));               /* unavailable, yet with content */
	assert_no_value(BYTES(0xc7, 0x00, 0x02));               /* special without a code */
	assert_no_value(BYTES(0xd4, 0x02, 0x00));
	assert_no_value(BYTES(0xd4, 0x02, 0x05));
	assert_no_value(BYTES(0xd5, 0x02, 0x03, 0x00));         /* NaN and then something */
	assert_no_value(BYTES(0xc1));
}

/* Values that their type allows, in hexadecimal: in part the golden bytes of the type. */
struct sample {
	enum logical_type type;
	enum logical_type element_type;
	const char *hex;
};

static const struct sample good_samples[] = {
	{ LOGICAL_BOOL, 0, "c3" },
	{ LOGICAL_BOOL, 0, "c2" },
	{ LOGICAL_INT16, 0, "d18000" },
	{ LOGICAL_INT16, 0, "cd7fff" },
	{ LOGICAL_INT32, 0, "d280000000" },
	{ LOGICAL_INT32, 0, "ce7fffffff" },
	{ LOGICAL_INT64, 0, "d38000000000000000" },
	{ LOGICAL_INT64, 0, "cf7fffffffffffffff" },
	{ LOGICAL_UINT64, 0, "00" },
	{ LOGICAL_UINT64, 0, "cfffffffffffffffff" },
	{ LOGICAL_FLOAT32, 0, "ca3fc00000" },
	{ LOGICAL_FLOAT32, 0, "ca7f800000" },                   /* infinity itself */
	{ LOGICAL_FLOAT32, 0, "d40203" },
	{ LOGICAL_FLOAT64, 0, "cbc004000000000000" },
	{ LOGICAL_FLOAT64, 0, "d40201" },
	{ LOGICAL_DECIMAL, 0, "a7" "2d31322e333430" },          /* -12.340 */
	{ LOGICAL_DECIMAL, 0, "d40203" },
	{ LOGICAL_STRING, 0, "a0" },
	{ LOGICAL_STRING, 0, "a3" "68c3a9" },
	{ LOGICAL_BYTES, 0, "c40200ff" },
	{ LOGICAL_DATE, 0, "d1fe00" },
	{ LOGICAL_DATE, 0, "d40202" },
	{ LOGICAL_DATE, 0, "c70b0204" "303030302d30302d3030" }, /* 0000-00-00 */
	{ LOGICAL_TIME, 0, "cf000000141dd76000" },              /* 24:00:00 */
	{ LOGICAL_TIME, 0, "ff" },                              /* MySQL has negative ones */
	{ LOGICAL_TIMETZ, 0, "92" "ce000f4240" "d1f1f0" },
	{ LOGICAL_TIMESTAMP, 0, "d3ffffffffffffffff" },
	{ LOGICAL_TIMESTAMP, 0, "d40201" },
	{ LOGICAL_TIMESTAMPTZ, 0, "cf0005f5e100000000" },
	{ LOGICAL_INTERVAL, 0, "93" "0e" "ff" "ce05265c00" },
	{ LOGICAL_UUID, 0, "c410" "00112233445566778899aabbccddeeff" },
	{ LOGICAL_JSON, 0, "a2" "7b7d" },
	{ LOGICAL_XML, 0, "a4" "3c612f3e" },
	{ LOGICAL_ENUM, 0, "a3" "726564" },
	{ LOGICAL_SET, 0, "90" },
	{ LOGICAL_SET, 0, "92" "a161" "a162" },
	{ LOGICAL_BIT, 0, "a5" "3130313130" },
	{ LOGICAL_BIT, 0, "a0" },
	{ LOGICAL_POINT, 0, "92" "cb3ff0000000000000" "cb7ff8000000000000" },
	{ LOGICAL_GEOMETRY, 0, "92" "cd10e6" "c4020101" },
	{ LOGICAL_GEOMETRY, 0, "92" "c0" "c400" },
	{ LOGICAL_INET, 0, "a9" "31302e302e302e2f38" },
	{ LOGICAL_OID, 0, "ceffffffff" },
	{ LOGICAL_BSON, 0, "c405" "0500000000" },
	{ LOGICAL_TEXT, 0, "a3" "283129" },
	{ LOGICAL_ARRAY, LOGICAL_INT32, "90" },
	{ LOGICAL_ARRAY, LOGICAL_INT32, "93" "01" "c0" "ff" },
	{ LOGICAL_ARRAY, LOGICAL_INT32, "92" "92" "01" "02" "92" "03" "c0" },
	{ LOGICAL_ARRAY, LOGICAL_INT32, "91" "91" "91" "91" "91" "91" "07" },
	{ LOGICAL_ARRAY, LOGICAL_FLOAT64, "92" "cb3ff0000000000000" "d40203" },
	{ LOGICAL_ARRAY, LOGICAL_STRING, "92" "a0" "a161" },
	{ LOGICAL_ARRAY, LOGICAL_TIMETZ, "92" "92" "01" "02" "92" "03" "04" },
	{ LOGICAL_ARRAY, LOGICAL_INTERVAL, "91" "91" "93" "01" "02" "03" },
	{ LOGICAL_ARRAY, LOGICAL_POINT,
	  "93" "c0" "92" "cb3ff0000000000000" "cb3ff0000000000000" "c0" },
	{ LOGICAL_ARRAY, LOGICAL_POINT,
	  "91" "92" "c0" "92" "cb3ff0000000000000" "cb3ff0000000000000" },
	{ LOGICAL_ARRAY, LOGICAL_GEOMETRY, "92" "92" "c0" "c400" "92" "01" "c400" },
	{ LOGICAL_ARRAY, LOGICAL_GEOMETRY, "91" "92" "c0" "92" "c0" "c400" },
	{ LOGICAL_ARRAY, LOGICAL_SET, "92" "90" "91" "a161" },
};

static const struct sample bad_samples[] = {
	{ LOGICAL_BOOL, 0, "01" },
	{ LOGICAL_INT16, 0, "cd8000" },
	{ LOGICAL_INT16, 0, "d2ffff7fff" },
	{ LOGICAL_INT16, 0, "d40201" },
	{ LOGICAL_INT32, 0, "ce80000000" },
	{ LOGICAL_INT32, 0, "d3ffffffff7fffffff" },
	{ LOGICAL_INT64, 0, "cf8000000000000000" },
	{ LOGICAL_INT64, 0, "a131" },
	{ LOGICAL_UINT64, 0, "ff" },
	{ LOGICAL_FLOAT32, 0, "cbc004000000000000" },
	{ LOGICAL_FLOAT64, 0, "ca3fc00000" },
	{ LOGICAL_FLOAT64, 0, "01" },
	{ LOGICAL_DECIMAL, 0, "01" },
	{ LOGICAL_STRING, 0, "c40161" },
	{ LOGICAL_STRING, 0, "d4020401" },
	{ LOGICAL_BYTES, 0, "a161" },
	{ LOGICAL_DATE, 0, "a161" },
	{ LOGICAL_TIME, 0, "d40201" },
	{ LOGICAL_TIMETZ, 0, "01" },
	{ LOGICAL_TIMETZ, 0, "91" "01" },
	{ LOGICAL_TIMETZ, 0, "93" "01" "01" "01" },
	{ LOGICAL_TIMETZ, 0, "92" "01" "c0" },
	{ LOGICAL_TIMESTAMP, 0, "cf8000000000000000" },
	{ LOGICAL_TIMESTAMPTZ, 0, "c3" },
	{ LOGICAL_INTERVAL, 0, "92" "01" "02" },
	{ LOGICAL_INTERVAL, 0, "93" "01" "02" "a0" },
	{ LOGICAL_UUID, 0, "c40f" "00112233445566778899aabbccddee" },
	{ LOGICAL_UUID, 0, "c411" "00112233445566778899aabbccddeeff00" },
	{ LOGICAL_JSON, 0, "80" },
	{ LOGICAL_XML, 0, "c400" },
	{ LOGICAL_ENUM, 0, "01" },
	{ LOGICAL_SET, 0, "a161" },
	{ LOGICAL_SET, 0, "92" "a161" "c0" },
	{ LOGICAL_BIT, 0, "a3" "313230" },
	{ LOGICAL_POINT, 0, "92" "cb3ff0000000000000" "01" },
	{ LOGICAL_POINT, 0, "91" "cb3ff0000000000000" },
	{ LOGICAL_GEOMETRY, 0, "92" "ff" "c400" },
	{ LOGICAL_GEOMETRY, 0, "92" "01" "c0" },
	{ LOGICAL_INET, 0, "c40161" },
	{ LOGICAL_OID, 0, "cf0000000100000000" },
	{ LOGICAL_OID, 0, "ff" },
	{ LOGICAL_BSON, 0, "a0" },
	{ LOGICAL_TEXT, 0, "01" },
	{ LOGICAL_ARRAY, LOGICAL_INT32, "01" },
	{ LOGICAL_ARRAY, LOGICAL_INT32, "92" "01" "a161" },
	{ LOGICAL_ARRAY, LOGICAL_INT32, "91" "ce80000000" },
	{ LOGICAL_ARRAY, LOGICAL_INT32, "92" "91" "01" "91" "c3" },
	{ LOGICAL_ARRAY, LOGICAL_POINT, "92" "cb3ff0000000000000" "cb3ff0000000000000" },
	{ LOGICAL_ARRAY, LOGICAL_SET, "91" "a161" },
	{ LOGICAL_ARRAY, LOGICAL_ARRAY, "90" },
	{ LOGICAL_ARRAY, 0, "90" },
	{ LOGICAL_ARRAY, 30, "90" },
	{ 0, 0, "c0" },
	{ 30, 0, "c0" },
};

/* With nothing behind it, so that the address sanitizer sees a read past the end. */
static uint8_t *from_hex(const char *hex, size_t *out_size)
{
	size_t size = strlen(hex) / 2;
	uint8_t *data = malloc(size);

	assert_non_null(data);
	*out_size = hex_bytes(data, size, hex);
	return data;
}

static void values_of_their_type_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good_samples) / sizeof(good_samples[0]); i++) {
		const struct sample *sample = &good_samples[i];
		size_t size;
		uint8_t *data = from_hex(sample->hex, &size);
		struct unpack unpack = unpack_over(data, size);
		struct error err = { 0 };
		if (value_check(&unpack, sample->type, sample->element_type, &err) != 0)
			fail_msg("%s %s: %s", logical_type_name(sample->type), sample->hex, err.text);
		assert_true(unpack_at_end(&unpack));
		free(data);
	}
}

static void values_of_another_type_do_not_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_samples) / sizeof(bad_samples[0]); i++) {
		const struct sample *sample = &bad_samples[i];
		size_t size;
		uint8_t *data = from_hex(sample->hex, &size);
		struct unpack unpack = unpack_over(data, size);
		struct error err = { 0 };
		if (value_check(&unpack, sample->type, sample->element_type, &err) == 0)
			fail_msg("%d %s passes", (int)sample->type, sample->hex);
		assert_int_equal(err.code, ERROR_MALFORMED);
		assert_ptr_equal(unpack.at, data);
		free(data);
	}
}

static void every_type_has_a_sample(void **state)
{
	(void)state;
#define X(name, number, words)                                                              \
	{                                                                                   \
		bool is_found = false;                                                      \
		for (size_t i = 0; i < sizeof(good_samples) / sizeof(good_samples[0]); i++) \
			is_found |= good_samples[i].type == LOGICAL_##name;                 \
		if (!is_found)                                                              \
			fail_msg("no sample of %s", words);                                 \
	}
	LOGICAL_TYPES(X)
#undef X
}

/* The table at the top of protocol/value.h. */
static const struct {
	enum logical_type type;
	const char *kinds;      /* a letter each, as below */
} allowed[] = {
	{ LOGICAL_BOOL, "b" }, { LOGICAL_INT16, "i" }, { LOGICAL_INT32, "i" },
	{ LOGICAL_INT64, "i" }, { LOGICAL_UINT64, "iu" }, { LOGICAL_FLOAT32, "fs" },
	{ LOGICAL_FLOAT64, "ds" }, { LOGICAL_DECIMAL, "ts" }, { LOGICAL_STRING, "t" },
	{ LOGICAL_BYTES, "r" }, { LOGICAL_DATE, "is" }, { LOGICAL_TIME, "i" },
	{ LOGICAL_TIMETZ, "" }, { LOGICAL_TIMESTAMP, "is" }, { LOGICAL_TIMESTAMPTZ, "is" },
	{ LOGICAL_INTERVAL, "s" }, { LOGICAL_UUID, "r" }, { LOGICAL_JSON, "t" },
	{ LOGICAL_XML, "t" }, { LOGICAL_ENUM, "t" }, { LOGICAL_SET, "a" },
	{ LOGICAL_BIT, "t" }, { LOGICAL_ARRAY, "a" }, { LOGICAL_POINT, "" },
	{ LOGICAL_GEOMETRY, "" }, { LOGICAL_INET, "t" }, { LOGICAL_OID, "i" },
	{ LOGICAL_BSON, "r" }, { LOGICAL_TEXT, "t" },
};

/* As good as each kind can be: text that is bits, bytes that are a UUID, an
 * array that is empty, which none but set and array allow. */
static const struct {
	char letter;
	const char *hex;
} kind_samples[] = {
	{ 'b', "c3" },
	{ 'i', "01" },
	{ 'u', "cfffffffffffffffff" },
	{ 'f', "ca3fc00000" },
	{ 'd', "cbc004000000000000" },
	{ 't', "a131" },
	{ 'r', "c41000112233445566778899aabbccddeeff" },
	{ 'a', "90" },
	{ 's', "d40201" },
};

static void every_type_takes_its_kinds_and_no_others(void **state)
{
	(void)state;
#define X(name, number, words) +1
	assert_int_equal(sizeof(allowed) / sizeof(allowed[0]), 0 LOGICAL_TYPES(X));
#undef X
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		for (size_t k = 0; k < sizeof(kind_samples) / sizeof(kind_samples[0]); k++) {
			bool is_allowed = strchr(allowed[i].kinds, kind_samples[k].letter) != NULL;
			size_t size;
			uint8_t *data = from_hex(kind_samples[k].hex, &size);
			struct unpack unpack = unpack_over(data, size);
			if ((value_check(&unpack, allowed[i].type, LOGICAL_TEXT, NULL) == 0) != is_allowed)
				fail_msg("%s and %s", logical_type_name(allowed[i].type),
					 kind_samples[k].hex);
			free(data);
		}
	}
}

static void every_truncated_sample_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good_samples) / sizeof(good_samples[0]); i++) {
		const struct sample *sample = &good_samples[i];
		size_t whole;
		uint8_t *data = from_hex(sample->hex, &whole);
		for (size_t size = 0; size < whole; size++) {
			uint8_t *cut = malloc(size > 0 ? size : 1);
			assert_non_null(cut);
			memcpy(cut, data, size);
			struct unpack unpack = unpack_over(cut, size);
			struct error err = { 0 };
			assert_int_equal(value_check(&unpack, sample->type, sample->element_type, &err),
					 -1);
			assert_int_equal(err.code, ERROR_MALFORMED);
			assert_ptr_equal(unpack.at, cut);
			free(cut);
		}
		free(data);
	}
}

static void every_type_may_be_null_or_unavailable(void **state)
{
	static const uint8_t absent[] = { 0xc0, 0xc7, 0x00, 0x01 };

	(void)state;
#define X(name, number, words)                                                            \
	{                                                                                 \
		struct unpack unpack = unpack_over(absent, sizeof(absent));               \
		assert_int_equal(value_check(&unpack, LOGICAL_##name, LOGICAL_INT32, NULL), 0); \
		assert_int_equal(value_check(&unpack, LOGICAL_##name, LOGICAL_INT32, NULL), 0); \
		assert_true(unpack_at_end(&unpack));                                      \
	}
	LOGICAL_TYPES(X)
#undef X
}

static void arrays_may_be_24_deep(void **state)
{
	uint8_t data[26];
	struct error err = { 0 };

	(void)state;
	memset(data, 0x91, sizeof(data));
	data[24] = 0x01;
	struct unpack unpack = unpack_over(data, 25);
	assert_int_equal(value_check(&unpack, LOGICAL_ARRAY, LOGICAL_INT16, &err), 0);
	data[24] = 0x91;
	data[25] = 0x01;
	unpack = unpack_over(data, 26);
	assert_int_equal(value_check(&unpack, LOGICAL_ARRAY, LOGICAL_INT16, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_ptr_equal(unpack.at, data);

	/* An element that is an array itself counts. */
	data[24] = 0x90;
	unpack = unpack_over(data, 25);
	err.code = ERROR_NONE;
	assert_int_equal(value_check(&unpack, LOGICAL_ARRAY, LOGICAL_SET, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	data[23] = 0x90;
	unpack = unpack_over(data, 24);
	assert_int_equal(value_check(&unpack, LOGICAL_ARRAY, LOGICAL_SET, &err), 0);
}

/* These are in stored schemas. */
static void numbers_and_names_of_types_stay(void **state)
{
	static const char *const names[] = {
		NULL, "bool", "int16", "int32", "int64", "uint64", "float32", "float64", "decimal",
		"string", "bytes", "date", "time", "timetz", "timestamp", "timestamptz", "interval",
		"uuid", "json", "xml", "enum", "set", "bit", "array", "point", "geometry", "inet",
		"oid", "bson", "text", NULL,
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *name = logical_type_name((enum logical_type)i);
		if (names[i] == NULL)
			assert_null(name);
		else
			assert_string_equal(name, names[i]);
	}
	assert_null(logical_type_name((enum logical_type)0xffff));
}

static void a_content_of_4_gib_is_refused(void **state)
{
	struct value value = { .kind = VALUE_TEXT, .bytes = { (const uint8_t *)"", 1ull << 32 } };
	msgpack_sbuffer buffer;
	msgpack_packer packer;
	struct error err = { 0 };

	(void)state;
	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	assert_int_equal(value_encode(&packer, &value, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	value.kind = VALUE_BYTES;
	assert_int_equal(value_encode(&packer, &value, &err), -1);
	value.kind = VALUE_SPECIAL;
	value.special = SPECIAL_TEXT;
	assert_int_equal(value_encode(&packer, &value, &err), -1);
	assert_int_equal(buffer.size, 0);
}

static void a_failed_allocation_is_reported(void **state)
{
	static uint8_t content[20000];
	struct value text = { .kind = VALUE_TEXT, .bytes = { content, sizeof(content) } };
	int failure_count = 0;

	(void)state;
	for (int n = 0;; n++) {
		msgpack_sbuffer buffer;
		msgpack_packer packer;
		struct error err = { 0 };
		int rc = 0;

		msgpack_sbuffer_init(&buffer);
		msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
		fail_malloc_after(n);
		for (size_t i = 0; i < GOLDEN_COUNT && rc == 0; i++)
			rc = value_encode(&packer, &goldens[i].value, &err);
		if (rc == 0)
			rc = value_encode(&packer, &text, &err);
		bool has_failed = fail_malloc_stop();
		msgpack_sbuffer_destroy(&buffer);
		assert_int_equal(rc, has_failed ? -1 : 0);
		if (!has_failed)
			break;
		assert_int_equal(err.code, ERROR_MEMORY);
		failure_count++;
	}
	assert_true(failure_count >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_its_bytes),
		cmocka_unit_test(every_kind_is_read_back),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(integers_come_as_signed_where_they_fit),
		cmocka_unit_test(floats_keep_every_bit),
		cmocka_unit_test(what_is_no_value_is_refused),
		cmocka_unit_test(values_of_their_type_pass),
		cmocka_unit_test(values_of_another_type_do_not_pass),
		cmocka_unit_test(every_type_has_a_sample),
		cmocka_unit_test(every_type_takes_its_kinds_and_no_others),
		cmocka_unit_test(every_truncated_sample_is_refused),
		cmocka_unit_test(every_type_may_be_null_or_unavailable),
		cmocka_unit_test(arrays_may_be_24_deep),
		cmocka_unit_test(numbers_and_names_of_types_stay),
		cmocka_unit_test(a_content_of_4_gib_is_refused),
		cmocka_unit_test(a_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
