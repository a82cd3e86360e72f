#ifndef PROTOCOL_VALUE_H
#define PROTOCOL_VALUE_H

#include "protocol/bytes.h"
#include "protocol/error.h"
#include "protocol/unpack.h"

#include <msgpack/pack.h>
#include <stdbool.h>

/* Column values, independent of the source database.  What a value means is
 * said by its column's logical type (protocol/schema.h); how it is encoded,
 * by its kind.  Numbers of the types are stored in schemas: they stay.
 *
 *   logical type   number  kinds it uses           content
 *   bool                1  BOOL
 *   int16               2  INTEGER
 *   int32               3  INTEGER
 *   int64               4  INTEGER
 *   uint64              5  UNSIGNED
 *   float32             6  FLOAT32, SPECIAL        ±infinity and NaN may also be the float itself
 *   float64             7  FLOAT64, SPECIAL
 *   decimal             8  TEXT, SPECIAL           exact decimal text, as the source prints it
 *   string              9  TEXT
 *   bytes              10  BYTES
 *   date               11  INTEGER, SPECIAL        days since 1970-01-01, proleptic Gregorian
 *   time               12  INTEGER                 µs since midnight
 *   timetz             13  ARRAY of two INTEGERs   µs since midnight, seconds east of UTC
 *   timestamp          14  INTEGER, SPECIAL        µs since 1970-01-01T00:00, no zone
 *   timestamptz        15  INTEGER, SPECIAL        µs since 1970-01-01T00:00Z
 *   interval           16  ARRAY of three INTEGERs, SPECIAL    months, days, µs; infinities
 *   uuid               17  BYTES                   16 bytes
 *   json               18  TEXT
 *   xml                19  TEXT
 *   enum               20  TEXT                    the label
 *   set                21  ARRAY of TEXT           the labels
 *   bit                22  TEXT                    '0' and '1', most significant first
 *   array              23  ARRAY of the element type, nested for more dimensions
 *   point              24  ARRAY of two FLOAT64    x, y
 *   geometry           25  ARRAY: UNSIGNED or NULL, BYTES    SRID, WKB
 *   inet               26  TEXT
 *   oid                27  UNSIGNED
 *   bson               28  BYTES                   one document
 *   text               29  TEXT                    the source's own text of a type not known here
 *
 * Any type may also be NULL or UNAVAILABLE. */
#define LOGICAL_TYPES(X)                                                       \
	X(BOOL, 1, "bool") X(INT16, 2, "int16") X(INT32, 3, "int32")           \
	X(INT64, 4, "int64") X(UINT64, 5, "uint64") X(FLOAT32, 6, "float32")   \
	X(FLOAT64, 7, "float64") X(DECIMAL, 8, "decimal")                      \
	X(STRING, 9, "string") X(BYTES, 10, "bytes") X(DATE, 11, "date")       \
	X(TIME, 12, "time") X(TIMETZ, 13, "timetz")                            \
	X(TIMESTAMP, 14, "timestamp") X(TIMESTAMPTZ, 15, "timestamptz")        \
	X(INTERVAL, 16, "interval") X(UUID, 17, "uuid") X(JSON, 18, "json")    \
	X(XML, 19, "xml") X(ENUM, 20, "enum") X(SET, 21, "set")                \
	X(BIT, 22, "bit") X(ARRAY, 23, "array") X(POINT, 24, "point")          \
	X(GEOMETRY, 25, "geometry") X(INET, 26, "inet") X(OID, 27, "oid")      \
	X(BSON, 28, "bson") X(TEXT, 29, "text")

enum logical_type {
#define X(name, number, words) LOGICAL_##name = number,
	LOGICAL_TYPES(X)
#undef X
};

/* "int32"; NULL for a number that is no type. */
const char *logical_type_name(enum logical_type type);

enum value_kind {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INTEGER,
	VALUE_UNSIGNED,
	VALUE_FLOAT32,
	VALUE_FLOAT64,
	VALUE_TEXT,             /* UTF-8; stored as the source gave it */
	VALUE_BYTES,
	VALUE_ARRAY,            /* its items follow in the encoding */
	VALUE_UNAVAILABLE,      /* extension 1, empty: the source did not say (unchanged TOAST,
				 * a column absent from a MINIMAL row image); not null */
	VALUE_SPECIAL,          /* extension 2: no number can say it */
};

/* The first byte of a special value's content. */
enum value_special {
	SPECIAL_POSITIVE_INFINITY = 1,
	SPECIAL_NEGATIVE_INFINITY = 2,
	SPECIAL_NAN = 3,
	SPECIAL_TEXT = 4,       /* the source's own text follows: '0000-00-00' */
};

/* Arrays in arrays.  A value lies in a row, in a change, in a record, and all of it together
 * is at most UNPACK_DEPTH_MAX deep. */
#define VALUE_DEPTH_MAX             24

#define VALUE_EXTENSION_UNAVAILABLE 1
#define VALUE_EXTENSION_SPECIAL     2

struct value {
	enum value_kind kind;
	enum value_special special;     /* of VALUE_SPECIAL */
	union {
		bool boolean;
		int64_t integer;
		uint64_t number;        /* VALUE_UNSIGNED */
		float float32;
		double float64;
		struct bytes bytes;     /* TEXT, BYTES, SPECIAL_TEXT */
		uint32_t count;         /* ARRAY */
	};
};

/* Append one value (of an array: its head alone, its items are encoded after
 * it).  ERROR_MEMORY; ERROR_LIMIT for a content of 4 GiB.  What a failure
 * leaves in the packer's buffer is for the caller to cut off. */
int value_encode(msgpack_packer *packer, const struct value *value, struct error *err);

/* Read one value (of an array: its head alone).  Integers >= 0 come as
 * VALUE_INTEGER where they fit int64, else as VALUE_UNSIGNED: the type in the
 * schema says which was meant.  Lends.  ERROR_MALFORMED. */
int value_decode(struct unpack *unpack, struct value *out, struct error *err);

/* Step over one value of the given type and check that it is one: its kind,
 * and shape and kinds of nested ones; that int16, int32 and oid (32 bits, no
 * sign) fit their type, uint64 and SRIDs are not negative, a uuid has 16 bytes
 * and a bit only '0' and '1'.  element_type is that of an array's elements, not
 * an array again; for other types it is not looked at.  ERROR_MALFORMED,
 * ERROR_LIMIT. */
int value_check(struct unpack *unpack, enum logical_type type, enum logical_type element_type,
		struct error *err);

#endif
