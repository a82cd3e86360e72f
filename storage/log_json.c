#include "storage/log_json.h"

struct json log_json_begin(struct text *text, const char *kind)
{
	struct json json = json_to(text);
	json_begin_object(&json);
	json_name(&json, "kind");
	json_string(&json, kind);
	return json;
}

void log_json_end(struct json *json)
{
	json_end_object(json);
	json_end_line(json);
}

void log_json_u64(struct json *json, const char *name, uint64_t number)
{
	json_name(json, name);
	json_u64(json, number);
}

void log_json_i64(struct json *json, const char *name, int64_t number)
{
	json_name(json, name);
	json_i64(json, number);
}

void log_json_bool(struct json *json, const char *name, bool boolean)
{
	json_name(json, name);
	json_bool(json, boolean);
}

void log_json_string(struct json *json, const char *name, const char *string)
{
	struct bytes text = { (const uint8_t *)string, string != NULL ? strlen(string) : 0 };
	log_json_text(json, name, text);
}

void log_json_text(struct json *json, const char *name, struct bytes text)
{
	json_name(json, name);
	value_json_add_text(json, text);
}

void log_json_hex(struct json *json, const char *name, struct bytes bytes)
{
	json_name(json, name);
	json_hex(json, bytes);
}
