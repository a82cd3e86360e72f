/* The wrappers.  Each asks shim_begin what is to become of the call, does the
 * real one, writes it down, and is done with shim_end: so the recording has the
 * order in which things happened.  The real functions are found behind this
 * library, not called directly, so that a sanitizer still sees its own. */
#include "tests/support/syscall_shim.h"
#include "tests/support/shim_state.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static void *find_real(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL) {
		fprintf(stderr, "syscall_shim: no %s\n", name);
		abort();
	}
	return symbol;
}

/* A pointer to the real function; looked up twice at worst. */
#define REAL(name)                                                              \
	__extension__ ({                                                        \
		static __typeof__(&name) real;                                  \
		__typeof__(real) found = __atomic_load_n(&real, __ATOMIC_RELAXED); \
		if (found == NULL) {                                            \
			found = (__typeof__(found))find_real(#name);            \
			__atomic_store_n(&real, found, __ATOMIC_RELAXED);       \
		}                                                               \
		found;                                                          \
	})

void millstream_shim_mark(const void *data, size_t size);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory_fd, const char *path, int flags);
int __openat64_2(int directory_fd, const char *path, int flags);

EXPORT void millstream_shim_mark(const void *data, size_t size)
{
	shim_mark(data, size);
}

/* Opening. */

