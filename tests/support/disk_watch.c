#include "tests/support/disk_watch.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Shared libraries find these before libc's, as long as they are visible. */
#define REPLACES __attribute__((visibility("default")))

static struct disk_watch *current;

void disk_watch_begin(struct disk_watch *watch)
{
	watch->write_count = watch->sync_count = watch->unsynced_writes = 0;
	current = watch;
}

void disk_watch_end(void)
{
	current = NULL;
}

/* Count one write; true: it is to fail. */
static bool fails(void)
{
	if (current == NULL)
		return false;
	current->unsynced_writes++;
	if (++current->write_count != current->fail_write)
		return false;
	errno = current->fail_write_errno;
	return true;
}

REPLACES ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	return fails() ? -1 : syscall(SYS_pwrite64, fd, data, size, offset);
}

REPLACES ssize_t writev(int fd, const struct iovec *pieces, int count)
{
	return fails() ? -1 : syscall(SYS_writev, fd, pieces, count);
}

REPLACES int fdatasync(int fd)
{
	if (current != NULL) {
		current->sync_count++;
		if (current->sync_count == current->kill_at_sync)
			kill(getpid(), SIGKILL);
		if (current->sync_count == current->fail_sync) {
			errno = EIO;
			return -1;
		}
		current->unsynced_writes = 0;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

REPLACES int statvfs(const char *path, struct statvfs *out)
{
	struct statfs file_system;
	if (statfs(path, &file_system) != 0)
		return -1;
	*out = (struct statvfs){
		.f_bsize = (unsigned long)file_system.f_bsize,
		.f_frsize = (unsigned long)file_system.f_bsize,
		.f_blocks = file_system.f_blocks,
		.f_bfree = file_system.f_bfree,
		.f_bavail = file_system.f_bavail,
	};
	if (current != NULL && current->room_bytes >= 0)
		out->f_bavail = (fsblkcnt_t)current->room_bytes / out->f_frsize;
	return 0;
}
