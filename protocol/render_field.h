#ifndef PROTOCOL_RENDER_FIELD_H
#define PROTOCOL_RENDER_FIELD_H

#include "protocol/change.h"
#include "protocol/position.h"
#include "protocol/schema.h"
#include "protocol/text.h"

/* The members of Debezium's envelope beside the rows, and what add.fields takes from it:
 * "op", "ts_ms", "source.lsn", "lsn" (of source too), "transaction.id", "table:name". */

enum render_field {
	RENDER_FIELD_VERSION,
	RENDER_FIELD_CONNECTOR,
	RENDER_FIELD_NAME,
	RENDER_FIELD_TS_MS,
	RENDER_FIELD_SNAPSHOT,
	RENDER_FIELD_DB,
	RENDER_FIELD_SEQUENCE,
	RENDER_FIELD_TS_US,
	RENDER_FIELD_TS_NS,
	RENDER_FIELD_SCHEMA,
	RENDER_FIELD_TABLE,
	RENDER_FIELD_TXID,
	RENDER_FIELD_LSN,
	RENDER_FIELD_XMIN,
	RENDER_FIELD_ORIGIN,
	RENDER_FIELD_ORIGIN_LSN,
	RENDER_FIELD_SOURCE_COUNT,      /* those above are the source's, in order */

	RENDER_FIELD_OP = RENDER_FIELD_SOURCE_COUNT,
	RENDER_FIELD_PAYLOAD_TS_MS,
	RENDER_FIELD_PAYLOAD_TS_US,
	RENDER_FIELD_PAYLOAD_TS_NS,
	RENDER_FIELD_TRANSACTION,       /* of a transaction topic, which there is not: null */
};

/* What of "source":{…} stays from change to change, made once a table. */
struct render_pieces {
	struct text text;
	size_t ends[3];
};

/* schema NULL: of logical messages.  Begins anew.  ERROR_MEMORY. */
int render_pieces_make(struct render_pieces *pieces, struct bytes source, const struct schema *schema,
		       const char *version, struct error *err);

/* What they are taken from; lent. */
struct render_facts {
	const struct schema *schema;    /* NULL: of a logical message */
	const struct render_pieces *pieces;
	struct bytes source;            /* its name */
	const struct change *change;
	bool has_position;
	struct position position;
	int64_t time_us;                /* of the record */
	const char *version;
};

/* Append the field's value as JSON. */
void render_field_add(struct text *text, const struct render_facts *facts, enum render_field field);

/* "source":{…} */
void render_field_add_source(struct text *text, const struct render_facts *facts);

/* ,"source":{…},"transaction":null,"op":"c","ts_ms":…,"ts_us":…,"ts_ns":… */
void render_field_add_envelope(struct text *text, const struct render_facts *facts);

#define RENDER_ADDED_MAX 32

/* One member to add. */
struct render_added {
	enum render_field field;
	char name[160];         /* with its prefix: "__source_ts_ms" */
};

/* Read a list: how many.  -1: ERROR_INVALID, and the nearest name; ERROR_LIMIT. */
int render_field_parse(const char *list, const char *prefix, struct render_added *out,
		       struct error *err);

#endif
