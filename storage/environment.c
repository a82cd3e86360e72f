#include "storage/environment.h"

#include "storage/disk.h"
#include "storage/guard.h"
#include "storage/meta_page.h"
#include "storage/transaction.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Threads and processes that read at once: the loop, tools, checks. */
#define STORE_READERS_MAX 126

const char *table_name(enum table table)
{
	static const char *const names[] = {
#define X(name, words) words,
		TABLES(X)
#undef X
	};
	return names[table];
}

static bool disk_is_full(const struct store *store, uint64_t needed_bytes)
{
	uint64_t free_bytes, total_bytes;
	/* The free list, the trees' inner pages and the file system's own books
	 * come on top of what was asked for. */
	return disk_room(store->dir, &free_bytes, &total_bytes, NULL) == 0 &&
	       free_bytes < needed_bytes + needed_bytes / 8 + (UINT64_C(1) << 20);
}

static enum error_code code_of(const struct store *store, int rc, uint64_t needed_bytes)
{
	switch (rc) {
	case ENOSPC:
	case EDQUOT:
	case MDB_MAP_FULL:
		return ERROR_DISK_FULL;
	case EIO:
		return disk_is_full(store, needed_bytes) ? ERROR_DISK_FULL : ERROR_IO;
	case ENOMEM:
		return ERROR_MEMORY;
	case ENOENT:
		return ERROR_NOT_FOUND;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_INCOMPATIBLE:
	case MDB_NOTFOUND:
	case MDB_CURSOR_FULL:
	case MDB_PAGE_FULL:
	case MDB_BAD_TXN:               /* after a page that was not found, in the same read */
		return ERROR_CORRUPT;
	case MDB_MAP_RESIZED:           /* nobody but us may make it grow */
		return store->mode == STORE_BESIDE ? ERROR_IO : ERROR_CORRUPT;
	case MDB_VERSION_MISMATCH:
		return ERROR_FORMAT_VERSION;
	case MDB_BAD_VALSIZE:           /* of a key that we were asked for */
		return ERROR_INVALID;
	case MDB_READERS_FULL:
	case MDB_TXN_FULL:
		return ERROR_LIMIT;
	default:
		/* MDB_PANIC, a failed sync, anything not foreseen. */
		return ERROR_IO;
	}
}

