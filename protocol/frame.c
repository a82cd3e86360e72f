#include "protocol/frame.h"

#include <assert.h>
#include <stdlib.h>

#define STATE_BIT(state) (1u << (state))

enum {
	IN_CONNECTED = STATE_BIT(CONNECTION_CONNECTED),
	IN_GREETED = STATE_BIT(CONNECTION_GREETED),
	IN_READY = STATE_BIT(CONNECTION_READY),
	IN_ANY = IN_CONNECTED | IN_GREETED | IN_READY,
};

enum {
	CLIENT = FRAME_FROM_CLIENT,
	SERVER = FRAME_FROM_SERVER,
	BOTH = FRAME_FROM_CLIENT | FRAME_FROM_SERVER,
};

enum {
	KNOWN_FLAGS = FRAME_FLAG_REPLY | FRAME_FLAG_ERROR,
	/* Small enough for any frame before login, large enough to be asked for once. */
	GATHERED_BYTES_MIN = 4096,
	/* Memory of the last frame that the next one, if half there, may inherit. */
	KEPT_BYTES_MAX = 256 * 1024,
};

struct frame_rule {
	const char *name;       /* NULL: no such type */
	uint8_t sender;
	bool has_reply;
	uint8_t states;
	uint32_t body_bytes_max;
};

static const struct frame_rule rules[FRAME_TYPE_MAX + 1] = {
#define X(type, number, who, reply, where, most) [number] = { #type, who, reply, where, most },
	FRAME_TYPES(X)
#undef X
};

static const struct frame_rule *rule_of(uint8_t type)
{
	return type <= FRAME_TYPE_MAX && rules[type].name != NULL ? &rules[type] : NULL;
}

const char *frame_type_name(uint8_t type)
{
	const struct frame_rule *rule = rule_of(type);
	return rule != NULL ? rule->name : NULL;
}

bool frame_has_reply(enum frame_type type)
{
	return rules[type].has_reply;
}

static enum frame_sender other_side(enum frame_sender sender)
{
	return sender == FRAME_FROM_CLIENT ? FRAME_FROM_SERVER : FRAME_FROM_CLIENT;
}

bool frame_is_allowed(uint8_t type, bool is_reply, enum connection_state state,
		      enum frame_sender sender)
{
	const struct frame_rule *rule = rule_of(type);

	if (rule == NULL || (rule->states & STATE_BIT(state)) == 0)
		return false;
	if (is_reply)
		return rule->has_reply && (rule->sender & other_side(sender)) != 0;
	return (rule->sender & sender) != 0;
}

static enum frame_verdict judge_unknown(const struct frame *frame, enum connection_state state,
					enum frame_sender sender, struct error *err)
{
	bool is_reply = (frame->flags & FRAME_FLAG_REPLY) != 0;

	if (sender == FRAME_FROM_CLIENT && !is_reply && state == CONNECTION_READY) {
		error_set(err, ERROR_UNSUPPORTED, "frame type %u is not known here", frame->type);
		return FRAME_REFUSE;
	}
	error_set(err, ERROR_UNEXPECTED, "a frame of unknown type %u in state %s", frame->type,
		  connection_state_name(state));
	return FRAME_FATAL;
}

/* Any request may be refused, also one that has no reply and one we do not know. */
static bool is_refusal(const struct frame *frame, const struct frame_rule *rule,
		       enum connection_state state, enum frame_sender sender)
{
	if ((frame->flags & FRAME_FLAG_ERROR) == 0 || state == CONNECTION_CLOSING)
		return false;
	if (rule == NULL)
		return sender == FRAME_FROM_SERVER && state == CONNECTION_READY;
	return (rule->sender & other_side(sender)) != 0 && (rule->states & STATE_BIT(state)) != 0;
}

enum frame_verdict frame_judge(const struct frame *frame, enum connection_state state,
			       enum frame_sender sender, struct error *err)
{
	const struct frame_rule *rule = rule_of(frame->type);
	bool is_reply = (frame->flags & FRAME_FLAG_REPLY) != 0;

