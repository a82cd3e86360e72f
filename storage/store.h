#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "protocol/error.h"

#include <stdbool.h>
#include <stdint.h>

/* A data directory: data.dir/log (the LMDB environment), data.dir/millstream.lock
 * (flock: one process a directory) and data.dir/ballast (room that is given
 * back when the disk is full, so that retention can still run).
 *
 * The map is reserved once and never resized, writes are synced before a
 * commit returns, and the environment is never used across fork.  What LMDB
 * does and does not promise: lmdb.h, "Caveats"; doc/format.md. */
struct store;

/* The version this program writes, and the only one it reads. */
#define STORE_FORMAT_VERSION    1

#define STORE_MAP_BYTES         (UINT64_C(1) << 40)
#define STORE_BALLAST_BYTES     (UINT64_C(64) << 20)

enum store_mode {
	STORE_SERVE,    /* read and write; makes the directory where it is missing; cuts off
			 * what a crash left beyond a visible end */
	STORE_INSPECT,  /* read a directory that nobody has open, for tools; changes no data */
	STORE_BESIDE,   /* read beside the server that has it open: short transactions only */
};

struct store_options {
	const char *dir;
	enum store_mode mode;
	uint64_t map_bytes;             /* address space and upper limit of the file; 0: STORE_MAP_BYTES.
					 * Who only reads takes no more of it than the file asks for */
	uint64_t quota_bytes;           /* used bytes at which DISK_FULL is declared; 0: the map's size
					 * less what deletions need */
	uint64_t ballast_bytes;         /* 0: none */
	bool allow_network_file_system; /* LMDB's locks and maps are not safe there */
};

/* Open a data directory.  Blocks on the disk.  The caller owns the store.
 * ERROR_LOCKED: another process has it; ERROR_UNSUPPORTED: network file
 * system; ERROR_FORMAT_VERSION; ERROR_NOT_FOUND (STORE_INSPECT and
 * STORE_BESIDE of nothing); ERROR_DENIED: it is somebody else's; ERROR_CORRUPT; ERROR_IO;
 * ERROR_DISK_FULL. */
int store_open(struct store **out, const struct store_options *options, struct error *err);

/* No reader or appender of the store may be left.  NULL is fine. */
void store_close(struct store *store);

/* 16 bytes, random, made with the directory.  Lends, while the store lives. */
const uint8_t *store_instance_id(const struct store *store);

/* Free reader slots of processes that died: at open, and each minute.
 * Returns how many.  Any thread. */
int store_check_readers(struct store *store);

struct store_usage {
	uint64_t file_bytes;    /* of the data file, up to its last page */
	uint64_t free_bytes;    /* of those, free for new batches */
	uint64_t quota_bytes;
	uint64_t disk_free_bytes;
	uint64_t disk_total_bytes;
};

/* Walks LMDB's list of free pages: milliseconds.  Any thread. */
int store_usage(struct store *store, struct store_usage *out, struct error *err);

#endif
