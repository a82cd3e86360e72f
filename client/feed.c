#include "client/feed.h"

#include "client/code.h"

#include <stdlib.h>

void feed_init(struct feed *feed, struct conversation *conversation)
{
	*feed = (struct feed){ .conversation = conversation };
	TAILQ_INIT(&feed->subscriptions);
}

static void release_lent(struct feed *feed)
{
	inbox_release(&feed->conversation->inbox, feed->lent_block);
	feed->lent_block = NULL;
	free(feed->lent_text);
	feed->lent_text = NULL;
}

void feed_clear(struct feed *feed)
{
	while (!TAILQ_EMPTY(&feed->subscriptions))
		feed_unsubscribe(TAILQ_FIRST(&feed->subscriptions));
	release_lent(feed);
	free(feed->entries);
	feed_init(feed, feed->conversation);
}

/* ---- What is pushed ---- */

static struct millstream_subscription *find(const struct feed *feed, uint32_t id)
{
	struct millstream_subscription *subscription;

	TAILQ_FOREACH(subscription, &feed->subscriptions, link)
		if (subscription->state == SUBSCRIPTION_LIVE && subscription->id == id)
			return subscription;
	return NULL;
}

static int take_batches(struct feed *feed, struct millstream_subscription *subscription,
			const struct frame *frame, struct error *err)
{
	struct message_batches message;

	if (message_batches_decode(frame->body, &message, err) != 0)
		return -1;
	if (subscription->given_bytes <= 0)
		return error_set(err, ERROR_UNEXPECTED, "BATCHES without credit");
	subscription->given_bytes -= message.bytes;
	struct place *place =
		places_find(&subscription->places, message.topic_id, message.partition);
	if (place == NULL)
		return error_set(err, ERROR_UNEXPECTED, "BATCHES of topic %u, partition %u: not subscribed",
				 message.topic_id, message.partition);
	place->visible_end = message.visible_end;
	if (place->state != PLACE_FOLLOWING)
		return feed_give_credit(subscription, message.bytes, err);
	struct entry entry = {
		.subscription = subscription,
		.place = place,
		.kind = MILLSTREAM_RECORD,
		.batches = message.batches,
		.credit_bytes = message.bytes,
		.block = inbox_hold(&feed->conversation->inbox),
	};
	if (feed_append(feed, &entry, err) == 0)
		return 0;
	inbox_release(&feed->conversation->inbox, entry.block);
	return -1;
}

static enum millstream_kind kind_of(enum message_notice_kind kind)
{
	switch (kind) {
	case NOTICE_UNKNOWN: break;
	case NOTICE_PARTITION_ADDED: return MILLSTREAM_PARTITION_ADDED;
	case NOTICE_TOPIC_DELETED: return MILLSTREAM_TOPIC_DELETED;
	case NOTICE_OUT_OF_RANGE: return MILLSTREAM_RECORDS_GONE;
	case NOTICE_DAMAGED: return MILLSTREAM_RECORDS_DAMAGED;
	case NOTICE_CAUGHT_UP: return MILLSTREAM_CAUGHT_UP;
	case NOTICE_REFUSED: return MILLSTREAM_PARTITION_REFUSED;
	}
	return 0;
}

static int add_place(struct millstream_subscription *subscription,
		     const struct message_notice *notice, struct place **out, struct error *err)
{
	struct places *places = &subscription->places;
	struct place *place = places_find_name(places, notice->topic, notice->partition);

	if (place != NULL && place->state == PLACE_GONE) {
		places_set_topic_id(places, place, notice->topic_id);
		place->is_caught_up = false;
		places_revive(places, place);
	} else if (places_add(places, notice->topic, notice->topic_id, notice->partition, &place,
			      err) != 0) {
		return -1;
	}
	place->next_offset = notice->start_offset;
	place->visible_end = notice->end_offset;
	*out = place;
	return 0;
}

static char *copy_text(struct bytes text)
{
	return text.size > 0 ? strndup((const char *)text.data, text.size) : NULL;
}