	if (frame->request_id == 0 && frame->type != FRAME_GOODBYE) {
		error_set(err, ERROR_MALFORMED, "a frame of type %u has request id 0", frame->type);
		return FRAME_FATAL;
	}
	if (is_refusal(frame, rule, state, sender))
		return FRAME_ACCEPT;
	if (rule == NULL)
		return judge_unknown(frame, state, sender, err);
	if (!frame_is_allowed(frame->type, is_reply, state, sender)) {
		error_set(err, ERROR_UNEXPECTED, "%s%s from the %s is not allowed in state %s",
			  rule->name, is_reply ? " reply" : "",
			  sender == FRAME_FROM_CLIENT ? "client" : "server",
			  connection_state_name(state));
		return FRAME_FATAL;
	}
	if (sender == FRAME_FROM_CLIENT && rule->body_bytes_max != 0 &&
	    frame->body.size > rule->body_bytes_max) {
		error_set(err, ERROR_LIMIT, "%s: a body of %zu bytes, %u are allowed", rule->name,
			  frame->body.size, rule->body_bytes_max);
		return state == CONNECTION_READY ? FRAME_REFUSE : FRAME_FATAL;
	}
	return FRAME_ACCEPT;
}

int frame_begin(msgpack_sbuffer *buffer, enum frame_type type, uint8_t flags,
		uint32_t request_id, size_t *out_start, struct error *err)
{
	uint8_t header[FRAME_HEADER_BYTES] = { 0 };
	const size_t start = buffer->size;

	header[4] = (uint8_t)type;
	header[5] = flags;
	store_u32(header + 8, request_id);
	if (msgpack_sbuffer_write(buffer, (const char *)header, sizeof(header)) != 0)
		return error_set(err, ERROR_MEMORY, "no memory for a frame");
	*out_start = start;
	return 0;
}

int frame_end(msgpack_sbuffer *buffer, size_t start, size_t tail_bytes, struct error *err)
{
	const size_t size = buffer->size - start - FRAME_LENGTH_BYTES;

	if (tail_bytes > FRAME_BYTES_MAX_FROM_SERVER ||
	    size + tail_bytes > FRAME_BYTES_MAX_FROM_SERVER) {
		buffer->size = start;
		return error_set(err, ERROR_LIMIT, "a frame of %zu bytes, %u are allowed", size + tail_bytes,
				 FRAME_BYTES_MAX_FROM_SERVER);
	}
	store_u32((uint8_t *)buffer->data + start, (uint32_t)(size + tail_bytes));
	return 0;
}

void frame_parser_init(struct frame_parser *parser, uint32_t frame_bytes_max)
{
	*parser = (struct frame_parser){ .frame_bytes_max = frame_bytes_max };
}

void frame_parser_clear(struct frame_parser *parser)
{
	free(parser->gathered);
	frame_parser_init(parser, parser->frame_bytes_max);
}

bool frame_parser_is_inside(const struct frame_parser *parser)
{
	return parser->gathered_bytes > 0 && !parser->is_spent;
}

/* The size of a frame, length field included, as soon as that is there; 0: not yet. */
static int whole_size(const struct frame_parser *parser, const uint8_t *at, size_t size,
		      size_t *out, struct error *err)
{
	*out = 0;
	if (size < FRAME_LENGTH_BYTES)
		return 0;

	uint32_t frame_bytes = load_u32(at);
	if (frame_bytes < FRAME_BYTES_MIN)
		return error_set(err, ERROR_MALFORMED, "a frame of %u bytes, its header alone has %d",
				 frame_bytes, FRAME_BYTES_MIN);
	if (frame_bytes > parser->frame_bytes_max)
		return error_set(err, ERROR_LIMIT, "a frame of %u bytes, %u are allowed", frame_bytes,
				 parser->frame_bytes_max);
	*out = FRAME_LENGTH_BYTES + (size_t)frame_bytes;
	return 0;
}

