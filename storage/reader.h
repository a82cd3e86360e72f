#ifndef STORAGE_READER_H
#define STORAGE_READER_H

#include "protocol/batch.h"
#include "storage/store.h"

/* Reads the log in short read transactions, each inside one call, so that no
 * slow peer ever pins pages.  A reader belongs to one thread at a time.
 * Damaged bytes, also where LMDB's own pages are damaged or the disk cannot
 * give them, come back as ERROR_CORRUPT; they never end the process. */
struct reader;

/* At most this much is handed out in one call (a single larger batch is). */
#define READER_BYTES_MAX        (256u * 1024)

int reader_open(struct reader **out, struct store *store, struct error *err);
void reader_close(struct reader *reader);

struct reader_ends {
	uint64_t log_start;     /* the oldest offset kept */
	uint64_t visible_end;   /* the first that may not be read yet */
	uint64_t log_end;       /* the next to be written */
	uint64_t bytes;
	uint64_t batch_count;
	int64_t last_append_time_us;    /* 0: nothing was ever appended */
};

/* ERROR_NOT_FOUND: no such topic or partition. */
int reader_ends(struct reader *reader, uint32_t topic_id, uint32_t partition,
		struct reader_ends *out, struct error *err);

/* One batch, verified; lent for the length of the call: it lies in the map.
 * Copy it, and nothing else: the call may be left by a jump where the disk fails.
 * Other than 0 refuses the batch: reading ends before it. */
typedef int reader_sink(void *user, const uint8_t *batch, size_t size,
			const struct batch_header *header);

struct reader_progress {
	uint64_t next_offset;   /* where to go on */
	uint64_t visible_end;
	uint32_t batch_count;
	/* Where reading stopped with ERROR_CORRUPT: the offsets that are lost; else 0.
	 * Whoever wants to read on does so at damaged_end, knowingly.  The two are
	 * equal where nothing of the partition can be read. */
	uint64_t damaged_start;
	uint64_t damaged_end;
};

/* Hand out the batches from the one that holds `offset` on, whole ones, up to
 * max_bytes in all but at least one: so the first may begin before `offset`.
 * 1: some; 0: nothing there yet, offset is the visible end; -1:
 * ERROR_OFFSET_OUT_OF_RANGE (below the log's start, or beyond the visible end),
 * ERROR_NOT_FOUND, ERROR_CORRUPT, or ERROR_FORMAT_VERSION and ERROR_UNSUPPORTED
 * for a batch of a newer version (out->damaged_* say which offsets; batches
 * before those were handed out).  out is filled in each case but NOT_FOUND. */
int reader_read(struct reader *reader, uint32_t topic_id, uint32_t partition, uint64_t offset,
		size_t max_bytes, reader_sink *sink, void *user, struct reader_progress *out,
		struct error *err);

/* The first offset whose batch was appended at time_us or later; the visible
 * end where there is none.  Append times never decrease in a partition, so it
 * is a binary search. */
int reader_offset_for_time(struct reader *reader, uint32_t topic_id, uint32_t partition,
			   int64_t time_us, uint64_t *out_offset, struct error *err);

#endif
