#ifndef TESTS_SUPPORT_CRASH_NAMES_H
#define TESTS_SUPPORT_CRASH_NAMES_H

#include "tests/support/random.h"
#include "tests/support/recording.h"

/* The names of a crash_disk: which file or directory has which name, for certain
 * and as the program saw it, and the changes between the two. */

#define CRASH_NAMES_MAX 64
#define CRASH_ROOT      0       /* the directory itself */

struct crash_name {
	uint64_t parent;
	uint64_t inode;
	bool is_directory;
	char text[RECORDING_PATH_BYTES];        /* '' in a change: none */
};

struct crash_names {
	struct crash_name names[CRASH_NAMES_MAX];
	int count;
};

/* Remove the one, add the other. */
struct crash_renaming {
	struct crash_name old;
	struct crash_name new;
};

/* 0, and the name in out, where the path leads somewhere; else -1, and in out
 * the name that it would have.  Aborts where its directory is not there. */
int crash_names_find(const struct crash_names *names, const char *path, struct crash_name *out);

/* Nothing happens where there is no `old` to remove. */
void crash_names_apply(struct crash_names *names, const struct crash_renaming *renaming);

#endif