static int read_frame(const uint8_t *at, size_t size, struct frame *out, struct error *err)
{
	uint8_t flags = at[5];

	if ((flags & ~KNOWN_FLAGS) != 0 || flags == FRAME_FLAG_ERROR)
		return error_set(err, ERROR_MALFORMED, "a frame has flags 0x%02x", flags);
	if (load_u16(at + 6) != 0)
		return error_set(err, ERROR_MALFORMED, "a frame has 0x%04x where zero belongs",
				 load_u16(at + 6));
	*out = (struct frame){
		.type = at[4],
		.flags = flags,
		.request_id = load_u32(at + 8),
		.body = { at + FRAME_HEADER_BYTES, size - FRAME_HEADER_BYTES },
	};
	return 1;
}

static int make_room(struct frame_parser *parser, size_t needed_bytes, size_t whole_bytes,
		     struct error *err)
{
	if (needed_bytes <= parser->capacity_bytes)
		return 0;

	size_t capacity_bytes = 2 * needed_bytes;
	if (capacity_bytes < GATHERED_BYTES_MIN)
		capacity_bytes = GATHERED_BYTES_MIN;
	if (whole_bytes > 0 && capacity_bytes > whole_bytes)
		capacity_bytes = whole_bytes;
	uint8_t *gathered = realloc(parser->gathered, capacity_bytes);
	if (gathered == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a frame of %zu bytes", whole_bytes);
	parser->gathered = gathered;
	parser->capacity_bytes = capacity_bytes;
	return 0;
}

/* Move up to wanted_bytes in all from the input to what is gathered. */
static int gather(struct frame_parser *parser, struct bytes *input, size_t wanted_bytes,
		  size_t whole_bytes, struct error *err)
{
	size_t taken_bytes = wanted_bytes - parser->gathered_bytes;

	if (taken_bytes > input->size)
		taken_bytes = input->size;
	if (taken_bytes == 0)
		return 0;
	if (make_room(parser, parser->gathered_bytes + taken_bytes, whole_bytes, err) != 0)
		return -1;
	memcpy(parser->gathered + parser->gathered_bytes, input->data, taken_bytes);
	parser->gathered_bytes += taken_bytes;
	input->data += taken_bytes;
	input->size -= taken_bytes;
	return 0;
}

static int next_gathered(struct frame_parser *parser, struct bytes *input, struct frame *out,
			 struct error *err)
{
	size_t whole_bytes;

	if (parser->gathered_bytes < FRAME_LENGTH_BYTES &&
	    gather(parser, input, FRAME_LENGTH_BYTES, 0, err) != 0)
		return -1;
	if (whole_size(parser, parser->gathered, parser->gathered_bytes, &whole_bytes, err) != 0)
		return -1;
	if (whole_bytes == 0)
		return 0;
	if (gather(parser, input, whole_bytes, whole_bytes, err) != 0)
		return -1;
	if (parser->gathered_bytes < whole_bytes)
		return 0;
	parser->is_spent = true;
	return read_frame(parser->gathered, whole_bytes, out, err);
}

static void forget_spent(struct frame_parser *parser)
{
	parser->gathered_bytes = 0;
	parser->is_spent = false;
	if (parser->capacity_bytes > KEPT_BYTES_MAX)
		frame_parser_clear(parser);
}

int frame_parser_next(struct frame_parser *parser, struct bytes *input, struct frame *out,
		      struct error *err)
{
	size_t whole_bytes;

	if (parser->is_spent)
		forget_spent(parser);
	if (parser->gathered_bytes > 0)
		return next_gathered(parser, input, out, err);
	if (whole_size(parser, input->data, input->size, &whole_bytes, err) != 0)
		return -1;
	if (whole_bytes > 0 && whole_bytes <= input->size) {
		const uint8_t *at = input->data;
		input->data += whole_bytes;
		input->size -= whole_bytes;
		return read_frame(at, whole_bytes, out, err);
	}
	if (input->size > 0)
		return next_gathered(parser, input, out, err);
	frame_parser_clear(parser);
	return 0;
}
