#ifndef STORAGE_GROWTH_H
#define STORAGE_GROWTH_H

#include "protocol/error.h"

#include <stdint.h>

/* Zeros, really written and synced, behind the last page of the data file.
 *
 * A sync after writing into blocks of a file that were written before costs about
 * half of one after the file grew, or after writing into blocks that were only
 * reserved (fallocate(2)): then the file system's journal has to commit, too.  So a
 * thread of its own lets the file grow ahead of the log, and commits overwrite.
 * LMDB never looks behind the last page of its meta page, and writes there
 * whatever it likes.
 *
 * That thread must never write where a commit does.  It writes in chunks, from
 * where there are no zeros yet, always behind the log's end; before the writer
 * lets LMDB write, it claims all that the commit can reach at most, and while it
 * does, no chunk begins below the claim.
 *
 *	log's end                        zeros end      chunk being written
 *	... | pages | claimed by a commit |   zeros       | zeros ...
 *
 * A claim beyond the zeros holds the thread up, not the writer, except for a chunk
 * that is being written at that moment.  Zeros are an offer: when there is no room
 * for them, or they cannot be written, the thread is silent, and commits let the
 * file grow as ever.  A sync of them that fails is known to LMDB's own descriptor:
 * its next sync fails (Linux tells each descriptor of a file). */
struct growth;

struct growth_options {
	const char *dir;        /* the data directory, whose disk must have room; copied */
	const char *path;       /* the data file; lent during growth_create alone */
	uint64_t used_end;      /* of its pages, in bytes */
	uint64_t limit_end;     /* where zeros end at the latest */
	uint64_t room_bytes;    /* what they leave free on the disk */
	uint64_t ahead_bytes;   /* how many to keep, from the start and whatever the file system;
				 * 0: by how fast the log grows, once it does, and only where a file
				 * system overwrites blocks in place */
};

/* By how fast the log grows: twice what the last second took, within these. */
#define GROWTH_AHEAD_BYTES_LEAST (UINT64_C(4) << 20)
#define GROWTH_AHEAD_BYTES_MOST  (UINT64_C(64) << 20)
/* An idle or small log has none: only one that has grown by so much since it was
 * opened. */
#define GROWTH_BEGIN_BYTES       (UINT64_C(1) << 20)
/* What zeros leave free on the disk at least, unless they are told how many to keep. */
#define GROWTH_ROOM_BYTES        (UINT64_C(256) << 20)
#define GROWTH_CHUNK_BYTES       (UINT64_C(256) << 10)

/* The file must be there.  The thread begins when there is something to write. */
int growth_create(struct growth **out, const struct growth_options *options, struct error *err);
/* Ends the thread; waits for the chunk that it writes.  NULL is fine. */
void growth_destroy(struct growth *growth);

/* The writer's thread alone, from here on; growth may be NULL: there is none.
 *
 * Nobody else writes below end until growth_release.  A claim can be raised. */
void growth_claim(struct growth *growth, uint64_t end);
/* The log's pages end here now.  -1, ERROR_IO: that is beyond the claim, and
 * zeros may lie where pages should. */
int growth_release(struct growth *growth, uint64_t used_end, struct error *err);

/* How many bytes behind the log's end need no room on the disk any more.  Any
 * thread. */
uint64_t growth_ahead_bytes(struct growth *growth);

#endif
