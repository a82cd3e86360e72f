#include "client/feed.h"
#include "client/publisher.h"

#include <stddef.h>
#include <stdint.h>

/* What a server may send: any bytes.  A conversation that follows a topic and
 * publishes to one, as far as the bytes let it. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct side {
	struct feed feed;
	struct publisher publisher;
};

static int on_ready(void *user, struct error *err)
{
	struct side *side = user;

	return feed_on_ready(&side->feed, err) != 0 || publisher_on_ready(&side->publisher, err) != 0
		       ? -1
		       : 0;
}

static int on_push(void *user, const struct frame *frame, struct error *err)
{
	struct side *side = user;

	return feed_on_push(&side->feed, frame, err);
}

static void on_lost(void *user)
{
	struct side *side = user;

	feed_on_lost(&side->feed);
	publisher_on_lost(&side->publisher);
}

static const struct conversation_observer observer = { on_ready, on_push, on_lost };

static void publish(struct side *side)
{
	struct millstream_message message = { .topic = "t", .value = "v", .value_bytes = 1 };
	struct lane *lane;
	struct error err = { 0 };

	(void)publisher_add(&side->publisher, &message, NULL, NULL, 1, &lane, &err);
	(void)publisher_send(&side->publisher, 1, &err);
}

/* One connection: the first byte of each piece says how long it is. */
static void connect_once(struct conversation *conversation, struct side *side,
			 const uint8_t **at, const uint8_t *end)
{
	struct error err = { 0 };

	if (conversation_begin(conversation, 0, &err) != 0)
		return;
	while (*at < end) {
		size_t piece = (size_t)*(*at)++ + 1;
		uint8_t *room;
		size_t room_bytes;
		if (inbox_room(&conversation->inbox, &room, &room_bytes, &err) != 0)
			break;
		if (piece > (size_t)(end - *at))
			piece = (size_t)(end - *at);
		if (piece > room_bytes)
			piece = room_bytes;
		memcpy(room, *at, piece);
		*at += piece;
		if (conversation_received(conversation, piece, 1, &err) != 0)
			break;
		publish(side);
		while (feed_next(&side->feed) == 1)
			;
		conversation_sent(conversation, conversation_output(conversation).size);
	}
	conversation_end(conversation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const topics[] = { "t*" };
	const struct millstream_subscribe_options options = { .topics = topics, .topic_count = 1,
							      .credit_bytes = 1000 };
	struct conversation conversation;
	struct side side;
	struct millstream_subscription *subscription;
	struct error err = { 0 };
	const uint8_t *at = data, *end = data + size;

	conversation_init(&conversation, &observer, &side, NULL);
	feed_init(&side.feed, &conversation);
	publisher_init(&side.publisher, &conversation, 1);
	if (feed_subscribe(&side.feed, &options, &subscription, &err) == 0) {
		for (int i = 0; i < 4 && at < end; i++)
			connect_once(&conversation, &side, &at, end);
	}
	publisher_clear(&side.publisher, MILLSTREAM_CLOSED);
	feed_clear(&side.feed);
	conversation_clear(&conversation);
	return 0;
}
