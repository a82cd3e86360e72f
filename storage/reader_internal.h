#ifndef STORAGE_READER_INTERNAL_H
#define STORAGE_READER_INTERNAL_H

#include "storage/reader.h"

struct snapshot;

/* For storage/ alone: topics, sources and schemas read what a reader reads. */
struct store *reader_store(struct reader *reader);
struct snapshot *reader_snapshot(struct reader *reader);

#endif
