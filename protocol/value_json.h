#ifndef PROTOCOL_VALUE_JSON_H
#define PROTOCOL_VALUE_JSON_H

#include "protocol/json.h"
#include "protocol/value.h"

/* Values as JSON, exactly: what is written tells every stored value from every
 * other of its type.  No value is an object, but those that JSON has no form of:
 *
 *   bool, integers, oid, floats        themselves; a float that is no number as special
 *   texts, enum, decimal, bit, inet, json, xml     a string
 *   dates, times, intervals, uuid      a string, as value_text has it
 *   set, array                         an array
 *   point                              [x, y]
 *   bytes, bson                        {"hex":"00ff"}
 *   geometry                           {"srid":4326,"hex":"01…"}, srid may be null
 *   unavailable                        {"unavailable":true}
 *   special                            {"special":"infinity"}, "-infinity", "NaN" or the
 *                                      source's own text
 *   text that is no UTF-8              {"hex":"…"}
 *
 * A value that is not of its type comes as what it is; then also a map as
 * {"map":[[key,value],…]}, any other extension as {"extension":5,"hex":"…"}. */

/* Write one value and step over it; type 0: it has none.  ERROR_MALFORMED and
 * ERROR_LIMIT for what is no value at all: then nothing is written. */
int value_json_add(struct json *json, struct unpack *unpack, enum logical_type type,
		   enum logical_type element_type, struct error *err);

/* A string where it is UTF-8, else {"hex":"…"}; nil is null. */
void value_json_add_text(struct json *json, struct bytes text);
/* {"hex":"…"}; nil is null. */
void value_json_add_bytes(struct json *json, struct bytes bytes);

#endif
