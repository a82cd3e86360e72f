#ifndef PROTOCOL_MESSAGE_PUBLISH_H
#define PROTOCOL_MESSAGE_PUBLISH_H

#include "protocol/message.h"
#include "protocol/record.h"

#define PUBLISH_ANY_PARTITION   UINT32_MAX
#define PUBLISH_NO_PRODUCER     0

/* A body is the head's map, then `count` records, one after the other, each a
 * msgpack array
 *
 *   [time, key, value, headers]
 *
 *   time      µs since the Unix epoch; 0: the append time
 *   key       nil | bin
 *   value     nil (tombstone) | bin
 *   headers   nil | array of name (str), value (bin or nil), name, …
 *
 * so that the last three are, byte for byte, a record's body in the log
 * (protocol/record.h). */
struct message_publish {
	struct bytes topic;
	uint32_t partition;             /* absent: PUBLISH_ANY_PARTITION, the server takes the
					 * key's, or goes round where there is no key */
	uint64_t producer;              /* absent: PUBLISH_NO_PRODUCER; with one, the partition
					 * has to be given */
	uint64_t sequence;              /* of the first record, counted by producer, topic and
					 * partition, from 0 */
	uint32_t count;                 /* records: 1 to PUBLISH_RECORDS_MAX */
	struct bytes records;           /* decoded: lent, not yet looked at.  To encode: not
					 * looked at */
};
extern const struct message_layout message_publish_layout;

/* Append the frame up to its records; the caller sends records_bytes bytes of them
 * right behind it. */
int message_publish_encode_head(msgpack_sbuffer *frame, uint32_t request_id,
				const struct message_publish *message, size_t records_bytes,
				struct error *err);
/* Read the head; the records are for message_publish_next. */
int message_publish_decode(struct bytes body, struct message_publish *out, struct error *err);

/* Append one record.  key and value are nil or CONTENT_BYTES, headers as
 * record_headers_begin and _add make them, or nil.  After a failure the buffer is as it was.
 * ERROR_MEMORY, ERROR_LIMIT. */
int message_publish_append(msgpack_sbuffer *records, int64_t time_us, const struct content *key,
			   const struct content *value, struct bytes headers, struct error *err);

struct message_publish_record {
	int64_t time_us;
	struct content key;             /* CONTENT_NIL or CONTENT_BYTES */
	struct bytes body;              /* key, value and headers, encoded */
};

/* Walk the records: 1 and a record, 0 at the end, -1: ERROR_MALFORMED for what is no
 * record, fewer than count records or bytes behind them. */
struct message_publish_cursor {
	struct unpack records;
	uint32_t left_count;
	uint32_t read_count;
};
void message_publish_open(struct message_publish_cursor *out, const struct message_publish *publish);
int message_publish_next(struct message_publish_cursor *cursor, struct message_publish_record *out,
			 struct error *err);

/* Sent when the records are durable. */
struct message_range {                  /* [partition, first offset, count] */
	uint32_t partition;
	uint64_t first_offset;
	uint32_t count;
};
MESSAGE_ITEM(range, struct message_range)

struct message_publish_reply {
	struct message_list ranges;     /* of message_range, in the order of the records */
	bool duplicate;                 /* all were stored before: ranges may be empty */
};
MESSAGE(publish_reply)

#endif
