#ifndef STORAGE_TOPIC_CONFIG_H
#define STORAGE_TOPIC_CONFIG_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#include <msgpack/sbuffer.h>
#include <stddef.h>
#include <stdint.h>

/* Kafka's names, units and meanings.  One table drives parsing, checking and
 * printing; each has a value for a topic that does not set it. */
struct topic_config {
	int64_t retention_ms;           /* retention.ms: -1 for ever; default 604800000, a week */
	int64_t retention_bytes;        /* retention.bytes a partition: -1 no limit, the default */
	int64_t max_message_bytes;      /* max.message.bytes: default 1048588, as Kafka's */
	uint32_t set;                   /* which ones are set: bit n for option n of the table */
};

struct topic_option {
	const char *name;
	const char *default_text;
	const char *help;
};
/* The options, in order; NULL behind the last. */
const struct topic_option *topic_option(size_t n);

/* Room that topic_config_text needs at most. */
#define TOPIC_CONFIG_TEXT_BYTES 32

void topic_config_init(struct topic_config *config);
/* "retention.ms", "3600000".  cleanup.policy takes "delete" alone so far.
 * ERROR_INVALID: unknown name (with the nearest known one) or bad value;
 * ERROR_UNSUPPORTED: a value that is Kafka's and not yet ours. */
int topic_config_set(struct topic_config *config, const char *name, const char *value,
		     struct error *err);
/* Back to the default. */
int topic_config_unset(struct topic_config *config, const char *name, struct error *err);
/* The value of option n as text, into out. */
void topic_config_text(const struct topic_config *config, size_t n, char *out, size_t out_bytes);

/* Is it one that topic_config_init and topic_config_set can have made?
 * ERROR_INVALID. */
int topic_config_check(const struct topic_config *config, struct error *err);

/* For storage/ alone: the map of options in a topic's record (layout.h).  Only
 * what is set is written; what another version wrote into `previous` (an encoded
 * map, or nil) under names not known here is copied.  ERROR_MEMORY, ERROR_CORRUPT. */
int topic_config_encode(msgpack_sbuffer *out, const struct topic_config *config,
			struct bytes previous, struct error *err);
/* Ignores names it does not know.  ERROR_CORRUPT. */
int topic_config_decode(struct bytes options, struct topic_config *out, struct error *err);

#endif
