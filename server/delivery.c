#include "server/delivery.h"

#include "server/session.h"

#include <string.h>

#define DELIVERY_SHARED_BYTES   (32u * 1024 * 1024)
#define DELIVERY_BYTES_MIN      (16u * 1024)

/* Batches of one read, to go behind their frame's head. */
struct gathered {
	msgpack_sbuffer *batches;
	bool has_failed;
};

static int gather(void *user, const uint8_t *batch, size_t size,
		  const struct batch_header *header)
{
	struct gathered *gathered = user;
	(void)header;
	gathered->has_failed = msgpack_sbuffer_write(gathered->batches, (const char *)batch, size) != 0;
	return gathered->has_failed ? -1 : 0;
}

size_t delivery_share_bytes(const struct service *service)
{
	size_t bytes = DELIVERY_SHARED_BYTES / (service->subscription_count + 1);
	if (bytes < DELIVERY_BYTES_MIN)
		return DELIVERY_BYTES_MIN;
	return bytes < READER_BYTES_MAX ? bytes : READER_BYTES_MAX;
}

static size_t read_bytes(const struct service *service, const struct subscription *subscription)
{
	size_t bytes = delivery_share_bytes(service);
	size_t credit_bytes = (size_t)subscription->credit_bytes;       /* above 0: it is ready */
	return bytes < credit_bytes ? bytes : credit_bytes;
}

static int send_notice(const struct cursor *cursor, enum message_notice_kind kind,
		       uint64_t start_offset, uint64_t end_offset, const char *text,
		       struct error *err)
{
	struct session *session = cursor->subscription->session;
	const struct topic *topic = &cursor->topic->topic;
	struct message_notice notice = {
		.kind = kind,
		.topic = { (const uint8_t *)topic->name, strlen(topic->name) },
		.topic_id = topic->id,
		.partition = cursor->partition,
		.start_offset = start_offset,
		.end_offset = end_offset,
		.text = { (const uint8_t *)text, text != NULL ? strlen(text) : 0 },
	};
	return message_notice_encode(&session->output, cursor->subscription->request_id, &notice,
				     err);
}

/* What was read cannot be delivered: name what is lost, and wait for a SEEK. */
static int give_up(struct cursor *cursor, const struct reader_progress *progress,
		   const struct error *why, struct error *err)
{
	struct service *service = cursor->subscription->session->service;
	struct reader_ends ends = { 0 };
	if (why->code != ERROR_CORRUPT && why->code != ERROR_OFFSET_OUT_OF_RANGE) {
		*err = *why;
		return -1;
	}
	cursor->state = CURSOR_WAITING;
	if (why->code == ERROR_CORRUPT)
		return send_notice(cursor, NOTICE_DAMAGED, progress->damaged_start,
				   progress->damaged_end, why->text, err);
	if (reader_ends(broker_reader(service->broker), cursor->topic->topic.id, cursor->partition,
			&ends, err) != 0)
		return -1;
	return send_notice(cursor, NOTICE_OUT_OF_RANGE, cursor->next_offset, ends.log_start,
			   why->text, err);
}

static int send_batches(struct cursor *cursor, const msgpack_sbuffer *batches,
			const struct reader_progress *progress, struct error *err)
{
	struct subscription *subscription = cursor->subscription;
	struct session *session = subscription->session;
	struct message_batches head = {
		.topic_id = cursor->topic->topic.id,
		.partition = cursor->partition,
		.visible_end = progress->visible_end,
		.bytes = (uint32_t)batches->size,
	};
	size_t start = session->output.size;
	if (message_batches_encode_head(&session->output, subscription->request_id, &head, err) != 0)
		return -1;
	if (msgpack_sbuffer_write(&session->output, batches->data, batches->size) != 0) {
		session->output.size = start;
		return error_set(err, ERROR_MEMORY, "delivering batches");
	}
	subscription->credit_bytes -= (int64_t)batches->size;
	session->service->sent_bytes += batches->size;
	session->delivered_bytes = batches->size;
	cursor->next_offset = progress->next_offset;
	return 0;
}

static int deliver_batches(struct cursor *cursor, msgpack_sbuffer *batches, struct error *err)
{
	struct service *service = cursor->subscription->session->service;
	struct gathered gathered = { .batches = batches };
	struct reader_progress progress = { 0 };
	struct error why = { 0 };
	msgpack_sbuffer_clear(batches);
	int rc = reader_read(broker_reader(service->broker), cursor->topic->topic.id,
			     cursor->partition, cursor->next_offset,
			     read_bytes(service, cursor->subscription), gather, &gathered, &progress,
			     &why);
	if (gathered.has_failed)
		return error_set(err, ERROR_MEMORY, "delivering batches");
	if (batches->size > 0 && send_batches(cursor, batches, &progress, err) != 0)
		return -1;
	return rc < 0 ? give_up(cursor, &progress, &why, err) : 0;
}

/* One turn of one cursor. */
static int deliver(struct cursor *cursor, msgpack_sbuffer *batches, struct error *err)
{
	const struct catalog_partition *partition = &cursor->topic->partitions[cursor->partition];
	if (cursor->next_offset < partition->visible_end && deliver_batches(cursor, batches, err) != 0)
		return -1;
	if (!cursor->has_caught_up && cursor->state == CURSOR_FOLLOWING &&
	    cursor->next_offset >= cursor->caught_up_offset) {
		cursor->has_caught_up = true;
		return send_notice(cursor, NOTICE_CAUGHT_UP, cursor->next_offset,
				   cursor->caught_up_offset, NULL, err);
	}
	return 0;
}

static void take_turn(struct subscription *subscription, msgpack_sbuffer *batches)
{
	struct session *session = subscription->session;
	struct cursor *cursor = TAILQ_FIRST(&subscription->ready);
	struct error err = { 0 };
	/* To the end of both queues: everyone else comes first. */
	TAILQ_REMOVE(&subscription->ready, cursor, ready_link);
	TAILQ_INSERT_TAIL(&subscription->ready, cursor, ready_link);
	TAILQ_REMOVE(&session->service->ready, subscription, queue_link);
	subscription->is_queued = false;
	if (deliver(cursor, batches, &err) != 0) {
		session_end(session, &err);
		return;
	}
	/* Sending at once leaves room for more. */
	session_flush(session);
	if (!session->has_ended)
		cursor_update(cursor);
}

bool delivery_run(struct service *service)
{
	static msgpack_sbuffer batches; /* the loop's thread alone; kept: it is always needed */
	uint64_t deadline_ns = uv_hrtime() + DELIVERY_TURN_US * UINT64_C(1000);
	struct subscription *subscription;
	while ((subscription = TAILQ_FIRST(&service->ready)) != NULL) {
		take_turn(subscription, &batches);
		if (uv_hrtime() >= deadline_ns)
			break;
	}
	return !TAILQ_EMPTY(&service->ready);
}
