#ifndef PROTOCOL_RENDER_SCHEMA_H
#define PROTOCOL_RENDER_SCHEMA_H

#include "protocol/render_column.h"

/* Kafka Connect's description of columns and envelopes, as JsonConverter writes it beside a
 * payload, with Debezium's semantic types. */

/* The start of a column's schema, without its closing brace: {"type":"int32","optional":true.  is_relaxed: null is
 * allowed whatever the column says. */
void render_schema_add_column(struct text *text, const struct render_column *column, bool is_relaxed);

/* A struct of columns, without its closing brace and without "optional" and what stands behind it. */
void render_schema_add_fields(struct text *text, const struct render_column *columns, uint32_t count,
			      bool is_relaxed);

/* What stands between the schema of a row called "after" and the payload: the rest of the envelope's
 * schema, under the topic's name. */
void render_schema_add_envelope_end(struct text *text, const char *topic);

/* The schema of a logical message's envelope, and of its key. */
void render_schema_add_message(struct text *text, const struct render_options *options);
void render_schema_add_message_key(struct text *text);

/* ,"default":…: the column's default as a value, where it is a constant; else nothing
 * (protocol/render_default.c). */
void render_schema_add_default(struct text *text, const struct render_column *column);

#endif
