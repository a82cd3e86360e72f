#include "tests/fault/small_disk.h"

#include "tests/support/temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void give_up(const char *what)
{
	perror(what);
	abort();
}

/* Without the right to mount, a user namespace may lend it. */
static bool leave_namespace(void)
{
	static bool has_left;

	if (!has_left)
		has_left = unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
	return has_left && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

bool small_disk_mount(struct small_disk *out, uint64_t bytes, const char **out_why)
{
	static char why[256];
	char size[64];

	snprintf(size, sizeof(size), "size=%llu", (unsigned long long)bytes);
	out->directory = temp_dir_create();
	if (leave_namespace() && mount("tmpfs", out->directory, "tmpfs", 0, size) == 0) {
		snprintf(out->filler, sizeof(out->filler), "%s/filler", out->directory);
		return true;
	}
	snprintf(why, sizeof(why), "no tmpfs can be mounted here (%s); run as root, or allow unprivileged "
		 "user namespaces", strerror(errno));
	*out_why = why;
	temp_dir_destroy(out->directory);
	out->directory = NULL;
	return false;
}

void small_disk_unmount(struct small_disk *disk)
{
	if (disk->directory == NULL)
		return;
	/* A test that failed may have left files open. */
	if (umount2(disk->directory, MNT_DETACH) != 0)
		give_up("umount");
	temp_dir_destroy(disk->directory);
	disk->directory = NULL;
}

uint64_t small_disk_room(const struct small_disk *disk)
{
	struct statvfs room;

	if (statvfs(disk->directory, &room) != 0)
		give_up("statvfs");
	return (uint64_t)room.f_bavail * room.f_frsize;
}

void small_disk_fill(const struct small_disk *disk, uint64_t bytes_left)
{
	int fd = open(disk->filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0)
		give_up(disk->filler);
	const uint64_t room = small_disk_room(disk);
	if (room > bytes_left && posix_fallocate(fd, status.st_size, (off_t)(room - bytes_left)) != 0)
		give_up("posix_fallocate");
	close(fd);
}

void small_disk_empty(const struct small_disk *disk)
{
	if (unlink(disk->filler) != 0 && errno != ENOENT)
		give_up(disk->filler);
}
