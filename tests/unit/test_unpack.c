#include "protocol/unpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <msgpack.h>
#include <stdlib.h>

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

/* A copy with nothing behind it, so that the address sanitizer sees a read past the end. */
static uint8_t *exact_copy(const void *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

static struct unpack_item read_one(const uint8_t *data, size_t size)
{
	struct unpack unpack = unpack_over(data, size);
	struct unpack_item item;
	struct error err = { 0 };

	if (unpack_next(&unpack, &item, &err) != 0)
		fail_msg("%s", err.text);
	return item;
}

static void assert_unsigned(uint64_t number, const uint8_t *data, size_t size)
{
	struct unpack unpack = unpack_over(data, size);
	struct unpack_item item = read_one(data, size);
	uint64_t as_u64 = 0;

	assert_int_equal(item.type, UNPACK_UNSIGNED);
	assert_int_equal(item.number, number);
	assert_int_equal(unpack_u64(&unpack, &as_u64, NULL), 0);
	assert_int_equal(as_u64, number);
	assert_true(unpack_at_end(&unpack));
}

static void assert_negative(int64_t number, const uint8_t *data, size_t size)
{
	struct unpack unpack = unpack_over(data, size);
	struct unpack_item item = read_one(data, size);
	int64_t as_i64 = 0;

	assert_int_equal(item.type, UNPACK_NEGATIVE);
	assert_int_equal(item.negative, number);
	assert_int_equal(unpack_i64(&unpack, &as_i64, NULL), 0);
	assert_int_equal(as_i64, number);
	assert_true(unpack_at_end(&unpack));
}

static void integers_are_read_in_every_encoding(void **state)
{
	(void)state;
	assert_unsigned(0, BYTES(0x00));
	assert_unsigned(127, BYTES(0x7f));
	assert_unsigned(128, BYTES(0xcc, 0x80));
	assert_unsigned(255, BYTES(0xcc, 0xff));
	assert_unsigned(256, BYTES(0xcd, 0x01, 0x00));
	assert_unsigned(65535, BYTES(0xcd, 0xff, 0xff));
	assert_unsigned(65536, BYTES(0xce, 0x00, 0x01, 0x00, 0x00));
	assert_unsigned(UINT32_MAX, BYTES(0xce, 0xff, 0xff, 0xff, 0xff));
	assert_unsigned(UINT32_MAX + 1ull, BYTES(0xcf, 0, 0, 0, 1, 0, 0, 0, 0));
	assert_unsigned(UINT64_MAX, BYTES(0xcf, 255, 255, 255, 255, 255, 255, 255, 255));
	assert_negative(-1, BYTES(0xff));
	assert_negative(-32, BYTES(0xe0));
	assert_negative(-33, BYTES(0xd0, 0xdf));
	assert_negative(-128, BYTES(0xd0, 0x80));
	assert_negative(-129, BYTES(0xd1, 0xff, 0x7f));
	assert_negative(-32768, BYTES(0xd1, 0x80, 0x00));
	assert_negative(-32769, BYTES(0xd2, 0xff, 0xff, 0x7f, 0xff));
	assert_negative(INT32_MIN, BYTES(0xd2, 0x80, 0x00, 0x00, 0x00));
	assert_negative(INT32_MIN - 1ll, BYTES(0xd3, 255, 255, 255, 255, 0x7f, 255, 255, 255));
	assert_negative(INT64_MIN, BYTES(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0));
}

static void the_sign_counts_and_not_the_encoding(void **state)
{
	(void)state;
	assert_unsigned(5, BYTES(0xcc, 0x05));
	assert_unsigned(5, BYTES(0xcf, 0, 0, 0, 0, 0, 0, 0, 5));
	assert_unsigned(5, BYTES(0xd0, 0x05));
	assert_unsigned(0, BYTES(0xd1, 0x00, 0x00));
	assert_unsigned(INT32_MAX, BYTES(0xd2, 0x7f, 0xff, 0xff, 0xff));
	assert_unsigned(INT64_MAX, BYTES(0xd3, 0x7f, 255, 255, 255, 255, 255, 255, 255));
	assert_negative(-1, BYTES(0xd3, 255, 255, 255, 255, 255, 255, 255, 255));
}

static void other_scalars_are_read(void **state)
{
	(void)state;
	assert_int_equal(read_one(BYTES(0xc0)).type, UNPACK_NIL);
	assert_int_equal(read_one(BYTES(0xc2)).type, UNPACK_BOOL);
	assert_false(read_one(BYTES(0xc2)).boolean);
	assert_true(read_one(BYTES(0xc3)).boolean);
	assert_int_equal(read_one(BYTES(0xca, 0x3f, 0xc0, 0, 0)).type, UNPACK_FLOAT32);
	assert_true(read_one(BYTES(0xca, 0x3f, 0xc0, 0, 0)).float32 == 1.5f);
	assert_int_equal(read_one(BYTES(0xcb, 0xc0, 0x04, 0, 0, 0, 0, 0, 0)).type, UNPACK_FLOAT64);
	assert_true(read_one(BYTES(0xcb, 0xc0, 0x04, 0, 0, 0, 0, 0, 0)).float64 == -2.5);
	assert_true(isinf(read_one(BYTES(0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0)).float64));
	assert_true(isnan(read_one(BYTES(0xca, 0x7f, 0xc0, 0, 0)).float32));
}

/* A head, then `size` bytes of content that ends where the input ends. */
static void assert_content(enum unpack_type type, size_t size, const uint8_t *head,
			   size_t head_size)
{
	uint8_t *data = malloc(head_size + size);
	assert_non_null(data);
	memcpy(data, head, head_size);
	memset(data + head_size, 'x', size);

	struct unpack_item item = read_one(data, head_size + size);
	assert_int_equal(item.type, type);
	assert_ptr_equal(item.bytes.data, data + head_size);
	assert_int_equal(item.bytes.size, size);
	if (type == UNPACK_EXTENSION)
		assert_int_equal(item.extension_type, -7);

	struct unpack unpack = unpack_over(data, head_size + size);
	struct bytes whole;
	assert_int_equal(unpack_skip(&unpack, &whole, NULL), 0);
	assert_true(unpack_at_end(&unpack));
	assert_ptr_equal(whole.data, data);
	assert_int_equal(whole.size, head_size + size);
	free(data);
}

static void text_bytes_and_extensions_are_lent(void **state)
{
	(void)state;
	assert_content(UNPACK_TEXT, 0, BYTES(0xa0));
	assert_content(UNPACK_TEXT, 1, BYTES(0xa1));
	assert_content(UNPACK_TEXT, 31, BYTES(0xbf));
	assert_content(UNPACK_TEXT, 0, BYTES(0xd9, 0x00));
	assert_content(UNPACK_TEXT, 255, BYTES(0xd9, 0xff));
	assert_content(UNPACK_TEXT, 65535, BYTES(0xda, 0xff, 0xff));
	assert_content(UNPACK_TEXT, 65536, BYTES(0xdb, 0x00, 0x01, 0x00, 0x00));
	assert_content(UNPACK_BYTES, 0, BYTES(0xc4, 0x00));
	assert_content(UNPACK_BYTES, 255, BYTES(0xc4, 0xff));
	assert_content(UNPACK_BYTES, 65535, BYTES(0xc5, 0xff, 0xff));
	assert_content(UNPACK_BYTES, 65536, BYTES(0xc6, 0x00, 0x01, 0x00, 0x00));
	assert_content(UNPACK_EXTENSION, 1, BYTES(0xd4, 0xf9));
	assert_content(UNPACK_EXTENSION, 2, BYTES(0xd5, 0xf9));
	assert_content(UNPACK_EXTENSION, 4, BYTES(0xd6, 0xf9));
	assert_content(UNPACK_EXTENSION, 8, BYTES(0xd7, 0xf9));
	assert_content(UNPACK_EXTENSION, 16, BYTES(0xd8, 0xf9));
	assert_content(UNPACK_EXTENSION, 0, BYTES(0xc7, 0x00, 0xf9));
	assert_content(UNPACK_EXTENSION, 255, BYTES(0xc7, 0xff, 0xf9));
	assert_content(UNPACK_EXTENSION, 65535, BYTES(0xc8, 0xff, 0xff, 0xf9));
	assert_content(UNPACK_EXTENSION, 65536, BYTES(0xc9, 0x00, 0x01, 0x00, 0x00, 0xf9));
}

/* A head and then `item_count` nils. */
static void assert_container(enum unpack_type type, uint32_t count, uint32_t item_count,
			     const uint8_t *head, size_t head_size)
{
	uint8_t *data = malloc(head_size + item_count);
	assert_non_null(data);
	memcpy(data, head, head_size);
	memset(data + head_size, 0xc0, item_count);

	struct unpack_item item = read_one(data, head_size + item_count);
	assert_int_equal(item.type, type);
	assert_int_equal(item.count, count);
	assert_int_equal(unpack_check(data, head_size + item_count, item_count + 1, NULL), 0);
	if (item_count > 0) {
		struct error err = { 0 };
		assert_int_equal(unpack_check(data, head_size + item_count - 1, UINT32_MAX, &err), -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
	}
	free(data);
}

static void containers_are_read_in_every_encoding(void **state)
{
	(void)state;
	assert_container(UNPACK_ARRAY, 0, 0, BYTES(0x90));
	assert_container(UNPACK_ARRAY, 15, 15, BYTES(0x9f));
	assert_container(UNPACK_ARRAY, 16, 16, BYTES(0xdc, 0x00, 0x10));
	assert_container(UNPACK_ARRAY, 65535, 65535, BYTES(0xdc, 0xff, 0xff));
	assert_container(UNPACK_ARRAY, 65536, 65536, BYTES(0xdd, 0x00, 0x01, 0x00, 0x00));
	assert_container(UNPACK_MAP, 0, 0, BYTES(0x80));
	assert_container(UNPACK_MAP, 15, 30, BYTES(0x8f));
	assert_container(UNPACK_MAP, 16, 32, BYTES(0xde, 0x00, 0x10));
	assert_container(UNPACK_MAP, 65535, 131070, BYTES(0xde, 0xff, 0xff));
	assert_container(UNPACK_MAP, 65536, 131072, BYTES(0xdf, 0x00, 0x01, 0x00, 0x00));
}

static void assert_refused(enum error_code code, const uint8_t *data, size_t size)
{
	uint8_t *copy = exact_copy(data, size);
	struct unpack unpack = unpack_over(copy, size);
	struct bytes untouched = { 0 };
	struct error err = { 0 };

	assert_int_equal(unpack_skip(&unpack, &untouched, &err), -1);
	assert_int_equal(err.code, code);
	assert_ptr_equal(unpack.at, copy);
	assert_null(untouched.data);
	err.code = ERROR_NONE;
	assert_int_equal(unpack_check(copy, size, UINT32_MAX, &err), -1);
	assert_int_equal(err.code, code);
	free(copy);
}

static void assert_next_refused(const uint8_t *data, size_t size)
{
	struct unpack unpack = unpack_over(data, size);
	struct unpack_item item = { .type = UNPACK_MAP, .count = 77 };
	struct error err = { 0 };

	assert_int_equal(unpack_next(&unpack, &item, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_ptr_equal(unpack.at, data);
	assert_int_equal(item.type, UNPACK_MAP);
	assert_int_equal(item.count, 77);
}

static void lying_lengths_are_refused(void **state)
{
	(void)state;
	assert_next_refused(BYTES(0xdd, 0x10, 0x00, 0x00, 0x00, 0xc0));
	assert_refused(ERROR_MALFORMED, BYTES(0xdd, 0x10, 0x00, 0x00, 0x00, 0xc0));
	assert_next_refused(BYTES(0xdf, 0xff, 0xff, 0xff, 0xff, 0xc0));
	assert_refused(ERROR_MALFORMED, BYTES(0xdf, 0xff, 0xff, 0xff, 0xff, 0xc0));
	assert_next_refused(BYTES(0xdf, 0x80, 0x00, 0x00, 0x00));
	assert_next_refused(BYTES(0x82, 0xc0, 0xc0, 0xc0));
	assert_next_refused(BYTES(0xdb, 0xff, 0xff, 0xff, 0xff, 'x'));
	assert_refused(ERROR_MALFORMED, BYTES(0xdb, 0xff, 0xff, 0xff, 0xff, 'x'));
	assert_next_refused(BYTES(0xc6, 0x00, 0x00, 0x00, 0x02, 'x'));
	assert_refused(ERROR_MALFORMED, BYTES(0xc9, 0x00, 0x00, 0x00, 0x02, 0x01, 'x'));
	/* Each count is possible by itself, not all of them together. */
	assert_refused(ERROR_MALFORMED, BYTES(0x93, 0x92, 0xc0, 0xc0));
}

static void a_head_that_is_never_used_is_refused(void **state)
{
	(void)state;
	assert_next_refused(BYTES(0xc1));
	assert_refused(ERROR_MALFORMED, BYTES(0xc1));
	assert_refused(ERROR_MALFORMED, BYTES(0x92, 0xc0, 0xc1));
}

static void nothing_is_refused(void **state)
{
	(void)state;
	assert_refused(ERROR_MALFORMED, NULL, 0);
	struct unpack unpack = unpack_over(NULL, 0);
	struct unpack_item item;
	assert_true(unpack_at_end(&unpack));
	assert_int_equal(unpack_next(&unpack, &item, NULL), -1);
	assert_false(unpack_nil(&unpack));
}

static void depth_32_is_read_and_33_refused(void **state)
{
	uint8_t data[34];
	struct error err = { 0 };

	(void)state;
	assert_int_equal(UNPACK_DEPTH_MAX, 32);
	memset(data, 0x91, sizeof(data));
	data[32] = 0xc0;
	assert_int_equal(unpack_check(data, 33, 33, &err), 0);
	data[31] = 0x90;
	assert_int_equal(unpack_check(data, 32, 32, &err), 0);
	data[31] = 0x91;
	data[32] = 0x90;
	assert_refused(ERROR_LIMIT, data, 33);
	data[32] = 0x91;
	data[33] = 0xc0;
	assert_refused(ERROR_LIMIT, data, 34);
	/* Depth is what is open at one time: siblings do not add up. */
	uint8_t wide[1 + 3 * 15] = { 0x9f };
	for (size_t i = 0; i < 15; i++)
		memcpy(wide + 1 + 3 * i, (const uint8_t[]){ 0x91, 0x91, 0x90 }, 3);
	assert_int_equal(unpack_check(wide, sizeof(wide), UINT32_MAX, &err), 0);
}

static void items_are_counted_at_every_level(void **state)
{
	const uint8_t data[] = { 0x93, 0x92, 0x01, 0x02, 0x81, 0xa1, 'k', 0xc0, 0x90 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(unpack_check(data, sizeof(data), 8, &err), 0);
	assert_int_equal(unpack_check(data, sizeof(data), 7, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(unpack_check(data, 1, 1, &err), -1);
}

static void a_check_wants_exactly_one_value(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(unpack_check(BYTES(0xc0, 0xc0), 10, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
}

static void typed_reads_refuse_other_types_and_stay(void **state)
{
	static const uint8_t items[][3] = {
		{ 0xc0 }, { 0xc3 }, { 0x01 }, { 0xff }, { 0xa1, 'x' }, { 0xc4, 0x01, 'x' },
		{ 0x90 }, { 0x80 }, { 0xd4, 0x01, 'x' },
	};
	enum { NIL, BOOL, UNSIGNED, NEGATIVE, TEXT, RAW, ARRAY, MAP, EXTENSION, COUNT };

	(void)state;
	for (int i = NIL; i < COUNT; i++) {
		struct unpack unpack = unpack_over(items[i], sizeof(items[i]));
		struct unpack before = unpack;
		struct bytes bytes = { 0 };
		struct error err = { 0 };
		uint64_t u64 = 0;
		uint32_t u32 = 0;
		int64_t i64 = 0;
		bool boolean;

#define EXPECT(matches, call)                                              \
	do {                                                               \
		err.code = ERROR_NONE;                                     \
		unpack = before;                                           \
		assert_int_equal((call), (matches) ? 0 : -1);              \
		if (!(matches)) {                                          \
			assert_int_equal(err.code, ERROR_MALFORMED);       \
			assert_ptr_equal(unpack.at, before.at);            \
		}                                                          \
	} while (0)
		EXPECT(i == BOOL, unpack_bool(&unpack, &boolean, &err));
		EXPECT(i == UNSIGNED, unpack_u64(&unpack, &u64, &err));
		EXPECT(i == UNSIGNED, unpack_u32(&unpack, &u32, &err));
		EXPECT(i == UNSIGNED || i == NEGATIVE, unpack_i64(&unpack, &i64, &err));
		EXPECT(i == TEXT, unpack_text(&unpack, &bytes, &err));
		EXPECT(i == RAW, unpack_bytes(&unpack, &bytes, &err));
		EXPECT(i == ARRAY, unpack_array(&unpack, &u32, &err));
		EXPECT(i == MAP, unpack_map(&unpack, &u32, &err));
#undef EXPECT
		unpack = before;
		assert_int_equal(unpack_nil(&unpack), i == NIL);
		assert_int_equal(unpack.at - before.at, i == NIL ? 1 : 0);
	}
}

static void typed_reads_refuse_what_does_not_fit(void **state)
{
	const uint8_t too_large_u32[] = { 0xcf, 0, 0, 0, 1, 0, 0, 0, 0 };
	const uint8_t too_large_i64[] = { 0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0 };
	struct unpack unpack = unpack_over(too_large_u32, sizeof(too_large_u32));
	struct error err = { 0 };
	uint32_t u32 = 7;
	int64_t i64 = 7;

	(void)state;
	assert_int_equal(unpack_u32(&unpack, &u32, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_ptr_equal(unpack.at, too_large_u32);
	assert_int_equal(u32, 7);

	unpack = unpack_over(too_large_i64, sizeof(too_large_i64));
	err.code = ERROR_NONE;
	assert_int_equal(unpack_i64(&unpack, &i64, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_ptr_equal(unpack.at, too_large_i64);
	assert_int_equal(i64, 7);
}

/* Walk both readings of one value together. */
static void assert_same(struct unpack *unpack, const msgpack_object *object)
{
	struct unpack_item item;
	struct error err = { 0 };

	if (unpack_next(unpack, &item, &err) != 0)
		fail_msg("%s", err.text);
	switch (object->type) {
	case MSGPACK_OBJECT_NIL:
		assert_int_equal(item.type, UNPACK_NIL);
		break;
	case MSGPACK_OBJECT_BOOLEAN:
		assert_int_equal(item.type, UNPACK_BOOL);
		assert_int_equal(item.boolean, object->via.boolean);
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		assert_int_equal(item.type, UNPACK_UNSIGNED);
		assert_int_equal(item.number, object->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		assert_int_equal(item.type, UNPACK_NEGATIVE);
		assert_int_equal(item.negative, object->via.i64);
		break;
	case MSGPACK_OBJECT_FLOAT32:
		assert_int_equal(item.type, UNPACK_FLOAT32);
		assert_true(item.float32 == (float)object->via.f64);
		break;
	case MSGPACK_OBJECT_FLOAT64:
		assert_int_equal(item.type, UNPACK_FLOAT64);
		assert_true(item.float64 == object->via.f64);
		break;
	case MSGPACK_OBJECT_STR:
	case MSGPACK_OBJECT_BIN:
		assert_int_equal(item.type,
				 object->type == MSGPACK_OBJECT_STR ? UNPACK_TEXT : UNPACK_BYTES);
		assert_int_equal(item.bytes.size, object->via.str.size);
		assert_memory_equal(item.bytes.data, object->via.str.ptr, item.bytes.size);
		break;
	case MSGPACK_OBJECT_EXT:
		assert_int_equal(item.type, UNPACK_EXTENSION);
		assert_int_equal(item.extension_type, object->via.ext.type);
		assert_int_equal(item.bytes.size, object->via.ext.size);
		assert_memory_equal(item.bytes.data, object->via.ext.ptr, item.bytes.size);
		break;
	case MSGPACK_OBJECT_ARRAY:
		assert_int_equal(item.type, UNPACK_ARRAY);
		assert_int_equal(item.count, object->via.array.size);
		for (uint32_t i = 0; i < item.count; i++)
			assert_same(unpack, &object->via.array.ptr[i]);
		break;
	case MSGPACK_OBJECT_MAP:
		assert_int_equal(item.type, UNPACK_MAP);
		assert_int_equal(item.count, object->via.map.size);
		for (uint32_t i = 0; i < item.count; i++) {
			assert_same(unpack, &object->via.map.ptr[i].key);
			assert_same(unpack, &object->via.map.ptr[i].val);
		}
		break;
	}
}

/* One of everything, at each boundary of its encodings, by the other library's packer. */
static void pack_one_of_everything(msgpack_sbuffer *buffer)
{
	static const char content[65536];
	static const size_t sizes[] = { 0, 1, 2, 3, 4, 5, 8, 16, 31, 32, 255, 256, 65535, 65536 };
	enum { SIZE_COUNT = sizeof(sizes) / sizeof(sizes[0]) };
	msgpack_packer packer;

	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, 3 + 3 * 64 + 2 + 3 * SIZE_COUNT + 2);
	msgpack_pack_nil(&packer);
	msgpack_pack_true(&packer);
	msgpack_pack_false(&packer);
	for (unsigned bit = 0; bit < 64; bit++) {
		msgpack_pack_uint64(&packer, 1ull << bit);
		msgpack_pack_uint64(&packer, (1ull << bit) - 1);
		msgpack_pack_int64(&packer, -(int64_t)((1ull << bit) - 1) - 1);
	}
	msgpack_pack_float(&packer, -0.1f);
	msgpack_pack_double(&packer, 1e300);
	for (size_t i = 0; i < SIZE_COUNT; i++) {
		msgpack_pack_str_with_body(&packer, content, sizes[i]);
		msgpack_pack_bin_with_body(&packer, content, sizes[i]);
		msgpack_pack_ext_with_body(&packer, content, sizes[i], -5);
	}
	msgpack_pack_map(&packer, 17);
	for (int i = 0; i < 17; i++) {
		msgpack_pack_int(&packer, i);
		msgpack_pack_array(&packer, 1);
		msgpack_pack_map(&packer, 1);
		msgpack_pack_str_with_body(&packer, "key", 3);
		msgpack_pack_array(&packer, 0);
	}
	msgpack_pack_map(&packer, 0);
}

static void what_msgpack_c_writes_is_read_alike(void **state)
{
	msgpack_sbuffer buffer;
	msgpack_unpacked unpacked;
	size_t used = 0;

	(void)state;
	msgpack_sbuffer_init(&buffer);
	pack_one_of_everything(&buffer);
	msgpack_unpacked_init(&unpacked);
	assert_int_equal(msgpack_unpack_next(&unpacked, buffer.data, buffer.size, &used),
			 MSGPACK_UNPACK_SUCCESS);
	struct unpack unpack = unpack_over(buffer.data, buffer.size);
	assert_same(&unpack, &unpacked.data);
	assert_true(unpack_at_end(&unpack));
	assert_int_equal(unpack_check(buffer.data, buffer.size, UINT32_MAX, NULL), 0);
	msgpack_unpacked_destroy(&unpacked);
	msgpack_sbuffer_destroy(&buffer);
}

static void every_truncation_is_refused(void **state)
{
	msgpack_sbuffer buffer;
	struct error err;

	(void)state;
	msgpack_sbuffer_init(&buffer);
	pack_one_of_everything(&buffer);
	/* Long contents are all alike inside: step through those faster. */
	for (size_t size = 0; size < buffer.size; size += size < 4096 ? 1 : 511) {
		uint8_t *cut = exact_copy(buffer.data, size);
		err.code = ERROR_NONE;
		assert_int_equal(unpack_check(cut, size, UINT32_MAX, &err), -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
		free(cut);
	}
	msgpack_sbuffer_destroy(&buffer);
}

static void every_truncated_item_is_refused_by_next(void **state)
{
	msgpack_sbuffer buffer;
	struct unpack unpack;
	struct unpack_item item;

	(void)state;
	msgpack_sbuffer_init(&buffer);
	pack_one_of_everything(&buffer);
	unpack = unpack_over(buffer.data, buffer.size);
	while (!unpack_at_end(&unpack)) {
		const uint8_t *begin = unpack.at;
		assert_int_equal(unpack_next(&unpack, &item, NULL), 0);
		size_t item_size = (size_t)(unpack.at - begin);
		for (size_t size = 0; size < item_size && size < 300; size++) {
			uint8_t *cut = exact_copy(begin, size);
			assert_next_refused(cut, size);
			free(cut);
		}
	}
	msgpack_sbuffer_destroy(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_read_in_every_encoding),
		cmocka_unit_test(the_sign_counts_and_not_the_encoding),
		cmocka_unit_test(other_scalars_are_read),
		cmocka_unit_test(text_bytes_and_extensions_are_lent),
		cmocka_unit_test(containers_are_read_in_every_encoding),
		cmocka_unit_test(lying_lengths_are_refused),
		cmocka_unit_test(a_head_that_is_never_used_is_refused),
		cmocka_unit_test(nothing_is_refused),
		cmocka_unit_test(depth_32_is_read_and_33_refused),
		cmocka_unit_test(items_are_counted_at_every_level),
		cmocka_unit_test(a_check_wants_exactly_one_value),
		cmocka_unit_test(typed_reads_refuse_other_types_and_stay),
		cmocka_unit_test(typed_reads_refuse_what_does_not_fit),
		cmocka_unit_test(what_msgpack_c_writes_is_read_alike),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_truncated_item_is_refused_by_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
