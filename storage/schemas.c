#include "storage/schemas.h"

#include "storage/command.h"
#include "storage/lookup.h"
#include "storage/reader_internal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A schema version has an id from the moment that a capture thread first meets
 * it, but is stored only with the records that use it.  In between it is
 * "pending": kept here with its bytes, so that whoever meets it too gets the
 * same id.  One that is never stored (its source failed) is forgotten when too
 * many are pending; meeting it again then costs a second id for the same bytes,
 * which readers do not mind. */

#define PENDING_COUNT_MAX       1024
#define PENDING_BYTES_MAX       SCHEMA_BYTES_MAX

struct pending {
	TAILQ_ENTRY(pending) link;
	uint64_t fingerprint;
	uint32_t id;
	size_t size;
	uint8_t encoded[];
};

struct schema_reservations {
	struct store *store;
	pthread_mutex_t lock;           /* guards everything below */
	TAILQ_HEAD(, pending) pending;  /* oldest first */
	size_t pending_count;
	size_t pending_bytes;
	uint64_t next_id;
};

/* An id that is given twice would be found out only when it is stored. */
static int read_next_id(void *argument, struct transaction *transaction, struct error *err)
{
	uint64_t *next_id = argument;
	uint8_t start[SCHEMA_KEY_BYTES];
	struct bytes key, value;
	if (transaction_get_number(transaction, META_NEXT_SCHEMA_ID, next_id) != 0)
		return -1;
	if (*next_id == 0)
		return error_set(err, ERROR_CORRUPT, "table meta: '%s' is missing", META_NEXT_SCHEMA_ID);
	if (*next_id > UINT32_MAX)
		return 0;
	schema_key_encode(start, (uint32_t)*next_id);
	int found = transaction_seek(transaction, TABLE_SCHEMAS, (struct bytes){ start, sizeof(start) },
				     &key, &value);
	if (found == 1)
		return error_set(err, ERROR_CORRUPT,
				 "table schemas: there are ids from %" PRIu64 " on, which is the next",
				 *next_id);
	return found;
}

int schema_reservations_create(struct schema_reservations **out, struct store *store,
			       struct error *err)
{
	struct schema_reservations *reservations = calloc(1, sizeof(*reservations));
	if (reservations == NULL)
		return error_set(err, ERROR_MEMORY, "schema reservations");
	if (lookup_run(store, read_next_id, &reservations->next_id, err) != 0) {
		free(reservations);
		return -1;
	}
	reservations->store = store;
	pthread_mutex_init(&reservations->lock, NULL);
	TAILQ_INIT(&reservations->pending);
	*out = reservations;
	return 0;
}

static void forget(struct schema_reservations *reservations, struct pending *pending)
{
	TAILQ_REMOVE(&reservations->pending, pending, link);
	reservations->pending_count--;
	reservations->pending_bytes -= pending->size;
	free(pending);
}

void schema_reservations_destroy(struct schema_reservations *reservations)
{
	if (reservations == NULL)
		return;
	while (!TAILQ_EMPTY(&reservations->pending))
		forget(reservations, TAILQ_FIRST(&reservations->pending));
	pthread_mutex_destroy(&reservations->lock);
	free(reservations);
}

/* Looking one up. */

struct lookup_of_schema {
	struct bytes encoded;
	uint64_t fingerprint;
	uint32_t id;
};

/* The stored bytes of one: 1, 0, -1. */
static int get(struct transaction *transaction, uint32_t id, struct bytes *out, struct error *err)
{
	uint8_t key[SCHEMA_KEY_BYTES];
	struct bytes key_bytes = { key, sizeof(key) }, value;
	schema_key_encode(key, id);
	int found = transaction_get(transaction, TABLE_SCHEMAS, key_bytes, &value);
	if (found < 0)
		return transaction_failed(transaction, err);
	if (found == 0)
		return 0;
	if (value.size > SCHEMA_BYTES_MAX + SEAL_BYTES)
		return error_set(err, ERROR_CORRUPT, "table schemas: schema %u claims %zu bytes", id,
				 value.size);
	return seal_check("schemas", key_bytes, value, out, err) == 0 ? 1 : -1;
}

