#ifndef CLIENT_PLACE_H
#define CLIENT_PLACE_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#include <stdbool.h>

/* Where a subscription is in one partition, and the table of all of them. */

enum place_state {
	PLACE_FOLLOWING,
	PLACE_WAITING,          /* for a seek: what comes next cannot be had or read */
	PLACE_GONE,             /* its topic was deleted */
};

struct place {
	const char *topic;      /* owned, behind the struct */
	uint32_t topic_id;
	uint32_t partition;
	enum place_state state;
	uint64_t next_offset;   /* the next to hand out */
	uint64_t visible_end;   /* as far as is known */
	bool is_caught_up;
	bool is_ending;         /* that its topic was deleted waits to be handed out */
	bool is_confirmed;      /* the server named it since the last SUBSCRIBE */
};

struct places {
	struct place **all;     /* owned, in the order they came */
	uint32_t count;
	uint32_t capacity;
	struct place **slots;   /* by topic id and partition: open addressing */
	uint32_t slot_count;    /* a power of two, or 0 */
	struct place *last;     /* found last */
	uint32_t behind_count;  /* neither caught up nor gone */
};

void places_clear(struct places *places);

/* ERROR_MEMORY, ERROR_LIMIT (SUBSCRIPTION_PARTITIONS_MAX). */
int places_add(struct places *places, struct bytes topic, uint32_t topic_id, uint32_t partition,
	       struct place **out, struct error *err);

/* NULL: none.  By name: the newest, where a topic was deleted and made again. */
struct place *places_find(struct places *places, uint32_t topic_id, uint32_t partition);
struct place *places_find_name(const struct places *places, struct bytes topic,
			       uint32_t partition);
/* Any one of the topic. */
struct place *places_find_topic(const struct places *places, uint32_t topic_id);

/* Its topic has another id now. */
void places_set_topic_id(struct places *places, struct place *place, uint32_t topic_id);

void places_set_caught_up(struct places *places, struct place *place);
/* It goes on at offset, and has to catch up again. */
void places_move(struct places *places, struct place *place, uint64_t offset);
/* All of a topic: news of its end are on their way; and: are handed out. */
void places_set_ending(struct places *places, uint32_t topic_id);
void places_set_gone(struct places *places, uint32_t topic_id);
/* A place that was gone is there again. */
void places_revive(struct places *places, struct place *place);

#endif
