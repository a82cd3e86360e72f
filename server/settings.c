#include "server/settings.h"

#include "server/log.h"

#include <pthread.h>

/* Sources' threads ask, too, while the loop may read the configuration again. */
static pthread_mutex_t topics_lock = PTHREAD_MUTEX_INITIALIZER;

static void on_topic(void *user, struct topic *topic)
{
	const struct settings *settings = user;
	pthread_mutex_lock(&topics_lock);
	config_topic_defaults(&settings->config, topic->name, &topic->partition_count, &topic->config);
	pthread_mutex_unlock(&topics_lock);
}

static void on_change(void *user, const char *name, const char *old_text, const char *new_text,
		      bool needs_restart)
{
	size_t *count = user;
	(*count)++;
	if (old_text[0] == '\0' && new_text[0] == '\0' && needs_restart)
		log_warning("configuration: %s have changed: that needs a restart", name);
	else if (old_text[0] == '\0' && new_text[0] == '\0')
		log_info("configuration: %s have changed", name);
	else if (needs_restart)
		log_warning("configuration: %s stays %s: %s needs a restart", name, old_text, new_text);
	else
		log_info("configuration: %s was %s, is now %s", name, old_text, new_text);
}

static int on_reload(void *user, struct server_settings *out)
{
	struct settings *settings = user;
	struct problem_list problems = { 0 };
	struct config next;
	size_t change_count = 0;
	int rc = config_load(&next, settings->origin, &problems);
	for (size_t n = 0; n < problems.count; n++)
		log_write(problems.items[n].is_warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, NULL, "%s",
			  problems.items[n].text);
	if (rc != 0) {
		log_error("the configuration has %zu error%s: everything stays as it was",
			  problems.error_count, problems.error_count == 1 ? "" : "s");
		return -1;
	}
	config_diff(&settings->config, &next, on_change, &change_count);
	pthread_mutex_lock(&topics_lock);
	config_take(&settings->config, &next);
	pthread_mutex_unlock(&topics_lock);
	config_clear(&next);
	log_set((enum log_level)settings->config.log_level, (enum log_format)settings->config.log_format);
	settings_fill(settings, out);
	log_info("the configuration was read again: %zu change%s", change_count,
		 change_count == 1 ? "" : "s");
	return 0;
}

void settings_fill(struct settings *settings, struct server_settings *out)
{
	const struct config *config = &settings->config;
	*out = (struct server_settings){
		.listen = config->listen,
		.broker = {
			.store = {
				.dir = config->data_dir,
				.mode = STORE_SERVE,
				.map_bytes = (uint64_t)config->log_map_bytes,
				.quota_bytes = (uint64_t)config->log_quota_bytes,
				.ballast_bytes = (uint64_t)config->log_ballast_bytes,
			},
			.appender = {
				.queue_records = (size_t)config->log_queue_records,
				.queue_bytes = (size_t)config->log_queue_bytes,
				.commit_bytes = (size_t)config->log_commit_bytes,
				.batch_bytes = (size_t)config->log_batch_bytes,
			},
			.creates_topics = config->topic_autocreate,
			.topic_defaults = on_topic,
			.user = settings,
		},
		.limits = {
			.frame_bytes_max = (uint32_t)config->max_frame_bytes,
			.output_bytes_max = (size_t)config->connection_out_buffer_bytes,
			.heartbeat_ms = (uint32_t)config->heartbeat_interval_ms,
			.login_timeout_ms = (uint32_t)config->login_timeout_ms,
			.default_partitions = (uint32_t)config->num_partitions,
		},
		.sources = config->sources,
		.source_count = config->source_count,
		.connections_max = (uint32_t)config->max_connections,
		.connections_per_address_max = (uint32_t)config->max_connections_per_address,
		.on_reload = on_reload,
		.user = settings,
	};
}
