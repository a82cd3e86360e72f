#include "tests/support/temp_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPEN_DIRECTORIES_MAX = 16 };

static void give_up(const char *what, const char *path)
{
	fprintf(stderr, "%s ", what);
	perror(path);
	abort();
}

static char *create_under(const char *parent)
{
	char *path;

	if (asprintf(&path, "%s/millstream-XXXXXX", parent) < 0)
		give_up("cannot name a directory under", parent);
	if (mkdtemp(path) == NULL)
		give_up("cannot make", path);
	return path;
}

char *temp_dir_create(void)
{
	const char *parent = getenv("TMPDIR");

	return create_under(parent != NULL && parent[0] != '\0' ? parent : "/tmp");
}

char *temp_dir_create_in_memory(void)
{
	return access("/dev/shm", W_OK | X_OK) == 0 ? create_under("/dev/shm") : temp_dir_create();
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	if (place->level > 0 && remove(path) != 0)
		give_up("cannot remove", path);
	return 0;
}

void temp_dir_empty(const char *path)
{
	if (nftw(path, remove_one, OPEN_DIRECTORIES_MAX, FTW_DEPTH | FTW_PHYS) != 0)
		give_up("cannot empty", path);
}

void temp_dir_destroy(char *path)
{
	if (path == NULL)
		return;
	temp_dir_empty(path);
	if (rmdir(path) != 0)
		give_up("cannot remove", path);
	free(path);
}
