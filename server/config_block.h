#ifndef SERVER_CONFIG_BLOCK_H
#define SERVER_CONFIG_BLOCK_H

#include "server/config.h"

/* The blocks of a configuration, statement by statement.  Errors are sentences for
 * the line they stand on.  ERROR_INVALID, ERROR_LIMIT, ERROR_MEMORY. */

#define CONFIG_TOPICS_MAX       10000
#define CONFIG_SOURCES_MAX      1000
#define CONFIG_PAIRS_MAX        1000    /* of one source */

/* Begin topic "pattern" { }; what is set next belongs to it. */
int config_block_add_topic(struct config *config, const char *pattern, struct error *err);
int config_block_set_topic(struct config *config, const char *name, const char *value,
		     struct error *err);

/* The same for source "name" { }; a value of NULL is one that cannot be read. */
int config_block_add_source(struct config *config, const char *name, const char *file, uint32_t line,
			    struct error *err);
int config_block_set_source(struct config *config, const char *key, const char *value, uint32_t line,
		      struct error *err);

/* Check the last source, whose block has ended, and make its settings. */
void config_block_check_source(struct config *config, source_on_problem *on_problem, void *user);

/* Problems of sources with each other, once all are there: each on the block of the later one. */
void config_block_compare_sources(const struct config *config, struct problem_list *problems);

/* Is it an option of topics? */
bool config_block_is_topic_option(const char *name);

#endif
