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

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	const bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return is_written;
}

/* In it we are root, and nobody else is there. */
static bool enter_user_namespace(void)
{
	char users[64];
	char groups[64];

	snprintf(users, sizeof(users), "0 %u 1", (unsigned int)geteuid());
	snprintf(groups, sizeof(groups), "0 %u 1", (unsigned int)getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       write_text("/proc/self/setgroups", "deny") &&
	       write_text("/proc/self/uid_map", users) && write_text("/proc/self/gid_map", groups);
}

/* Without the right to mount, a user namespace may lend it. */
static bool leave_namespace(void)
{
	static bool has_left;

	if (!has_left)
		has_left = unshare(CLONE_NEWNS) == 0 || enter_user_namespace();
	return has_left && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool mount_tmpfs(const char *directory, uint64_t bytes)
{
	char size[64];

	snprintf(size, sizeof(size), "size=%llu", (unsigned long long)bytes);
	return mount("tmpfs", directory, "tmpfs", 0, size) == 0;
}

/* With the tools that every Debian has: no loop device is asked for by hand. */
static bool mount_ext4(struct small_disk *disk, uint64_t bytes)
{
	char command[2048];

	disk->image_directory = temp_dir_create_in_memory();
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/sbin:/usr/sbin; cd '%s' && truncate -s %llu disk &&"
		 " mke2fs -q -t ext4 -m 0 -F disk >log 2>&1 && mount -o loop disk '%s' >>log 2>&1",
		 disk->image_directory, (unsigned long long)bytes, disk->directory);
	return system(command) == 0;
}

static void forget(struct small_disk *disk)
{
	temp_dir_destroy(disk->directory);
	temp_dir_destroy(disk->image_directory);
	disk->directory = disk->image_directory = NULL;
}

bool small_disk_mount(struct small_disk *out, enum small_disk_kind kind, uint64_t bytes,
		      const char **out_why)
{
	static char why[256];

	*out = (struct small_disk){ .directory = temp_dir_create() };
	errno = 0;
	if (leave_namespace() &&
	    (kind == SMALL_DISK_TMPFS ? mount_tmpfs(out->directory, bytes) : mount_ext4(out, bytes))) {
		snprintf(out->filler, sizeof(out->filler), "%s/filler", out->directory);
		return true;
	}
	if (kind == SMALL_DISK_TMPFS)
		snprintf(why, sizeof(why), "no tmpfs can be mounted here (%s); run as root, or allow unprivileged "
			 "user namespaces", strerror(errno));
	else
		snprintf(why, sizeof(why), "no ext4 can be mounted here; run as root, with e2fsprogs and a loop "
			 "device");
	*out_why = why;
	forget(out);
	return false;
}

void small_disk_unmount(struct small_disk *disk)
{
	if (disk->directory == NULL)
		return;
	/* A test that failed may have left files open. */
	if (umount2(disk->directory, MNT_DETACH) != 0)
		give_up("umount");
	forget(disk);
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
	/* Others may take some in between. */
	int rc = 0;
	do {
		const uint64_t room = small_disk_room(disk);
		if (room > bytes_left)
			rc = posix_fallocate(fd, status.st_size, (off_t)(room - bytes_left));
	} while (rc == ENOSPC);
	if (rc != 0)
		give_up("posix_fallocate");
	close(fd);
}

void small_disk_empty(const struct small_disk *disk)
{
	if (unlink(disk->filler) != 0 && errno != ENOENT)
		give_up(disk->filler);
}