static int take_notice(struct feed *feed, struct millstream_subscription *subscription,
		       const struct frame *frame, struct error *err)
{
	struct message_notice notice;

	if (message_notice_decode(frame->body, &notice, err) != 0)
		return -1;
	if (notice.kind == NOTICE_UNKNOWN)
		return 0;
	if (feed->count >= FEED_NEWS_MAX)
		return error_set(err, ERROR_LIMIT, "more than %u notices", FEED_NEWS_MAX);
	struct place *place = notice.kind == NOTICE_TOPIC_DELETED
				      ? places_find_topic(&subscription->places, notice.topic_id)
				      : places_find(&subscription->places, notice.topic_id,
						    notice.partition);
	if (notice.kind == NOTICE_PARTITION_ADDED && place == NULL &&
	    add_place(subscription, &notice, &place, err) != 0)
		return -1;
	if (place == NULL && notice.kind != NOTICE_REFUSED)
		return 0;
	if (notice.kind == NOTICE_TOPIC_DELETED)
		places_set_ending(&subscription->places, notice.topic_id);
	struct entry entry = {
		.subscription = subscription,
		.place = place,
		.kind = kind_of(notice.kind),
		.is_kept = notice.kind == NOTICE_PARTITION_ADDED || notice.kind == NOTICE_REFUSED ||
			   notice.kind == NOTICE_TOPIC_DELETED,
		.start_offset = notice.start_offset,
		.end_offset = notice.end_offset,
		.error_code = notice.kind == NOTICE_OUT_OF_RANGE ? MILLSTREAM_OUT_OF_RANGE
			      : notice.kind == NOTICE_DAMAGED	 ? MILLSTREAM_DAMAGED
			      : notice.kind == NOTICE_REFUSED	 ? MILLSTREAM_TOO_LARGE
								 : MILLSTREAM_OK,
		.text = copy_text(notice.text),
	};
	if (feed_append(feed, &entry, err) == 0)
		return 0;
	free(entry.text);
	return -1;
}

int feed_on_push(struct feed *feed, const struct frame *frame, struct error *err)
{
	struct millstream_subscription *subscription = find(feed, frame->request_id);

	/* One that was ended just now. */
	if (subscription == NULL)
		return 0;
	return frame->type == FRAME_BATCHES ? take_batches(feed, subscription, frame, err)
					    : take_notice(feed, subscription, frame, err);
}

/* ---- What is handed out ---- */

static void fill_content(const struct content *content, const void **out, size_t *out_bytes,
			 enum millstream_content *out_content)
{
	*out = content->bytes.data;
	*out_bytes = content->bytes.size;
	*out_content = content->kind == CONTENT_NIL     ? MILLSTREAM_NONE
		       : content->kind == CONTENT_BYTES ? MILLSTREAM_BYTES
							: MILLSTREAM_CHANGE;
}

static void fill_record(struct feed *feed, const struct record *from)
{
	struct millstream_record *record = &feed->record;

	record->offset = from->offset;
	record->time_us = from->time_us;
	record->transaction = from->transaction_ordinal;
	fill_content(&from->key, &record->key, &record->key_bytes, &record->key_content);
	fill_content(&from->value, &record->value, &record->value_bytes, &record->value_content);
	record->headers = from->headers.data;
	record->headers_bytes = from->headers.size;
}

static void begin_record(struct feed *feed, const struct entry *entry)
{
	feed->record = (struct millstream_record){
		.kind = entry->kind,
		.subscription = entry->subscription,
		.topic = entry->place != NULL ? entry->place->topic : "",
		.partition = entry->place != NULL ? entry->place->partition : 0,
		.offset = entry->start_offset,
		.end_offset = entry->end_offset,
		.error_code = entry->error_code,
	};
}

/* What is left of the current batches cannot be read. */
static int give_up_batches(struct feed *feed, const struct error *why)
{
	struct entry *current = &feed->current;
	struct place *place = current->place;

	current->kind = MILLSTREAM_RECORDS_DAMAGED;
	current->error_code = code_of(why->code);
	if (current->error_code != MILLSTREAM_UNSUPPORTED)
		current->error_code = MILLSTREAM_DAMAGED;
	current->start_offset = place->next_offset;
	current->end_offset = place->next_offset + 1;
	if (feed->is_in_batch && feed->batch_end > place->next_offset)
		current->end_offset = feed->batch_end;
	place->state = PLACE_WAITING;
	begin_record(feed, current);
	feed->lent_text = strdup(why->text);
	feed->record.text = feed->lent_text;
	feed_finish_current(feed);
	return 1;
}

