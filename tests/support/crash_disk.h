#ifndef TESTS_SUPPORT_CRASH_DISK_H
#define TESTS_SUPPORT_CRASH_DISK_H

#include "tests/support/random.h"
#include "tests/support/recording.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A disk that loses power.  It follows a recording (tests/support/recording.h)
 * and can at any moment be asked what might be left of the directory if the
 * power went now:
 *
 * - What a sync of the file covered is there.
 * - Of what was written since, each 512 bytes are there or not, whatever became
 *   of those around them or before them.  Bytes written twice are as they were
 *   before, between or after.
 * - A write through a descriptor opened with O_DSYNC is there once it returned;
 *   it takes no other write along.  Before, it is like any other.
 * - The file's size is any of those that these allow, or as large as it was seen
 *   to be, filled with zeros.
 * - A file made, renamed or removed is so for certain only when its directory
 *   was synced.  Syncing the file is not enough (fsync(2)).
 * - After a sync that failed, nothing written before it is ever there for
 *   certain, not even after a later sync that does not fail (Linux marks the
 *   pages clean).
 */
struct crash_disk;

/* Empty.  The recording is lent for the disk's life. */
struct crash_disk *crash_disk_create(const struct recording *recording);
void crash_disk_destroy(struct crash_disk *disk);

/* Go on to the next event, which then is under way: it has begun, nobody was
 * told yet that it is over, and any part of it may be there.  1, 0 at the
 * recording's end: then the last one is over.  out and out_payload (lent) may be
 * NULL.  Aborts at an event of type RECORDING_UNKNOWN. */
int crash_disk_follow(struct crash_disk *disk, struct recording_event *out,
		      const uint8_t **out_payload);

/* Write into `directory`, which is empty, what is left when the power goes now.
 * random decides; returns, in words, how. */
const char *crash_disk_write(struct crash_disk *disk, struct random *random,
			     const char *directory);

/* The same where everything that is not certain is lost, or is there. */
void crash_disk_write_extreme(struct crash_disk *disk, bool keeps_all, const char *directory);

#endif
