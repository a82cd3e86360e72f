#ifndef TESTS_FAULT_SMALL_DISK_H
#define TESTS_FAULT_SMALL_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* A small disk of the test's own, in a mount namespace that only this process sees: a
 * tmpfs, or an ext4 in a file, which counts its room as real disks do (blocks promised
 * before they are chosen, books that take room themselves). */
enum small_disk_kind {
	SMALL_DISK_TMPFS,
	SMALL_DISK_EXT4,        /* only root may mount it */
};

struct small_disk {
	char *directory;        /* where it is mounted */
	char *image_directory;  /* NULL: there is no image */
	char filler[4096];      /* a file on it that takes its room */
};

/* False, with the reason in out_why (lent), where mounting is not allowed.  The
 * process must have one thread. */
bool small_disk_mount(struct small_disk *out, enum small_disk_kind kind, uint64_t bytes,
		      const char **out_why);
void small_disk_unmount(struct small_disk *disk);

/* Take all room but this much, or give all of it back. */
void small_disk_fill(const struct small_disk *disk, uint64_t bytes_left);
void small_disk_empty(const struct small_disk *disk);

uint64_t small_disk_room(const struct small_disk *disk);

#endif
