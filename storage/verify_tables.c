#include "storage/groups.h"
#include "storage/name.h"
#include "storage/producers.h"
#include "storage/schemas.h"
#include "storage/verify_internal.h"

#include <inttypes.h>

#define KEY_BYTES_MAX 511       /* LMDB's own limit */

/* One table, entry by entry, in as many runs as it takes. */
struct table_walk {
	struct verify *verify;
	enum table table;
	/* -1: the run has to end. */
	int (*check)(struct verify *verify, struct bytes key, struct bytes value);
	uint8_t last_key[KEY_BYTES_MAX];
	size_t last_key_bytes;
	uint64_t entry_count;           /* so far */
	uint64_t entries_before_fault;
	uint64_t stored_count;          /* as LMDB counts them */
	uint32_t run_count;
};

/* Keys of the tables are text or numbers: as much of one as helps to find it. */
static void print_key(struct bytes key, char *out, size_t out_bytes)
{
	size_t used = 0;
	bool is_text = key.size > 0;
	for (size_t i = 0; i < key.size; i++)
		is_text = is_text && key.data[i] >= 0x20 && key.data[i] < 0x7f;
	out[0] = '\0';
	for (size_t i = 0; i < key.size && used + 3 < out_bytes && i < 100; i++)
		used += (size_t)snprintf(out + used, out_bytes - used, is_text ? "%c" : "%02x",
					 key.data[i]);
}

static void add_for_key(struct verify *verify, enum table table, struct bytes key, const char *text)
{
	char name[256];
	print_key(key, name, sizeof(name));
	verify_add(verify, table_name(table), 0, 0, 0, 0, "'%s': %s", name, text);
}

/* meta */

static bool is_key(struct bytes key, const char *name)
{
	return key.size == strlen(name) && memcmp(key.data, name, key.size) == 0;
}

static int check_meta(struct verify *verify, struct bytes key, struct bytes value)
{
	static const char *const numbers[] = { META_FORMAT, META_NEXT_TOPIC_ID, META_NEXT_SCHEMA_ID,
					       META_NEXT_SOURCE_ID };
	struct bytes body;
	struct error err = { 0 };
	if (seal_check("meta", key, value, &body, &err) != 0) {
		add_for_key(verify, TABLE_META, key, err.text);
		return 0;
	}
	if (is_key(key, META_INSTANCE) && body.size != INSTANCE_ID_BYTES)
		add_for_key(verify, TABLE_META, key, "an instance id has 16 bytes");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (is_key(key, numbers[i]) && body.size != sizeof(uint64_t))
			add_for_key(verify, TABLE_META, key, "a number has 8 bytes");
	return 0;
}

static int check_meta_is_whole(void *argument)
{
	struct verify *verify = argument;
	static const char *const names[] = { META_FORMAT, META_INSTANCE, META_NEXT_TOPIC_ID,
					     META_NEXT_SCHEMA_ID, META_NEXT_SOURCE_ID };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct bytes value, key = { (const uint8_t *)names[i], strlen(names[i]) };
		int found = snapshot_get(&verify->snapshot, TABLE_META, key, &value, &verify->err);
		if (found < 0)
			return -1;
		if (found == 0)
			verify_add(verify, "meta", 0, 0, 0, 0, "'%s' is missing", names[i]);
	}
	return 0;
}

/* sources, topics */

static int check_source(struct verify *verify, struct bytes key, struct bytes value)
{
	struct source_record record;
	struct error err = { 0 };
	if (source_record_decode(key, value, &record, &err) != 0 ||
	    name_check("source", key, SOURCE_NAME_BYTES_MAX, &err) != 0) {
		add_for_key(verify, TABLE_SOURCES, key, err.text);
		return 0;
	}
	if (!verify_is_given_out(record.id, verify->context.next_source_id))
		add_for_key(verify, TABLE_SOURCES, key, "its id was never given out");
	if (verify_sources_share_id(verify, record.id))
		add_for_key(verify, TABLE_SOURCES, key, "another source has the same id");
	return 0;
}

/* 1, 0, -1. */
static int has_partition(struct verify *verify, uint32_t topic_id, uint32_t partition)
{
	struct bytes value;
	uint8_t key[PARTITION_KEY_BYTES];
	partition_key_encode(key, topic_id, partition);
	return snapshot_get(&verify->snapshot, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) },
			    &value, &verify->err);
}

static int check_partitions(struct verify *verify, struct bytes name,
			    const struct topic_record *record)
{
	for (uint32_t n = 0; n < record->partition_count && n < TOPIC_PARTITIONS_MAX; n++) {
		int found = has_partition(verify, record->id, n);
		if (found < 0)
			return -1;
		if (found == 1)
			continue;
		/* One for all that are missing. */
		verify_add(verify, "topics", record->id, n, 0, 0,
			   "'%.*s' has %" PRIu32 " partitions, and partition %" PRIu32 " has no record",
			   (int)name.size, (const char *)name.data, record->partition_count, n);
		break;
	}
	return 0;
}

