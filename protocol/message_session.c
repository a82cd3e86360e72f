#include "protocol/message_session.h"

#include "protocol/message_table.h"
#include "protocol/utf8.h"

#define INSTANCE_BYTES 16

#define MEMBER(member) offsetof(struct message_hello, member)
static const struct message_field hello_fields[] = {
	REQUIRED(version, FIELD_U32),
	OPTIONAL(client, FIELD_TEXT, .most = CLIENT_NAME_BYTES_MAX),
};
BODY(hello, "HELLO", FRAME_HELLO, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_hello_reply, member)
static const struct message_field hello_reply_fields[] = {
	REQUIRED(version, FIELD_U32),
	REQUIRED(server, FIELD_TEXT, .most = CLIENT_NAME_BYTES_MAX),
	REQUIRED(instance, FIELD_BYTES, .least = INSTANCE_BYTES, .most = INSTANCE_BYTES),
	REQUIRED(max_frame_bytes, FIELD_U32, .least = FRAME_BYTES_MAX_BEFORE_LOGIN,
		 .most = FRAME_BYTES_MAX_CEILING),
	REQUIRED(heartbeat_ms, FIELD_U32, .least = 1),
	REQUIRED(auth, FIELD_BOOL),
};
BODY(hello_reply, "HELLO reply", FRAME_HELLO, FRAME_FLAG_REPLY)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_auth, member)
static const struct message_field auth_fields[] = {
	REQUIRED(mechanism, FIELD_TEXT, .least = 1, .most = MECHANISM_BYTES_MAX),
	OPTIONAL(data, FIELD_BYTES, .most = LOGIN_BYTES_MAX),
};
BODY(auth, "AUTH", FRAME_AUTH, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_auth_reply, member)
static const struct message_field auth_reply_fields[] = {
	OPTIONAL(data, FIELD_BYTES, .most = LOGIN_BYTES_MAX),
	REQUIRED(done, FIELD_BOOL),
};
BODY(auth_reply, "AUTH reply", FRAME_AUTH, FRAME_FLAG_REPLY)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_goodbye, member)
static const struct message_field goodbye_fields[] = {
	REQUIRED(code, FIELD_U32),
	REQUIRED(error, FIELD_TEXT, .most = ERROR_TEXT_BYTES),
	REQUIRED(retryable, FIELD_BOOL),
};
BODY(goodbye, "GOODBYE", FRAME_GOODBYE, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_error, member)
static const struct message_field error_fields[] = {
	REQUIRED(code, FIELD_U32, .least = 1),
	REQUIRED(error, FIELD_TEXT, .most = ERROR_TEXT_BYTES),
	REQUIRED(retryable, FIELD_BOOL),
	OPTIONAL(version_min, FIELD_U32),
	OPTIONAL(version_max, FIELD_U32),
};
BODY(error, "error reply", 0, FRAME_FLAG_REPLY | FRAME_FLAG_ERROR)
#undef MEMBER

/* Whatever was quoted in an error, and wherever it was cut: what leaves is UTF-8.
 * out has the room of an error's text. */
static struct bytes sendable_text(const struct error *why, char *out)
{
	const char *text = why->text[0] != '\0' ? why->text : error_words(why->code);
	const struct bytes all = { (const uint8_t *)text, strlen(text) };
	size_t step_bytes;

	for (size_t i = 0; i < all.size; i += step_bytes) {
		if (utf8_decode(all.data + i, all.size - i, &step_bytes) < 0)
			memset(out + i, '?', step_bytes);
		else
			memcpy(out + i, text + i, step_bytes);
	}
	return (struct bytes){ (const uint8_t *)out, all.size };
}

int message_goodbye_encode_error(msgpack_sbuffer *frame, const struct error *why,
				 struct error *err)
{
	char text[ERROR_TEXT_BYTES];
	const struct message_goodbye goodbye = {
		.code = why->code,
		.error = sendable_text(why, text),
		.retryable = error_is_retryable(why->code),
	};

	return message_goodbye_encode(frame, 0, &goodbye, err);
}

int message_error_encode(msgpack_sbuffer *frame, uint8_t type, uint32_t request_id,
			 const struct error *why, struct error *err)
{
	char text[ERROR_TEXT_BYTES];
	struct message_layout layout = message_error_layout;
	struct message_error message = {
		.code = why->code,
		.error = sendable_text(why, text),
		.retryable = error_is_retryable(why->code),
	};

	if (why->code == ERROR_VERSION) {
		message.version_min = PROTOCOL_VERSION_MIN;
		message.version_max = PROTOCOL_VERSION;
	}
	layout.type = type;
	return message_encode(&layout, frame, request_id, &message, err);
}

int message_error_decode(struct bytes body, struct message_error *out, struct error *err)
{
	return message_decode(&message_error_layout, body, out, err);
}

void message_error_get(const struct message_error *message, struct error *out)
{
	error_set(out, (enum error_code)message->code, "%.*s", (int)message->error.size,
		  (const char *)message->error.data);
}
