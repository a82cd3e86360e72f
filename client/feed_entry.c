#include "client/feed.h"

#include <stdlib.h>

#define ENTRIES_MIN 64

static int grow(struct feed *feed, struct error *err)
{
	uint32_t capacity = feed->capacity > 0 ? 2 * feed->capacity : ENTRIES_MIN;
	struct entry *entries = malloc(capacity * sizeof(*entries));

	if (entries == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for what was received");
	for (uint32_t i = 0; i < feed->count; i++)
		entries[i] = feed->entries[(feed->head + i) & (feed->capacity - 1)];
	free(feed->entries);
	feed->entries = entries;
	feed->capacity = capacity;
	feed->head = 0;
	return 0;
}

int feed_append(struct feed *feed, const struct entry *entry, struct error *err)
{
	if (feed->count == feed->capacity && grow(feed, err) != 0)
		return -1;
	feed->entries[(feed->head + feed->count) & (feed->capacity - 1)] = *entry;
	feed->count++;
	return 0;
}

void feed_drop_entry(struct feed *feed, struct entry *entry)
{
	inbox_release(&feed->conversation->inbox, entry->block);
	free(entry->text);
	*entry = (struct entry){ 0 };
}

int feed_give_credit(struct millstream_subscription *subscription, uint64_t bytes,
		     struct error *err)
{
	struct conversation *conversation = subscription->feed->conversation;

	subscription->consumed_bytes += bytes;
	if (subscription->state != SUBSCRIPTION_LIVE ||
	    subscription->consumed_bytes < subscription->credit_bytes / 2 + 1)
		return 0;
	struct message_credit credit = {
		.subscription = subscription->id,
		.bytes = subscription->consumed_bytes < CREDIT_BYTES_MAX ? subscription->consumed_bytes
									 : CREDIT_BYTES_MAX,
	};
	if (message_credit_encode(&conversation->output, conversation_next_id(conversation), &credit,
				  err) != 0)
		return -1;
	subscription->consumed_bytes -= credit.bytes;
	subscription->given_bytes += (int64_t)credit.bytes;
	return 0;
}

/* Only a frame that cannot be made keeps the credit back: the next one brings it. */
void feed_finish_current(struct feed *feed)
{
	struct entry *current = &feed->current;

	if (current->subscription != NULL && current->credit_bytes > 0)
		(void)feed_give_credit(current->subscription, current->credit_bytes, NULL);
	feed_drop_entry(feed, current);
	feed->is_in_batch = false;
	feed->batches = (struct bytes){ NULL, 0 };
}

static struct entry *entry_at(struct feed *feed, uint32_t i)
{
	return &feed->entries[(feed->head + i) & (feed->capacity - 1)];
}

void feed_on_lost(struct feed *feed)
{
	struct millstream_subscription *subscription;

	for (uint32_t i = 0; i < feed->count; i++)
		if (!entry_at(feed, i)->is_kept)
			feed_drop_entry(feed, entry_at(feed, i));
	/* Idle first: what is given back now belongs to no connection. */
	TAILQ_FOREACH(subscription, &feed->subscriptions, link)
		if (subscription->state != SUBSCRIPTION_ENDED)
			subscription->state = SUBSCRIPTION_IDLE;
	feed_finish_current(feed);
	TAILQ_FOREACH(subscription, &feed->subscriptions, link) {
		subscription->given_bytes = 0;
		subscription->consumed_bytes = 0;
	}
}

void feed_moved(struct feed *feed, struct millstream_subscription *subscription,
		struct place *place, uint64_t offset)
{
	for (uint32_t i = 0; i < feed->count; i++) {
		struct entry *entry = entry_at(feed, i);
		if (entry->subscription != subscription || entry->place != place || entry->is_kept)
			continue;
		(void)feed_give_credit(subscription, entry->credit_bytes, NULL);
		feed_drop_entry(feed, entry);
	}
	if (feed->current.subscription == subscription && feed->current.place == place)
		feed_finish_current(feed);
	places_move(&subscription->places, place, offset);
}

void feed_forget(struct feed *feed, const struct millstream_subscription *subscription)
{
	for (uint32_t i = 0; i < feed->count; i++)
		if (entry_at(feed, i)->subscription == subscription)
			feed_drop_entry(feed, entry_at(feed, i));
	if (feed->current.subscription == subscription) {
		feed->current.credit_bytes = 0;
		feed_finish_current(feed);
	}
}
