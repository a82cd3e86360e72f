#include "storage/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Magic numbers of linux/magic.h and the file systems' own sources. */
static const struct {
	uint32_t magic;
	const char *name;
} network_file_systems[] = {
	{ 0x00006969, "NFS" },    { 0xff534d42, "CIFS" },   { 0x0000517b, "SMB" },
	{ 0xfe534d42, "SMB2" },   { 0x65735546, "FUSE" },   { 0x01021997, "9p" },
	{ 0x00c36400, "Ceph" },   { 0x5346414f, "AFS" },    { 0x0bd00bd0, "Lustre" },
	{ 0x01161970, "GFS2" },   { 0x7461636f, "OCFS2" },  { 0x47504653, "GPFS" },
	{ 0x73757245, "Coda" },   { 0x0000564c, "NCP" },    { 0x786f4256, "vboxsf" },
	{ 0x6b414653, "AFS" },    { 0x19830326, "BeeGFS" }, { 0x20030528, "OrangeFS" },
};

const char *disk_network_name(uint32_t magic)
{
	for (size_t i = 0; i < sizeof(network_file_systems) / sizeof(network_file_systems[0]); i++)
		if (network_file_systems[i].magic == magic)
			return network_file_systems[i].name;
	return NULL;
}

int disk_check_local(const char *dir, struct error *err)
{
	struct statfs file_system;
	if (statfs(dir, &file_system) != 0)
		return error_set(err, ERROR_IO, "statfs '%s': %s", dir, strerror(errno));
	const char *name = disk_network_name((uint32_t)file_system.f_type);
	if (name == NULL)
		return 0;
	return error_set(err, ERROR_UNSUPPORTED,
			 "'%s' is on a network file system (%s), where locks and memory maps are not "
			 "safe; use a local disk",
			 dir, name);
}

int disk_room(const char *dir, uint64_t *out_free_bytes, uint64_t *out_total_bytes,
	      struct error *err)
{
	struct statvfs room;
	if (statvfs(dir, &room) != 0)
		return error_set(err, ERROR_IO, "statvfs '%s': %s", dir, strerror(errno));
	*out_free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
	*out_total_bytes = (uint64_t)room.f_blocks * room.f_frsize;
	return 0;
}

int disk_make_directory(const char *dir, struct error *err)
{
	struct stat there;
	if (mkdir(dir, 0750) == 0)
		return 0;
	if (errno == EEXIST && stat(dir, &there) == 0 && S_ISDIR(there.st_mode))
		return 0;
	if (errno == EEXIST)
		return error_set(err, ERROR_INVALID, "'%s' is there and is no directory", dir);
	if (errno == ENOSPC || errno == EDQUOT)
		return error_set(err, ERROR_DISK_FULL, "make directory '%s': %s", dir, strerror(errno));
	return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "make directory '%s': %s",
			 dir, strerror(errno));
}

int disk_sync_directory(const char *dir, struct error *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0) {
		error_set(err, ERROR_IO, "sync directory '%s': %s", dir, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

static void ballast_path(const char *dir, char *out, size_t out_bytes)
{
	snprintf(out, out_bytes, "%s/ballast", dir);
}

int ballast_make(const char *dir, uint64_t bytes, bool *out_is_there, struct error *err)
{
	char path[4096];
	struct stat file;
	uint64_t free_bytes, total_bytes;
	ballast_path(dir, path, sizeof(path));
	*out_is_there = false;
	if (bytes == 0) {
		unlink(path);
		return 0;
	}
	if (stat(path, &file) == 0 && (uint64_t)file.st_size == bytes) {
		*out_is_there = true;
		return 0;
	}
	unlink(path);
	if (disk_room(dir, &free_bytes, &total_bytes, err) != 0)
		return -1;
	if (bytes > free_bytes / 2)
		return 0;

	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0 && (errno == ENOSPC || errno == EDQUOT))
		return 0;
	if (fd < 0)
		return error_set(err, ERROR_IO, "make '%s': %s", path, strerror(errno));
	int rc = posix_fallocate(fd, 0, (off_t)bytes);
	close(fd);
	if (rc != 0) {
		/* No room, or a file system that cannot: then there is none. */
		unlink(path);
		return 0;
	}
	*out_is_there = true;
	return 0;
}

void ballast_free(const char *dir)
{
	char path[4096];
	ballast_path(dir, path, sizeof(path));
	unlink(path);
}

bool ballast_is_there(const char *dir)
{
	char path[4096];
	ballast_path(dir, path, sizeof(path));
	return access(path, F_OK) == 0;
}