static int open_any(int directory_fd, const char *path, int flags, mode_t mode)
{
	char buffer[PATH_MAX];
	const char *name = shim_path(buffer, directory_fd, path);
	bool is_new = name != NULL && (flags & O_CREAT) != 0 &&
		      faccessat(directory_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
	int fd = -1;

	if (name == NULL)
		return REAL(openat)(directory_fd, path, flags, mode);
	if (!is_new) {
		fd = REAL(openat)(directory_fd, path, flags, mode);
		shim_track(fd, flags);
		const struct shim_file *file = shim_file(fd);
		if (file != NULL && (flags & O_TRUNC) != 0) {
			shim_begin(SHIM_ftruncate);
			shim_record(RECORDING_TRUNCATE, 0, file->inode, 0, NULL, 0);
			shim_end();
		}
		return fd;
	}
	enum shim_fate fate = shim_begin(SHIM_create);
	errno = shim_errno();
	if (fate != SHIM_FAIL)
		fd = REAL(openat)(directory_fd, path, flags, mode);
	shim_track(fd, flags);
	if (fd >= 0)
		shim_record_text(RECORDING_CREATE, 0, shim_file(fd)->inode, 0, name);
	shim_end();
	return fd;
}

#define OPEN_MODE(flags, mode)                                             \
	mode_t mode = 0;                                                   \
	if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {                      \
		va_list arguments;                                         \
		va_start(arguments, flags);                                \
		mode = va_arg(arguments, mode_t);                          \
		va_end(arguments);                                         \
	}

EXPORT int open(const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	return open_any(AT_FDCWD, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	return open_any(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int directory_fd, const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	return open_any(directory_fd, path, flags, mode);
}

EXPORT int openat64(int directory_fd, const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	return open_any(directory_fd, path, flags, mode);
}

EXPORT int __open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT int __open64_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT int __openat_2(int directory_fd, const char *path, int flags)
{
	return open_any(directory_fd, path, flags, 0);
}

EXPORT int __openat64_2(int directory_fd, const char *path, int flags)
{
	return open_any(directory_fd, path, flags, 0);
}

EXPORT int close(int fd)
{
	shim_untrack(fd);
	return REAL(close)(fd);
}

/* Writing. */

enum { AT_FILE_POSITION = -1 };

static int cut(struct iovec *out, const struct iovec *iov, int count, size_t size)
{
	int n = 0;

	for (; n < count && size > 0; n++) {
		out[n] = iov[n];
		if (out[n].iov_len > size)
			out[n].iov_len = size;
		size -= out[n].iov_len;
	}
	return n;
}

static ssize_t write_watched(enum shim_kind kind, const struct shim_file *file, int fd,
			     const struct iovec *iov, int count, off_t at)
{
	struct iovec pieces[IOV_MAX];
	enum shim_fate fate = shim_begin(kind);
	if (file->is_synced)
		fate = shim_take_owed(file, fate);
	unsigned flags = file->is_synced ? RECORDING_SYNCED : 0;
	size_t size = 0;
	ssize_t done = -1;

	for (int i = 0; i < count; i++)
		size += iov[i].iov_len;
	off_t position = at != AT_FILE_POSITION ? at : lseek(fd, 0, SEEK_CUR);
	if (at == AT_FILE_POSITION && (fcntl(fd, F_GETFL) & O_APPEND) != 0)
		position = lseek(fd, 0, SEEK_END);
	if (fate != SHIM_GO)
		flags |= RECORDING_FAILED;
	if (fate == SHIM_SHORT || fate == SHIM_TORN)
		size /= 2;

	errno = shim_errno();
	if (fate != SHIM_FAIL) {
		int n = cut(pieces, iov, count, size);
		done = at != AT_FILE_POSITION ? REAL(pwritev)(fd, pieces, n, at)
					      : REAL(writev)(fd, pieces, n);
	}
	if (done >= 0)
		shim_record(RECORDING_WRITE, flags, file->inode, (uint64_t)position, pieces,
			    cut(pieces, iov, count, (size_t)done));
	if (fate == SHIM_LATE) {
		errno = shim_errno();
		done = -1;
	}
	shim_end();
	return done;
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	const struct shim_file *file = shim_file(fd);
	struct iovec iov = { (void *)(uintptr_t)data, size };

	if (file == NULL)
		return REAL(pwrite)(fd, data, size, at);
	return write_watched(SHIM_pwrite, file, fd, &iov, 1, at);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	return pwrite(fd, data, size, at);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	const struct shim_file *file = shim_file(fd);

	if (file == NULL)
		return REAL(pwritev)(fd, iov, count, at);
	return write_watched(SHIM_pwritev, file, fd, iov, count, at);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *iov, int count, off64_t at)
{
	return pwritev(fd, iov, count, at);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	const struct shim_file *file = shim_file(fd);

	if (file == NULL)
		return REAL(writev)(fd, iov, count);
	return write_watched(SHIM_writev, file, fd, iov, count, AT_FILE_POSITION);
}

EXPORT ssize_t write(int fd, const void *data, size_t size)
{
	const struct shim_file *file = shim_file(fd);
	struct iovec iov = { (void *)(uintptr_t)data, size };

	if (file == NULL)
		return REAL(write)(fd, data, size);
	return write_watched(SHIM_write, file, fd, &iov, 1, AT_FILE_POSITION);
}

/* A map that is written to goes past everything here.  LMDB's lock file is one;
 * what is in it does not outlive the process. */
static void look_at_map(int fd, int protection, int flags)
{
	const struct shim_file *file = shim_file(fd);

	if (file == NULL || (protection & PROT_WRITE) == 0 || (flags & MAP_SHARED) == 0 ||
	    strstr(file->path, "lock.mdb") != NULL)
		return;
	shim_begin(SHIM_write);
	shim_record_text(RECORDING_UNKNOWN, 0, file->inode, 0, "mapped to be written");
	shim_end();
}

EXPORT void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t at)
{
	if (fd >= 0)
		look_at_map(fd, protection, flags);
	return REAL(mmap)(address, size, protection, flags, fd, at);
}

EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t at)
{
	return mmap(address, size, protection, flags, fd, at);
}

/* Syncing. */

static int sync_watched(enum shim_kind kind, const struct shim_file *file, int fd)
{
	const enum shim_fate planned = shim_begin(kind);
	const enum shim_fate fate = shim_take_owed(file, planned);
	unsigned flags = file->is_directory ? RECORDING_DIRECTORY : 0;
	int rc = -1;

	if (planned == SHIM_FAIL || planned == SHIM_LATE)
		shim_owe_error(file);
	if (fate != SHIM_FAIL)
		rc = kind == SHIM_fdatasync ? REAL(fdatasync)(fd) : REAL(fsync)(fd);
	else
		flags |= RECORDING_FAILED;
	shim_record_text(RECORDING_SYNC, flags, file->inode, 0,
			 file->is_directory ? file->path : NULL);
	if (fate == SHIM_FAIL || fate == SHIM_LATE) {
		errno = shim_errno();
		rc = -1;
	}
	shim_end();
	return rc;
}

EXPORT int fdatasync(int fd)
{
	const struct shim_file *file = shim_file(fd);

	if (file == NULL)
		return REAL(fdatasync)(fd);
	shim_delay_sync();
	return sync_watched(SHIM_fdatasync, file, fd);
}

EXPORT int fsync(int fd)
{
	const struct shim_file *file = shim_file(fd);

	return file != NULL ? sync_watched(SHIM_fsync, file, fd) : REAL(fsync)(fd);
}

/* Sizes. */

static int resize_watched(enum shim_kind kind, const struct shim_file *file, int fd, int mode,
			  off_t at, off_t size)
{
	enum shim_fate fate = shim_begin(kind);
	struct stat status;
	int rc = -1;

	errno = shim_errno();
	if (fate != SHIM_FAIL)
		rc = kind == SHIM_ftruncate ? REAL(ftruncate)(fd, size)
					    : REAL(fallocate)(fd, mode, at, size);
	if (rc == 0 && fstat(fd, &status) == 0)
		shim_record(RECORDING_TRUNCATE, 0, file->inode, (uint64_t)status.st_size, NULL, 0);
	if (rc == 0 && (mode & ~FALLOC_FL_KEEP_SIZE) != 0)
		shim_record_text(RECORDING_UNKNOWN, 0, file->inode, 0, "fallocate with a mode");
	if (fate == SHIM_LATE) {
		errno = shim_errno();
		rc = -1;
	}
	shim_end();
	return rc;
}

EXPORT int ftruncate(int fd, off_t size)
{
	const struct shim_file *file = shim_file(fd);

	return file != NULL ? resize_watched(SHIM_ftruncate, file, fd, 0, 0, size)
			    : REAL(ftruncate)(fd, size);
}

EXPORT int ftruncate64(int fd, off64_t size)
{
	return ftruncate(fd, size);
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t size)
{
	const struct shim_file *file = shim_file(fd);

	return file != NULL ? resize_watched(SHIM_fallocate, file, fd, mode, at, size)
			    : REAL(fallocate)(fd, mode, at, size);
}

EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t size)
{
	return fallocate(fd, mode, at, size);
}