static int check_topic(struct verify *verify, struct bytes key, struct bytes value)
{
	struct topic_record record;
	struct topic_config config;
	struct error err = { 0 };
	if (topic_record_decode(key, value, &record, &err) != 0 ||
	    topic_config_decode(record.options, &config, &err) != 0 ||
	    topic_name_check(key, &err) != 0) {
		add_for_key(verify, TABLE_TOPICS, key, err.text);
		return 0;
	}
	verify->report.topics++;
	if (!verify_is_given_out(record.id, verify->context.next_topic_id))
		add_for_key(verify, TABLE_TOPICS, key, "its id was never given out");
	if (verify_topics_share_id(verify, record.id))
		add_for_key(verify, TABLE_TOPICS, key, "another topic has the same id");
	if (record.owner_source_id != SOURCE_PUBLISHED &&
	    !verify_is_given_out(record.owner_source_id, verify->context.next_source_id))
		add_for_key(verify, TABLE_TOPICS, key, "its owner is no source");
	if (record.partition_count == 0 || record.partition_count > TOPIC_PARTITIONS_MAX)
		add_for_key(verify, TABLE_TOPICS, key, "no topic has so many partitions");
	return check_partitions(verify, key, &record);
}

/* schemas, fingerprints */

static int check_schema(struct verify *verify, struct bytes key, struct bytes value)
{
	struct bytes body, found_value;
	struct schema schema;
	struct error err = { 0 };
	uint8_t fingerprint[FINGERPRINT_KEY_BYTES];
	if (key.size != SCHEMA_KEY_BYTES) {
		add_for_key(verify, TABLE_SCHEMAS, key, "not the key of a schema");
		return 0;
	}
	if (seal_check("schemas", key, value, &body, &err) != 0 ||
	    schema_decode(body.data, body.size, &schema, &err) != 0) {
		if (err.code == ERROR_MEMORY) {
			verify->err = err;
			return -1;
		}
		verify_add(verify, "schemas", 0, 0, 0, 0, "schema %" PRIu32 ": %s", load_u32(key.data),
			   err.text);
		return 0;
	}
	schema_clear(&schema);
	uint32_t id = load_u32(key.data);
	if (!verify_is_given_out(id, verify->context.next_schema_id))
		verify_add(verify, "schemas", 0, 0, 0, 0, "schema %" PRIu32 ": its id was never given out",
			   id);
	fingerprint_key_encode(fingerprint, schema_fingerprint(body.data, body.size), id);
	int found = snapshot_get(&verify->snapshot, TABLE_FINGERPRINTS,
				 (struct bytes){ fingerprint, sizeof(fingerprint) }, &found_value,
				 &verify->err);
	if (found == 0)
		verify_add(verify, "schemas", 0, 0, 0, 0,
			   "schema %" PRIu32 ": its fingerprint is not in table fingerprints", id);
	return found < 0 ? -1 : 0;
}

static int check_fingerprint(struct verify *verify, struct bytes key, struct bytes value)
{
	struct bytes body, encoded;
	struct error err = { 0 };
	if (key.size != FINGERPRINT_KEY_BYTES) {
		add_for_key(verify, TABLE_FINGERPRINTS, key, "not the key of a fingerprint");
		return 0;
	}
	if (seal_check("fingerprints", key, value, &body, &err) != 0) {
		add_for_key(verify, TABLE_FINGERPRINTS, key, err.text);
		return 0;
	}
	struct bytes schema_key = { key.data + 8, SCHEMA_KEY_BYTES };
	int found = snapshot_get(&verify->snapshot, TABLE_SCHEMAS, schema_key, &encoded, &verify->err);
	if (found == 0)
		add_for_key(verify, TABLE_FINGERPRINTS, key, "there is no such schema");
	/* A schema that is damaged is its own table's problem. */
	if (found == 1 && seal_check("schemas", schema_key, encoded, &body, NULL) == 0 &&
	    schema_fingerprint(body.data, body.size) != load_u64(key.data))
		add_for_key(verify, TABLE_FINGERPRINTS, key, "it is not the schema's");
	return found < 0 ? -1 : 0;
}

/* groups, producers */

static int check_group(struct verify *verify, struct bytes key, struct bytes value)
{
	struct bytes group;
	struct group_offset offset;
	struct error err = { 0 };
	if (groups_decode(key, value, &group, &offset, &err) != 0)
		add_for_key(verify, TABLE_GROUPS, key, err.text);
	return 0;
}

static int check_producer(struct verify *verify, struct bytes key, struct bytes value)
{
	struct error err = { 0 };
	if (producers_check_entry(key, value, &err) != 0)
		add_for_key(verify, TABLE_PRODUCERS, key, err.text);
	return 0;
}

