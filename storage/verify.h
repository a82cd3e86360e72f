#ifndef STORAGE_VERIFY_H
#define STORAGE_VERIFY_H

#include "storage/store.h"

/* Walks the whole store: every record's checksum, every batch, every record in
 * it, and what must hold between the tables (doc/format.md lists it).  In
 * bounded read transactions, so it may run beside a server. */

struct verify_problem {
	const char *table;      /* "log" */
	char topic[256];        /* '' where it is no topic's */
	uint32_t topic_id;
	uint32_t partition;
	uint64_t start_offset;  /* the offsets concerned; both 0 where there are none */
	uint64_t end_offset;    /* exclusive */
	char text[512];
};

struct verify_report {
	uint64_t topics;
	uint64_t partitions;
	uint64_t batches;
	uint64_t records;
	uint64_t bytes;
	uint64_t problems;
	bool is_whole;          /* false: it crashed on the way, and counted problems alone */
};

struct verify_observer {
	void (*on_problem)(void *user, const struct verify_problem *problem);
	/* About every 64 MiB; bytes_total is an estimate. */
	void (*on_progress)(void *user, uint64_t bytes_done, uint64_t bytes_total);
	/* Where the next stretch begins, before it is read. */
	void (*on_place)(void *user, const char *table, uint32_t topic_id, uint32_t partition,
			 uint64_t offset);
	void *user;
};

/* 0 when the walk came to its end, whatever it found; -1 when it could not.
 * A damaged page may crash LMDB: a server runs it in a process of its own
 * (verify_child.h). */
int verify_store(struct store *store, const struct verify_observer *observer,
		 struct verify_report *out, struct error *err);

#endif
