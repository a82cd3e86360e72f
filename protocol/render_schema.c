#include "protocol/render_schema.h"

#include "protocol/render_text.h"

#define SOURCE_SCHEMA                                                                              \
	"{\"type\":\"struct\",\"fields\":["                                                        \
	"{\"type\":\"string\",\"optional\":false,\"field\":\"version\"},"                          \
	"{\"type\":\"string\",\"optional\":false,\"field\":\"connector\"},"                        \
	"{\"type\":\"string\",\"optional\":false,\"field\":\"name\"},"                             \
	"{\"type\":\"int64\",\"optional\":false,\"field\":\"ts_ms\"},"                             \
	"{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Enum\",\"version\":1," \
	"\"parameters\":{\"allowed\":\"true,first,first_in_data_collection,"                       \
	"last_in_data_collection,last,false,incremental\"},\"default\":\"false\","                 \
	"\"field\":\"snapshot\"},"                                                                 \
	"{\"type\":\"string\",\"optional\":false,\"field\":\"db\"},"                               \
	"{\"type\":\"string\",\"optional\":true,\"field\":\"sequence\"},"                          \
	"{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_us\"},"                              \
	"{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ns\"},"                              \
	"{\"type\":\"string\",\"optional\":false,\"field\":\"schema\"},"                           \
	"{\"type\":\"string\",\"optional\":false,\"field\":\"table\"},"                            \
	"{\"type\":\"int64\",\"optional\":true,\"field\":\"txId\"},"                               \
	"{\"type\":\"int64\",\"optional\":true,\"field\":\"lsn\"},"                                \
	"{\"type\":\"int64\",\"optional\":true,\"field\":\"xmin\"},"                               \
	"{\"type\":\"string\",\"optional\":true,\"field\":\"origin\"},"                            \
	"{\"type\":\"int64\",\"optional\":true,\"field\":\"origin_lsn\"}],"                        \
	"\"optional\":false,\"name\":\"io.debezium.connector.postgresql.Source\",\"version\":1,"   \
	"\"field\":\"source\"}"

#define TRANSACTION_SCHEMA                                                                         \
	"{\"type\":\"struct\",\"fields\":["                                                        \
	"{\"type\":\"string\",\"optional\":false,\"field\":\"id\"},"                               \
	"{\"type\":\"int64\",\"optional\":false,\"field\":\"total_order\"},"                       \
	"{\"type\":\"int64\",\"optional\":false,\"field\":\"data_collection_order\"}],"            \
	"\"optional\":true,\"name\":\"event.block\",\"version\":1,\"field\":\"transaction\"}"

void render_schema_add_envelope_end(struct text *text, const char *topic)
{
	RENDER_TEXT_ADD(text, "," SOURCE_SCHEMA "," TRANSACTION_SCHEMA ","
			"{\"type\":\"string\",\"optional\":false,\"field\":\"op\"},"
			"{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ms\"},"
			"{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_us\"},"
			"{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ns\"}],"
			"\"optional\":false,\"name\":\"");
	text_add_string(text, topic);
	RENDER_TEXT_ADD(text, ".Envelope\",\"version\":2}");
}

void render_schema_add_message(struct text *text, const struct render_options *options)
{
	RENDER_TEXT_ADD(text, "{\"type\":\"struct\",\"fields\":["
			"{\"type\":\"string\",\"optional\":false,\"field\":\"op\"},"
			"{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ms\"},"
			SOURCE_SCHEMA "," TRANSACTION_SCHEMA ","
			"{\"type\":\"struct\",\"fields\":["
			"{\"type\":\"string\",\"optional\":true,\"field\":\"prefix\"},{\"type\":\"");
	text_add_string(text, options->bytes == RENDER_BYTES ? "bytes" : "string");
	RENDER_TEXT_ADD(text, "\",\"optional\":true,\"field\":\"content\"}],"
			"\"optional\":false,\"name\":\"io.debezium.connector.postgresql.Message\","
			"\"version\":1,\"field\":\"message\"}],"
			"\"optional\":false,\"name\":\"io.debezium.connector.postgresql.MessageValue\","
			"\"version\":1}");
}

void render_schema_add_message_key(struct text *text)
{
	RENDER_TEXT_ADD(text, "{\"type\":\"struct\",\"fields\":["
			"{\"type\":\"string\",\"optional\":true,\"field\":\"prefix\"}],"
			"\"optional\":false,\"name\":\"io.debezium.connector.postgresql.MessageKey\","
			"\"version\":1}");
}

/* ---- Columns ---- */

static void add_version(struct text *text, const char *name)
{
	RENDER_TEXT_ADD(text, ",\"name\":\"");
	text_add_string(text, name);
	RENDER_TEXT_ADD(text, "\",\"version\":1");
}

