#include "server/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_whole(int fd, struct text *out, struct error *err)
{
	char piece[16384];
	ssize_t size;
	while ((size = read(fd, piece, sizeof(piece))) != 0) {
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return error_set(err, ERROR_IO, "%s", strerror(errno));
		if (out->buffer.size + (size_t)size > CONFIG_FILE_BYTES_MAX)
			return error_set(err, ERROR_LIMIT, "it is larger than %d bytes",
					 CONFIG_FILE_BYTES_MAX);
		text_add(out, piece, (size_t)size);
	}
	return text_check(out, err);
}

int config_file_read(const char *path, struct text *out, struct error *err)
{
	struct stat status;
	struct text text;
	/* Not to wait for whoever would write into a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = -1;
	text_init(&text);
	if (fd < 0)
		error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "%s", strerror(errno));
	else if (fstat(fd, &status) != 0)
		error_set(err, ERROR_IO, "%s", strerror(errno));
	else if (!S_ISREG(status.st_mode))
		error_set(err, ERROR_INVALID, "this is not a regular file");
	else
		rc = read_whole(fd, &text, err);
	if (fd >= 0)
		close(fd);
	if (rc != 0) {
		text_clear(&text);
		return -1;
	}
	*out = text;
	return 0;
}

bool config_file_is_public(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

/* The directory of `from` in front of a relative pattern.  The caller frees it. */
static char *resolve(const char *from, const char *pattern)
{
	const char *slash = strrchr(from, '/');
	size_t dir_size = pattern[0] == '/' || slash == NULL ? 0 : (size_t)(slash - from) + 1;
	char *path = malloc(dir_size + strlen(pattern) + 1);
	if (path != NULL) {
		memcpy(path, from, dir_size);
		strcpy(path + dir_size, pattern);
	}
	return path;
}

int config_file_expand(const char *from, const char *pattern,
		       void (*on_file)(void *user, const char *path), void *user, struct error *err)
{
	char *path = resolve(from, pattern);
	glob_t found = { 0 };
	int rc = 0;
	if (path == NULL)
		return error_set(err, ERROR_MEMORY, "out of memory");
	if (strpbrk(pattern, "*?[") == NULL) {
		on_file(user, path);
		free(path);
		return 0;
	}
	rc = glob(path, GLOB_ERR, NULL, &found);
	if (rc == GLOB_ABORTED && errno == ENOENT)
		rc = GLOB_NOMATCH;      /* not even the directory is there */
	if (rc == GLOB_NOSPACE)
		error_set(err, ERROR_MEMORY, "out of memory");
	else if (rc == GLOB_ABORTED)
		error_set(err, ERROR_IO, "'%s': %s", path, strerror(errno));
	for (size_t n = 0; rc == 0 && n < found.gl_pathc; n++)
		on_file(user, found.gl_pathv[n]);
	globfree(&found);
	free(path);
	return rc == 0 || rc == GLOB_NOMATCH ? 0 : -1;
}
