#include "capture/postgresql_binary.h"

#include "capture/postgresql_text.h"
#include "capture/postgresql_time.h"
#include "capture/room.h"

#include <stdio.h>

/* Source: the send functions in src/backend/utils/adt. */

#define EPOCH_US INT64_C(946684800000000)       /* 2000-01-01 */

enum {
	EPOCH_DAYS = 10957,
	UUID_BYTES = 16,

	OID_CHAR = 18,
	OID_CIDR = 650,
	OID_INET = 869,
	OID_JSONB = 3802,
	OID_MACADDR = 829,
	OID_MACADDR8 = 774,

	/* numeric */
	SIGN_NEGATIVE = 0x4000,
	SIGN_NAN = 0xc000,
	SIGN_POSITIVE_INFINITY = 0xd000,
	SIGN_NEGATIVE_INFINITY = 0xf000,
	SCALE_MAX = 0x3fff,
	DIGITS_PER_GROUP = 4,

	/* inet */
	FAMILY_IPV4 = 2,
	FAMILY_IPV6 = 3,
};

static int refuse(enum logical_type type, struct bytes value, struct error *err)
{
	return error_set(err, ERROR_MALFORMED, "%zu bytes that are no %s in PostgreSQL's binary form",
			 value.size, logical_type_name(type));
}

static int append_text(msgpack_sbuffer *out, const void *data, size_t size, struct error *err)
{
	return postgresql_text_append(out, &(struct value){ .kind = VALUE_TEXT, .bytes = { data, size } }, err);
}

static int append_special(msgpack_sbuffer *out, enum value_special special, struct error *err)
{
	return postgresql_text_append(out, &(struct value){ .kind = VALUE_SPECIAL, .special = special }, err);
}

static int append_numbers(msgpack_sbuffer *out, const int64_t *numbers, uint32_t count, struct error *err)
{
	size_t size = out->size;
	int rc = postgresql_text_append(out, &(struct value){ .kind = VALUE_ARRAY, .count = count }, err);

	for (uint32_t i = 0; i < count && rc == 0; i++)
		rc = postgresql_text_append(out, &(struct value){ .kind = VALUE_INTEGER, .integer = numbers[i] }, err);
	if (rc != 0)
		out->size = size;
	return rc;
}

/* ---- numeric: i16 groups | i16 weight | u16 sign | u16 scale | groups of four digits ---- */

static uint16_t group_at(struct bytes value, int groups, int index)
{
	return index < 0 || index >= groups ? 0 : load_u16(value.data + 8 + 2 * (size_t)index);
}

/* The digits from the first group on: as numeric_out, leading zeros gone, scale
 * digits behind the point. */
static size_t print_numeric(struct bytes value, int groups, int weight, int scale, char *out)
{
	char *at = out;
	char four[8];

	if (weight < 0)
		*at++ = '0';
	for (int i = 0; i <= weight; i++) {
		unsigned group = group_at(value, groups, i);
		int size = snprintf(four, sizeof(four), i == 0 ? "%u" : "%04u", group);
		memcpy(at, four, (size_t)size);
		at += size;
	}
	if (scale == 0)
		return (size_t)(at - out);
	*at++ = '.';
	char *end = at + scale;
	for (int i = weight + 1; at < end; i++) {
		snprintf(four, sizeof(four), "%04u", (unsigned)group_at(value, groups, i));
		for (int k = 0; k < DIGITS_PER_GROUP && at < end; k++)
			*at++ = four[k];
	}
	return (size_t)(at - out);
}

