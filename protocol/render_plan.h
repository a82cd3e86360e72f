#ifndef PROTOCOL_RENDER_PLAN_H
#define PROTOCOL_RENDER_PLAN_H

#include "protocol/render.h"
#include "protocol/render_column.h"
#include "protocol/render_field.h"

/* Inside of protocol/render*.c: a schema made ready for rendering, and the open record. */

struct render_plan {
	struct render_plan *next;       /* of the same slot */
	uint32_t schema_id;
	char *topic;
	uint8_t *encoded;               /* lends the schema's texts */
	struct schema schema;
	struct render_column *columns;
	struct bytes *names;            /* "name": as JSON, in the text below */
	uint32_t *key_columns;          /* in the key's order */
	uint32_t key_count;
	struct text names_text;
	struct render_pieces pieces;
	struct text value_schema[2];    /* of a row; [1] relaxed: what is required may be null */
	struct text key_schema;
};

#define RENDER_PLAN_SLOTS 64
#define RENDER_PLANS_MAX  1024          /* then all are forgotten */

struct render {
	struct render_options options;
	struct render_added added[RENDER_ADDED_MAX];
	int added_count;
	render_find_schema find;
	void *user;
	struct render_plan *slots[RENDER_PLAN_SLOTS];
	uint32_t plan_count;
	struct render_plan *last;       /* of the last change; NULL: none */
	struct text scratch;
	size_t location_width;          /* of RENDER_PRETTY: the widest so far */

	/* The open record. */
	struct render_record record;
	bool is_change;
	struct change change;
	const struct render_plan *plan; /* NULL: a message, or a tombstone of which nothing is known */
	struct render_facts facts;
	struct render_pieces message_pieces;
};

/* Find or make it; *out is lent until the next call. */
int render_plan_find(struct render *render, uint32_t schema_id, const char *topic,
		     struct render_plan **out, struct error *err);

/* The latest of a topic; NULL: none. */
struct render_plan *render_plan_of_topic(struct render *render, const char *topic);
void render_plan_clear(struct render *render);

/* {"id":1,…} of an encoded row.  *out_has_gap: a column that may not be null is. */
int render_row_add(struct text *text, const struct render_plan *plan, struct bytes row, bool is_before,
		   bool *out_has_gap, struct error *err);
/* The same without its closing brace. */
int render_row_begin(struct text *text, const struct render_plan *plan, struct bytes row, bool is_before,
		     bool *out_has_gap, struct error *err);

/* The key as {"id":1}. */
int render_row_add_key(struct text *text, const struct render_plan *plan, struct bytes key,
		       struct error *err);

/* The prefix and the content of a logical message. */
int render_message_parts(const struct change *change, struct bytes *out_prefix,
			 struct bytes *out_content, struct error *err);

/* By format; nothing is cut back on failure. */
int render_debezium_value(struct render *render, struct text *text, struct error *err);
int render_debezium_key(struct render *render, struct text *text, struct error *err);
int render_flat_value(struct render *render, struct text *text, struct error *err);
bool render_flat_drops(const struct render *render);
bool render_flat_is_null(const struct render *render);
int render_pretty_value(struct render *render, struct text *text, struct error *err);
int render_pretty_key(struct render *render, struct text *text, struct error *err);

#endif
