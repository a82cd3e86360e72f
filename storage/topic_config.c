#include "storage/topic_config.h"

#include "protocol/nearest.h"
#include "protocol/unpack.h"
#include "storage/submission.h"

#include <errno.h>
#include <inttypes.h>
#include <msgpack/pack.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value of an option that takes words: there is but one word so far. */
#define CLEANUP_POLICY "delete"

enum { OPTION_NUMBER, OPTION_WORD };

static const struct option {
	struct topic_option topic;
	int kind;
	size_t place;           /* of OPTION_NUMBER, in struct topic_config */
	int64_t fallback;
	int64_t min;
	int64_t max;
	const char *range;      /* what min and max mean, for people */
} options[] = {
	{
		.topic = { "retention.ms", "604800000",
			   "how long records are kept, in milliseconds; -1: for ever" },
		.place = offsetof(struct topic_config, retention_ms),
		.fallback = INT64_C(604800000),
		.min = -1,
		/* It is compared with clocks in microseconds. */
		.max = INT64_MAX / 1000,
		.range = "milliseconds, or -1 to keep records for ever",
	},
	{
		.topic = { "retention.bytes", "-1",
			   "how much a partition keeps, in bytes; -1: no limit" },
		.place = offsetof(struct topic_config, retention_bytes),
		.fallback = -1,
		.min = -1,
		.max = INT64_MAX,
		.range = "bytes, or -1 for no limit",
	},
	{
		.topic = { "max.message.bytes", "1048588",
			   "the largest record, key and value together, in bytes" },
		.place = offsetof(struct topic_config, max_message_bytes),
		.fallback = 1048588,
		.min = 0,
		.max = RECORD_BYTES_MAX,
		.range = "bytes",
	},
	{
		.topic = { "cleanup.policy", CLEANUP_POLICY,
			   "what becomes of old records: 'delete'" },
		.kind = OPTION_WORD,
	},
};

enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

/* Of the names in the table; what is asked for may be longer. */
#define NAME_BYTES_MAX 64

const struct topic_option *topic_option(size_t n)
{
	return n < OPTION_COUNT ? &options[n].topic : NULL;
}

static int64_t *number_of(struct topic_config *config, const struct option *option)
{
	return (int64_t *)((char *)config + option->place);
}

void topic_config_init(struct topic_config *config)
{
	*config = (struct topic_config){ 0 };
	for (size_t n = 0; n < OPTION_COUNT; n++)
		if (options[n].kind == OPTION_NUMBER)
			*number_of(config, &options[n]) = options[n].fallback;
}

static int refuse_name(const char *name, struct error *err)
{
	struct nearest nearest = nearest_to(name);
	char known[OPTION_COUNT * (NAME_BYTES_MAX + 2)];
	size_t used = 0;
	for (size_t n = 0; n < OPTION_COUNT; n++) {
		nearest_try(&nearest, options[n].topic.name);
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
					 n == 0 ? "" : ", ", options[n].topic.name);
	}
	if (nearest_name(&nearest) != NULL)
		return error_set(err, ERROR_INVALID,
				 "there is no topic option '%s': did you mean '%s'?", name,
				 nearest_name(&nearest));
	return error_set(err, ERROR_INVALID, "there is no topic option '%.*s': there are %s",
			 NAME_BYTES_MAX, name, known);
}

static const struct option *find(struct bytes name)
{
	for (size_t n = 0; n < OPTION_COUNT; n++)
		if (strlen(options[n].topic.name) == name.size &&
		    memcmp(options[n].topic.name, name.data, name.size) == 0)
			return &options[n];
	return NULL;
}

static const struct option *find_text(const char *name)
{
	return find((struct bytes){ (const uint8_t *)name, strlen(name) });
}

static uint32_t bit_of(const struct option *option)
{
	return UINT32_C(1) << (option - options);
}

static int parse_number(const struct option *option, const char *value, int64_t *out,
			struct error *err)
{
	const char *digits = value[0] == '-' ? value + 1 : value;
	errno = 0;
	int64_t number = strtoll(value, NULL, 10);
	if (digits[0] == '\0' || strspn(digits, "0123456789") != strlen(digits) || errno != 0 ||
	    number < option->min || number > option->max)
		return error_set(err, ERROR_INVALID,
				 "%s: '%.64s' is not a number from %" PRId64 " to %" PRId64 " (%s)",
				 option->topic.name, value, option->min, option->max,
				 option->range);
	*out = number;
	return 0;
}

static int check_policy(const char *value, struct error *err)
{
	if (strcmp(value, CLEANUP_POLICY) == 0)
		return 0;
	if (strstr(value, "compact") != NULL)
		return error_set(err, ERROR_UNSUPPORTED,
				 "cleanup.policy: compaction is not implemented yet; use '%s' and "
				 "retention.ms = -1 to keep every record",
				 CLEANUP_POLICY);
	return error_set(err, ERROR_INVALID, "cleanup.policy: '%.64s' is not '%s'", value,
			 CLEANUP_POLICY);
}

int topic_config_set(struct topic_config *config, const char *name, const char *value,
		     struct error *err)
{
	const struct option *option = find_text(name);
	if (option == NULL)
		return refuse_name(name, err);
	if (option->kind == OPTION_WORD) {
		if (check_policy(value, err) != 0)
			return -1;
	} else if (parse_number(option, value, number_of(config, option), err) != 0) {
		return -1;
	}
	config->set |= bit_of(option);
	return 0;
}

int topic_config_unset(struct topic_config *config, const char *name, struct error *err)
{
	const struct option *option = find_text(name);
	if (option == NULL)
		return refuse_name(name, err);
	if (option->kind == OPTION_NUMBER)
		*number_of(config, option) = option->fallback;
	config->set &= ~bit_of(option);
	return 0;
}