int lmdb_error(const struct store *store, int rc, uint64_t needed_bytes, struct error *err,
	       const char *format, ...)
{
	char what[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	enum error_code code = code_of(store, rc, needed_bytes);
	/* A write that the disk has no room for ends as one that failed. */
	if (rc == EIO && code == ERROR_DISK_FULL)
		return error_set(err, code, "%s: no room on the disk", what);
	return error_set(err, code, "%s: %s", what, mdb_strerror(rc));
}

static void on_assertion(MDB_env *env, const char *text)
{
	(void)env;
	guard_assertion_failed(text);
}

struct opening {
	struct store *store;
	struct transaction transaction; /* to be ended, also after a jump */
	struct error *err;
};

/* A reader needs no more addresses than the file can come to while it looks:
 * twice its size and this.  A terabyte is not to be had everywhere (a limit on
 * addresses, a sanitizer's own memory). */
#define READER_MAP_SPARE_BYTES (UINT64_C(16) << 30)

static uint64_t bytes_to_map(const struct store *store, const char *path)
{
	char data_path[4096 + 16];
	struct stat file;
	snprintf(data_path, sizeof(data_path), "%s/data.mdb", path);
	if (store->mode == STORE_SERVE || stat(data_path, &file) != 0)
		return store->map_bytes;
	uint64_t wanted = 2 * (uint64_t)file.st_size + READER_MAP_SPARE_BYTES;
	wanted -= wanted % READER_MAP_SPARE_BYTES;
	return wanted < store->map_bytes ? wanted : store->map_bytes;
}

static int open_path(struct store *store, const char *path, unsigned int flags, struct error *err)
{
	int rc = mdb_env_create(&store->env);
	if (rc != 0)
		return lmdb_error(store, rc, 0, err, "create the LMDB environment");
	mdb_env_set_assert(store->env, on_assertion);
	if ((rc = mdb_env_set_mapsize(store->env, bytes_to_map(store, path))) != 0 ||
	    (rc = mdb_env_set_maxdbs(store->env, TABLE_COUNT)) != 0 ||
	    (rc = mdb_env_set_maxreaders(store->env, STORE_READERS_MAX)) != 0)
		return lmdb_error(store, rc, 0, err, "set up the LMDB environment");
	/* Never MDB_WRITEMAP: a full disk kills the process.  Never MDB_NOSYNC: a
	 * crash could tear the file.  The meta page is synced by us, before
	 * anything is acknowledged: transaction_sync. */
	flags |= MDB_NOTLS | MDB_NORDAHEAD;
	flags |= store->mode == STORE_SERVE ? MDB_NOMETASYNC : MDB_RDONLY;
	rc = mdb_env_open(store->env, path, flags, 0640);
	if (rc != 0)
		return lmdb_error(store, rc, UINT64_C(1) << 20, err, "open '%s'", path);
	MDB_stat stat;
	mdb_env_stat(store->env, &stat);
	store->page_bytes = stat.ms_psize;
	return 0;
}

static int open_environment(void *argument)
{
	struct opening *opening = argument;
	char path[4096], file[4096 + 16];
	snprintf(path, sizeof(path), "%s/log", opening->store->dir);
	snprintf(file, sizeof(file), "%s/data.mdb", path);
	/* A file in use changes while it is looked at. */
	if (opening->store->mode != STORE_BESIDE &&
	    meta_pages_check(file, opening->store->map_bytes, opening->err) != 0)
		return -1;
	return open_path(opening->store, path, 0, opening->err);
}

static int check_format(struct transaction *transaction, struct error *err)
{
	uint64_t format;
	if (transaction_get_number(transaction, META_FORMAT, &format) != 0)
		return transaction_failed(transaction, err);
	if (format == STORE_FORMAT_VERSION)
		return 0;
	if (format == 0)
		return error_set(err, ERROR_CORRUPT,
				 "the data directory has tables but no format version");
	return error_set(err, ERROR_FORMAT_VERSION,
			 "the data directory has format %llu, this program reads format %d; run the "
			 "Millstream that wrote it",
			 (unsigned long long)format, STORE_FORMAT_VERSION);
}

/* 0: nothing is there, which is not the same as nothing of ours. */
static int check_empty(struct store *store, struct transaction *transaction, struct error *err)
{
	MDB_dbi unnamed;
	MDB_stat stat;
	int rc = mdb_dbi_open(transaction->txn, NULL, 0, &unnamed);
	if (rc != 0 || (rc = mdb_stat(transaction->txn, unnamed, &stat)) != 0)
		return lmdb_error(store, rc, 0, err, "read the list of tables");
	if (stat.ms_entries == 0)
		return 0;
	return error_set(err, ERROR_CORRUPT,
			 "'%s/log' holds an LMDB environment that is not Millstream's", store->dir);
}

/* 1: the tables are there; 0: none at all. */
static int open_tables(struct store *store, struct transaction *transaction, unsigned int flags,
		       struct error *err)
{
	for (int i = 0; i < TABLE_COUNT; i++) {
		int rc = mdb_dbi_open(transaction->txn, table_name((enum table)i), flags,
				      &store->tables[i]);
		if (rc == MDB_NOTFOUND && i == TABLE_META)
			return check_empty(store, transaction, err);
		if (rc != 0)
			return lmdb_error(store, rc, UINT64_C(1) << 20, err, "open table %s",
					  table_name((enum table)i));
	}
	return 1;
}

static int make_tables(struct store *store, struct transaction *transaction, struct error *err)
{
	uint8_t instance[INSTANCE_ID_BYTES + SEAL_BYTES];
	if (open_tables(store, transaction, MDB_CREATE, err) < 0)
		return -1;
	if (getrandom(instance, INSTANCE_ID_BYTES, 0) != INSTANCE_ID_BYTES)
		return error_set(err, ERROR_IO, "no random bytes: %s", strerror(errno));
	struct bytes key = bytes_of_text(META_INSTANCE);
	store_u32(instance + INSTANCE_ID_BYTES, seal_of(instance, INSTANCE_ID_BYTES, key));
	transaction_put_number(transaction, META_FORMAT, STORE_FORMAT_VERSION);
	transaction_put_number(transaction, META_NEXT_TOPIC_ID, 1);
	transaction_put_number(transaction, META_NEXT_SCHEMA_ID, 1);
	transaction_put_number(transaction, META_NEXT_SOURCE_ID, 1);
	transaction_put(transaction, TABLE_META, key,
			(struct bytes){ instance, sizeof(instance) });
	return transaction_failed(transaction, err);
}

static int read_instance(struct store *store, struct transaction *transaction, struct error *err)
{
	struct bytes value, body, key = bytes_of_text(META_INSTANCE);
	int found = transaction_get(transaction, TABLE_META, key, &value);
	if (found < 0)
		return transaction_failed(transaction, err);
	if (found == 0)
		return error_set(err, ERROR_CORRUPT, "table meta: the instance id is missing");
	if (seal_check("meta", key, value, &body, err) != 0)
		return -1;
	if (body.size != INSTANCE_ID_BYTES)
		return error_set(err, ERROR_CORRUPT, "table meta: an instance id of %zu bytes", body.size);
	memcpy(store->instance_id, body.data, INSTANCE_ID_BYTES);
	return 0;
}

/* 1: the tables are there and of our format; 0: none at all. */
static int read_tables(void *argument)
{
	struct opening *opening = argument;
	struct store *store = opening->store;
	struct transaction *transaction = &opening->transaction;
	int found = open_tables(store, transaction, 0, opening->err);
	if (found == 1 && (check_format(transaction, opening->err) != 0 ||
			   read_instance(store, transaction, opening->err) != 0))
		found = -1;
	return found;
}

/* Handles of tables, opened in a transaction, last only if it commits. */
static int load_tables(struct opening *opening)
{
	struct store *store = opening->store;
	if (transaction_begin_read(&opening->transaction, store, opening->err) != 0)
		return -1;
	int found = guard_run(read_tables, opening, opening->err);
	if (found == 1)
		return transaction_commit(&opening->transaction, opening->err);
	transaction_abort(&opening->transaction);
	return found < 0 ? -1 : error_set(opening->err, ERROR_CORRUPT, "'%s/log' holds no tables",
					  store->dir);
}

static int fill_new(struct store *store, const char *path, struct error *err)
{
	struct transaction transaction;
	if (open_path(store, path, MDB_NOSUBDIR | MDB_NOLOCK, err) != 0 ||
	    transaction_begin(&transaction, store, err) != 0)
		return -1;
	if (make_tables(store, &transaction, err) != 0) {
		transaction_abort(&transaction);
		return -1;
	}
	return transaction_commit(&transaction, err);
}

/* How many of the pages from first_missing on are in LMDB's list of free pages:
 * a value is their number, then theirs.  Inside a guard. */
struct free_walk {
	MDB_txn *txn;
	MDB_cursor *cursor;             /* to be closed, also after a jump; NULL: not opened */
	uint64_t first_missing;
	uint64_t found_count;
};

static int walk_free_pages(void *argument)
{
	struct free_walk *walk = argument;
	MDB_val key, value;
	int rc = mdb_cursor_open(walk->txn, 0, &walk->cursor);
	while (rc == 0 && (rc = mdb_cursor_get(walk->cursor, &key, &value, MDB_NEXT)) == 0) {
		const size_t *pages = value.mv_data;
		for (size_t n = 1; n < value.mv_size / sizeof(*pages) && n <= pages[0]; n++)
			walk->found_count += pages[n] >= walk->first_missing;
	}
	return rc == MDB_NOTFOUND ? 0 : -1;
}

/* Is the file as long as its pages?  One that was cut off must not be written:
 * the missing pages would read as zeros, and LMDB takes them for good ones.
 * Only free pages may never have been written. */
static int check_length(struct opening *opening)
{
	struct store *store = opening->store;
	struct transaction *transaction = &opening->transaction;
	MDB_envinfo info;
	struct stat file;
	int fd;
	mdb_env_info(store->env, &info);
	if (mdb_env_get_fd(store->env, &fd) != 0 || fstat(fd, &file) != 0)
		return error_set(opening->err, ERROR_IO, "stat '%s/log/data.mdb': %s", store->dir,
				 strerror(errno));
	uint64_t page_count = (uint64_t)info.me_last_pgno + 1;
	struct free_walk walk = { .first_missing = (uint64_t)file.st_size / store->page_bytes };
	if (walk.first_missing >= page_count)
		return 0;
	if (transaction_begin_read(transaction, store, opening->err) != 0)
		return -1;
	walk.txn = transaction->txn;
	int rc = guard_run(walk_free_pages, &walk, NULL);
	if (walk.cursor != NULL)
		mdb_cursor_close(walk.cursor);
	transaction_abort(transaction);
	if (rc == 0 && walk.found_count == page_count - walk.first_missing)
		return 0;
	return error_set(opening->err, ERROR_CORRUPT,
			 "'%s/log/data.mdb' was cut off: it has %lld bytes of %llu; put a whole copy in its "
			 "place",
			 store->dir, (long long)file.st_size,
			 (unsigned long long)page_count * store->page_bytes);
}

/* The data directory's own name must outlast a crash, too.  Where we may not
 * look into its parent, somebody else made it. */
static int sync_parents(struct store *store, struct error *err)
{
	char parent[4096];
	snprintf(parent, sizeof(parent), "%s/..", store->dir);
	if (disk_sync_directory(store->dir, err) != 0)
		return -1;
	return access(parent, R_OK) == 0 ? disk_sync_directory(parent, err) : 0;
}

/* LMDB writes the first pages of a new file without a sync: a crash could leave
 * one that is neither new nor whole, and could never be opened.  So it is made
 * under another name, which it keeps until all of it is durable. */
static int make_environment(struct store *store, struct error *err)
{
	char directory[4096], path[4096], new_path[4096];
	snprintf(directory, sizeof(directory), "%s/log", store->dir);
	snprintf(path, sizeof(path), "%s/log/data.mdb", store->dir);
	snprintf(new_path, sizeof(new_path), "%s/log/data.new", store->dir);
	if (access(path, F_OK) == 0)
		return disk_sync_directory(directory, err);
	unlink(new_path);
	int rc = sync_parents(store, err) != 0 ? -1 : fill_new(store, new_path, err);
	if (store->env != NULL)
		mdb_env_close(store->env);
	store->env = NULL;
	if (rc == 0 && rename(new_path, path) != 0)
		rc = error_set(err, ERROR_IO, "rename '%s': %s", new_path, strerror(errno));
	if (rc != 0) {
		unlink(new_path);
		return error_context(err, "make '%s'", path);
	}
	return disk_sync_directory(directory, err);
}

int environment_open(struct store *store, struct error *err)
{
	struct opening opening = { .store = store, .err = err };
	if ((store->mode == STORE_SERVE && make_environment(store, err) != 0) ||
	    guard_run(open_environment, &opening, err) != 0 || load_tables(&opening) != 0 ||
	    (store->mode == STORE_SERVE && check_length(&opening) != 0))
		return -1;
	/* A server that was killed may have left a commit written, not synced. */
	return store->mode == STORE_SERVE ? transaction_sync(store, err) : 0;
}
