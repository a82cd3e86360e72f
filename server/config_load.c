#include "server/config.h"

#include "capture/property.h"
#include "protocol/nearest.h"
#include "server/config_block.h"
#include "server/config_file.h"
#include "server/config_parse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A configuration is built beside the one there is, and takes its place only when
 * nothing is wrong with it.  Each statement is judged by itself, then the whole. */

#define INCLUDE_DEPTH_MAX       10
#define FILES_MAX               256
/* What is shown of a name. */
#define SHOWN_BYTES             64

static const char command_line[] = "the command line";

enum block {
	BLOCK_NONE,
	BLOCK_TOPIC,            /* the last one of config.topics */
	BLOCK_SOURCE,           /* the last one of config.sources */
	BLOCK_LOST,             /* it belongs nowhere, which was told */
};

struct load {
	struct config config;
	struct problem_list *problems;
	const char *(*environment)(const char *name);
	bool reads_files;
	char *files[FILES_MAX];         /* owned paths: they outlive the reading of each */
	uint32_t file_count;
	const char *file;               /* the one being read, */
	struct bytes text;              /* and what stands in it */
	const char *public_file;        /* the last one that was warned of */
	uint32_t depth;                 /* of files: 1 in the first */
	uint32_t include_line;
	enum block block;
	uint32_t block_depth;           /* 0: outside; over 1: in a block in a block */
	uint32_t block_line;
	struct {
		const char *file;       /* where option n was set last; NULL: nowhere */
		uint32_t line;
	} origins[CONFIG_OPTIONS_MAX];
};

static size_t number_of(const struct option_spec *spec)
{
	return (size_t)(spec - config_option(0));
}

__attribute__((format(printf, 3, 4)))
static void refuse(struct load *load, uint32_t line, const char *format, ...)
{
	char text[PROBLEM_TEXT_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	problem_add(load->problems, false, load->file, line, "%s", text);
}

/* A name that is no option outside of blocks: why, and what to write. */
static void refuse_name(struct load *load, uint32_t line, const char *name)
{
	const struct option_spec *spec;
	struct nearest nearest = nearest_to(name);
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++) {
		if (spec->known_as != NULL && strcmp(spec->known_as, name) == 0) {
			refuse(load, line, "there is no option '%s': here it is called '%s'", name, spec->name);
			return;
		}
		nearest_try(&nearest, spec->name);
	}
	if (config_block_is_topic_option(name))
		refuse(load, line,
		       "%s is an option of topics: put it into a block, topic \"*\" { %s = … }", name, name);
	else if (nearest_name(&nearest) != NULL)
		refuse(load, line, "there is no option '%s': did you mean '%s'?", name,
		       nearest_name(&nearest));
	else
		refuse(load, line,
		       "there is no option '%.*s'; millstreamd --options lists those there are",
		       SHOWN_BYTES, name);
}

static void set_option(struct load *load, uint32_t line, const char *name, const char *value,
		       bool is_list)
{
	const struct option_spec *spec = config_find(name);
	struct error err = { 0 };
	if (spec == NULL) {
		refuse_name(load, line, name);
		return;
	}
	size_t n = number_of(spec);
	/* Twice in one file is a mistake; a later file is meant to win. */
	if (load->origins[n].file == load->file)
		refuse(load, line, "%s was already set on line %" PRIu32, name, load->origins[n].line);
	else if (is_list && spec->type != OPTION_LIST)
		refuse(load, line, "%s takes one value, not a list", name);
	else if (config_set(&load->config, spec, value, &err) != 0)
		refuse(load, line, "%s", err.text);
	load->origins[n].file = load->file;
	load->origins[n].line = line;
}

static bool stands_on_line(const struct load *load, uint32_t line, const char *value)
{
	const uint8_t *at = load->text.data, *end = at + load->text.size;
	for (; line > 1 && at != end; line--) {
		const uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));
		at = line_end != NULL ? line_end + 1 : end;
	}
	const uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));
	return memmem(at, (size_t)((line_end != NULL ? line_end : end) - at), value, strlen(value)) != NULL;
}

/* A password is told of that stands in a file for everyone to read; one that comes from the
 * environment does not stand there. */
static void check_secrecy(struct load *load, uint32_t line, const char *name, const char *value)
{
	const struct property_spec *spec = property_find(name);
	if (!load->reads_files || spec == NULL || spec->option.type != OPTION_SECRET || value == NULL ||
	    value[0] == '\0' || load->public_file == load->file ||
	    !config_file_is_public(load->file) || !stands_on_line(load, line, value))
		return;
	load->public_file = load->file;
	problem_add(load->problems, true, load->file, line,
		    "%s stands in a file that everyone on this machine can read: chmod o-r it, or write "
		    "${NAME} and set that in the server's environment", name);
}

