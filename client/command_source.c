#include "client/command.h"
#include "client/command_columns.h"
#include "client/command_output.h"
#include "client/command_table.h"
#include "client/command_words.h"
#include "protocol/time_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPTION_JSON = 256, OPTION_DROP, OPTION_YES };

/* Dropping a slot waits for the database. */
#define REMOVE_MS 60000

struct source_work {
	const struct command *command;
	struct millstream_client *client;
	bool as_json;
	bool names_only;
	const char *name;               /* NULL: all */
	struct text text;
	struct command_columns columns;
	size_t found_count;
	bool drops;
	size_t topic_count;             /* of the source to be removed */
};

/* "43%"; nothing where nobody knows how much there is. */
static bool add_share(struct text *text, const struct millstream_source_info *source)
{
	uint64_t done = source->snapshot_rows_done, all = source->snapshot_rows_estimated;
	if (all == 0)
		return false;
	text_add_format(text, "%.0f%%", done < all ? (double)done * 100 / (double)all : 100);
	return true;
}

static void add_snapshot(struct text *text, const struct millstream_source_info *source)
{
	uint32_t done = source->snapshot_tables_done, all = source->snapshot_tables_total;
	text_add_format(text, "table %" PRIu32 " of %" PRIu32 ", %s: %" PRIu64 " rows", done < all ? done + 1 : all,
			all, source->snapshot_table, source->snapshot_rows_done);
	if (source->snapshot_rows_estimated > 0)
		text_add_format(text, " of about %" PRIu64, source->snapshot_rows_estimated);
	text_add_string(text, source->snapshot_rows_estimated > 0 ? ", " : "");
	add_share(text, source);
	if (source->snapshot_left_us != UINT64_MAX) {
		text_add_string(text, ", about ");
		command_add_duration(text, source->snapshot_left_us / 1000000);
		text_add_string(text, " left");
	}
}

/* Fields of a fixed shape, so that scripts find each, known or not. */
static void add_json(struct text *text, const struct millstream_source_info *source)
{
	struct json json = json_to(text);
	json_begin_object(&json);
	command_add_string(&json, "name", source->name);
	command_add_string(&json, "connector", source->connector);
	command_add_string(&json, "state", source->state);
	command_add_string(&json, "reason", source->reason);
	json_name(&json, "is_configured");
	json_bool(&json, source->is_configured);
	command_add_string(&json, "topic_prefix", source->topic_prefix);
	command_add_string(&json, "endpoint", source->endpoint);
	command_add_string(&json, "slot", source->slot);
	command_add_string(&json, "publication", source->publication);
	command_add_string(&json, "position", source->position);
	command_add_number(&json, "behind_bytes", source->behind_bytes);
	command_add_number(&json, "lag_us", source->lag_us);
	json_name(&json, "source_time_us");
	json_i64(&json, source->source_time_us);
	command_add_number(&json, "transaction_count", source->transaction_count);
	command_add_number(&json, "record_count", source->record_count);
	command_add_number(&json, "retries", source->retries);
	command_add_number(&json, "retry_in_us", source->retry_in_us);
	json_name(&json, "snapshot");
	if (source->snapshot_table == NULL) {
		json_null(&json);
	} else {
		json_begin_object(&json);
		command_add_string(&json, "table", source->snapshot_table);
		command_add_number(&json, "tables_done", source->snapshot_tables_done);
		command_add_number(&json, "tables_total", source->snapshot_tables_total);
		command_add_number(&json, "rows_done", source->snapshot_rows_done);
		command_add_number(&json, "rows_estimated", source->snapshot_rows_estimated > 0
							     ? source->snapshot_rows_estimated
							     : UINT64_MAX);
		command_add_number(&json, "left_us", source->snapshot_left_us);
		json_end_object(&json);
	}
	json_end_object(&json);
	json_end_line(&json);
}

static int begin(struct command_arguments *arguments, struct source_work *work)
{
	text_init(&work->text);
	return command_connect(arguments, NULL, &work->client);
}

static int walk(struct source_work *work, bool (*each)(void *, const struct millstream_source_info *))
{
	if (millstream_sources(work->client, work->name, each, work, COMMAND_ANSWER_MS) != MILLSTREAM_OK)
		return command_call_failed(work->command, work->client, "ask for the sources");
	return COMMAND_DONE;
}

static int end(struct source_work *work, int status)
{
	if (status == COMMAND_DONE)
		command_output_write(&work->text);
	millstream_close(work->client);
	text_clear(&work->text);
	return status;
}

