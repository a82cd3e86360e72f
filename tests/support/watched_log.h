#ifndef TESTS_SUPPORT_WATCHED_LOG_H
#define TESTS_SUPPORT_WATCHED_LOG_H

#include "storage/appender_internal.h"
#include "storage/reader.h"
#include "storage/topics.h"

#include <stdatomic.h>

/* A running log whose clock the test turns, whose appender it can hold, and
 * which remembers everything it was told.  What cannot be done ends the test. */

#define WATCHED_LOG_START_US    INT64_C(1700000000000000)

enum { WATCHED_EVENTS_MAX = 4096 };

struct watched_event {
	int sequence;                   /* of everything that was told, done's too */
	bool is_state;                  /* on_state, else on_visible */
	enum appender_state state;
	enum error_code code;
	uint32_t topic_id;
	uint32_t partition;
	uint64_t visible_end;
};

struct watched_log {
	char *dir;
	struct store_options store_options;     /* of the next opening */
	struct appender_options options;
	struct store *store;
	struct appender *appender;
	struct reader *reader;

	pthread_t tester;               /* is never held */
	_Atomic int64_t wall_us;
	_Atomic int64_t monotonic_us;
	_Atomic int64_t look_us;        /* every look at the monotonic clock turns it so far */
	atomic_bool is_holding;
	atomic_bool is_held;            /* the appender has come to a hold */
	atomic_int passes;              /* commits that it may make all the same */
	atomic_int room_count;          /* calls of on_room */

	pthread_mutex_t lock;           /* guards the rest */
	int sequence;
	int event_count;
	struct watched_event events[WATCHED_EVENTS_MAX];
};

/* For cmocka: *state is the log, open. */
int watched_log_create(void **state);
int watched_log_destroy(void **state);

void watched_log_open(struct watched_log *log);
void watched_log_close(struct watched_log *log);
void watched_log_reopen(struct watched_log *log);

/* config NULL: the defaults, but for ever. */
uint32_t watched_log_topic(struct watched_log *log, const char *name, uint32_t partition_count,
			   uint16_t owner_source_id, const struct topic_config *config);
uint16_t watched_log_source(struct watched_log *log, const char *name);

/* Close it while it is held, so that the commit at hand is its last, and open it
 * again: it is held at its first commit. */
void watched_log_reopen_held(struct watched_log *log);

/* Turn both clocks. */
void watched_log_advance(struct watched_log *log, int64_t us);

/* Keep the appender from its next commit until released: what is submitted in
 * between lands in one commit, if it fits. */
void watched_log_hold(struct watched_log *log);
/* Let it make one commit and hold the one after that; there must be more to write. */
void watched_log_pass_one(struct watched_log *log);
void watched_log_release(struct watched_log *log);
/* The same, and wait until all of it has been told. */
void watched_log_release_and_flush(struct watched_log *log);

/* The appender looks at the time and makes one commit, with one step of retention. */
void watched_log_tick(struct watched_log *log);

struct appender_stats watched_log_stats(struct watched_log *log);
/* How often the end of this partition was announced; *out_last is the last one. */
int watched_log_announced(struct watched_log *log, uint32_t topic_id, uint32_t partition,
			  struct watched_event *out_last);

/* Submissions. */

struct done {
	struct watched_log *log;
	atomic_int count;               /* of calls; the rest is filled by the first */
	int sequence;
	struct error err;
	uint64_t transaction_ordinal;
	size_t place_count;
	struct submission_place places[8];      /* the first ones */
};

struct submission *submission_of(uint16_t source_id);
void submission_add_text(struct submission *submission, uint32_t topic_id, uint32_t partition,
			 const char *text);
void submission_add_text_at(struct submission *submission, uint32_t topic_id, uint32_t partition,
			    const char *text, int64_t time_us);
/* A record of so many bytes in its batch, prefix aside. */
void submission_add_bytes(struct submission *submission, uint32_t topic_id, uint32_t partition,
			  size_t body_bytes);
void submission_set_position_text(struct submission *submission, const char *position);

void watched_log_submit(struct watched_log *log, struct submission *submission, struct done *done);
void watched_log_wait(struct done *done);
/* Submit and wait: how it ended. */
enum error_code watched_log_store(struct watched_log *log, struct submission *submission);
/* One record, stored; returns its offset. */
uint64_t watched_log_append(struct watched_log *log, uint16_t source_id, uint32_t topic_id,
			    uint32_t partition, const char *text);

/* What is stored, hidden or not: every batch, checked, with its records.  Fails
 * the test where the partition's record and its batches do not agree. */

struct stored_record {
	uint64_t offset;
	int64_t time_us;
	uint64_t transaction_ordinal;
	size_t batch;
	char text[32];                  /* the value, cut */
};

struct stored_partition {
	struct partition_record record;
	size_t batch_count;
	struct batch_header *headers;
	uint8_t **batches;
	size_t *sizes;
	size_t record_count;
	struct stored_record *records;
};

void watched_log_read(struct watched_log *log, uint32_t topic_id, uint32_t partition,
		      struct stored_partition *out);
void stored_partition_clear(struct stored_partition *stored);

/* The stored texts in order, joined by spaces; '|' where the visible end is and
 * records follow. */
void watched_log_expect(struct watched_log *log, uint32_t topic_id, uint32_t partition,
			const char *texts);
/* position NULL: none. */
void watched_log_expect_source(struct watched_log *log, const char *name,
			       uint64_t transaction_ordinal, const char *position);

#endif
