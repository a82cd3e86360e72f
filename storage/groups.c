#include "storage/groups.h"

#include "protocol/unpack.h"
#include "storage/command.h"
#include "storage/lookup.h"
#include "storage/reader_internal.h"

#include <msgpack/pack.h>
#include <stdlib.h>
#include <string.h>

/* groups: group name, a zero byte, u32 topic id, u32 partition → sealed msgpack
 * [offset, time µs, metadata]. */
#define GROUP_KEY_BYTES_MAX (GROUP_NAME_BYTES_MAX + 1 + 8)

static struct bytes encode_key(uint8_t out[GROUP_KEY_BYTES_MAX], struct bytes group,
			       uint32_t topic_id, uint32_t partition)
{
	memcpy(out, group.data, group.size);
	out[group.size] = 0;
	store_u32(out + group.size + 1, topic_id);
	store_u32(out + group.size + 5, partition);
	return (struct bytes){ out, group.size + 9 };
}

static int encode_value(msgpack_sbuffer *out, const struct group_offset *offset,
			struct bytes key, struct error *err)
{
	msgpack_packer packer;
	msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
	int rc = msgpack_pack_array(&packer, 3) != 0 || msgpack_pack_uint64(&packer, offset->offset) != 0 ||
		 msgpack_pack_int64(&packer, offset->time_us) != 0;
	if (rc == 0 && offset->metadata.data == NULL)
		rc = msgpack_pack_nil(&packer);
	else if (rc == 0)
		rc = msgpack_pack_str(&packer, offset->metadata.size) != 0 ||
		     msgpack_pack_str_body(&packer, offset->metadata.data, offset->metadata.size) != 0;
	if (rc != 0)
		return error_set(err, ERROR_MEMORY, "encoding a group's offset");
	return seal_append(out, key, err);
}

static int decode_value(struct bytes key, struct bytes value, struct group_offset *out,
			struct error *err)
{
	struct bytes body;
	uint32_t count;
	if (seal_check("groups", key, value, &body, err) != 0)
		return -1;
	struct unpack unpack = unpack_over(body.data, body.size);
	struct group_offset offset = {
		.topic_id = load_u32(key.data + key.size - 8),
		.partition = load_u32(key.data + key.size - 4),
	};
	if (unpack_array(&unpack, &count, err) != 0 || unpack_u64(&unpack, &offset.offset, err) != 0 ||
	    unpack_i64(&unpack, &offset.time_us, err) != 0 ||
	    (!unpack_nil(&unpack) && unpack_text(&unpack, &offset.metadata, err) != 0))
		return error_set(err, ERROR_CORRUPT, "table groups: a value does not decode");
	*out = offset;
	return 0;
}

int groups_decode(struct bytes key, struct bytes value, struct bytes *out_group,
		  struct group_offset *out, struct error *err)
{
	if (key.size < 1 + 9 || key.size > GROUP_KEY_BYTES_MAX || key.data[key.size - 9] != 0)
		return error_set(err, ERROR_CORRUPT, "table groups: a key of %zu bytes names no group",
				 key.size);
	if (decode_value(key, value, out, err) != 0)
		return -1;
	*out_group = (struct bytes){ key.data, key.size - 9 };
	return 0;
}

/* Committing, and forgetting. */

struct commit_offsets {
	struct command command;
	struct appender *appender;
	groups_done *on_done;
	void *user;
	struct bytes group;             /* in text */
	size_t count;
	struct group_offset *offsets;   /* owned array; metadata in text */
	uint8_t *text;                  /* owned */
};

static void destroy(struct commit_offsets *commit)
{
	free(commit->offsets);
	free(commit->text);
	free(commit);
}

static int put_offset(struct commit_offsets *commit, struct transaction *transaction,
		      const struct group_offset *offset)
{
	uint8_t key_bytes[GROUP_KEY_BYTES_MAX];
	struct bytes key = encode_key(key_bytes, commit->group, offset->topic_id, offset->partition);
	struct error err = { 0 };
	msgpack_sbuffer value;
	msgpack_sbuffer_init(&value);
	if (encode_value(&value, offset, key, &err) == 0)
		transaction_put(transaction, TABLE_GROUPS, key,
				(struct bytes){ (const uint8_t *)value.data, value.size });
	else
		transaction_fail(transaction, &err);
	msgpack_sbuffer_destroy(&value);
	return transaction_failed(transaction, NULL);
}