/* The walk. */

static int count_stored(struct table_walk *walk)
{
	struct verify *verify = walk->verify;
	MDB_stat stat;
	int rc = mdb_stat(verify->snapshot.txn, verify->snapshot.store->tables[walk->table], &stat);
	if (rc != 0)
		return lmdb_error(verify->snapshot.store, rc, 0, &verify->err, "read table %s",
				  table_name(walk->table));
	walk->stored_count = stat.ms_entries;
	walk->run_count++;
	return 0;
}

static int first_entry(struct table_walk *walk, struct bytes *key, struct bytes *value)
{
	struct verify *verify = walk->verify;
	struct bytes last = { walk->last_key, walk->last_key_bytes };
	int found = snapshot_seek(&verify->snapshot, walk->table, last, key, value, &verify->err);
	if (found == 1 && last.size > 0 && bytes_compare(*key, last) == 0)
		found = snapshot_next(&verify->snapshot, walk->table, key, value, &verify->err);
	return found;
}

/* 1: more to do, 0: done, -1: damage. */
static int walk_entries(void *argument)
{
	struct table_walk *walk = argument;
	struct verify *verify = walk->verify;
	struct bytes key, value;
	int rc = verify_context_load(verify);
	if (rc != 0)
		return rc;
	if (count_stored(walk) != 0)
		return -1;
	int found = first_entry(walk, &key, &value);
	while (found == 1) {
		struct bytes last = { walk->last_key, walk->last_key_bytes };
		if (key.size > KEY_BYTES_MAX || key.size == 0 || bytes_compare(key, last) <= 0)
			return error_set(&verify->err, ERROR_CORRUPT, "keys are out of order");
		if (verify_run_is_full(verify))
			return 1;
		memcpy(walk->last_key, key.data, key.size);
		walk->last_key_bytes = key.size;
		walk->entry_count++;
		verify->run_bytes += key.size + value.size;
		if (walk->check(verify, key, value) != 0)
			return -1;
		found = snapshot_next(&verify->snapshot, walk->table, &key, &value, &verify->err);
	}
	return found;
}

/* Damage ended a run.  True: of one entry, the walk goes on behind it. */
static bool add_damage(struct table_walk *walk)
{
	struct verify *verify = walk->verify;
	struct bytes last = { walk->last_key, walk->last_key_bytes };
	bool is_of_an_entry = walk->entry_count > walk->entries_before_fault;
	char name[256];
	print_key(last, name, sizeof(name));
	walk->entries_before_fault = walk->entry_count;
	verify_add(verify, table_name(walk->table), 0, 0, 0, 0,
		   is_of_an_entry ? "'%s' cannot be read: %s" : "what lies behind '%s' cannot be read: %s",
		   name, verify->err.text);
	verify_tell(verify);
	return is_of_an_entry;
}

static int walk_table(struct verify *verify, enum table table,
		      int (*check)(struct verify *verify, struct bytes key, struct bytes value))
{
	struct table_walk walk = { .verify = verify, .table = table, .check = check };
	const struct verify_observer *observer = verify->observer;
	bool is_damaged = false;
	if (observer->on_place != NULL)
		observer->on_place(observer->user, table_name(table), 0, 0, 0);
	for (int rc = 1; rc != 0;) {
		rc = verify_run(verify, walk_entries, &walk);
		if (rc >= 0)
			continue;
		if (verify->err.code != ERROR_CORRUPT)
			return -1;
		is_damaged = true;
		if (!add_damage(&walk))
			return 0;
	}
	if (!is_damaged && walk.entry_count != walk.stored_count &&
	    (walk.run_count == 1 || !verify->is_live)) {
		verify_add(verify, table_name(table), 0, 0, 0, 0,
			   "%" PRIu64 " entries were found, and there should be %" PRIu64,
			   walk.entry_count, walk.stored_count);
		verify_tell(verify);
	}
	return 0;
}

int verify_tables(struct verify *verify)
{
	static const struct {
		enum table table;
		int (*check)(struct verify *verify, struct bytes key, struct bytes value);
	} tables[] = {
		{ TABLE_META, check_meta },
		{ TABLE_SOURCES, check_source },
		{ TABLE_TOPICS, check_topic },
		{ TABLE_SCHEMAS, check_schema },
		{ TABLE_FINGERPRINTS, check_fingerprint },
		{ TABLE_GROUPS, check_group },
		{ TABLE_PRODUCERS, check_producer },
	};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (walk_table(verify, tables[i].table, tables[i].check) != 0)
			return -1;
		if (tables[i].table == TABLE_META &&
		    verify_run(verify, check_meta_is_whole, verify) != 0 &&
		    verify->err.code != ERROR_CORRUPT)
			return -1;
	}
	return 0;
}