/* ---- ls ---- */

static void add_behind(struct text *text, const struct millstream_source_info *source)
{
	if (source->snapshot_table != NULL)
		add_share(text, source);
	else if (source->behind_bytes != UINT64_MAX)
		command_add_size(text, source->behind_bytes);
}

static bool list_source(void *user, const struct millstream_source_info *source)
{
	struct source_work *work = user;
	struct command_columns *columns = &work->columns;
	work->found_count++;
	if (work->as_json) {
		add_json(&work->text, source);
		return true;
	}
	if (work->names_only) {
		text_add_format(&work->text, "%s\n", source->name);
		return true;
	}
	const char *words[] = { source->name, source->connector, source->state, NULL, NULL, NULL,
				source->position,
				source->is_configured ? source->reason : "not in the configuration any more" };
	for (size_t n = 0; n < sizeof(words) / sizeof(words[0]); n++) {
		if (words[n] != NULL)
			text_add_string(&columns->cells, words[n]);
		else if (n == 3)
			add_behind(&columns->cells, source);
		else if (n == 4 && source->lag_us != UINT64_MAX && strcmp(source->state, "streaming") == 0)
			text_add_format(&columns->cells, "%.1f ms", (double)source->lag_us / 1000);
		else if (n == 5)
			text_add_u64(&columns->cells, source->record_count);
		command_columns_end_cell(columns);
	}
	return true;
}

static int run_ls(struct command_arguments *arguments)
{
	struct source_work work = { .command = arguments->command };
	const char *value;
	int letter;
	while ((letter = command_arguments_next(arguments, &value)) > 0)
		if (letter == 'q')
			work.names_only = true;
		else
			work.as_json = true;
	if (letter < 0)
		return COMMAND_USAGE;
	if (arguments->argc > 0)
		return command_misused(work.command, "'%s'? It takes no arguments", arguments->argv[0]);
	command_columns_begin(&work.columns, "lllrrrll", "SOURCE|TYPE|STATE|BEHIND|LAG|CAPTURED|POSITION|REASON");
	int status = begin(arguments, &work);
	if (status == COMMAND_DONE)
		status = walk(&work, list_source);
	if (status == COMMAND_DONE && !work.as_json && !work.names_only && work.found_count > 0)
		command_columns_write(&work.columns, "", &work.text);
	if (status == COMMAND_DONE && !work.as_json && !work.names_only && work.found_count == 0)
		command_tell(work.command, "no source yet: put a block, source \"NAME\" { ... }, into the "
					   "server's configuration");
	command_columns_clear(&work.columns);
	return end(&work, status);
}

/* ---- info ---- */

static void add_line(struct text *text, const char *title, const char *value)
{
	if (value != NULL)
		text_add_format(text, "  %-12s %s\n", title, value);
}

static void add_progress(struct text *text, const struct millstream_source_info *source)
{
	if (source->snapshot_table != NULL) {
		text_add_format(text, "  %-12s ", "snapshot");
		add_snapshot(text, source);
		text_add_byte(text, '\n');
	}
	add_line(text, "position", source->position);
	if (source->behind_bytes != UINT64_MAX) {
		text_add_format(text, "  %-12s ", "behind");
		command_add_size(text, source->behind_bytes);
		text_add_byte(text, '\n');
	}
	if (source->source_time_us != 0) {
		text_add_format(text, "  %-12s ", "last commit");
		time_text_timestamp(text, source->source_time_us);
		text_add_string(text, "Z");
		if (source->lag_us != UINT64_MAX)
			text_add_format(text, ", durable %.1f ms later", (double)source->lag_us / 1000);
		text_add_byte(text, '\n');
	}
	text_add_format(text, "  %-12s %" PRIu64 " transactions, %" PRIu64 " records since the server's start\n",
			"captured", source->transaction_count, source->record_count);
}

static bool show_source(void *user, const struct millstream_source_info *source)
{
	struct source_work *work = user;
	struct text *text = &work->text;
	work->found_count++;
	if (work->as_json) {
		add_json(text, source);
		return true;
	}
	text_add_format(text, "%s  %s%s%s\n", source->name, source->state,
			source->reason != NULL ? ": " : "", source->reason != NULL ? source->reason : "");
	if (!source->is_configured)
		text_add_string(text, "  The configuration has it no more; the log remembers how far it was.\n");
	else if (strcmp(source->state, "failed") == 0)
		text_add_format(text, "  %-12s millstream source restart %s, when that is mended\n", "next",
				source->name);
	if (source->retry_in_us != UINT64_MAX)
		text_add_format(text, "  %-12s after %" PRIu32 " failures, in %.1f s\n", "retry", source->retries,
				(double)source->retry_in_us / 1000000);
	add_line(text, "connector", source->connector);
	add_line(text, "endpoint", source->endpoint);
	if (source->topic_prefix != NULL)
		text_add_format(text, "  %-12s %s.*\n", "topics", source->topic_prefix);
	add_line(text, "slot", source->slot);
	add_line(text, "publication", source->publication);
	add_progress(text, source);
	return true;
}