static int run(struct command *command, struct transaction *transaction,
	       struct registry *registry, struct error *err)
{
	struct commit_offsets *commit = (struct commit_offsets *)(void *)command;
	int64_t now_us = appender_wall_us(commit->appender);
	for (size_t i = 0; i < commit->count; i++) {
		const struct group_offset *offset = &commit->offsets[i];
		struct partition *partition =
			registry_partition(registry, offset->topic_id, offset->partition);
		if (partition == NULL || partition->topic->is_deleted)
			return error_set(err, ERROR_NOT_FOUND, "there is no topic %u with a partition %u",
					 offset->topic_id, offset->partition);
	}
	for (size_t i = 0; i < commit->count; i++) {
		commit->offsets[i].time_us = now_us;
		if (put_offset(commit, transaction, &commit->offsets[i]) != 0)
			break;          /* the transaction remembers */
	}
	return 0;
}

/* Deletes what sorts from key on, as long as it is the group's: 1 one, 0 none is left, -1. */
static int delete_next(struct transaction *transaction, struct bytes group, uint8_t key_bytes[GROUP_KEY_BYTES_MAX],
		       struct bytes *key)
{
	struct bytes found, value;
	int rc = transaction_seek(transaction, TABLE_GROUPS, *key, &found, &value);
	if (rc <= 0)
		return rc;
	if (found.size != key->size || memcmp(found.data, key->data, group.size + 1) != 0)
		return 0;
	memcpy(key_bytes, found.data, found.size);      /* a deletion ends its loan */
	return transaction_delete(transaction, TABLE_GROUPS, *key) == 0 ? 1 : -1;
}

static int run_removal(struct command *command, struct transaction *transaction,
		       struct registry *registry, struct error *err)
{
	struct commit_offsets *commit = (struct commit_offsets *)(void *)command;
	uint8_t key_bytes[GROUP_KEY_BYTES_MAX];
	struct bytes key = encode_key(key_bytes, commit->group, 0, 0);
	(void)registry, (void)err;
	while (delete_next(transaction, commit->group, key_bytes, &key) == 1)
		;                       /* the transaction remembers a failure */
	return 0;
}

static void on_done(struct command *command, const struct error *err)
{
	struct commit_offsets *commit = (struct commit_offsets *)(void *)command;
	commit->on_done(commit->user, err);
	destroy(commit);
}

/* One piece of memory holds the group's name and all metadata. */
static int copy(struct commit_offsets *commit, struct bytes group,
		const struct group_offset *offsets, size_t count)
{
	size_t size = group.size;
	for (size_t i = 0; i < count; i++)
		size += offsets[i].metadata.size;
	commit->text = malloc(size + 1);
	commit->offsets = calloc(count + 1, sizeof(*offsets));
	if (commit->text == NULL || commit->offsets == NULL)
		return -1;
	uint8_t *at = commit->text;
	memcpy(at, group.data, group.size);
	commit->group = (struct bytes){ at, group.size };
	at += group.size;
	for (size_t i = 0; i < count; i++) {
		commit->offsets[i] = offsets[i];
		if (offsets[i].metadata.data == NULL)
			continue;
		memcpy(at, offsets[i].metadata.data, offsets[i].metadata.size);
		commit->offsets[i].metadata.data = at;
		at += offsets[i].metadata.size;
	}
	commit->count = count;
	return 0;
}

static int post(struct appender *appender, struct commit_offsets *commit, struct error *err)
{
	commit->command.on_done = on_done;
	commit->appender = appender;
	if (appender_post(appender, &commit->command, err) == 0)
		return 0;
	destroy(commit);
	return -1;
}

static struct commit_offsets *create(struct bytes group, const struct group_offset *offsets,
				     size_t count, groups_done *done, void *user, struct error *err)
{
	if (group.size == 0 || group.size > GROUP_NAME_BYTES_MAX) {
		error_set(err, ERROR_INVALID, "a group's name has 1 to %d bytes", GROUP_NAME_BYTES_MAX);
		return NULL;
	}
	struct commit_offsets *commit = calloc(1, sizeof(*commit));
	if (commit != NULL && copy(commit, group, offsets, count) == 0) {
		commit->on_done = done;
		commit->user = user;
		return commit;
	}
	if (commit != NULL)
		destroy(commit);
	error_set(err, ERROR_MEMORY, "a group's offsets");
	return NULL;
}

int groups_commit(struct appender *appender, struct bytes group,
		  const struct group_offset *offsets, size_t count, groups_done *done, void *user,
		  struct error *err)
{
	struct commit_offsets *commit = create(group, offsets, count, done, user, err);
	if (commit == NULL)
		return -1;
	commit->command.run = run;
	return post(appender, commit, err);
}

int groups_remove(struct appender *appender, struct bytes group, groups_done *done, void *user,
		  struct error *err)
{
	struct commit_offsets *removal = create(group, NULL, 0, done, user, err);
	if (removal == NULL)
		return -1;
	removal->command.run = run_removal;
	return post(appender, removal, err);
}

/* Reading. */