EXPORT int posix_fallocate(int fd, off_t at, off_t size)
{
	if (shim_file(fd) == NULL)
		return REAL(posix_fallocate)(fd, at, size);
	return fallocate(fd, 0, at, size) == 0 ? 0 : errno;
}

EXPORT int posix_fallocate64(int fd, off64_t at, off64_t size)
{
	return posix_fallocate(fd, at, size);
}

/* Names. */

EXPORT int unlinkat(int directory_fd, const char *path, int flags)
{
	char buffer[PATH_MAX];
	const char *name = shim_path(buffer, directory_fd, path);
	struct stat status = { 0 };
	int rc = -1;

	if (name == NULL)
		return REAL(unlinkat)(directory_fd, path, flags);
	enum shim_fate fate = shim_begin(SHIM_unlink);
	fstatat(directory_fd, path, &status, AT_SYMLINK_NOFOLLOW);
	errno = shim_errno();
	if (fate != SHIM_FAIL)
		rc = REAL(unlinkat)(directory_fd, path, flags);
	if (rc == 0)
		shim_record_text(RECORDING_UNLINK, 0, status.st_ino, 0, name);
	shim_end();
	return rc;
}

EXPORT int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int remove(const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return -1;
	return unlinkat(AT_FDCWD, path, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0);
}

EXPORT int renameat(int old_fd, const char *old_path, int new_fd, const char *new_path)
{
	char old_buffer[PATH_MAX];
	char new_buffer[PATH_MAX];
	const char *old_name = shim_path(old_buffer, old_fd, old_path);
	const char *new_name = shim_path(new_buffer, new_fd, new_path);
	int rc = -1;

	if (old_name == NULL && new_name == NULL)
		return REAL(renameat)(old_fd, old_path, new_fd, new_path);
	enum shim_fate fate = shim_begin(SHIM_rename);
	errno = shim_errno();
	if (fate != SHIM_FAIL)
		rc = REAL(renameat)(old_fd, old_path, new_fd, new_path);
	if (rc == 0 && old_name != NULL && new_name != NULL) {
		struct iovec payload[] = {
			{ (void *)(uintptr_t)old_name, strlen(old_name) + 1 },
			{ (void *)(uintptr_t)new_name, strlen(new_name) },
		};
		shim_record(RECORDING_RENAME, 0, 0, 0, payload, 2);
	} else if (rc == 0) {
		shim_record_text(RECORDING_UNKNOWN, 0, 0, 0, "moved into or out of the directory");
	}
	shim_end();
	return rc;
}

EXPORT int rename(const char *old_path, const char *new_path)
{
	return renameat(AT_FDCWD, old_path, AT_FDCWD, new_path);
}

EXPORT int mkdirat(int directory_fd, const char *path, mode_t mode)
{
	char buffer[PATH_MAX];
	const char *name = shim_path(buffer, directory_fd, path);
	int rc = -1;

	if (name == NULL || faccessat(directory_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return REAL(mkdirat)(directory_fd, path, mode);
	enum shim_fate fate = shim_begin(SHIM_mkdir);
	errno = shim_errno();
	if (fate != SHIM_FAIL)
		rc = REAL(mkdirat)(directory_fd, path, mode);
	if (rc == 0)
		shim_record_text(RECORDING_MKDIR, 0, 0, 0, name);
	shim_end();
	return rc;
}

EXPORT int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}
