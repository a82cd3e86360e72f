#include "client/publisher.h"

#include "client/code.h"

#include <assert.h>
#include <stdlib.h>

/* Head of a PUBLISH frame at most: names and numbers. */
#define HEAD_BYTES_MAX 1024
/* What a lane may have in line beyond being asked: after this long without an answer
 * the server may have forgotten its producer. */
#define KNOWN_MS (3600 * 1000)
/* Out of sequence so often in a row: it is not a matter of order. */
#define REFUSALS_MAX 3

static uint64_t next_random(struct publisher *publisher)
{
	/* splitmix64 */
	uint64_t z = publisher->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return z != PUBLISH_NO_PRODUCER ? z : 1;
}

int lane_create(struct publish_topic *topic, uint32_t partition, struct lane **out,
		struct error *err)
{
	struct lane *lane = calloc(1, sizeof(*lane));

	if (lane == NULL)
		return error_set(err, ERROR_MEMORY, "no memory to publish");
	lane->topic = topic;
	lane->partition = partition;
	lane->producer = next_random(topic->publisher);
	TAILQ_INIT(&lane->parcels);
	*out = lane;
	return 0;
}

void lane_destroy(struct lane *lane)
{
	free(lane);
}

void lane_start_over(struct lane *lane)
{
	struct parcel *parcel;

	lane->producer = next_random(lane->topic->publisher);
	lane->next_sequence = 0;
	lane->is_known = false;
	lane->needs_new_producer = false;
	TAILQ_FOREACH(parcel, &lane->parcels, link)
		parcel->is_in_doubt = false;
}

/* ---- Parcels ---- */

static void free_parcel(struct publisher *publisher, struct parcel *parcel)
{
	assert(parcel->request.id == 0);
	free(parcel->verdict_text);
	if (publisher->spare == NULL) {
		publisher->spare = parcel;
		return;
	}
	msgpack_sbuffer_destroy(&parcel->records);
	free(parcel->receipts);
	free(parcel);
}

static struct parcel *new_parcel(struct publisher *publisher, struct error *err)
{
	struct parcel *parcel = publisher->spare;

	if (parcel == NULL) {
		parcel = calloc(1, sizeof(*parcel));
		if (parcel == NULL)
			error_set(err, ERROR_MEMORY, "no memory to publish");
		return parcel;
	}
	publisher->spare = NULL;
	msgpack_sbuffer records = parcel->records;
	records.size = 0;
	*parcel = (struct parcel){
		.records = records,
		.receipts = parcel->receipts,
		.receipt_capacity = parcel->receipt_capacity,
	};
	return parcel;
}

static size_t parcel_bytes_max(const struct publisher *publisher)
{
	size_t frame_bytes = publisher->conversation->frame_bytes_max;
	size_t most = frame_bytes > 2 * HEAD_BYTES_MAX ? frame_bytes - HEAD_BYTES_MAX : HEAD_BYTES_MAX;
	return publisher->batch_bytes < most ? publisher->batch_bytes : most;
}

static bool is_full(const struct publisher *publisher, const struct parcel *parcel)
{
	return parcel->records.size >= parcel_bytes_max(publisher) ||
	       parcel->count == PUBLISH_RECORDS_MAX;
}

static int make_receipt_room(struct parcel *parcel, struct error *err)
{
	uint32_t capacity = parcel->receipt_capacity > 0 ? 2 * parcel->receipt_capacity : 16;

	if (parcel->count < parcel->receipt_capacity)
		return 0;
	struct receipt *receipts = realloc(parcel->receipts, capacity * sizeof(*receipts));
	if (receipts == NULL)
		return error_set(err, ERROR_MEMORY, "no memory to publish");
	parcel->receipts = receipts;
	parcel->receipt_capacity = capacity;
	return 0;
}

struct parcel *lane_parcel(struct lane *lane, size_t record_bytes, int64_t now_ms,
			   struct error *err)
{
	struct publisher *publisher = lane->topic->publisher;
	struct parcel *parcel = TAILQ_LAST(&lane->parcels, parcel_queue);

	if (parcel != NULL && parcel->request.id == 0 && !parcel->is_in_doubt &&
	    parcel->verdict == 0 && !is_full(publisher, parcel) &&
	    parcel->records.size + record_bytes <= parcel_bytes_max(publisher))
		return make_receipt_room(parcel, err) == 0 ? parcel : NULL;
	parcel = new_parcel(publisher, err);
	if (parcel == NULL)
		return NULL;
	if (make_receipt_room(parcel, err) != 0) {
		free_parcel(publisher, parcel);
		return NULL;
	}
	parcel->lane = lane;
	parcel->deadline_ms = publisher->timeout_ms < 0 ? INT64_MAX : now_ms + publisher->timeout_ms;
	if (TAILQ_EMPTY(&lane->parcels))
		TAILQ_INSERT_TAIL(&publisher->lanes, lane, link);
	TAILQ_INSERT_TAIL(&lane->parcels, parcel, link);
	return parcel;
}

/* ---- Results ---- */

