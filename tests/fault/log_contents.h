#ifndef TESTS_FAULT_LOG_CONTENTS_H
#define TESTS_FAULT_LOG_CONTENTS_H

#include "protocol/batch.h"
#include "storage/reader.h"

/* All of a partition that readers may see, read as a subscriber would. */
struct log_contents {
	struct reader_ends ends;
	struct record *records;         /* owned; they point into bytes */
	size_t record_count;
	uint8_t *bytes;                 /* owned: the batches */
	size_t size;
	size_t batch_count;
};

/* Also checks what must hold of any partition: offsets that increase without a
 * hole from log start to visible end, and bytes and batches as many as
 * reader_ends says.  ERROR_CORRUPT where not. */
int log_contents_read(struct log_contents *out, struct reader *reader, uint32_t topic_id,
		      uint32_t partition, struct error *err);
void log_contents_clear(struct log_contents *contents);

#endif