void topic_config_text(const struct topic_config *config, size_t n, char *out, size_t out_bytes)
{
	struct topic_config copy = *config;
	if (options[n].kind == OPTION_WORD)
		snprintf(out, out_bytes, "%s", CLEANUP_POLICY);
	else
		snprintf(out, out_bytes, "%" PRId64, *number_of(&copy, &options[n]));
}

int topic_config_check(const struct topic_config *config, struct error *err)
{
	struct topic_config copy = *config;
	if (config->set >= UINT32_C(1) << OPTION_COUNT)
		return error_set(err, ERROR_INVALID, "a topic's configuration sets unknown options");
	for (size_t n = 0; n < OPTION_COUNT; n++) {
		const struct option *option = &options[n];
		if (option->kind != OPTION_NUMBER)
			continue;
		int64_t number = *number_of(&copy, option);
		bool is_set = config->set & bit_of(option);
		if (!is_set && number != option->fallback)
			return error_set(err, ERROR_INVALID,
					 "%s is %" PRId64 " but was never set: begin with the defaults",
					 option->topic.name, number);
		if (number < option->min || number > option->max)
			return error_set(err, ERROR_INVALID,
					 "%s: %" PRId64 " is not from %" PRId64 " to %" PRId64 " (%s)",
					 option->topic.name, number, option->min, option->max,
					 option->range);
	}
	return 0;
}

static int damaged(struct error *err)
{
	if (err != NULL)
		err->code = ERROR_CORRUPT;
	return error_context(err, "a topic's options");
}

static int pack_text(msgpack_packer *packer, const char *text)
{
	return msgpack_pack_str(packer, strlen(text)) != 0 ||
	       msgpack_pack_str_body(packer, text, strlen(text)) != 0 ? -1 : 0;
}

static int pack_option(msgpack_packer *packer, struct topic_config *config,
		       const struct option *option)
{
	if (pack_text(packer, option->topic.name) != 0)
		return -1;
	return option->kind == OPTION_WORD ? pack_text(packer, CLEANUP_POLICY)
					   : msgpack_pack_int64(packer, *number_of(config, option));
}

/* Walk an encoded map: the pairs whose names are not known here, counted and,
 * where out is given, copied. */
static int keep_unknown(struct bytes previous, uint32_t *out_count, msgpack_sbuffer *out,
			struct error *err)
{
	struct unpack unpack = unpack_over(previous.data, previous.size);
	struct bytes name, value;
	uint32_t pairs = 0, count = 0;
	if (previous.data != NULL && unpack_map(&unpack, &pairs, err) != 0)
		return damaged(err);
	for (uint32_t n = 0; n < pairs; n++) {
		const uint8_t *start = unpack.at;
		if (unpack_text(&unpack, &name, err) != 0 || unpack_skip(&unpack, &value, err) != 0)
			return damaged(err);
		if (find(name) != NULL)
			continue;
		count++;
		if (out != NULL && msgpack_sbuffer_write(out, (const char *)start,
							 (size_t)(unpack.at - start)) != 0)
			return error_set(err, ERROR_MEMORY, "encoding a topic's options");
	}
	*out_count = count;
	return 0;
}

int topic_config_encode(msgpack_sbuffer *out, const struct topic_config *config,
			struct bytes previous, struct error *err)
{
	struct topic_config copy = *config;
	msgpack_packer packer;
	uint32_t kept;
	msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
	if (keep_unknown(previous, &kept, NULL, err) != 0)
		return -1;
	int rc = msgpack_pack_map(&packer, kept + (size_t)__builtin_popcount(config->set));
	for (size_t n = 0; n < OPTION_COUNT && rc == 0; n++)
		if (config->set & bit_of(&options[n]))
			rc = pack_option(&packer, &copy, &options[n]);
	if (rc != 0)
		return error_set(err, ERROR_MEMORY, "encoding a topic's options");
	return keep_unknown(previous, &kept, out, err);
}

static int decode_option(struct unpack *unpack, const struct option *option,
			 struct topic_config *config, struct error *err)
{
	struct bytes word;
	int64_t number;
	if (option->kind == OPTION_WORD) {
		if (unpack_text(unpack, &word, err) != 0)
			return -1;
		if (word.size != strlen(CLEANUP_POLICY) ||
		    memcmp(word.data, CLEANUP_POLICY, word.size) != 0)
			return error_set(err, ERROR_CORRUPT, "%s is not known",
					 option->topic.name);
	} else {
		if (unpack_i64(unpack, &number, err) != 0)
			return -1;
		if (number < option->min || number > option->max)
			return error_set(err, ERROR_CORRUPT, "%s is %" PRId64, option->topic.name,
					 number);
		*number_of(config, option) = number;
	}
	config->set |= bit_of(option);
	return 0;
}

int topic_config_decode(struct bytes encoded, struct topic_config *out, struct error *err)
{
	struct unpack unpack = unpack_over(encoded.data, encoded.size);
	struct topic_config config;
	struct bytes name;
	uint32_t pairs;
	topic_config_init(&config);
	if (unpack_map(&unpack, &pairs, err) != 0)
		return damaged(err);
	for (uint32_t n = 0; n < pairs; n++) {
		if (unpack_text(&unpack, &name, err) != 0)
			return damaged(err);
		const struct option *option = find(name);
		int rc = option == NULL ? unpack_skip(&unpack, NULL, err)
					: decode_option(&unpack, option, &config, err);
		if (rc != 0)
			return damaged(err);
	}
	*out = config;
	return 0;
}
