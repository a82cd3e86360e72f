#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "capture/source_settings.h"
#include "protocol/option.h"
#include "server/problem.h"
#include "storage/topics.h"

/* The configuration: plain data, made from a file, the options of the command
 * line and the defaults.  millstream.conf(5) tells people about it. */

/* topic "myapp.*" { partitions = 4  retention.ms = 3d }: what a topic that is
 * made later, and whose name matches, begins with. */
struct config_topic {
	char *pattern;
	uint32_t partitions;            /* 0: not set here */
	struct topic_config config;     /* what is set in it counts */
};

/* source "myapp" { connector.class = "postgresql" … }: keys and values as they stand
 * there, and what they come to. */
struct config_pair {
	char *key;
	char *value;                    /* a list's items are joined by commas */
	uint32_t line;
};

struct config_source {
	char *name;
	char *file;                     /* where it stands */
	uint32_t line;
	struct config_pair *pairs;
	size_t pair_count;
	struct source_settings *settings;
};

/* Texts and arrays are owned; the struct may be moved.  Numbers are within the
 * limits of the table. */
struct config {
	char *listen;                           /* listen */
	char *data_dir;                         /* data.dir */
	int log_level;                          /* log.level: enum log_level */
	int log_format;                         /* log.format: enum log_format */
	int64_t log_map_bytes;                  /* log.map.bytes */
	int64_t log_quota_bytes;                /* log.quota.bytes; 0: what the map holds */
	int64_t log_ballast_bytes;              /* log.ballast.bytes; 0: none */
	int64_t log_batch_bytes;                /* log.batch.bytes */
	int64_t log_commit_bytes;               /* log.commit.bytes */
	int64_t log_queue_bytes;                /* log.queue.bytes */
	int64_t log_queue_records;              /* log.queue.records */
	int64_t max_connections;                /* max.connections */
	int64_t max_connections_per_address;    /* max.connections.per.address */
	int64_t max_frame_bytes;                /* max.frame.bytes */
	int64_t connection_out_buffer_bytes;    /* connection.out.buffer.bytes */
	int64_t heartbeat_interval_ms;          /* heartbeat.interval.ms */
	int64_t login_timeout_ms;               /* login.timeout.ms */
	bool topic_autocreate;                  /* topic.autocreate */
	int64_t num_partitions;                 /* num.partitions */
	struct config_topic *topics;            /* as they stand in the files */
	size_t topic_count;
	struct config_source *sources;
	size_t source_count;
};

/* The table: option n, in the order of the manual; NULL behind the last. */
const struct option_spec *config_option(size_t n);
const struct option_spec *config_find(const char *name);
#define CONFIG_OPTIONS_MAX 64
/* The value of an option; lent while the configuration lives. */
union option_value config_value(const struct config *config, const struct option_spec *spec);

/* Where a configuration comes from, so that it can be read again. */
struct config_override {
	const char *name;               /* an option's: "data.dir" */
	const char *value;
};

struct config_origin {
	const char *path;               /* NULL: no file, the defaults */
	bool may_be_missing;            /* no file there: the defaults */
	const struct config_override *overrides;        /* of the command line: they win */
	size_t override_count;
};

/* Read, check and fill in a configuration; the caller clears it.  Blocks on the
 * disk.  -1 when problems has errors; then config is untouched, and all errors
 * there are are in problems.  On success there may be warnings. */
int config_load(struct config *config, const struct config_origin *origin,
		struct problem_list *problems);

/* The same from text in memory: includes are errors, environment says what ${NAME} is
 * (NULL: not set).  Pure. */
int config_load_text(struct config *config, const char *name, struct bytes text,
		     const char *(*environment)(const char *name), struct problem_list *problems);

/* The defaults.  ERROR_MEMORY. */
int config_init(struct config *config, struct error *err);
/* A zeroed one is fine. */
void config_clear(struct config *config);

/* Set an option by its text: "log.level", "debug".  Copies.  ERROR_INVALID,
 * ERROR_MEMORY; what the option's check says. */
int config_set(struct config *config, const struct option_spec *spec, const char *text,
	       struct error *err);

/* What a topic that is about to be made begins with: num.partitions, then every topic
 * block that matches its name, in order; later ones win. */
void config_topic_defaults(const struct config *config, const char *name,
			   uint32_t *out_partitions, struct topic_config *out);

/* For a reload.  Tell each difference: the name of an option, or "topic blocks", "source
 * blocks" (which need a restart); old and new are "" for blocks. */
typedef void config_on_change(void *user, const char *name, const char *old_text,
			      const char *new_text, bool needs_restart);
void config_diff(const struct config *old, const struct config *new, config_on_change *on_change,
		 void *user);
/* Take over from next what needs no restart; next gets what was there before. */
void config_take(struct config *config, struct config *next);

/* --options: every option, what it takes and its default; for people, or one
 * JSON object a line.  A topic's options follow, with "block": "topic", and a source's
 * properties, with "block": "source" and what each does here.  ERROR_MEMORY. */
int config_print_options(struct text *out, bool is_json, struct error *err);

#endif
