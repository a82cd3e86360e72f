#include "capture/postgresql_type.h"

#include "capture/postgresql_array.h"
#include "capture/postgresql_binary.h"
#include "capture/postgresql_text.h"

/* pg_type of the types that every database has, oid and typarray: these numbers never
 * change (src/include/catalog/pg_type.dat).  The name is what format_type prints. */
#define BUILT_IN_TYPES(X)                                                           \
	X(16, 1000, BOOL, "boolean")                                                \
	X(17, 1001, BYTES, "bytea")                                                 \
	X(18, 1002, STRING, "\"char\"")                                             \
	X(19, 1003, STRING, "name")                                                 \
	X(20, 1016, INT64, "bigint")                                                \
	X(21, 1005, INT16, "smallint")                                              \
	X(22, 1006, TEXT, "int2vector")                                             \
	X(23, 1007, INT32, "integer")                                               \
	X(24, 1008, TEXT, "regproc")                                                \
	X(25, 1009, STRING, "text")                                                 \
	X(26, 1028, OID, "oid")                                                     \
	X(27, 1010, TEXT, "tid")                                                    \
	X(28, 1011, TEXT, "xid")                                                    \
	X(29, 1012, TEXT, "cid")                                                    \
	X(30, 1013, TEXT, "oidvector")                                              \
	X(114, 199, JSON, "json")                                                   \
	X(142, 143, XML, "xml")                                                     \
	X(600, 1017, POINT, "point")                                                \
	X(601, 1018, TEXT, "lseg")                                                  \
	X(602, 1019, TEXT, "path")                                                  \
	X(603, 1020, TEXT, "box")                                                   \
	X(604, 1027, TEXT, "polygon")                                               \
	X(628, 629, TEXT, "line")                                                   \
	X(650, 651, INET, "cidr")                                                   \
	X(700, 1021, FLOAT32, "real")                                               \
	X(701, 1022, FLOAT64, "double precision")                                   \
	X(718, 719, TEXT, "circle")                                                 \
	X(774, 775, INET, "macaddr8")                                               \
	X(790, 791, TEXT, "money")                                                  \
	X(829, 1040, INET, "macaddr")                                               \
	X(869, 1041, INET, "inet")                                                  \
	X(1042, 1014, STRING, "character")                                          \
	X(1043, 1015, STRING, "character varying")                                  \
	X(1082, 1182, DATE, "date")                                                 \
	X(1083, 1183, TIME, "time without time zone")                               \
	X(1114, 1115, TIMESTAMP, "timestamp without time zone")                     \
	X(1184, 1185, TIMESTAMPTZ, "timestamp with time zone")                      \
	X(1186, 1187, INTERVAL, "interval")                                         \
	X(1266, 1270, TIMETZ, "time with time zone")                                \
	X(1560, 1561, BIT, "bit")                                                   \
	X(1562, 1563, BIT, "bit varying")                                           \
	X(1700, 1231, DECIMAL, "numeric")                                           \
	X(2202, 2207, TEXT, "regprocedure")                                         \
	X(2205, 2210, TEXT, "regclass")                                             \
	X(2206, 2211, TEXT, "regtype")                                              \
	X(2950, 2951, UUID, "uuid")                                                 \
	X(3220, 3221, TEXT, "pg_lsn")                                               \
	X(3614, 3643, TEXT, "tsvector")                                             \
	X(3615, 3645, TEXT, "tsquery")                                              \
	X(3802, 3807, JSON, "jsonb")                                                \
	X(3904, 3905, TEXT, "int4range")                                            \
	X(3906, 3907, TEXT, "numrange")                                             \
	X(3908, 3909, TEXT, "tsrange")                                              \
	X(3910, 3911, TEXT, "tstzrange")                                            \
	X(3912, 3913, TEXT, "daterange")                                            \
	X(3926, 3927, TEXT, "int8range")                                            \
	X(4072, 4073, TEXT, "jsonpath")                                             \
	X(4451, 6150, TEXT, "int4multirange")                                       \
	X(4532, 6151, TEXT, "nummultirange")                                        \
	X(4533, 6152, TEXT, "tsmultirange")                                         \
	X(4534, 6153, TEXT, "tstzmultirange")                                       \
	X(4535, 6155, TEXT, "datemultirange")                                       \
	X(4536, 6157, TEXT, "int8multirange")                                       \
	X(5069, 271, TEXT, "xid8")

enum {
	DOMAINS_MAX = 32,               /* of domains of domains; a loop of them must end */
	LENGTH_HEADER = 4,              /* VARHDRSZ: what the modifiers of lengths and of numeric add */
	INTERVAL_NO_PRECISION = 0xffff,

	OID_BOX = 603,
	OID_BPCHAR = 1042,
	OID_VARCHAR = 1043,
};

struct built_in {
	uint32_t oid;
	uint32_t array_oid;
	enum logical_type type;
	const char *name;
	const char *array_name;
};

static const struct built_in built_ins[] = {
#define X(oid, array_oid, type, name) { oid, array_oid, LOGICAL_##type, name, name "[]" },
	BUILT_IN_TYPES(X)
#undef X
};

static const struct built_in *find_built_in(uint32_t oid)
{
	for (size_t i = 0; i < sizeof(built_ins) / sizeof(built_ins[0]); i++) {
		if (built_ins[i].oid == oid || built_ins[i].array_oid == oid)
			return &built_ins[i];
	}
	return NULL;
}