static const char *type_word(const struct render_column *column)
{
	bool is_ms = column->unit == RENDER_UNIT_MS;
	switch (column->shape) {
	case RENDER_SHAPE_BOOL:
	case RENDER_SHAPE_ONE_BIT: return "boolean";
	case RENDER_SHAPE_INTEGER:
		return column->type == LOGICAL_INT16 ? "int16" : column->type == LOGICAL_INT32 ? "int32"
											       : "int64";
	case RENDER_SHAPE_FLOAT32: return "float";
	case RENDER_SHAPE_FLOAT64: return "double";
	case RENDER_SHAPE_BYTES: return column->options->bytes == RENDER_BYTES ? "bytes" : "string";
	case RENDER_SHAPE_BITS:
	case RENDER_SHAPE_DECIMAL: return "bytes";
	case RENDER_SHAPE_FREE_DECIMAL:
	case RENDER_SHAPE_POINT:
	case RENDER_SHAPE_GEOMETRY: return "struct";
	case RENDER_SHAPE_DATE: return column->unit == RENDER_UNIT_TEXT ? "string" : "int32";
	case RENDER_SHAPE_TIME:
		return column->unit == RENDER_UNIT_TEXT ? "string" : is_ms ? "int32" : "int64";
	case RENDER_SHAPE_TIMESTAMP: return column->unit == RENDER_UNIT_TEXT ? "string" : "int64";
	case RENDER_SHAPE_INTERVAL:
		return column->options->intervals == RENDER_INTERVAL_STRING ? "string" : "int64";
	case RENDER_SHAPE_STRING:
	case RENDER_SHAPE_UUID:
	case RENDER_SHAPE_SET:
	case RENDER_SHAPE_TIMETZ:
	case RENDER_SHAPE_TIMESTAMPTZ: break;
	}
	return "string";
}

static void add_struct_fields(struct text *text, enum render_shape shape)
{
	switch (shape) {
	case RENDER_SHAPE_FREE_DECIMAL:
		RENDER_TEXT_ADD(text, ",\"fields\":[{\"type\":\"int32\",\"optional\":false,\"field\":\"scale\"},"
				"{\"type\":\"bytes\",\"optional\":false,\"field\":\"value\"}]");
		break;
	case RENDER_SHAPE_POINT:
		RENDER_TEXT_ADD(text, ",\"fields\":[{\"type\":\"double\",\"optional\":false,\"field\":\"x\"},"
				"{\"type\":\"double\",\"optional\":false,\"field\":\"y\"},"
				"{\"type\":\"bytes\",\"optional\":true,\"field\":\"wkb\"},"
				"{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}]");
		break;
	case RENDER_SHAPE_GEOMETRY:
		RENDER_TEXT_ADD(text, ",\"fields\":[{\"type\":\"bytes\",\"optional\":false,\"field\":\"wkb\"},"
				"{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}]");
		break;
	default: break;
	}
}

static const char *time_name(const struct render_column *column)
{
	static const char *const names[][4] = {
		/* ms, µs, ns, text */
		{ "io.debezium.time.Date", "io.debezium.time.Date", "io.debezium.time.Date",
		  "io.debezium.time.IsoDate" },
		{ "io.debezium.time.Time", "io.debezium.time.MicroTime", "io.debezium.time.NanoTime",
		  "io.debezium.time.IsoTime" },
		{ "io.debezium.time.Timestamp", "io.debezium.time.MicroTimestamp",
		  "io.debezium.time.NanoTimestamp", "io.debezium.time.IsoTimestamp" },
	};
	static const char *const connect_names[] = { "org.apache.kafka.connect.data.Date",
						     "org.apache.kafka.connect.data.Time",
						     "org.apache.kafka.connect.data.Timestamp" };
	int row = column->shape == RENDER_SHAPE_DATE ? 0 : column->shape == RENDER_SHAPE_TIME ? 1 : 2;
	return column->options->times == RENDER_TIME_CONNECT ? connect_names[row]
							     : names[row][column->unit];
}

static bool native_is(const struct render_column *column, const char *name)
{
	struct bytes native = column->column->native_type;
	size_t size = strlen(name);
	if (column->is_array && native.size > 2)
		native.size -= 2;
	return native.size >= size && memcmp(native.data + native.size - size, name, size) == 0 &&
	       (native.size == size || native.data[native.size - size - 1] == '.');
}

static void add_allowed(struct text *text, const struct schema_column *column)
{
	RENDER_TEXT_ADD(text, ",\"parameters\":{\"allowed\":");
	text_add_byte(text, '"');
	for (uint32_t i = 0; i < column->label_count; i++) {
		if (i > 0)
			text_add_byte(text, ',');
		render_text_escaped(text, column->labels[i]);
	}
	RENDER_TEXT_ADD(text, "\"}");
}

