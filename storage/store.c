#include "storage/store.h"

#include "storage/disk.h"
#include "storage/environment.h"
#include "storage/guard.h"
#include "storage/permission.h"
#include "storage/recovery.h"
#include "storage/transaction.h"
#include "storage/visibility.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int lock_directory(struct store *store, struct error *err)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/millstream.lock", store->dir);
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (store->lock_fd < 0)
		return error_set(err, errno == ENOSPC ? ERROR_DISK_FULL : ERROR_IO, "open '%s': %s",
				 path, strerror(errno));
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return error_set(err, ERROR_LOCKED,
				 "'%s' is open in another process; stop that one first", store->dir);
	return error_set(err, ERROR_IO, "lock '%s': %s", path, strerror(errno));
}

static int check_is_there(const char *dir, struct error *err)
{
	char path[4096];
	struct stat file;
	snprintf(path, sizeof(path), "%s/log/data.mdb", dir);
	if (stat(path, &file) == 0)
		return 0;
	return error_set(err, ERROR_NOT_FOUND, "'%s' is no data directory: %s: %s", dir, path,
			 strerror(errno));
}

static int prepare_directory(struct store *store, const struct store_options *options,
			     struct error *err)
{
	char path[4096];
	if (snprintf(path, sizeof(path), "%s/log", store->dir) >= (int)sizeof(path) - 32)
		return error_set(err, ERROR_INVALID, "'%s': the path is too long", store->dir);
	if (permission_check(store->dir, store->mode == STORE_SERVE, err) != 0)
		return -1;
	if (store->mode == STORE_SERVE) {
		if (disk_make_directory(store->dir, err) != 0)
			return -1;
	} else if (check_is_there(store->dir, err) != 0) {
		return -1;
	}
	if (!options->allow_network_file_system && disk_check_local(store->dir, err) != 0)
		return -1;
	if (store->mode != STORE_BESIDE && lock_directory(store, err) != 0)
		return -1;
	if (store->mode != STORE_SERVE)
		return 0;
	return disk_make_directory(path, err) != 0 || disk_sync_directory(store->dir, err) != 0 ? -1 : 0;
}

static int open_log(struct store *store, struct error *err)
{
	if (environment_open(store, err) != 0)
		return -1;
	if (store->mode == STORE_BESIDE)
		return 0;
	store_check_readers(store);
	return store->mode == STORE_SERVE ? recovery_run(store, err) : 0;
}

static int create_handle(struct store **out, const struct store_options *options,
			 struct error *err)
{
	struct store *store = calloc(1, sizeof(*store));
	if (store == NULL)
		return error_set(err, ERROR_MEMORY, "opening the store");
	store->lock_fd = -1;
	store->mode = options->mode;
	store->map_bytes = options->map_bytes != 0 ? options->map_bytes : STORE_MAP_BYTES;
	store->quota_bytes = store->map_bytes - store->map_bytes / 8;
	if (store->map_bytes > 8 * STORE_RESERVE_BYTES)
		store->quota_bytes = store->map_bytes - STORE_RESERVE_BYTES;
	if (options->quota_bytes != 0 && options->quota_bytes < store->quota_bytes)
		store->quota_bytes = options->quota_bytes;
	store->ballast_bytes = options->ballast_bytes;
	store->dir = strdup(options->dir);
	if (store->mode == STORE_SERVE && (store->visibility = malloc(sizeof(*store->visibility))) != NULL)
		visibility_init(store->visibility);
	if (store->dir == NULL || (store->mode == STORE_SERVE && store->visibility == NULL)) {
		store_close(store);
		return error_set(err, ERROR_MEMORY, "opening the store");
	}
	*out = store;
	return 0;
}

/* Most texts name the directory, or a file in it. */
static bool names_directory(const struct error *err, const char *dir)
{
	size_t size = strlen(dir);
	const char *at = err == NULL ? NULL : err->text;
	while (at != NULL && (at = strchr(at, '\'')) != NULL) {
		at++;
		if (strncmp(at, dir, size) == 0 && (at[size] == '/' || at[size] == '\''))
			return true;
	}
	return false;
}