static void report(const struct lane *lane, const struct parcel *parcel, int code,
		   const char *text, uint64_t first_offset)
{
	struct publisher *publisher = lane->topic->publisher;
	struct millstream_delivery delivery = {
		.code = code,
		.text = text,
		.topic = lane->topic->name,
		.partition = lane->partition,
		.offset = first_offset,
	};

	publisher->is_delivering = true;
	for (uint32_t i = 0; i < parcel->count; i++) {
		const struct receipt *receipt = &parcel->receipts[i];
		if (receipt->on_delivered != NULL)
			receipt->on_delivered(receipt->user, &delivery);
		if (delivery.offset != UINT64_MAX)
			delivery.offset++;
	}
	publisher->is_delivering = false;
}

void lane_deliver(struct lane *lane, int code, const char *text, uint64_t first_offset)
{
	struct publisher *publisher = lane->topic->publisher;
	struct parcel *parcel = TAILQ_FIRST(&lane->parcels);

	TAILQ_REMOVE(&lane->parcels, parcel, link);
	if (TAILQ_EMPTY(&lane->parcels))
		TAILQ_REMOVE(&publisher->lanes, lane, link);
	publisher->waiting_bytes -= parcel->bytes;
	publisher->unacknowledged_count -= parcel->count;
	if (code != MILLSTREAM_OK && publisher->first_failure == MILLSTREAM_OK) {
		publisher->first_failure = code;
		error_set(&publisher->failure, ERROR_NONE, "topic '%s', partition %u: %s",
			  lane->topic->name, lane->partition, text);
	}
	report(lane, parcel, code, text, first_offset);
	free_parcel(publisher, parcel);
}

static void deliver_verdicts(struct lane *lane)
{
	struct parcel *parcel;

	while ((parcel = TAILQ_FIRST(&lane->parcels)) != NULL && parcel->verdict != 0) {
		char *text = parcel->verdict_text;
		parcel->verdict_text = NULL;
		lane_deliver(lane, parcel->verdict,
			     text != NULL ? text : millstream_code_text(parcel->verdict), UINT64_MAX);
		free(text);
	}
}

/* All answers are here (or will never be): what failed is reported, the rest goes on. */
void lane_settle(struct lane *lane)
{
	if (lane->under_way_count > 0)
		return;
	deliver_verdicts(lane);
	if (lane->is_draining && lane->needs_new_producer)
		lane_start_over(lane);
	lane->is_draining = false;
}

static void pause_lane(struct lane *lane, int64_t now_ms)
{
	lane->pause_ms = lane->pause_ms == 0 ? PUBLISHER_PAUSE_MS_MIN : 2 * lane->pause_ms;
	if (lane->pause_ms > PUBLISHER_PAUSE_MS_MAX)
		lane->pause_ms = PUBLISHER_PAUSE_MS_MAX;
	lane->resume_ms = now_ms + lane->pause_ms;
}

static void refuse(struct lane *lane, struct parcel *parcel, const struct reply *reply)
{
	struct publisher *publisher = lane->topic->publisher;

	parcel->is_in_doubt = false;
	lane->is_draining = true;
	if (reply->is_retryable) {
		publisher->hold_up = *reply->err;
		pause_lane(lane, publisher->conversation->now_ms);
		return;
	}
	/* Behind another refused one there is a gap: that is all that is wrong with it. */
	if (reply->err->code == ERROR_OUT_OF_SEQUENCE) {
		if (parcel != TAILQ_FIRST(&lane->parcels))
			return;
		if (lane->refusals_count++ < REFUSALS_MAX) {
			lane->needs_new_producer = true;
			return;
		}
	}
	if (reply->err->code == ERROR_NOT_FOUND) {
		publish_topic_forget(lane->topic);
		lane->is_known = false;
	}
	parcel->verdict = code_of(reply->err->code);
	parcel->verdict_text = strdup(reply->err->text);
}

/* The offset of a parcel's first record, as far as the reply tells. */
static int read_offset(const struct lane *lane, const struct parcel *parcel, struct bytes body,
		       uint64_t *out, struct error *err)
{
	struct message_publish_reply message;
	struct message_range range = { 0 };

	if (message_publish_reply_decode(body, &message, err) != 0)
		return -1;
	*out = UINT64_MAX;
	if (message.ranges.count == 0 && message.duplicate)
		return 0;
	if (message.ranges.count == 1 && message_range_next(&message.ranges, &range) &&
	    range.partition == lane->partition && range.count == parcel->count) {
		*out = range.first_offset;
		return 0;
	}
	/* Stored in pieces, or only in part still known. */
	if (message.duplicate)
		return 0;
	return error_set(err, ERROR_MALFORMED, "a PUBLISH reply for other records than were sent");
}

static uint64_t sequence_of(const struct lane *lane, const struct parcel *wanted)
{
	uint64_t sequence = lane->next_sequence;
	struct parcel *parcel;

	TAILQ_FOREACH(parcel, &lane->parcels, link) {
		if (parcel == wanted)
			break;
		sequence += parcel->count;
	}
	return sequence;
}

/* A topic that was made anew does not know the producer and takes any number: what was
 * refused before this one stays refused, its numbers are used up. */