/* The one operand; -1: told that it is not one. */
static int read_name(struct command_arguments *arguments, struct source_work *work)
{
	if (arguments->argc == 1) {
		work->name = arguments->argv[0];
		return 0;
	}
	command_misused(work->command, arguments->argc == 0 ? "which source?" : "one source at a time");
	return -1;
}

static int not_found(const struct source_work *work)
{
	return command_failed(work->command, "there is no source '%s'; millstream source ls lists those there are",
			      work->name);
}

static int run_info(struct command_arguments *arguments)
{
	struct source_work work = { .command = arguments->command };
	const char *value;
	int letter;
	while ((letter = command_arguments_next(arguments, &value)) > 0)
		work.as_json = true;
	if (letter < 0 || read_name(arguments, &work) != 0)
		return COMMAND_USAGE;
	int status = begin(arguments, &work);
	if (status == COMMAND_DONE)
		status = walk(&work, show_source);
	if (status == COMMAND_DONE && work.found_count == 0)
		status = not_found(&work);
	return end(&work, status);
}

/* ---- pause, resume, restart ---- */

static int control(struct source_work *work, enum millstream_source_action action, int timeout_ms,
		   const char *doing)
{
	int code = millstream_source_control(work->client, work->name, action, timeout_ms);
	if (code == MILLSTREAM_OK)
		return COMMAND_DONE;
	return code == MILLSTREAM_NOT_FOUND
		       ? not_found(work)
		       : command_call_failed(work->command, work->client, "%s '%s'", doing, work->name);
}

static int run_control(struct command_arguments *arguments, enum millstream_source_action action)
{
	struct source_work work = { .command = arguments->command };
	const char *value;
	if (command_arguments_next(arguments, &value) < 0 || read_name(arguments, &work) != 0)
		return COMMAND_USAGE;
	int status = begin(arguments, &work);
	if (status == COMMAND_DONE)
		status = control(&work, action, COMMAND_ANSWER_MS, work.command->verb);
	return end(&work, status);
}

static int run_pause(struct command_arguments *arguments)
{
	return run_control(arguments, MILLSTREAM_SOURCE_PAUSE);
}

static int run_resume(struct command_arguments *arguments)
{
	return run_control(arguments, MILLSTREAM_SOURCE_RESUME);
}

static int run_restart(struct command_arguments *arguments)
{
	return run_control(arguments, MILLSTREAM_SOURCE_RESTART);
}

/* ---- rm ---- */

static bool plan_topic(void *user, const struct millstream_topic *topic)
{
	struct source_work *work = user;
	uint64_t records = 0;
	if (topic->owner == NULL || strcmp(topic->owner, work->name) != 0)
		return true;
	for (uint32_t n = 0; n < topic->partition_count; n++)
		records += topic->partitions[n].visible_end - topic->partitions[n].log_start;
	work->topic_count++;
	text_add_format(&work->text, "  topic %s stays, with %" PRIu64 " records\n", topic->name, records);
	return true;
}

/* A slot that nobody reads keeps the database's log from being cleaned up. */
static void plan_at_database(struct source_work *work, const char *what, const char *name)
{
	if (name != NULL)
		text_add_format(&work->text, work->drops ? "  %s %s would be dropped\n"
							 : "  %s %s would stay at the database (--drop)\n",
				what, name);
}

static bool plan_source(void *user, const struct millstream_source_info *source)
{
	struct source_work *work = user;
	work->found_count++;
	text_add_format(&work->text, "Would remove source %s (%s): it ends, and how far it was is forgotten.\n",
			source->name, source->state);
	plan_at_database(work, "slot", source->slot);
	plan_at_database(work, "publication", source->publication);
	if (source->is_configured)
		text_add_string(&work->text,
				"  Take its block out of the configuration, too. With it, the source begins anew when "
				"the\n  server starts; for that, its topics have to be gone (millstream topic rm), or "
				"it needs\n  another topic.prefix.\n");
	return true;
}

