#ifndef STORAGE_COMMAND_H
#define STORAGE_COMMAND_H

#include "storage/entry.h"
#include "storage/registry.h"
#include "storage/transaction.h"

/* Anything but records that is to be written: the appender runs it on its
 * thread, in the same commit as the records around it.  For storage/ alone;
 * topics.c is the example. */
struct command {
	struct item item;

	/* Check, then write.  When it refuses (-1, err filled) it must have
	 * written nothing; when a write fails, the transaction remembers.  Memory
	 * that `committed` will need is got here.  Run at most once. */
	int (*run)(struct command *command, struct transaction *transaction,
		   struct registry *registry, struct error *err);

	/* The commit is durable: make the registry agree.  Cannot fail.  May be NULL. */
	void (*committed)(struct command *command, struct registry *registry);

	/* Instead of both: runs between two commits, with transactions of its own. */
	int (*run_alone)(struct command *command, struct store *store, struct registry *registry,
			 struct error *err);

	/* For appender_post: called once with the outcome (err NULL: done and
	 * durable), on the appender's thread; must not block; may free the command. */
	void (*on_done)(struct command *command, const struct error *err);

	struct error err;       /* the outcome; ERROR_NONE: done and durable */
	bool is_done;           /* guarded by the queue's lock */
};

struct appender;

/* Run it and wait for the outcome; it is the caller's before and after.  Any
 * thread but the loop and the appender's.  Waits for no room in the queue. */
int appender_execute(struct appender *appender, struct command *command, struct error *err);

/* The same without waiting: takes the command until its on_done.  Any thread,
 * the loop too.  On failure on_done is not called. */
int appender_post(struct appender *appender, struct command *command, struct error *err);

struct store *appender_store(struct appender *appender);
int64_t appender_wall_us(struct appender *appender);

/* schemas.c's part of an appender. */
struct schema_reservations;
struct schema_reservations *appender_schema_reservations(struct appender *appender);
int schema_reservations_create(struct schema_reservations **out, struct store *store,
			       struct error *err);
void schema_reservations_destroy(struct schema_reservations *reservations);
/* Store the submission's schemas: schemas, fingerprints, the next id. */
int schema_reservations_put(struct schema_reservations *reservations,
			    struct transaction *transaction, const struct submission *submission);
/* Their commit is durable. */
void schema_reservations_committed(struct schema_reservations *reservations,
				   const struct submission *submission);

#endif