static int encode_numeric(struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	if (value.size < 8)
		return refuse(LOGICAL_DECIMAL, value, err);

	int groups = load_u16(value.data);
	int weight = (int16_t)load_u16(value.data + 2);
	int sign = load_u16(value.data + 4);
	int scale = load_u16(value.data + 6);
	if (sign == SIGN_NAN)
		return append_special(out, SPECIAL_NAN, err);
	if (sign == SIGN_POSITIVE_INFINITY || sign == SIGN_NEGATIVE_INFINITY)
		return append_special(out, sign == SIGN_POSITIVE_INFINITY ? SPECIAL_POSITIVE_INFINITY
									  : SPECIAL_NEGATIVE_INFINITY, err);
	if (value.size != 8 + 2 * (size_t)groups || scale > SCALE_MAX || (sign != 0 && sign != SIGN_NEGATIVE))
		return refuse(LOGICAL_DECIMAL, value, err);
	for (int i = 0; i < groups; i++) {
		if (group_at(value, groups, i) > 9999)
			return refuse(LOGICAL_DECIMAL, value, err);
	}

	/* Printed behind the place where the value will grow. */
	size_t size_max = 8 + (size_t)(weight < 0 ? 0 : weight + 1) * DIGITS_PER_GROUP + (size_t)scale;
	size_t gap = size_max + POSTGRESQL_TEXT_GROWTH_MAX;
	if (room_make(out, gap + size_max, err) != 0)
		return -1;
	char *text = out->data + out->size + gap;
	size_t sign_size = sign == SIGN_NEGATIVE;
	text[0] = '-';
	return append_text(out, text, sign_size + print_numeric(value, groups, weight, scale, text + sign_size), err);
}

/* ---- inet: u8 family | u8 bits | u8 is cidr | u8 size | address ---- */

