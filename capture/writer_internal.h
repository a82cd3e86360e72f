#ifndef CAPTURE_WRITER_INTERNAL_H
#define CAPTURE_WRITER_INTERNAL_H

#include "capture/ledger.h"
#include "capture/writer.h"
#include "storage/reader.h"
#include "storage/submission.h"
#include "storage/topics.h"

#include <sys/queue.h>

/* Shared by writer.c (rows, transactions) and writer_table.c (topics, schema versions). */

struct writer_table {
	LIST_ENTRY(writer_table) link;
	uint64_t epoch;                 /* what follows is true in this one */
	uint32_t topic_id;
	uint32_t partition_count;
	uint32_t schema_id;
	bool has_schema;                /* stored, or in a submission of this epoch */
	uint64_t fingerprint;
	char topic[TOPIC_NAME_BYTES_MAX + 1];
	size_t encoded_bytes;
	uint8_t encoded[];              /* the schema */
};

LIST_HEAD(writer_table_list, writer_table);

struct writer {
	struct writer_options options;
	struct reader *reader;
	struct ledger *ledger;
	struct writer_table_list tables;
	uint64_t epoch;                 /* a new one after each writer_abandon */

	/* The open transaction. */
	bool is_open;
	bool has_parts;                 /* submitted as `continues` */
	int64_t source_time_us;
	uint64_t index;                 /* of the next change */
	struct submission *submission;  /* NULL: no record yet, or all in parts */

	/* A position without rows that has not been submitted. */
	bool has_pending;
	size_t pending_bytes;
	uint8_t *pending;               /* SOURCE_POSITION_BYTES_MAX of room */
	int64_t next_position_us;       /* monotonic: not before */
	int64_t next_wait_us;           /* on_wait */
};

/* Make the table's topic and schema ids true in this epoch. */
int writer_table_refresh(struct writer *writer, struct writer_table *table, struct error *err);

#endif