static int pass_refused(struct lane *lane, const struct parcel *parcel, struct error *err)
{
	uint64_t sequence = sequence_of(lane, parcel);

	deliver_verdicts(lane);
	if (parcel == TAILQ_FIRST(&lane->parcels)) {
		lane->next_sequence = sequence;
		return 0;
	}
	/* What waits before it would be taken for stored, with these numbers. */
	lane->is_draining = lane->needs_new_producer = true;
	return error_set(err, ERROR_UNEXPECTED, "a PUBLISH was stored out of its order");
}

static int on_reply(struct conversation *conversation, struct request *request,
		    const struct reply *reply, struct error *err)
{
	struct parcel *parcel = request->user;
	struct lane *lane = parcel->lane;
	uint64_t first_offset;

	lane->under_way_count--;
	lane->topic->publisher->under_way_count--;
	if (reply->err != NULL) {
		refuse(lane, parcel, reply);
		lane_settle(lane);
		return 0;
	}
	parcel->is_in_doubt = true;
	if (read_offset(lane, parcel, reply->body, &first_offset, err) != 0)
		return -1;
	if (parcel != TAILQ_FIRST(&lane->parcels) && pass_refused(lane, parcel, err) != 0)
		return -1;
	lane->next_sequence += parcel->count;
	lane->is_known = true;
	lane->topic->publisher->hold_up.code = ERROR_NONE;
	lane->refusals_count = 0;
	lane->pause_ms = lane->resume_ms = 0;
	lane->answered_ms = conversation->now_ms;
	lane_deliver(lane, MILLSTREAM_OK, NULL, first_offset);
	if (!lane->is_draining)
		deliver_verdicts(lane);
	lane_settle(lane);
	return 0;
}

static void on_lost(struct conversation *conversation, struct request *request)
{
	struct parcel *parcel = request->user;
	(void)conversation;

	parcel->is_in_doubt = true;
	parcel->lane->under_way_count--;
	parcel->lane->topic->publisher->under_way_count--;
}

/* ---- Sending ---- */

struct parcel *lane_sendable(struct lane *lane, int64_t now_ms)
{
	struct publisher *publisher = lane->topic->publisher;
	struct parcel *parcel;

	if (lane->is_draining || now_ms < lane->resume_ms ||
	    publisher->under_way_count >= publisher->requests_max)
		return NULL;
	if (lane->under_way_count > 0 && !lane->is_known)
		return NULL;
	TAILQ_FOREACH(parcel, &lane->parcels, link)
		if (parcel->request.id == 0)
			break;
	if (parcel == NULL || parcel->verdict != 0)
		return NULL;
	if (lane->under_way_count > 0 && TAILQ_NEXT(parcel, link) == NULL &&
	    !is_full(publisher, parcel) && !parcel->is_in_doubt)
		return NULL;
	return parcel;
}

int lane_send(struct lane *lane, struct parcel *parcel, struct error *err)
{
	struct publisher *publisher = lane->topic->publisher;
	struct conversation *conversation = publisher->conversation;
	msgpack_sbuffer *output = &conversation->output;
	const size_t start = output->size;
	const char *name = lane->topic->name;

	if (lane->under_way_count == 0 && conversation->now_ms - lane->answered_ms > KNOWN_MS)
		lane->is_known = false;
	struct message_publish message = {
		.topic = { (const uint8_t *)name, strlen(name) },
		.partition = lane->partition,
		.producer = lane->producer,
		.sequence = sequence_of(lane, parcel),
		.count = parcel->count,
	};
	uint32_t id = conversation_next_id(conversation);
	if (message_publish_encode_head(output, id, &message, parcel->records.size, err) != 0)
		return -1;
	if (msgpack_sbuffer_write(output, parcel->records.data, parcel->records.size) != 0) {
		output->size = start;
		return error_set(err, ERROR_MEMORY, "no memory to publish");
	}
	parcel->request.on_reply = on_reply;
	parcel->request.on_lost = on_lost;
	parcel->request.user = parcel;
	conversation_expect(conversation, &parcel->request, id, FRAME_PUBLISH);
	lane->under_way_count++;
	publisher->under_way_count++;
	return 0;
}

bool lane_expire(struct lane *lane, int64_t now_ms)
{
	struct parcel *parcel = TAILQ_FIRST(&lane->parcels);

	if (parcel == NULL || now_ms < parcel->deadline_ms)
		return false;
	if (lane->under_way_count > 0)
		return true;
	bool is_in_doubt = parcel->is_in_doubt;
	lane_deliver(lane, MILLSTREAM_TIMEOUT,
		     is_in_doubt ? "sent, but not acknowledged in time: it may be stored or not"
				 : "not sent in time",
		     UINT64_MAX);
	if (!is_in_doubt)
		return false;
	while ((parcel = TAILQ_FIRST(&lane->parcels)) != NULL && parcel->is_in_doubt)
		lane_deliver(lane, MILLSTREAM_TIMEOUT,
			     "sent behind one that was not acknowledged: it may be stored or not",
			     UINT64_MAX);
	lane_start_over(lane);
	return false;
}
