#include "capture/postgresql_standby.h"

#include "capture/clock.h"
#include "capture/postgresql_error.h"

#define POSTGRES_EPOCH_US       INT64_C(946684800000000)        /* 2000-01-01 */

void postgresql_standby_init(struct postgresql_standby *standby, struct postgresql_source *source)
{
	*standby = (struct postgresql_standby){
		.source = source,
		.received_lsn = source->stored_lsn,
		.status_ms = clock_monotonic_ms(),
	};
}

void postgresql_standby_receive(struct postgresql_standby *standby, uint64_t lsn)
{
	if (lsn > standby->received_lsn)
		standby->received_lsn = lsn;
}

int postgresql_standby_learn(struct postgresql_standby *standby, struct error *err)
{
	/* All positions that the writer has had since its start are ours, of one size. */
	uint8_t bytes[POSTGRESQL_POSITION_BYTES];
	struct postgresql_position position;
	size_t size;
	int rc = writer_durable(standby->source->context->writer, bytes, &size, err);
	if (rc <= 0)
		return rc;
	if (postgresql_position_decode((struct bytes){ bytes, size }, &position, err) != 0)
		return -1;
	if (position.lsn > standby->durable_lsn)
		standby->durable_lsn = position.lsn;
	return 0;
}

/* 'r' written, flushed, applied, time, wants reply.  Source: PostgreSQL's manual,
 * "Streaming Replication Protocol", Standby status update. */
int postgresql_standby_send(struct postgresql_standby *standby, bool wants_reply, struct error *err)
{
	PGconn *raw = postgresql_connection_raw(standby->source->replication);
	const uint64_t flushed = standby->durable_lsn;
	uint8_t message[34];
	message[0] = 'r';
	store_u64(message + 1, standby->received_lsn > flushed ? standby->received_lsn : flushed);
	store_u64(message + 9, flushed);
	store_u64(message + 17, flushed);
	store_u64(message + 25, (uint64_t)(clock_real_us() - POSTGRES_EPOCH_US));
	message[33] = wants_reply;
	if (PQputCopyData(raw, (const char *)message, sizeof(message)) < 0 || PQflush(raw) < 0)
		return postgresql_error_of_result(raw, NULL, err);
	standby->status_ms = clock_monotonic_ms();
	if (flushed >= standby->wanted_lsn)
		standby->is_confirm_wanted = false;
	return 0;
}

int postgresql_standby_confirm(struct postgresql_standby *standby, struct error *err)
{
	return postgresql_standby_learn(standby, err) == 0 ? postgresql_standby_send(standby, false, err) : -1;
}

int64_t postgresql_standby_due_in_ms(const struct postgresql_standby *standby)
{
	const int64_t due_ms = standby->status_ms + standby->source->settings->status_update_interval_ms;
	const int64_t left_ms = due_ms - clock_monotonic_ms();
	if (standby->is_confirm_wanted && standby->durable_lsn >= standby->wanted_lsn)
		return 0;
	return left_ms > 0 ? left_ms : 0;
}
