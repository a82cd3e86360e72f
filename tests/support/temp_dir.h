#ifndef TESTS_SUPPORT_TEMP_DIR_H
#define TESTS_SUPPORT_TEMP_DIR_H

/* Directories for tests.  A test that cannot get one cannot go on: these write
 * what is wrong to stderr and abort. */

/* Make a new, empty directory under $TMPDIR, or /tmp.  The caller owns it:
 * temp_dir_destroy. */
char *temp_dir_create(void);

/* The same where nothing is written to a disk and syncs cost nothing: /dev/shm,
 * or, where there is none, as above. */
char *temp_dir_create_in_memory(void);

/* Remove what is in the directory, and leave it there. */
void temp_dir_empty(const char *path);

/* Remove it with all that is in it, and free the path.  NULL is fine. */
void temp_dir_destroy(char *path);

#endif