static void on_assignment(void *user, uint32_t line, const char *name, const char *value,
			  bool is_list)
{
	struct load *load = user;
	struct error err = { 0 };
	int rc = 0;
	if (value == NULL && load->block != BLOCK_SOURCE)
		return;
	switch (load->block) {
	case BLOCK_NONE:
		set_option(load, line, name, value, is_list);
		break;
	case BLOCK_TOPIC:
		rc = is_list ? error_set(&err, ERROR_INVALID, "%.*s takes one value, not a list",
					 SHOWN_BYTES, name)
			     : config_block_set_topic(&load->config, name, value, &err);
		break;
	case BLOCK_SOURCE:
		check_secrecy(load, line, name, value);
		rc = config_block_set_source(&load->config, name, value, line, &err);
		break;
	case BLOCK_LOST:
		break;
	}
	if (rc != 0)
		refuse(load, line, "%s", err.text);
}

static void refuse_block(struct load *load, uint32_t line, const char *name)
{
	struct nearest nearest = nearest_to(name);
	nearest_try(&nearest, "source");
	nearest_try(&nearest, "topic");
	if (nearest_name(&nearest) != NULL)
		refuse(load, line, "there is no block '%s': did you mean '%s'?", name,
		       nearest_name(&nearest));
	else
		refuse(load, line, "there is no block '%.*s': there are topic and source", SHOWN_BYTES, name);
}

static enum block begin_topic(struct load *load, uint32_t line, const char *pattern)
{
	struct error err = { 0 };
	if (pattern == NULL)
		refuse(load, line, "a topic block has a name or a pattern: topic \"myapp.*\" { … }");
	else if (config_block_add_topic(&load->config, pattern, &err) != 0)
		refuse(load, line, "%s", err.text);
	else
		return BLOCK_TOPIC;
	return BLOCK_LOST;
}

static enum block begin_source(struct load *load, uint32_t line, const char *name)
{
	struct error err = { 0 };
	if (name == NULL) {
		refuse(load, line, "a source block has a name: source \"myapp\" { … }");
		return BLOCK_LOST;
	}
	if (config_block_add_source(&load->config, name, load->file, line, &err) != 0) {
		refuse(load, line, "%s", err.text);
		return BLOCK_LOST;
	}
	return BLOCK_SOURCE;
}

static void on_block(void *user, uint32_t line, const char *name, const char *title)
{
	struct load *load = user;
	if (load->block_depth++ > 0) {
		if (load->block != BLOCK_LOST)
			refuse(load, line, "a block does not stand in a block: has the one that begins on line %"
			       PRIu32 " its '}'?", load->block_line);
		load->block = BLOCK_LOST;
		return;
	}
	load->block_line = line;
	load->block = BLOCK_LOST;
	if (name == NULL)
		return;
	if (strcmp(name, "topic") == 0)
		load->block = begin_topic(load, line, title);
	else if (strcmp(name, "source") == 0)
		load->block = begin_source(load, line, title);
	else
		refuse_block(load, line, name);
}

static void on_source_problem(void *user, bool is_warning, uint32_t line, const char *text)
{
	struct load *load = user;
	problem_add(load->problems, is_warning, load->file, line, "%s", text);
}

static void on_block_end(void *user)
{
	struct load *load = user;
	if (--load->block_depth > 0)
		return;
	if (load->block == BLOCK_SOURCE)
		config_block_check_source(&load->config, on_source_problem, load);
	load->block = BLOCK_NONE;
}

static void on_problem(void *user, uint32_t line, const char *text)
{
	refuse(user, line, "%s", text);
}

static void on_include(void *user, uint32_t line, const char *pattern);

static void parse(struct load *load, const char *file, struct bytes text)
{
	const char *includer = load->file;
	struct bytes includer_text = load->text;
	struct config_handler handler = {
		.on_assignment = on_assignment,
		.on_block = on_block,
		.on_block_end = on_block_end,
		.on_include = on_include,
		.on_problem = on_problem,
		.environment = load->environment,
		.user = load,
	};
	load->file = file;
	load->text = text;
	load->depth++;
	config_parse(text, &handler);
	load->depth--;
	load->file = includer;
	load->text = includer_text;
}

