#include "tests/support/session_rig.h"

#include "protocol/message_session.h"
#include "server/delivery.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void demand(bool fact, const char *what)
{
	if (fact)
		return;
	fprintf(stderr, "session rig: %s\n", what);
	abort();
}

struct session_rig *session_rig_create(void)
{
	struct session_rig *rig = calloc(1, sizeof(*rig));
	const struct service_limits limits = {
		.frame_bytes_max = FRAME_BYTES_MAX_DEFAULT,
		.output_bytes_max = 1024 * 1024,
		.heartbeat_ms = 1000,
		.login_timeout_ms = 5000,
		.default_partitions = 1,
	};
	struct broker_observer observer = service_broker_observer;
	struct error err = { 0 };
	demand(rig != NULL, "no memory");
	rig->dir = temp_dir_create_in_memory();
	struct broker_options options = {
		.store = { .dir = rig->dir, .mode = STORE_SERVE, .map_bytes = UINT64_C(1) << 30 },
		.creates_topics = true,
	};
	uv_loop_init(&rig->loop);
	service_init(&rig->service, &limits, 0);
	observer.user = &rig->service;
	demand(broker_open(&rig->service.broker, &rig->loop, &options, &observer, &err) == 0, err.text);
	return rig;
}

void session_rig_destroy(struct session_rig *rig)
{
	while (broker_work_count(rig->service.broker) > 0)
		uv_run(&rig->loop, UV_RUN_ONCE);
	broker_stop(rig->service.broker);
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	uv_loop_close(&rig->loop);
	broker_close(rig->service.broker);
	temp_dir_destroy(rig->dir);
	free(rig);
}

static void on_output(struct session *session)
{
	struct rig_session *carrier = session->carrier;
	if (carrier->stops_reading) {
		session_sent(session, session->unsent_bytes + session->output.size);
		session->output.size = 0;
		return;
	}
	demand(msgpack_sbuffer_write(&carrier->said, session->output.data, session->output.size) == 0,
	       "no memory");
	session->output.size = 0;
	session_sent(session, 0);
}

static void on_resume(struct session *session)
{
	struct rig_session *carrier = session->carrier;
	uint8_t *data = carrier->kept;
	carrier->kept = NULL;
	if (data != NULL)
		rig_feed(carrier, data, carrier->kept_bytes);
	free(data);
}

static void on_end(struct session *session)
{
	struct rig_session *carrier = session->carrier;
	demand(!carrier->has_ended, "ended twice");
	carrier->has_ended = true;
	on_output(session);
}

static const struct session_transport transport = { on_output, on_resume, on_end };

struct rig_session *rig_session_create(struct session_rig *rig)
{
	struct rig_session *session = calloc(1, sizeof(*session));
	demand(session != NULL, "no memory");
	session->rig = rig;
	msgpack_sbuffer_init(&session->said);
	demand(session_create(&session->session, &rig->service, &transport, session, "test:1",
			      rig->now_ms, NULL) == 0,
	       "no session");
	return session;
}

void rig_session_destroy(struct rig_session *session)
{
	session_destroy(session->session);
	msgpack_sbuffer_destroy(&session->said);
	free(session->kept);
	free(session);
}

void rig_feed(struct rig_session *session, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	size_t taken = session_feed(session->session, bytes, size, session->rig->now_ms);
	demand(taken <= size, "took more than there was");
	if (taken == size || session->has_ended)
		return;
	demand(session->session->is_paused, "left input without a pause");
	free(session->kept);
	session->kept = malloc(size - taken);
	demand(session->kept != NULL, "no memory");
	memcpy(session->kept, bytes + taken, size - taken);
	session->kept_bytes = size - taken;
}

void rig_run(struct session_rig *rig)
{
	uv_run(&rig->loop, UV_RUN_NOWAIT);
	delivery_run(&rig->service);
}

static bool has_frame(const struct rig_session *session)
{
	const uint8_t *at = (const uint8_t *)session->said.data + session->read_bytes;
	size_t left = session->said.size - session->read_bytes;
	return left >= FRAME_LENGTH_BYTES && left - FRAME_LENGTH_BYTES >= load_u32(at);
}

static bool is_over(struct rig_session *session)
{
	rig_run(session->rig);
	return has_frame(session) || session->has_ended;
}

bool rig_next(struct rig_session *session, struct frame *out)
{
	demand(wait_until(is_over(session)), "nothing was said before the deadline");
	if (!has_frame(session))
		return false;
	const uint8_t *at = (const uint8_t *)session->said.data + session->read_bytes;
	uint32_t length = load_u32(at);
	*out = (struct frame){
		.type = at[4],
		.flags = at[5],
		.request_id = load_u32(at + 8),
		.body = { at + FRAME_HEADER_BYTES, length - FRAME_BYTES_MIN },
	};
	session->read_bytes += FRAME_LENGTH_BYTES + length;
	return true;
}

bool rig_reply(struct rig_session *session, uint32_t request_id, struct frame *out)
{
	while (rig_next(session, out))
		if ((out->flags & FRAME_FLAG_REPLY) && out->request_id == request_id)
			return true;
	return false;
}

void rig_greet(struct rig_session *session)
{
	const struct message_hello hello = { .version = PROTOCOL_VERSION };
	struct frame frame;
	msgpack_sbuffer buffer;
	msgpack_sbuffer_init(&buffer);
	demand(message_hello_encode(&buffer, 1, &hello, NULL) == 0, "no memory");
	rig_feed(session, buffer.data, buffer.size);
	msgpack_sbuffer_destroy(&buffer);
	demand(rig_reply(session, 1, &frame) && !(frame.flags & FRAME_FLAG_ERROR), "HELLO was refused");
}
