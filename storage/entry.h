#ifndef STORAGE_ENTRY_H
#define STORAGE_ENTRY_H

#include "storage/submission.h"

#include <sys/queue.h>

/* What is behind struct submission, and what else waits in the appender's
 * queue.  For storage/ alone. */

/* One record of a submission; its encoded body follows in memory. */
struct entry {
	struct entry *next_in_batch;    /* while it waits in an open batch */
	uint64_t offset;                /* once it is written */
	uint64_t transaction_ordinal;
	int64_t time_us;                /* 0: the append time */
	uint32_t topic_id;
	uint32_t partition;
	uint32_t body_bytes;
	uint8_t body[];
};

struct chunk {
	struct chunk *next;
	size_t used_bytes;
	size_t capacity_bytes;
	_Alignas(struct entry) uint8_t data[];
};

/* A schema version to store. */
struct schema_entry {
	struct schema_entry *next;
	uint32_t schema_id;
	uint32_t size;
	uint8_t encoded[];
};

enum item_kind {
	ITEM_SUBMISSION,
	ITEM_COMMAND,
};

struct item {
	STAILQ_ENTRY(item) link;
	enum item_kind kind;
	size_t record_count;            /* what it counts in the queue */
	size_t bytes;                   /* of memory; a command counts for nothing */
};

STAILQ_HEAD(item_list, item);

struct submission {
	struct item item;
	uint16_t source_id;
	bool continues;
	uint64_t producer_id;           /* 0: none */
	uint64_t sequence;
	bool is_duplicate;
	struct bytes position;          /* owned */
	struct bytes snapshot_progress; /* owned */
	struct schema_entry *schemas;   /* owned, in the order they were added */
	struct chunk *first;            /* owned */
	struct chunk *last;
	size_t chunk_bytes;             /* of the next chunk, for small records */
	submission_done *on_done;
	void *user;
	int64_t mark;
	/* The appender's, while the submission is in a group. */
	struct error err;               /* why it was refused; ERROR_NONE: it was not */
	uint64_t transaction_ordinal;
};

/* Walk the entries in order: NULL at the end. */
struct entry *submission_next_entry(const struct submission *submission,
				    struct submission_cursor *cursor);

#endif