struct group_lookup {
	struct bytes group;
	bool is_exact;
	bool has_after;
	uint32_t topic_id;
	uint32_t partition;
	struct group_offset *out;
	msgpack_sbuffer *buffer;        /* NULL: metadata is not wanted */
};

static int look_up(void *argument, struct transaction *transaction, struct error *err)
{
	struct group_lookup *lookup = argument;
	uint8_t key_bytes[GROUP_KEY_BYTES_MAX];
	struct bytes key = encode_key(key_bytes, lookup->group, lookup->topic_id, lookup->partition);
	struct bytes found_key = key, value;
	size_t prefix = lookup->group.size + 1;
	int rc = lookup->is_exact ? transaction_get(transaction, TABLE_GROUPS, key, &value)
				  : transaction_seek(transaction, TABLE_GROUPS, key, &found_key, &value);
	if (rc == 1 && lookup->has_after && found_key.size == key.size &&
	    memcmp(found_key.data, key.data, key.size) == 0) {
		/* The one it shall be behind: the next key is one partition on. */
		if (lookup->partition == UINT32_MAX)
			key = encode_key(key_bytes, lookup->group, lookup->topic_id + 1, 0);
		else
			key = encode_key(key_bytes, lookup->group, lookup->topic_id,
					 lookup->partition + 1);
		rc = transaction_seek(transaction, TABLE_GROUPS, key, &found_key, &value);
	}
	if (rc <= 0)
		return rc;
	if (found_key.size != key.size || memcmp(found_key.data, key.data, prefix) != 0)
		return 0;
	if (decode_value(found_key, value, lookup->out, err) != 0)
		return -1;
	if (lookup->buffer != NULL && lookup->out->metadata.data != NULL &&
	    msgpack_sbuffer_write(lookup->buffer, (const char *)lookup->out->metadata.data,
				  lookup->out->metadata.size) != 0)
		return error_set(err, ERROR_MEMORY, "a group's metadata");
	return 1;
}

int groups_read(struct reader *reader, struct bytes group, uint32_t topic_id,
		uint32_t partition, struct group_offset *out, struct error *err)
{
	struct group_lookup lookup = {
		.group = group, .is_exact = true, .topic_id = topic_id, .partition = partition,
		.out = out,
	};
	if (group.size == 0 || group.size > GROUP_NAME_BYTES_MAX)
		return 0;
	int rc = lookup_run(reader_store(reader), look_up, &lookup, err);
	if (rc == 1)
		out->metadata = (struct bytes){ NULL, 0 };
	return rc;
}

int groups_next(struct reader *reader, struct bytes group, bool has_after,
		uint32_t after_topic_id, uint32_t after_partition, struct group_offset *out,
		msgpack_sbuffer *buffer, struct error *err)
{
	struct group_lookup lookup = {
		.group = group, .has_after = has_after, .topic_id = after_topic_id,
		.partition = after_partition, .out = out, .buffer = buffer,
	};
	if (group.size == 0 || group.size > GROUP_NAME_BYTES_MAX)
		return 0;
	if (buffer != NULL)
		msgpack_sbuffer_clear(buffer);
	int rc = lookup_run(reader_store(reader), look_up, &lookup, err);
	if (rc == 1 && buffer == NULL)
		out->metadata = (struct bytes){ NULL, 0 };
	else if (rc == 1 && out->metadata.data != NULL)
		out->metadata = (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
	return rc;
}

struct name_lookup {
	struct bytes after;
	struct group_name *out;
};

static int look_up_name(void *argument, struct transaction *transaction, struct error *err)
{
	struct name_lookup *lookup = argument;
	uint8_t start[GROUP_NAME_BYTES_MAX + 1];
	struct bytes from = { start, 0 }, key, value, group;
	struct group_offset offset;
	/* What ends in 1 is behind all keys of the group, where a 0 follows the name, and before
	 * every longer name. */
	if (lookup->after.size > 0) {
		memcpy(start, lookup->after.data, lookup->after.size);
		start[lookup->after.size] = 1;
		from.size = lookup->after.size + 1;
	}
	int rc = transaction_seek(transaction, TABLE_GROUPS, from, &key, &value);
	if (rc <= 0)
		return rc;
	if (groups_decode(key, value, &group, &offset, err) != 0)
		return -1;
	memcpy(lookup->out->bytes, group.data, group.size);
	lookup->out->size = group.size;
	return 1;
}

int groups_next_name(struct reader *reader, struct bytes after, struct group_name *out,
		     struct error *err)
{
	struct name_lookup lookup = { .after = after, .out = out };
	if (after.size > GROUP_NAME_BYTES_MAX)
		return error_set(err, ERROR_INVALID, "no group has a name of %zu bytes", after.size);
	return lookup_run(reader_store(reader), look_up_name, &lookup, err);
}
