#ifndef STORAGE_READER_INTERNAL_H
#define STORAGE_READER_INTERNAL_H

#include "storage/reader.h"

struct partition_record;
struct snapshot;

/* For storage/ alone: topics, sources and schemas read what a reader reads. */
struct store *reader_store(struct reader *reader);
struct snapshot *reader_snapshot(struct reader *reader);

/* A partition's record, its visible end no farther than what is durable.
 * Inside snapshot_run.  1 found, 0 not, -1. */
int reader_partition(struct reader *reader, uint32_t topic_id, uint32_t partition,
		     struct partition_record *out, struct error *err);

#endif