/* 1 a batch is open, 0 there is no more, -1 what there is cannot be read. */
static int open_batch(struct feed *feed, struct error *err)
{
	const struct place *place = feed->current.place;
	uint8_t key[BATCH_KEY_BYTES];
	struct bytes batch;
	int rc;

	if ((rc = message_batches_next(&feed->batches, &batch, err)) != 1)
		return rc;
	if (batch_open(&feed->cursor, batch.data, batch.size, err) != 0)
		return -1;
	const struct batch_header *header = &feed->cursor.header;
	batch_key_encode(key, place->topic_id, place->partition, header->base_offset);
	if (batch_check(batch.data, batch.size, key, err) != 0)
		return -1;
	feed->batch_end = header->base_offset + header->last_offset_delta + 1;
	feed->is_in_batch = true;
	return 1;
}

/* 1 a record, 0 the batches are at their end, -1 they cannot be read. */
static int next_record(struct feed *feed, struct error *err)
{
	struct place *place = feed->current.place;
	struct record record;

	for (;;) {
		if (!feed->is_in_batch) {
			int rc = open_batch(feed, err);
			if (rc != 1)
				return rc;
		}
		int rc = batch_next(&feed->cursor, &record, err);
		if (rc < 0)
			return -1;
		if (rc == 0) {
			feed->is_in_batch = false;
			if (place->next_offset < feed->batch_end)
				place->next_offset = feed->batch_end;
			continue;
		}
		if (record.offset < place->next_offset)
			continue;
		place->next_offset = record.offset + 1;
		fill_record(feed, &record);
		return 1;
	}
}

static void note_news(const struct entry *entry)
{
	struct places *places = &entry->subscription->places;
	struct place *place = entry->place;

	switch (entry->kind) {
	case MILLSTREAM_TOPIC_DELETED:
		places_set_gone(places, place->topic_id);
		break;
	case MILLSTREAM_RECORDS_GONE:
	case MILLSTREAM_RECORDS_DAMAGED:
		place->state = PLACE_WAITING;
		break;
	case MILLSTREAM_CAUGHT_UP:
		places_set_caught_up(places, place);
		break;
	default:
		break;
	}
}

/* The next entry becomes current: 1, or 0. */
static int take_entry(struct feed *feed)
{
	while (feed->count > 0) {
		feed->current = feed->entries[feed->head];
		feed->head = (feed->head + 1) & (feed->capacity - 1);
		feed->count--;
		const struct entry *current = &feed->current;
		if (current->subscription == NULL)
			continue;
		/* What a place that waits, or is gone, still gets is of no use. */
		bool is_useless = current->place != NULL && current->place->state != PLACE_FOLLOWING &&
				  current->kind == MILLSTREAM_RECORD;
		/* After another connection the server says it again. */
		bool is_repeated =
			current->kind == MILLSTREAM_CAUGHT_UP && current->place->is_caught_up;
		if (!is_useless && !is_repeated)
			return 1;
		feed_finish_current(feed);
	}
	return 0;
}

static int hand_out_news(struct feed *feed)
{
	note_news(&feed->current);
	begin_record(feed, &feed->current);
	feed->lent_text = feed->current.text;
	feed->record.text = feed->lent_text;
	feed->current.text = NULL;
	feed_finish_current(feed);
	return 1;
}

/* The current batches go on: as next_record, but they are given up where they cannot
 * be read. */
static int go_on(struct feed *feed)
{
	struct error why = { 0 };
	int rc = next_record(feed, &why);

	if (rc == 0)
		feed_finish_current(feed);
	if (rc >= 0)
		return rc;
	release_lent(feed);
	return give_up_batches(feed, &why);
}

int feed_next(struct feed *feed)
{
	if (feed->current.subscription != NULL && go_on(feed) == 1)
		return 1;
	release_lent(feed);
	while (take_entry(feed) == 1) {
		if (feed->current.kind != MILLSTREAM_RECORD)
			return hand_out_news(feed);
		begin_record(feed, &feed->current);
		feed->batches = feed->current.batches;
		feed->lent_block = feed->current.block;
		feed->lent_block->hold_count++;
		if (go_on(feed) == 1)
			return 1;
		release_lent(feed);
	}
	return 0;
}
