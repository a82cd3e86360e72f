#include "storage/permission.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_BYTES = 4096,
	NAME_BYTES = 64,
	ENTRY_BYTES = 4096,     /* of the user database; one that has more is named by its number */
};

/* What a data directory holds, in the order in which it is opened. */
static const char *const parts[] = {
	"", "/millstream.lock", "/log", "/log/data.mdb", "/log/lock.mdb",
};

static void name_user(uid_t user, char out[NAME_BYTES])
{
	char bytes[ENTRY_BYTES];
	struct passwd entry, *found = NULL;
	if (getpwuid_r(user, &entry, bytes, sizeof(bytes), &found) == 0 && found != NULL)
		snprintf(out, NAME_BYTES, "%s", entry.pw_name);
	else
		snprintf(out, NAME_BYTES, "user %u", (unsigned int)user);
}

static int denied(const char *path, const struct stat *file, int missing, struct error *err)
{
	char owner[NAME_BYTES], self[NAME_BYTES];
	name_user(file->st_uid, owner);
	name_user(geteuid(), self);
	return error_set(err, ERROR_DENIED,
			 "permission denied: %s may not %s '%s', which is owned by %s (mode %04o); run as %s, or "
			 "change its owner or mode",
			 self, missing == R_OK ? "read" : missing == W_OK ? "write" : "enter", path, owner,
			 (unsigned int)file->st_mode & 07777, owner);
}

/* 0: as it should be, or not there. */
static int check_path(const char *path, bool writes, struct error *err)
{
	static const int ways[] = { R_OK, W_OK, X_OK };
	struct stat file;
	if (stat(path, &file) != 0)
		return 0;
	for (size_t n = 0; n < sizeof(ways) / sizeof(ways[0]); n++) {
		if ((ways[n] == W_OK && !writes) || (ways[n] == X_OK && !S_ISDIR(file.st_mode)))
			continue;
		if (faccessat(AT_FDCWD, path, ways[n], AT_EACCESS) != 0 && errno == EACCES)
			return denied(path, &file, ways[n], err);
	}
	return 0;
}

/* Where it is to be made.  That we may not read it does not matter. */
static int check_parent(const char *dir, struct error *err)
{
	char parent[PATH_BYTES];
	struct stat file;
	if (snprintf(parent, sizeof(parent), "%s", dir) >= (int)sizeof(parent))
		return 0;
	size_t size = strlen(parent);
	while (size > 1 && parent[size - 1] == '/')
		parent[--size] = '\0';
	char *slash = strrchr(parent, '/');
	if (slash == NULL)
		snprintf(parent, sizeof(parent), ".");
	else
		slash[slash == parent] = '\0';
	if (stat(parent, &file) != 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "make directory '%s': there is no '%s' to make it in; make that "
						       "first, or name another place", dir, parent);
	if (stat(parent, &file) == 0 && faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS) != 0 &&
	    errno == EACCES)
		return denied(parent, &file, W_OK, err);
	return 0;
}

int permission_check(const char *dir, bool makes, struct error *err)
{
	char path[PATH_BYTES];
	struct stat file;
	if (stat(dir, &file) != 0)
		return errno == ENOENT && makes ? check_parent(dir, err) : 0;
	if (makes && !S_ISDIR(file.st_mode))
		return error_set(err, ERROR_INVALID, "'%s' is there and is no directory", dir);
	for (size_t n = 0; n < sizeof(parts) / sizeof(parts[0]); n++) {
		if (snprintf(path, sizeof(path), "%s%s", dir, parts[n]) >= (int)sizeof(path))
			return 0;
		/* Who only reads locks, too: in the lock files. */
		bool is_lock = strstr(parts[n], "lock") != NULL;
		if (check_path(path, makes || is_lock, err) != 0)
			return -1;
	}
	return 0;
}