int store_open(struct store **out, const struct store_options *options, struct error *err)
{
	struct store *store = NULL;
	bool ballast_is_there;
	guard_install();
	if (create_handle(&store, options, err) != 0)
		return -1;
	if (prepare_directory(store, options, err) != 0 || open_log(store, err) != 0)
		goto fail;
	if (store->mode == STORE_SERVE &&
	    ballast_make(store->dir, store->ballast_bytes, &ballast_is_there, err) != 0)
		goto fail;
	*out = store;
	return 0;
fail:
	if (!names_directory(err, options->dir))
		error_context(err, "open the data directory '%s'", options->dir);
	store_close(store);
	return -1;
}

/* A write transaction that met damaged pages, or was left by a jump, has LMDB's
 * lock and lists in an unknown state: such an environment can be neither closed
 * nor used.  It stays, with the lock of the directory, until the process ends. */
static SLIST_HEAD(, store) unclosable = SLIST_HEAD_INITIALIZER(unclosable);
static pthread_mutex_t unclosable_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_unclosable(struct store *store)
{
	pthread_mutex_lock(&unclosable_lock);
	SLIST_INSERT_HEAD(&unclosable, store, link);
	pthread_mutex_unlock(&unclosable_lock);
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	if (store->is_writing) {
		keep_unclosable(store);
		return;
	}
	if (store->env != NULL)
		mdb_env_close(store->env);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	if (store->visibility != NULL)
		visibility_clear(store->visibility);
	free(store->visibility);
	free(store->dir);
	free(store);
}

const uint8_t *store_instance_id(const struct store *store)
{
	return store->instance_id;
}

int store_check_readers(struct store *store)
{
	int dead = 0;
	return mdb_reader_check(store->env, &dead) == 0 ? dead : 0;
}

struct usage_walk {
	struct transaction transaction;
	MDB_cursor *cursor;
	struct store_usage *usage;
	struct error *err;
};

/* LMDB keeps free pages in database 0, by the number of the transaction that
 * freed them: each value begins with how many there are. */
static int count_free_pages(void *argument)
{
	struct usage_walk *walk = argument;
	struct store *store = walk->transaction.store;
	MDB_val key, value;
	size_t freed_by, pages, freed_before = 0;
	int rc = mdb_cursor_open(walk->transaction.txn, 0, &walk->cursor);
	while (rc == 0 && (rc = mdb_cursor_get(walk->cursor, &key, &value, MDB_NEXT)) == 0) {
		if (key.mv_size != sizeof(freed_by) || value.mv_size < sizeof(pages))
			return error_set(walk->err, ERROR_CORRUPT, "the list of free pages is damaged");
		memcpy(&freed_by, key.mv_data, sizeof(freed_by));
		memcpy(&pages, value.mv_data, sizeof(pages));
		if (freed_by <= freed_before || pages >= value.mv_size / sizeof(pages))
			return error_set(walk->err, ERROR_CORRUPT, "the list of free pages is damaged");
		freed_before = freed_by;
		walk->usage->free_bytes += (uint64_t)pages * store->page_bytes;
	}
	return rc == MDB_NOTFOUND ? 0 : lmdb_error(store, rc, 0, walk->err, "read the free list");
}

int store_usage(struct store *store, struct store_usage *out, struct error *err)
{
	struct store_usage usage = { .quota_bytes = store->quota_bytes };
	struct usage_walk walk = { .usage = &usage, .err = err };
	MDB_envinfo info;
	if (disk_room(store->dir, &usage.disk_free_bytes, &usage.disk_total_bytes, err) != 0 ||
	    transaction_begin_read(&walk.transaction, store, err) != 0)
		return -1;
	int rc = guard_run(count_free_pages, &walk, err);
	mdb_cursor_close(walk.cursor);
	transaction_abort(&walk.transaction);
	if (rc != 0)
		return -1;
	mdb_env_info(store->env, &info);
	usage.file_bytes = ((uint64_t)info.me_last_pgno + 1) * store->page_bytes;
	*out = usage;
	return 0;
}
