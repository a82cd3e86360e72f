#ifndef PROTOCOL_RENDER_H
#define PROTOCOL_RENDER_H

#include "protocol/record.h"
#include "protocol/render_options.h"
#include "protocol/text.h"

/* Records as text: changes in the form that options name, published messages as they are.
 *
 *	render_create(&options, find_schema, user, &render, err);
 *	for each record
 *		if (render_open(render, &record, err) > 0) {
 *			render_key(render, &text, err);
 *			render_value(render, &text, err);
 *		}
 *
 * Belongs to one thread at a time; allocates for a schema that it has not seen before, and
 * to grow the text, never for a value.
 *
 * Which rendering writes what is in doc/millstream.1; where it is not what Debezium 3 writes, in
 * doc/postgresql.md. */

struct render;

/* Find the encoded schema of that id (protocol/schema.h); what is lent must last until the
 * next call of render.  0, or -1 and why not. */
typedef int (*render_find_schema)(void *user, uint32_t schema_id, struct bytes *out,
				  struct error *err);

/* Copies the options, but not the texts that they lend.  ERROR_INVALID: add.fields names something
 * that is not there; ERROR_MEMORY. */
int render_create(const struct render_options *options, render_find_schema find, void *user,
		  struct render **out, struct error *err);
void render_destroy(struct render *render);

struct render_record {
	const char *topic;
	uint32_t partition;
	uint64_t offset;
	int64_t time_us;                /* of its append: the envelope's ts_ms */
	struct content key;
	struct content value;
	struct bytes headers;           /* of RENDER_PRETTY; encoded array, or nil */
};

/* Begin with one record, which is lent until the next.  1: there is something to show; 0: there is
 * not (what RENDER_FLAT drops); -1: ERROR_MALFORMED and ERROR_LIMIT for bytes that are no change,
 * what find says, ERROR_MEMORY. */
int render_open(struct render *render, const struct render_record *record, struct error *err);

/* What kind of text render_key and render_value add for the open record. */
enum render_kind {
	RENDER_NULL,            /* there is none: "null" is added */
	RENDER_JSON,            /* one JSON value, on one line */
	RENDER_PLAIN,           /* the record's own bytes */
};
enum render_kind render_key_kind(const struct render *render);
enum render_kind render_value_kind(const struct render *render);

/* Append the key, the value; for RENDER_PRETTY the value is the whole record, one line or several, the
 * last without its end.  A failure adds nothing.  ERROR_MALFORMED: a value that is none of its
 * column's type, naming it; ERROR_LIMIT, ERROR_MEMORY.
 *
 * The key of a tombstone has its names from the changes before it in the same topic; where none was
 * seen, it is an array of the key's values. */
int render_key(struct render *render, struct text *text, struct error *err);
int render_value(struct render *render, struct text *text, struct error *err);

/* A header of the open record that holds a key, as one line of JSON: __debezium.newkey of a delete,
 * __debezium.oldkey of a create, where an update has changed the key.  False: any other, or one
 * that cannot be read; nothing was added. */
bool render_header(struct render *render, struct text *text, struct bytes name, struct bytes value);

#endif
