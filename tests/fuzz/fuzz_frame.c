#include "protocol/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES_MAX = 64 };

static void demand(bool fact)
{
	if (!fact)
		abort();
}

/* A frame, and where in the stream its body is. */
struct found {
	struct frame frame;
	uint64_t body_hash;
};

struct reading {
	struct found found[FRAMES_MAX];
	int count;
	int rc;
	struct error err;
};

static uint64_t hash(struct bytes bytes)
{
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < bytes.size; i++)
		hash = (hash ^ bytes.data[i]) * 1099511628211u;
	return hash;
}

static void judge_everywhere(const struct frame *frame)
{
	for (int state = 0; state < CONNECTION_STATES; state++) {
		for (int sender = FRAME_FROM_CLIENT; sender <= FRAME_FROM_SERVER; sender++) {
			struct error err = { 0 };
			enum frame_verdict verdict = frame_judge(frame, (enum connection_state)state,
								 (enum frame_sender)sender, &err);
			demand((verdict == FRAME_ACCEPT) == (err.code == ERROR_NONE));
			demand((verdict == FRAME_ACCEPT) == (err.text[0] == '\0'));
		}
	}
}

/* Read the stream in pieces of a size that changes as the steps say; each piece is
 * memory of its own. */
static void read_in_pieces(struct reading *out, uint32_t frame_bytes_max, const uint8_t *stream,
			   size_t size, const uint8_t *steps, size_t step_count)
{
	struct frame_parser parser;
	size_t step = 0, fed_bytes = 0;

	*out = (struct reading){ 0 };
	frame_parser_init(&parser, frame_bytes_max);
	while (size > 0 && out->rc == 0) {
		size_t piece_bytes = step_count == 0 ? size : 1u + steps[step++ % step_count];
		if (piece_bytes > size)
			piece_bytes = size;
		uint8_t *piece = malloc(piece_bytes);
		demand(piece != NULL);
		memcpy(piece, stream, piece_bytes);
		struct bytes input = { piece, piece_bytes };
		struct frame frame;
		while ((out->rc = frame_parser_next(&parser, &input, &frame, &out->err)) == 1) {
			demand(frame.body.size + FRAME_BYTES_MIN <= frame_bytes_max);
			if (out->count < FRAMES_MAX)
				out->found[out->count] = (struct found){ frame, hash(frame.body) };
			out->count++;
			judge_everywhere(&frame);
		}
		demand(out->rc == -1 || input.size == 0);
		free(piece);
		fed_bytes += piece_bytes;
		demand(parser.capacity_bytes <= 4096 || parser.capacity_bytes <= 2 * fed_bytes);
		demand(parser.capacity_bytes <= FRAME_LENGTH_BYTES + (size_t)frame_bytes_max ||
		       parser.capacity_bytes <= 4096);
		stream += piece_bytes;
		size -= piece_bytes;
	}
	frame_parser_clear(&parser);
}

/* The input: u8 what the limit is, u8 n, n sizes of pieces, then a stream.  However it
 * is cut, the same frames come out, and it ends for the same reason. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t limits[] = { 8, 64, FRAME_BYTES_MAX_BEFORE_LOGIN, FRAME_BYTES_MAX_DEFAULT };
	static struct reading whole, pieces;

	if (size < 2 || size - 2 < data[1])
		return 0;
	uint32_t limit = limits[data[0] % 4];
	size_t step_count = data[1];
	const uint8_t *stream = data + 2 + step_count;
	size_t stream_bytes = size - 2 - step_count;
	read_in_pieces(&whole, limit, stream, stream_bytes, NULL, 0);
	read_in_pieces(&pieces, limit, stream, stream_bytes, data + 2, step_count);
	demand(whole.rc == pieces.rc && whole.count == pieces.count);
	demand(whole.err.code == pieces.err.code);
	for (int i = 0; i < whole.count && i < FRAMES_MAX; i++) {
		const struct found *one = &whole.found[i], *other = &pieces.found[i];
		demand(one->frame.type == other->frame.type && one->frame.flags == other->frame.flags &&
		       one->frame.request_id == other->frame.request_id &&
		       one->frame.body.size == other->frame.body.size &&
		       one->body_hash == other->body_hash);
	}
	return 0;
}
