#ifndef STORAGE_LOG_RECORDS_H
#define STORAGE_LOG_RECORDS_H

#include "storage/store.h"

#include <stdbool.h>

/* millstream-log dump DIR TOPIC: the batches of a topic and the records in
 * them, as far as subscribers may read. */
struct log_records_options {
	const char *topic;
	bool has_partition;
	uint32_t partition;             /* that one alone */
	uint64_t offset;                /* in each partition, begin here */
	bool has_count;
	uint64_t count;                 /* stop after this many records in all */
	bool as_json;
};

/* Write them to stdout.  What is damaged is shown as such, with its offsets,
 * and counted; reading goes on behind it.  ERROR_NOT_FOUND (with the nearest
 * topic there is), ERROR_CORRUPT for the topic's own record. */
int log_records_write(struct store *store, const struct log_records_options *options,
		      uint64_t *out_damaged_count, struct error *err);

#endif