bool postgresql_type_is_built_in(uint32_t oid)
{
	return find_built_in(oid) != NULL;
}

static const struct postgresql_type_info *find_info(const struct postgresql_type_list *list, uint32_t oid)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->items[i].oid == oid)
			return &list->items[i];
	}
	return NULL;
}

/* What format_type prints, with or without the schema in front. */
static bool is_citext(struct bytes name)
{
	static const char wanted[] = ".citext";
	size_t size = sizeof(wanted) - 1;

	return (name.size == size - 1 && memcmp(name.data, wanted + 1, size - 1) == 0) ||
	       (name.size > size && memcmp(name.data + name.size - size, wanted, size) == 0);
}

/* From the modifier to length and scale: src/backend/utils/adt, the typmodout functions. */
static void read_modifier(struct postgresql_type *type, enum logical_type scalar, int32_t modifier)
{
	switch (scalar) {
	case LOGICAL_DECIMAL:
		if (modifier < LENGTH_HEADER)
			return;
		modifier -= LENGTH_HEADER;
		type->length = modifier >> 16 & 0xffff;
		type->scale = ((modifier & 0x7ff) ^ 0x400) - 0x400;
		return;
	case LOGICAL_STRING:
		if ((type->value_oid == OID_BPCHAR || type->value_oid == OID_VARCHAR) &&
		    modifier >= LENGTH_HEADER)
			type->length = modifier - LENGTH_HEADER;
		return;
	case LOGICAL_INTERVAL:
		if (modifier >= 0 && (modifier & 0xffff) != INTERVAL_NO_PRECISION)
			type->length = modifier & 0xffff;
		return;
	case LOGICAL_TIME:
	case LOGICAL_TIMETZ:
	case LOGICAL_TIMESTAMP:
	case LOGICAL_TIMESTAMPTZ:
	case LOGICAL_BIT:
		if (modifier >= 0)
			type->length = modifier;
		return;
	default:
		return;
	}
}

struct walk {
	const struct postgresql_type_list *list;
	uint32_t oid;
	int32_t modifier;
	bool is_array;
	enum logical_type scalar;
};

static void name_once(struct postgresql_type *type, struct bytes name)
{
	if (type->native_type.data == NULL)
		type->native_type = name;
}

/* The end of the walk: a type that every database has. */
static bool end_built_in(struct walk *walk, struct postgresql_type *type, const struct built_in *found)
{
	bool is_array = walk->oid == found->array_oid;

	name_once(type, bytes_of_text(is_array ? found->array_name : found->name));
	if (is_array && walk->is_array)
		return false;           /* elements that are arrays: a domain's */
	if (is_array)
		type->delimiter = found->oid == OID_BOX ? ';' : ',';
	walk->is_array |= is_array;
	walk->scalar = found->type;
	type->value_oid = found->oid;
	read_modifier(type, walk->scalar, walk->modifier);
	return true;
}

/* Follow domains and one array to the type of the values.  false: captured as text. */
static bool follow(struct walk *walk, struct postgresql_type *type)
{
	for (int i = 0; i < DOMAINS_MAX; i++) {
		const struct built_in *built_in = find_built_in(walk->oid);
		if (built_in != NULL)
			return end_built_in(walk, type, built_in);

		const struct postgresql_type_info *info = find_info(walk->list, walk->oid);
		if (info == NULL)
			return walk->is_array;
		name_once(type, info->name);
		if (info->kind == 'd') {
			walk->oid = info->base_oid;
			walk->modifier = info->base_modifier;
		} else if (info->element_oid != 0) {
			if (walk->is_array)
				return false;
			walk->is_array = true;
			walk->oid = info->element_oid;
			type->delimiter = info->delimiter;
		} else if (info->kind == 'e') {
			walk->scalar = LOGICAL_ENUM;
			type->labels = info->labels;
			type->label_count = info->label_count;
			return true;
		} else {
			walk->scalar = is_citext(info->name) ? LOGICAL_STRING : LOGICAL_TEXT;
			return true;
		}
	}
	return false;
}

void postgresql_type_resolve(uint32_t oid, int32_t modifier, const struct postgresql_type_list *list,
			     struct postgresql_type *out)
{
	struct postgresql_type type = { .length = -1, .scale = -1 };
	struct walk walk = { list, oid, modifier, false, LOGICAL_TEXT };

	if (!follow(&walk, &type)) {
		struct bytes name = type.native_type;
		type = (struct postgresql_type){ .length = -1, .scale = -1, .native_type = name };
		walk.is_array = false;
		walk.scalar = LOGICAL_TEXT;
	}
	type.type = walk.is_array ? LOGICAL_ARRAY : walk.scalar;
	type.element_type = walk.is_array ? walk.scalar : 0;
	name_once(&type, bytes_of_text("unknown"));
	*out = type;
}

int postgresql_type_encode_text(const struct postgresql_type *type, struct bytes text,
				msgpack_sbuffer *out, struct error *err)
{
	if (type->type == LOGICAL_ARRAY)
		return postgresql_array_encode_text(type, text, out, err);
	return postgresql_text_encode(type->type, text, out, err);
}

int postgresql_type_encode_binary(const struct postgresql_type *type, struct bytes value,
				  msgpack_sbuffer *out, struct error *err)
{
	if (type->type == LOGICAL_ARRAY)
		return postgresql_array_encode_binary(type, value, out, err);
	return postgresql_binary_encode(type->type, type->value_oid, value, out, err);
}