static int plan(struct source_work *work)
{
	int status = walk(work, plan_source);
	if (status == COMMAND_DONE && work->found_count == 0)
		return not_found(work);
	if (status == COMMAND_DONE &&
	    millstream_topics(work->client, NULL, 0, plan_topic, work, COMMAND_ANSWER_MS) != MILLSTREAM_OK)
		return command_call_failed(work->command, work->client, "ask for the topics");
	return status;
}

static int run_rm(struct command_arguments *arguments)
{
	struct source_work work = { .command = arguments->command };
	bool is_sure = false;
	const char *value;
	int letter;
	while ((letter = command_arguments_next(arguments, &value)) > 0)
		if (letter == OPTION_DROP)
			work.drops = true;
		else
			is_sure = true;
	if (letter < 0 || read_name(arguments, &work) != 0)
		return COMMAND_USAGE;
	int status = begin(arguments, &work);
	if (status == COMMAND_DONE && !is_sure) {
		status = plan(&work);
		if (status == COMMAND_DONE) {
			command_output_write(&work.text);
			fputs("Nothing is removed. Add --yes.\n", stderr);
			status = COMMAND_FAILED;
		}
	} else if (status == COMMAND_DONE) {
		status = control(&work, work.drops ? MILLSTREAM_SOURCE_REMOVE_AND_DROP : MILLSTREAM_SOURCE_REMOVE,
				 REMOVE_MS, "remove");
	}
	return end(&work, status);
}

static const struct command_option no_options[] = { { 0, NULL, NULL, NULL } };

static const struct command_option ls_options[] = {
	{ 'q', "quiet", NULL, "names alone" },
	{ OPTION_JSON, "json", NULL, "an object a line" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_source_ls = {
	.noun = "source", .verb = "ls", .arguments = "",
	.summary = "list sources and their states",
	.description = "List the databases that the server captures changes from.\n",
	.options = ls_options,
	.examples = "  millstream source ls\n"
		    "  millstream source ls --json\n",
	.run = run_ls,
};

static const struct command_option info_options[] = {
	{ OPTION_JSON, "json", NULL, "one object" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_source_info = {
	.noun = "source", .verb = "info", .arguments = "SOURCE",
	.summary = "its state, position, snapshot",
	.description = "Show what a source is doing: its state and why, how far it is, and of a snapshot what is\n"
		       "read and how long it will take.\n",
	.options = info_options,
	.examples = "  millstream source info myapp\n"
		    "  millstream source info myapp --json\n",
	.run = run_info,
};

const struct command command_source_pause = {
	.noun = "source", .verb = "pause", .arguments = "SOURCE",
	.summary = "capture nothing until resumed",
	.description = "Pause a source, also over restarts of the server. Its slot stays, so that nothing is lost;\n"
		       "the database keeps the changes meanwhile, and needs room for them.\n",
	.options = no_options,
	.examples = "  millstream source pause myapp\n"
		    "  millstream source pause myapp && millstream source info myapp\n",
	.run = run_pause,
};

const struct command command_source_resume = {
	.noun = "source", .verb = "resume", .arguments = "SOURCE",
	.summary = "go on",
	.description = "Have a paused source go on where it was.\n",
	.options = no_options,
	.examples = "  millstream source resume myapp\n"
		    "  millstream source resume myapp && millstream source info myapp\n",
	.run = run_resume,
};

const struct command command_source_restart = {
	.noun = "source", .verb = "restart", .arguments = "SOURCE",
	.summary = "connect anew, at once",
	.description = "Have a source connect anew and go on where it was: at once, without waiting for its next\n"
		       "retry, and also after it has failed.\n",
	.options = no_options,
	.examples = "  millstream source restart myapp\n"
		    "  millstream source restart myapp && millstream source info myapp\n",
	.run = run_restart,
};

static const struct command_option rm_options[] = {
	{ OPTION_DROP, "drop", NULL, "also slot and publication at the database" },
	{ OPTION_YES, "yes", NULL, "do it; without it, only say what would happen" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_source_rm = {
	.noun = "source", .verb = "rm", .arguments = "SOURCE",
	.summary = "forget a source",
	.description = "Stop a source and forget how far it was. Its topics stay. Without --yes it only says what\n"
		       "would happen.\n",
	.options = rm_options,
	.examples = "  millstream source rm old --yes\n"
		    "  millstream source rm myapp --drop --yes\n",
	.run = run_rm,
};
