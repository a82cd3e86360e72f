#include "protocol/message_session.h"
#include "tests/support/session_rig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Turns of the loop that an input gets: what it started is then under way or done. */
#define TURNS 20

static void demand(bool fact)
{
	if (!fact)
		abort();
}

/* Everything that was said is a frame that the server may send; an error reply
 * has the type that the request had, whatever that was. */
static void check_said(const struct rig_session *session)
{
	struct frame_parser parser;
	struct bytes input = { (const uint8_t *)session->said.data, session->said.size };
	struct frame frame;
	struct error err;
	int rc;
	frame_parser_init(&parser, FRAME_BYTES_MAX_FROM_SERVER);
	while ((rc = frame_parser_next(&parser, &input, &frame, &err)) == 1)
		demand(frame_type_name(frame.type) != NULL || (frame.flags & FRAME_FLAG_ERROR));
	demand(rc == 0 && !frame_parser_is_inside(&parser));
	frame_parser_clear(&parser);
}

/* The first byte: greeted or not, and how the rest is cut into pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session_rig *rig;
	if (rig == NULL)
		rig = session_rig_create();
	if (size < 1)
		return 0;
	struct rig_session *session = rig_session_create(rig);
	size_t piece = (size_t)(data[0] >> 1) + 1;
	if (data[0] & 1)
		rig_greet(session);
	for (size_t at = 1; at < size && !session->has_ended && !session->session->is_paused;
	     at += piece)
		rig_feed(session, data + at, size - at < piece ? size - at : piece);
	for (int i = 0; i < TURNS; i++)
		rig_run(rig);
	check_said(session);
	/* Before it is greeted, what comes in and goes out is small. */
	if (!(data[0] & 1))
		demand(session->said.size < 64 * 1024);
	rig_session_destroy(session);
	rig_run(rig);
	return 0;
}
