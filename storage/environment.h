#ifndef STORAGE_ENVIRONMENT_H
#define STORAGE_ENVIRONMENT_H

#include "storage/layout.h"
#include "storage/store.h"

#include <lmdb.h>
#include <sys/queue.h>

/* What is behind struct store, for storage/ alone. */

/* The tables: named LMDB databases, without DUPSORT and without nested
 * transactions: most of LMDB's defects of the last years were in those two. */
#define TABLES(X)                                                               \
	X(META, "meta") X(TOPICS, "topics") X(PARTITIONS, "partitions")         \
	X(LOG, "log") X(SOURCES, "sources") X(SCHEMAS, "schemas")               \
	X(FINGERPRINTS, "fingerprints") X(GROUPS, "groups") X(PRODUCERS, "producers")

enum table {
#define X(name, words) TABLE_##name,
	TABLES(X)
#undef X
	TABLE_COUNT
};

const char *table_name(enum table table);

struct store {
	MDB_env *env;
	MDB_dbi tables[TABLE_COUNT];
	char *dir;
	enum store_mode mode;
	int lock_fd;                    /* -1: none */
	uint64_t map_bytes;
	uint64_t quota_bytes;
	uint64_t ballast_bytes;
	uint32_t page_bytes;
	uint8_t instance_id[INSTANCE_ID_BYTES];
	struct visibility *visibility;  /* owned; STORE_SERVE alone, else NULL */
	bool is_writing;                /* a write transaction has begun and not ended: after damage
					 * was met in it, for good.  The writer's alone */
	SLIST_ENTRY(store) link;        /* among those that could not be closed */
};

/* Room that must stay in the map for deletions: LMDB copies pages to delete. */
#define STORE_RESERVE_BYTES (UINT64_C(64) << 20)

/* Open the environment and its tables, or make them (STORE_SERVE); fills env,
 * tables, page_bytes and instance_id.  What it opened before a failure,
 * store_close closes. */
int environment_open(struct store *store, struct error *err);

/* One foreign code becomes one of ours: the only place that does it.
 * needed_bytes is what the failed call wanted to write: with less than that
 * left on the disk, EIO means a full disk (LMDB answers a short write with
 * EIO); with more, a broken one. */
int lmdb_error(const struct store *store, int rc, uint64_t needed_bytes, struct error *err,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
