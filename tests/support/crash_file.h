#ifndef TESTS_SUPPORT_CRASH_FILE_H
#define TESTS_SUPPORT_CRASH_FILE_H

#include "tests/support/random.h"
#include "tests/support/recording.h"

#include <stddef.h>
#include <sys/queue.h>

/* One file of a crash_disk: the bytes that are certain, and what happened to it
 * since the last sync, of which any part may be there. */

struct crash_change;

struct crash_file {
	LIST_ENTRY(crash_file) link;
	uint64_t inode;
	uint8_t *bytes;         /* certain; behind byte_count it is zeros */
	size_t byte_count;
	uint64_t size;
	uint64_t seen_size;     /* with all changes */
	STAILQ_HEAD(, crash_change) changes;
	struct crash_change *last;
};

struct crash_file *crash_file_create(uint64_t inode);
void crash_file_destroy(struct crash_file *file);

/* A write (data is lent, for as long as the file lives) or, with data NULL, a
 * new size, under way. */
void crash_file_change(struct crash_file *file, const struct recording_event *event,
		       const uint8_t *data);
/* The last change returned, and was synced by itself. */
void crash_file_make_last_certain(struct crash_file *file);
void crash_file_sync(struct crash_file *file);
void crash_file_fail_sync(struct crash_file *file);

/* Which of what is not certain is there. */
enum crash_style {
	CRASH_LOSE_ALL,
	CRASH_KEEP_ALL,
	CRASH_SECTORS,          /* each sector by itself */
	CRASH_WRITES,           /* each write by itself */
	CRASH_LOSE_ONE,         /* all but one write */
	CRASH_KEEP_ONE,
	CRASH_LOSE_SECTOR,      /* all but one sector of one write */
	CRASH_CUT,              /* the first ones, then a torn one */
	CRASH_LAST,             /* the last ones alone */
	CRASH_STYLE_COUNT,
	CRASH_NOT_DOOMED,       /* what a sync does */
};

const char *crash_style_words(enum crash_style style);

/* Write what is left of the file to path, which is new. */
void crash_file_write(const struct crash_file *file, enum crash_style style,
		      struct random *random, const char *path);

#endif
