#ifndef CAPTURE_POSTGRESQL_STANDBY_H
#define CAPTURE_POSTGRESQL_STANDBY_H

#include "capture/postgresql_source.h"

/* What the server is told of us, in standby status updates.  Of the three positions in
 * them flush is a promise, up to where the server may forget: it is always and only what
 * writer_durable says.
 *
 * Embedded in the stream; the source's thread. */
struct postgresql_standby {
	struct postgresql_source *source;       /* lent */
	uint64_t received_lsn;          /* seen of the server */
	uint64_t durable_lsn;           /* of the writer; 0: nothing since the stream's start */
	uint64_t wanted_lsn;            /* the server waits until this is confirmed, */
	bool is_confirm_wanted;         /* where it does */
	int64_t status_ms;              /* when it was told last; clock_monotonic_ms */
};

/* The source has stored what it is to have received. */
void postgresql_standby_init(struct postgresql_standby *standby, struct postgresql_source *source);

/* Up to here the server's messages have come. */
void postgresql_standby_receive(struct postgresql_standby *standby, uint64_t lsn);

/* Ask the writer what is durable.  What writer_durable says. */
int postgresql_standby_learn(struct postgresql_standby *standby, struct error *err);

/* Tell the server what was learned last; wants_reply: it is to answer.  Does not block. */
int postgresql_standby_send(struct postgresql_standby *standby, bool wants_reply, struct error *err);

/* Learn and send. */
int postgresql_standby_confirm(struct postgresql_standby *standby, struct error *err);

/* Until it is to be told again: status.update.interval.ms after the last time; 0 now. */
int64_t postgresql_standby_due_in_ms(const struct postgresql_standby *standby);

#endif
