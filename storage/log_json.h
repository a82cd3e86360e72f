#ifndef STORAGE_LOG_JSON_H
#define STORAGE_LOG_JSON_H

#include "protocol/value_json.h"

/* What millstream-log --json writes: an object a line, whose first member says
 * of what kind it is; millstream-log(1) lists them. */
struct json log_json_begin(struct text *text, const char *kind);
void log_json_end(struct json *json);

/* Members. */
void log_json_u64(struct json *json, const char *name, uint64_t number);
void log_json_i64(struct json *json, const char *name, int64_t number);
void log_json_bool(struct json *json, const char *name, bool boolean);
/* NULL is null; what is no UTF-8 comes as {"hex":…}. */
void log_json_string(struct json *json, const char *name, const char *string);
void log_json_text(struct json *json, const char *name, struct bytes text);
void log_json_hex(struct json *json, const char *name, struct bytes bytes);

#endif
