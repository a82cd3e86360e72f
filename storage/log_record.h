#ifndef STORAGE_LOG_RECORD_H
#define STORAGE_LOG_RECORD_H

#include "protocol/batch.h"
#include "storage/log_change.h"
#include "storage/log_schema.h"

/* One batch's header, one record: as lines for people, and as a line of JSON. */
struct log_record_batch {
	struct bytes topic;
	uint32_t partition;
	const char *source;             /* NULL: published, or no longer known */
	size_t bytes;
	struct batch_header header;
};

void log_record_batch_text(struct text *text, const struct log_record_batch *batch);
void log_record_batch_json(struct text *text, const struct log_record_batch *batch);

/* change: what log_change_read made of the record. */
void log_record_text(struct text *text, const struct record *record,
		     const struct log_change *change);
void log_record_json(struct text *text, const struct log_record_batch *batch,
		     const struct record *record, const struct log_change *change);

#endif
