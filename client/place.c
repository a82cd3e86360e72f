#include "client/place.h"

#include "protocol/limits.h"

#include <stdlib.h>

#define SLOTS_MIN 16

void places_clear(struct places *places)
{
	for (uint32_t i = 0; i < places->count; i++)
		free(places->all[i]);
	free(places->all);
	free(places->slots);
	*places = (struct places){ 0 };
}

static uint32_t first_slot(const struct places *places, uint32_t topic_id, uint32_t partition)
{
	uint64_t mixed = ((uint64_t)topic_id << 32 | partition) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(mixed >> 32) & (places->slot_count - 1);
}

static void put(struct places *places, struct place *place)
{
	uint32_t slot = first_slot(places, place->topic_id, place->partition);

	while (places->slots[slot] != NULL)
		slot = (slot + 1) & (places->slot_count - 1);
	places->slots[slot] = place;
}

static void fill_slots(struct places *places)
{
	memset(places->slots, 0, places->slot_count * sizeof(*places->slots));
	for (uint32_t i = 0; i < places->count; i++)
		put(places, places->all[i]);
}

/* Twice as many slots as places, and a place in the list. */
static int make_room(struct places *places, struct error *err)
{
	uint32_t capacity = places->capacity > 0 ? 2 * places->capacity : SLOTS_MIN / 2;

	if (places->count < places->capacity)
		return 0;
	struct place **all = realloc(places->all, capacity * sizeof(*all));
	if (all == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for %u partitions", capacity);
	places->all = all;
	struct place **slots = calloc(2 * (size_t)capacity, sizeof(*slots));
	if (slots == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for %u partitions", capacity);
	free(places->slots);
	places->slots = slots;
	places->slot_count = 2 * capacity;
	places->capacity = capacity;
	fill_slots(places);
	return 0;
}

int places_add(struct places *places, struct bytes topic, uint32_t topic_id, uint32_t partition,
	       struct place **out, struct error *err)
{
	if (places->count == SUBSCRIPTION_PARTITIONS_MAX)
		return error_set(err, ERROR_LIMIT, "a subscription holds at most %d partitions",
				 SUBSCRIPTION_PARTITIONS_MAX);
	if (make_room(places, err) != 0)
		return -1;
	struct place *place = calloc(1, sizeof(*place) + topic.size + 1);
	if (place == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a partition");
	char *name = (char *)(place + 1);
	memcpy(name, topic.data, topic.size);
	place->topic = name;
	place->topic_id = topic_id;
	place->partition = partition;
	places->all[places->count++] = place;
	places->behind_count++;
	put(places, place);
	*out = place;
	return 0;
}

struct place *places_find(struct places *places, uint32_t topic_id, uint32_t partition)
{
	struct place *place = places->last;

	if (place != NULL && place->topic_id == topic_id && place->partition == partition)
		return place;
	if (places->slot_count == 0)
		return NULL;
	uint32_t slot = first_slot(places, topic_id, partition);
	while ((place = places->slots[slot]) != NULL) {
		if (place->topic_id == topic_id && place->partition == partition)
			return places->last = place;
		slot = (slot + 1) & (places->slot_count - 1);
	}
	return NULL;
}

struct place *places_find_name(const struct places *places, struct bytes topic,
			       uint32_t partition)
{
	for (uint32_t i = places->count; i-- > 0;) {
		struct place *place = places->all[i];
		if (place->partition == partition && strlen(place->topic) == topic.size &&
		    memcmp(place->topic, topic.data, topic.size) == 0)
			return place;
	}
	return NULL;
}

void places_set_topic_id(struct places *places, struct place *place, uint32_t topic_id)
{
	place->topic_id = topic_id;
	places->last = NULL;
	fill_slots(places);
}

static bool is_behind(const struct place *place)
{
	return !place->is_caught_up && place->state != PLACE_GONE;
}

void places_set_caught_up(struct places *places, struct place *place)
{
	if (is_behind(place))
		places->behind_count--;
	place->is_caught_up = true;
}

void places_move(struct places *places, struct place *place, uint64_t offset)
{
	bool was_behind = is_behind(place);

	place->next_offset = offset;
	place->state = PLACE_FOLLOWING;
	place->is_caught_up = false;
	if (!was_behind)
		places->behind_count++;
}

struct place *places_find_topic(const struct places *places, uint32_t topic_id)
{
	for (uint32_t i = 0; i < places->count; i++)
		if (places->all[i]->topic_id == topic_id)
			return places->all[i];
	return NULL;
}

void places_set_ending(struct places *places, uint32_t topic_id)
{
	for (uint32_t i = 0; i < places->count; i++)
		if (places->all[i]->topic_id == topic_id)
			places->all[i]->is_ending = true;
}

void places_set_gone(struct places *places, uint32_t topic_id)
{
	for (uint32_t i = 0; i < places->count; i++) {
		struct place *place = places->all[i];
		if (place->topic_id != topic_id)
			continue;
		if (is_behind(place))
			places->behind_count--;
		place->state = PLACE_GONE;
	}
}

void places_revive(struct places *places, struct place *place)
{
	place->state = PLACE_FOLLOWING;
	place->is_ending = false;
	if (is_behind(place))
		places->behind_count++;
}
