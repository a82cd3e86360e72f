#ifndef SERVER_SERVICE_H
#define SERVER_SERVICE_H

#include "server/broker.h"
#include "server/subscription.h"

#include <sys/queue.h>

/* What all sessions share: the broker, the limits, who is there, and who is to
 * be delivered to.  The loop's thread alone. */

struct captures;
struct session;
struct topic_work;
LIST_HEAD(session_list, session);
STAILQ_HEAD(topic_work_list, topic_work);
TAILQ_HEAD(session_queue, session);

struct service_limits {
	uint32_t frame_bytes_max;
	size_t output_bytes_max;        /* waiting for one connection */
	uint32_t heartbeat_ms;
	uint32_t login_timeout_ms;
	uint32_t default_partitions;
};

struct service {
	struct broker *broker;
	struct captures *captures;      /* NULL in tests without sources */
	struct service_limits limits;
	struct session_list sessions;
	uint32_t session_count;
	uint32_t subscription_count;
	struct subscription_queue ready;        /* has something to deliver, and may */
	struct session_queue waiting;           /* to publish; the first was turned away last */
	struct topic_work_list topic_works;     /* under way, or waiting for their turn */
	int64_t start_ms;               /* monotonic */
	const char *state;              /* "ready", "disk full", "stopping" */
	uint64_t next_session_id;
	uint64_t received_count;        /* records published */
	uint64_t sent_bytes;            /* of batches */
};

void service_init(struct service *service, const struct service_limits *limits, int64_t now_ms);

/* The broker's observer; user is the service. */
extern const struct broker_observer service_broker_observer;

#endif