static bool is_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* Fingerprints can collide: so compare the bytes of each id that has this one. */
static int find_stored(void *argument, struct transaction *transaction, struct error *err)
{
	struct lookup_of_schema *lookup = argument;
	uint8_t start[FINGERPRINT_KEY_BYTES];
	uint32_t id = 0;
	for (;;) {
		struct bytes key, value, none, stored;
		fingerprint_key_encode(start, lookup->fingerprint, id);
		int rc = transaction_seek(transaction, TABLE_FINGERPRINTS,
					  (struct bytes){ start, sizeof(start) }, &key, &value);
		if (rc <= 0)
			return rc;
		if (key.size != sizeof(start) || memcmp(key.data, start, sizeof(uint64_t)) != 0)
			return 0;
		id = load_u32(key.data + sizeof(uint64_t));
		if (seal_check("fingerprints", key, value, &none, err) != 0)
			return -1;
		rc = get(transaction, id, &stored, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return error_set(err, ERROR_CORRUPT, "table schemas: schema %u is missing", id);
		if (is_equal(stored, lookup->encoded)) {
			lookup->id = id;
			return 1;
		}
		if (id == UINT32_MAX)
			return 0;
		id++;
	}
}

static const struct pending *find_pending(const struct schema_reservations *reservations,
					  const struct lookup_of_schema *lookup)
{
	const struct pending *pending;
	TAILQ_FOREACH(pending, &reservations->pending, link) {
		struct bytes encoded = { pending->encoded, pending->size };
		if (pending->fingerprint == lookup->fingerprint && is_equal(encoded, lookup->encoded))
			return pending;
	}
	return NULL;
}

/* Reserving. */

static int add_pending(struct schema_reservations *reservations, struct lookup_of_schema *lookup,
		       struct error *err)
{
	if (reservations->next_id > UINT32_MAX)
		return error_set(err, ERROR_LIMIT, "all schema ids are used up");
	size_t size = lookup->encoded.size;
	struct pending *pending = malloc(sizeof(*pending) + size);
	if (pending == NULL)
		return error_set(err, ERROR_MEMORY, "a schema of %zu bytes", size);
	while (reservations->pending_count >= PENDING_COUNT_MAX ||
	       (reservations->pending_count > 0 &&
		reservations->pending_bytes + size > PENDING_BYTES_MAX))
		forget(reservations, TAILQ_FIRST(&reservations->pending));
	pending->fingerprint = lookup->fingerprint;
	pending->id = lookup->id = (uint32_t)reservations->next_id++;
	pending->size = size;
	memcpy(pending->encoded, lookup->encoded.data, size);
	TAILQ_INSERT_TAIL(&reservations->pending, pending, link);
	reservations->pending_count++;
	reservations->pending_bytes += size;
	return 0;
}

/* Under the lock, also while it reads: what is no longer pending is written by
 * then.  It may not be durable yet; but whoever is told so writes later, and a
 * later commit is never durable without those before it.  1: stored; 0: pending;
 * -1. */
static int reserve(struct schema_reservations *reservations, struct lookup_of_schema *lookup,
		   struct error *err)
{
	const struct pending *pending = find_pending(reservations, lookup);
	if (pending != NULL) {
		lookup->id = pending->id;
		return 0;
	}
	int found = lookup_run(reservations->store, find_stored, lookup, err);
	return found != 0 ? found : add_pending(reservations, lookup, err);
}

int schemas_reserve(struct appender *appender, struct bytes encoded, uint32_t *out_id,
		    bool *out_is_stored, struct error *err)
{
	struct schema_reservations *reservations = appender_schema_reservations(appender);
	if (encoded.size == 0)
		return error_set(err, ERROR_INVALID, "a schema without any bytes");
	if (encoded.size > SCHEMA_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "a schema of %zu bytes: %u are allowed", encoded.size,
				 SCHEMA_BYTES_MAX);
	struct lookup_of_schema lookup = {
		.encoded = encoded,
		.fingerprint = schema_fingerprint(encoded.data, encoded.size),
	};
	pthread_mutex_lock(&reservations->lock);
	int rc = reserve(reservations, &lookup, err);
	pthread_mutex_unlock(&reservations->lock);
	if (rc < 0)
		return -1;
	*out_id = lookup.id;
	*out_is_stored = rc == 1;
	return 0;
}

/* Storing. */

static int put_schema(struct transaction *transaction, uint32_t id, struct bytes encoded)
{
	uint8_t schema_key[SCHEMA_KEY_BYTES], fingerprint_key[FINGERPRINT_KEY_BYTES];
	uint8_t seal[SEAL_BYTES], *value;
	struct bytes key = { schema_key, sizeof(schema_key) };
	schema_key_encode(schema_key, id);
	if (transaction_reserve(transaction, TABLE_SCHEMAS, key, encoded.size + SEAL_BYTES, &value) != 0)
		return -1;
	memcpy(value, encoded.data, encoded.size);
	store_u32(value + encoded.size, seal_of(encoded.data, encoded.size, key));

	fingerprint_key_encode(fingerprint_key, schema_fingerprint(encoded.data, encoded.size), id);
	key = (struct bytes){ fingerprint_key, sizeof(fingerprint_key) };
	store_u32(seal, seal_of(seal, 0, key));
	return transaction_put(transaction, TABLE_FINGERPRINTS, key,
			       (struct bytes){ seal, sizeof(seal) });
}

static int put_entry(struct transaction *transaction, const struct schema_entry *entry)
{
	struct bytes encoded = { entry->encoded, entry->size }, stored;
	struct error err = { 0 };
	uint64_t next_id;
	int found = get(transaction, entry->schema_id, &stored, &err);
	if (found < 0)
		return transaction_fail(transaction, &err);
	if (found > 0 && is_equal(stored, encoded))
		return 0;
	if (found > 0) {
		error_set(&err, ERROR_CORRUPT, "table schemas: another schema has id %u",
			  entry->schema_id);
		return transaction_fail(transaction, &err);
	}
	if (put_schema(transaction, entry->schema_id, encoded) != 0 ||
	    transaction_get_number(transaction, META_NEXT_SCHEMA_ID, &next_id) != 0)
		return -1;
	return next_id > entry->schema_id ? 0
					  : transaction_put_number(transaction, META_NEXT_SCHEMA_ID,
								   (uint64_t)entry->schema_id + 1);
}

int schema_reservations_put(struct schema_reservations *reservations,
			    struct transaction *transaction, const struct submission *submission)
{
	(void)reservations;
	for (const struct schema_entry *entry = submission->schemas; entry != NULL;
	     entry = entry->next)
		if (put_entry(transaction, entry) != 0)
			return -1;
	return 0;
}

void schema_reservations_committed(struct schema_reservations *reservations,
				   const struct submission *submission)
{
	if (submission->schemas == NULL)
		return;
	pthread_mutex_lock(&reservations->lock);
	for (const struct schema_entry *entry = submission->schemas; entry != NULL;
	     entry = entry->next) {
		struct pending *pending, *next;
		for (pending = TAILQ_FIRST(&reservations->pending); pending != NULL; pending = next) {
			next = TAILQ_NEXT(pending, link);
			if (pending->id == entry->schema_id)
				forget(reservations, pending);
		}
		if (reservations->next_id <= entry->schema_id)
			reservations->next_id = (uint64_t)entry->schema_id + 1;
	}
	pthread_mutex_unlock(&reservations->lock);
}

/* Reading. */

struct reading {
	uint32_t schema_id;
	msgpack_sbuffer *buffer;
};

static int read_schema(void *argument, struct transaction *transaction, struct error *err)
{
	const struct reading *reading = argument;
	struct bytes encoded;
	int found = get(transaction, reading->schema_id, &encoded, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return error_set(err, ERROR_NOT_FOUND, "there is no schema %u", reading->schema_id);
	if (msgpack_sbuffer_write(reading->buffer, (const char *)encoded.data, encoded.size) != 0)
		return error_set(err, ERROR_MEMORY, "a schema of %zu bytes", encoded.size);
	return 0;
}

int schemas_read(struct reader *reader, uint32_t schema_id, msgpack_sbuffer *buffer,
		 struct error *err)
{
	struct reading reading = { schema_id, buffer };
	return lookup_run(reader_store(reader), read_schema, &reading, err);
}