static int append_ipv4(msgpack_sbuffer *out, struct bytes address, int bits, bool shows_bits, struct error *err)
{
	char text[32];
	const uint8_t *at = address.data;
	int size = snprintf(text, sizeof(text), "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);

	if (shows_bits)
		size += snprintf(text + size, sizeof(text) - (size_t)size, "/%d", bits);
	return append_text(out, text, (size_t)size, err);
}

/* The longest run of two or more zero words, which "::" stands for. */
static void find_zeros(const uint16_t words[8], int *out_first, int *out_count)
{
	*out_first = -1;
	*out_count = 1;
	for (int i = 0; i < 8; i++) {
		int n = 0;
		while (i + n < 8 && words[i + n] == 0)
			n++;
		if (n > *out_count) {
			*out_first = i;
			*out_count = n;
		}
		i += n;
	}
}

/* src/port/inet_net_ntop.c, inet_net_ntop_ipv6. */
static int append_ipv6(msgpack_sbuffer *out, struct bytes address, int bits, bool shows_bits, struct error *err)
{
	uint16_t words[8];
	char text[80];
	int size = 0, first, count;

	for (int i = 0; i < 8; i++)
		words[i] = load_u16(address.data + 2 * i);
	find_zeros(words, &first, &count);
	for (int i = 0; i < 8; i++) {
		if (first >= 0 && i >= first && i < first + count) {
			if (i == first)
				text[size++] = ':';
			continue;
		}
		if (i != 0)
			text[size++] = ':';
		if (i == 6 && first == 0 && (count == 6 || (count == 7 && words[7] != 1) ||
					     (count == 5 && words[5] == 0xffff))) {
			const uint8_t *at = address.data + 12;
			size += snprintf(text + size, 20, "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);
			break;
		}
		size += snprintf(text + size, 8, "%x", words[i]);
	}
	if (first >= 0 && first + count == 8)
		text[size++] = ':';
	if (shows_bits)
		size += snprintf(text + size, 8, "/%d", bits);
	return append_text(out, text, (size_t)size, err);
}

static int encode_inet(uint32_t oid, struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	if (value.size < 4 || value.size != 4 + (size_t)value.data[3])
		return refuse(LOGICAL_INET, value, err);

	struct bytes address = { value.data + 4, value.size - 4 };
	int bits = value.data[1];
	if (value.data[0] == FAMILY_IPV4 && address.size == 4 && bits <= 32)
		return append_ipv4(out, address, bits, bits != 32 || oid == OID_CIDR, err);
	if (value.data[0] == FAMILY_IPV6 && address.size == 16 && bits <= 128)
		return append_ipv6(out, address, bits, bits != 128 || oid == OID_CIDR, err);
	return refuse(LOGICAL_INET, value, err);
}

static int encode_macaddr(struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	char text[8 * 3 + 1];
	size_t size = 0;

	for (size_t i = 0; i < value.size; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size, i == 0 ? "%02x" : ":%02x", value.data[i]);
	return append_text(out, text, size, err);
}

static int encode_network(uint32_t oid, struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	switch (oid) {
	case OID_INET:
	case OID_CIDR:
		return encode_inet(oid, value, out, err);
	case OID_MACADDR:
	case OID_MACADDR8:
		if (value.size == (oid == OID_MACADDR ? 6 : 8))
			return encode_macaddr(value, out, err);
	}
	return refuse(LOGICAL_INET, value, err);
}

/* ---- times ---- */

static int encode_date(struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	int32_t days = (int32_t)load_u32(value.data);

	if (days == INT32_MAX || days == INT32_MIN)
		return append_special(out, days > 0 ? SPECIAL_POSITIVE_INFINITY : SPECIAL_NEGATIVE_INFINITY, err);
	return postgresql_text_append(out, &(struct value){ .kind = VALUE_INTEGER,
							    .integer = (int64_t)days + EPOCH_DAYS }, err);
}

static int encode_timestamp(bool with_zone, struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	int64_t time_us = (int64_t)load_u64(value.data);
	struct value number = { .kind = VALUE_INTEGER };
	char text[POSTGRESQL_TIME_TEXT_BYTES];

	if (time_us == INT64_MAX || time_us == INT64_MIN)
		return append_special(out, time_us > 0 ? SPECIAL_POSITIVE_INFINITY : SPECIAL_NEGATIVE_INFINITY, err);
	if (__builtin_add_overflow(time_us, EPOCH_US, &number.integer)) {
		size_t size = postgresql_time_print_timestamp(text, time_us, with_zone);
		number = (struct value){ .kind = VALUE_SPECIAL, .special = SPECIAL_TEXT,
					 .bytes = { (const uint8_t *)text, size } };
	}
	return postgresql_text_append(out, &number, err);
}

/* i64 µs | i32 days | i32 months; all of them the largest or the least: infinite */
static int encode_interval(struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	const int64_t numbers[] = {
		(int32_t)load_u32(value.data + 12),
		(int32_t)load_u32(value.data + 8),
		(int64_t)load_u64(value.data),
	};

	if (numbers[0] == INT32_MAX && numbers[1] == INT32_MAX && numbers[2] == INT64_MAX)
		return append_special(out, SPECIAL_POSITIVE_INFINITY, err);
	if (numbers[0] == INT32_MIN && numbers[1] == INT32_MIN && numbers[2] == INT64_MIN)
		return append_special(out, SPECIAL_NEGATIVE_INFINITY, err);
	return append_numbers(out, numbers, 3, err);
}

/* i64 µs | i32 seconds west of UTC */
static int encode_timetz(struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	const int64_t numbers[] = {
		(int64_t)load_u64(value.data),
		-(int64_t)(int32_t)load_u32(value.data + 8),
	};
	return append_numbers(out, numbers, 2, err);
}

/* ---- the rest ---- */

static double load_float64(const uint8_t *at)
{
	uint64_t bits = load_u64(at);
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

static float load_float32(const uint8_t *at)
{
	uint32_t bits = load_u32(at);
	float number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

/* i32 bits | bytes, most significant first */
static int encode_bit(struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	uint32_t count = value.size < 4 ? UINT32_MAX : load_u32(value.data);
	size_t before = out->size;
	msgpack_packer packer;

	if (count > INT32_MAX || value.size != 4 + ((size_t)count + 7) / 8)
		return refuse(LOGICAL_BIT, value, err);
	if (room_make(out, count + POSTGRESQL_TEXT_GROWTH_MAX, err) != 0)
		return -1;
	msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
	if (msgpack_pack_str(&packer, count) != 0) {
		out->size = before;
		return error_set(err, ERROR_MEMORY, "no memory to encode a value");
	}
	for (uint32_t i = 0; i < count; i++)
		out->data[out->size++] = (char)('0' + (value.data[4 + i / 8] >> (7 - i % 8) & 1));
	return 0;
}

/* "char" is one byte: printed as nothing, itself, or in octal (charout). */
static int encode_char(struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	char text[8];

	if (value.size != 1)
		return refuse(LOGICAL_STRING, value, err);
	snprintf(text, sizeof(text), value.data[0] < 0x80 ? "%c" : "\\%03o", value.data[0]);
	return append_text(out, text, strlen(text), err);
}

static int encode_text(uint32_t oid, struct bytes value, msgpack_sbuffer *out, struct error *err)
{
	if (oid == OID_CHAR)
		return encode_char(value, out, err);
	if (oid == OID_JSONB) {         /* u8 version | text */
		if (value.size == 0 || value.data[0] != 1)
			return refuse(LOGICAL_JSON, value, err);
		value = (struct bytes){ value.data + 1, value.size - 1 };
	}
	return append_text(out, value.data, value.size, err);
}

/* The size that a type's values all have; 0: they differ. */
static size_t fixed_size(enum logical_type type)
{
	switch (type) {
	case LOGICAL_BOOL: return 1;
	case LOGICAL_INT16: return 2;
	case LOGICAL_INT32: case LOGICAL_FLOAT32: case LOGICAL_OID: case LOGICAL_DATE: return 4;
	case LOGICAL_INT64: case LOGICAL_FLOAT64: return 8;
	case LOGICAL_TIME: case LOGICAL_TIMESTAMP: case LOGICAL_TIMESTAMPTZ: return 8;
	case LOGICAL_TIMETZ: return 12;
	case LOGICAL_INTERVAL: case LOGICAL_UUID: case LOGICAL_POINT: return 16;
	default: return 0;
	}
}

static struct value read_number(enum logical_type type, const uint8_t *at)
{
	switch (type) {
	case LOGICAL_BOOL:
		return (struct value){ .kind = VALUE_BOOL, .boolean = at[0] != 0 };
	case LOGICAL_INT16:
		return (struct value){ .kind = VALUE_INTEGER, .integer = (int16_t)load_u16(at) };
	case LOGICAL_INT32:
		return (struct value){ .kind = VALUE_INTEGER, .integer = (int32_t)load_u32(at) };
	case LOGICAL_OID:
		return (struct value){ .kind = VALUE_UNSIGNED, .number = load_u32(at) };
	case LOGICAL_FLOAT32:
		return postgresql_text_float32(load_float32(at));
	case LOGICAL_FLOAT64:
		return postgresql_text_float64(load_float64(at));
	default:                        /* int64 and time */
		return (struct value){ .kind = VALUE_INTEGER, .integer = (int64_t)load_u64(at) };
	}
}

int postgresql_binary_encode(enum logical_type type, uint32_t oid, struct bytes value,
			     msgpack_sbuffer *out, struct error *err)
{
	struct value number;

	if (fixed_size(type) != 0 && value.size != fixed_size(type))
		return refuse(type, value, err);
	switch (type) {
	case LOGICAL_BOOL:
	case LOGICAL_INT16:
	case LOGICAL_INT32:
	case LOGICAL_INT64:
	case LOGICAL_OID:
	case LOGICAL_FLOAT32:
	case LOGICAL_FLOAT64:
	case LOGICAL_TIME:
		number = read_number(type, value.data);
		return postgresql_text_append(out, &number, err);
	case LOGICAL_DECIMAL:
		return encode_numeric(value, out, err);
	case LOGICAL_DATE:
		return encode_date(value, out, err);
	case LOGICAL_TIMESTAMP:
	case LOGICAL_TIMESTAMPTZ:
		return encode_timestamp(type == LOGICAL_TIMESTAMPTZ, value, out, err);
	case LOGICAL_TIMETZ:
		return encode_timetz(value, out, err);
	case LOGICAL_INTERVAL:
		return encode_interval(value, out, err);
	case LOGICAL_POINT:
		return postgresql_text_append_point(out, load_float64(value.data), load_float64(value.data + 8), err);
	case LOGICAL_UUID:
	case LOGICAL_BYTES:
		return postgresql_text_append(out, &(struct value){ .kind = VALUE_BYTES, .bytes = value }, err);
	case LOGICAL_STRING:
	case LOGICAL_JSON:
	case LOGICAL_XML:
	case LOGICAL_ENUM:
		return encode_text(oid, value, out, err);
	case LOGICAL_BIT:
		return encode_bit(value, out, err);
	case LOGICAL_INET:
		return encode_network(oid, value, out, err);
	default:
		return error_set(err, ERROR_UNSUPPORTED, "a %s in binary form, which cannot be read here; "
				 "stream without the option binary", logical_type_name(type));
	}
}