static void add_string_name(struct text *text, const struct render_column *column)
{
	switch (column->type) {
	case LOGICAL_JSON: add_version(text, "io.debezium.data.Json"); break;
	case LOGICAL_XML: add_version(text, "io.debezium.data.Xml"); break;
	case LOGICAL_ENUM:
		add_version(text, "io.debezium.data.Enum");
		add_allowed(text, column->column);
		break;
	case LOGICAL_SET:
		add_version(text, "io.debezium.data.EnumSet");
		add_allowed(text, column->column);
		break;
	default:
		if (native_is(column, "tsvector"))
			add_version(text, "io.debezium.data.Tsvector");
		else if (native_is(column, "ltree"))
			add_version(text, "io.debezium.data.Ltree");
	}
}

static void add_decimal_name(struct text *text, const struct render_column *column)
{
	add_version(text, "org.apache.kafka.connect.data.Decimal");
	RENDER_TEXT_ADD(text, ",\"parameters\":{\"scale\":\"");
	text_add_i64(text, column->scale);
	if (!column->is_money) {
		RENDER_TEXT_ADD(text, "\",\"connect.decimal.precision\":\"");
		text_add_i64(text, column->column->length);
	}
	RENDER_TEXT_ADD(text, "\"}");
}

/* Name, version, doc and parameters. */
static void add_meaning(struct text *text, const struct render_column *column)
{
	switch (column->shape) {
	case RENDER_SHAPE_STRING:
	case RENDER_SHAPE_SET: add_string_name(text, column); break;
	case RENDER_SHAPE_UUID: add_version(text, "io.debezium.data.Uuid"); break;
	case RENDER_SHAPE_DATE:
	case RENDER_SHAPE_TIME:
	case RENDER_SHAPE_TIMESTAMP: add_version(text, time_name(column)); break;
	case RENDER_SHAPE_TIMETZ: add_version(text, "io.debezium.time.ZonedTime"); break;
	case RENDER_SHAPE_TIMESTAMPTZ: add_version(text, "io.debezium.time.ZonedTimestamp"); break;
	case RENDER_SHAPE_INTERVAL:
		add_version(text, column->options->intervals == RENDER_INTERVAL_STRING
					  ? "io.debezium.time.Interval" : "io.debezium.time.MicroDuration");
		break;
	case RENDER_SHAPE_DECIMAL: add_decimal_name(text, column); break;
	case RENDER_SHAPE_FREE_DECIMAL:
		add_version(text, "io.debezium.data.VariableScaleDecimal");
		RENDER_TEXT_ADD(text, ",\"doc\":\"Variable scaled decimal\"");
		break;
	case RENDER_SHAPE_POINT:
		add_version(text, "io.debezium.data.geometry.Point");
		RENDER_TEXT_ADD(text, ",\"doc\":\"Geometry (POINT)\"");
		break;
	case RENDER_SHAPE_GEOMETRY:
		add_version(text, "io.debezium.data.geometry.Geometry");
		RENDER_TEXT_ADD(text, ",\"doc\":\"Geometry\"");
		break;
	case RENDER_SHAPE_BITS:
		add_version(text, "io.debezium.data.Bits");
		RENDER_TEXT_ADD(text, ",\"parameters\":{\"length\":\"");
		text_add_i64(text, column->column->length >= 0 ? column->column->length : INT32_MAX);
		RENDER_TEXT_ADD(text, "\"}");
		break;
	default: break;
	}
}

static void add_scalar(struct text *text, const struct render_column *column, bool is_optional)
{
	RENDER_TEXT_ADD(text, "{\"type\":\"");
	text_add_string(text, type_word(column));
	text_add_byte(text, '"');
	add_struct_fields(text, column->shape);
	text_add_string(text, is_optional ? ",\"optional\":true" : ",\"optional\":false");
	add_meaning(text, column);
}

void render_schema_add_column(struct text *text, const struct render_column *column, bool is_relaxed)
{
	bool is_optional = is_relaxed || (column->column->flags & SCHEMA_COLUMN_OPTIONAL) != 0;
	if (column->is_array) {
		RENDER_TEXT_ADD(text, "{\"type\":\"array\",\"items\":");
		add_scalar(text, column, true);
		text_add_string(text, is_optional ? "},\"optional\":true" : "},\"optional\":false");
		return;
	}
	add_scalar(text, column, is_optional);
	render_schema_add_default(text, column);
}

void render_schema_add_fields(struct text *text, const struct render_column *columns, uint32_t count,
			      bool is_relaxed)
{
	RENDER_TEXT_ADD(text, "{\"type\":\"struct\",\"fields\":[");
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			text_add_byte(text, ',');
		render_schema_add_column(text, &columns[i], is_relaxed);
		RENDER_TEXT_ADD(text, ",\"field\":");
		render_text_string(text, columns[i].column->name);
		text_add_byte(text, '}');
	}
	text_add_byte(text, ']');
}