/* The first file, or one included on include_line of the one being read. */
static void read_file(struct load *load, const char *path, bool may_be_missing)
{
	bool is_first = load->depth == 0;
	struct error err = { 0 };
	struct text text;
	int rc = -1;
	if (load->file_count == FILES_MAX)
		error_set(&err, ERROR_LIMIT, "there are more than %d files", FILES_MAX);
	else if ((load->files[load->file_count] = strdup(path)) == NULL)
		error_set(&err, ERROR_MEMORY, "out of memory");
	else
		rc = config_file_read(load->files[load->file_count++], &text, &err);
	if (rc == 0) {
		parse(load, load->files[load->file_count - 1], text_bytes(&text));
		text_clear(&text);
	} else if (!is_first) {
		refuse(load, load->include_line, "include '%s': %s", path, err.text);
	} else if (err.code != ERROR_NOT_FOUND || !may_be_missing) {
		problem_add(load->problems, false, path, 0, "it cannot be read: %s", err.text);
	}
}

static void on_included_file(void *user, const char *path)
{
	struct load *load = user;
	uint32_t line = load->include_line;
	read_file(load, path, false);
	load->include_line = line;
}

static void on_include(void *user, uint32_t line, const char *pattern)
{
	struct load *load = user;
	struct error err = { 0 };
	load->include_line = line;
	if (load->block_depth > 0)
		refuse(load, line, "include stands outside of all blocks");
	else if (!load->reads_files)
		refuse(load, line, "nothing can be included here");
	else if (load->depth > INCLUDE_DEPTH_MAX)
		refuse(load, line, "includes go more than %d files deep: does one include itself?",
		       INCLUDE_DEPTH_MAX);
	else if (config_file_expand(load->file, pattern, on_included_file, load, &err) != 0)
		refuse(load, line, "include: %s", err.text);
}

static void set_overrides(struct load *load, const struct config_origin *origin)
{
	load->file = command_line;
	for (size_t n = 0; n < origin->override_count; n++) {
		const struct option_spec *spec = config_find(origin->overrides[n].name);
		struct error err = { 0 };
		if (config_set(&load->config, spec, origin->overrides[n].value, &err) != 0)
			refuse(load, 0, "%s", err.text);
		load->origins[number_of(spec)].file = command_line;
		load->origins[number_of(spec)].line = 0;
	}
}

/* The number of one option must not be above that of another. */
static void check_order(struct load *load, const char *name, const char *limit_name)
{
	const struct option_spec *spec = config_find(name), *limit_spec = config_find(limit_name);
	union option_value value = config_value(&load->config, spec);
	union option_value limit = config_value(&load->config, limit_spec);
	char value_text[OPTION_TEXT_BYTES], limit_text[OPTION_TEXT_BYTES];
	if (value.number <= limit.number)
		return;
	/* One of them is not a default; that line is to blame. */
	size_t n = number_of(load->origins[number_of(spec)].file != NULL ? spec : limit_spec);
	option_format(spec, value, value_text);
	option_format(limit_spec, limit, limit_text);
	problem_add(load->problems, false, load->origins[n].file, load->origins[n].line,
		    "%s is %s, but must not be above %s, which is %s", name, value_text, limit_name,
		    limit_text);
}

static int finish(struct load *load, struct config *out)
{
	check_order(load, "log.quota.bytes", "log.map.bytes");
	check_order(load, "log.batch.bytes", "log.commit.bytes");
	config_block_compare_sources(&load->config, load->problems);
	for (uint32_t n = 0; n < load->file_count; n++)
		free(load->files[n]);
	if (load->problems->error_count > 0) {
		config_clear(&load->config);
		return -1;
	}
	*out = load->config;
	return 0;
}

static int begin(struct load *load, const char *place)
{
	struct error err = { 0 };
	if (config_init(&load->config, &err) == 0)
		return 0;
	problem_add(load->problems, false, place, 0, "%s", err.text);
	return -1;
}

static const char *system_environment(const char *name)
{
	return getenv(name);
}

int config_load(struct config *config, const struct config_origin *origin,
		struct problem_list *problems)
{
	struct load load = { .problems = problems, .environment = system_environment,
			     .reads_files = true };
	if (begin(&load, origin->path != NULL ? origin->path : command_line) != 0)
		return -1;
	if (origin->path != NULL)
		read_file(&load, origin->path, origin->may_be_missing);
	set_overrides(&load, origin);
	return finish(&load, config);
}

int config_load_text(struct config *config, const char *name, struct bytes text,
		     const char *(*environment)(const char *name), struct problem_list *problems)
{
	struct load load = { .problems = problems, .environment = environment };
	if (begin(&load, name) != 0)
		return -1;
	parse(&load, name, text);
	return finish(&load, config);
}
