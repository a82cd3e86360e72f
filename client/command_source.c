#include "client/command_source.h"

#include "client/command_output.h"
#include "client/command_table.h"
#include "client/command_words.h"
#include "protocol/time_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_JSON = 256 };

int command_source_begin(struct command_arguments *arguments, struct source_work *work)
{
	text_init(&work->text);
	return command_connect(arguments, NULL, &work->client);
}

int command_source_walk(struct source_work *work, bool (*each)(void *, const struct millstream_source_info *))
{
	if (millstream_sources(work->client, work->name, each, work, COMMAND_ANSWER_MS) != MILLSTREAM_OK)
		return command_call_failed(work->command, work->client, "ask for the sources");
	return COMMAND_DONE;
}

int command_source_end(struct source_work *work, int status)
{
	if (status == COMMAND_DONE)
		command_output_write(&work->text);
	millstream_close(work->client);
	text_clear(&work->text);
	return status;
}

int command_source_read_name(struct command_arguments *arguments, struct source_work *work)
{
	if (arguments->argc == 1) {
		work->name = arguments->argv[0];
		return 0;
	}
	command_misused(work->command, arguments->argc == 0 ? "which source?" : "one source at a time");
	return -1;
}

int command_source_not_found(const struct source_work *work)
{
	return command_failed(work->command, "there is no source '%s'; millstream source ls lists those there are",
			      work->name);
}

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
	struct text_columns *columns = &work->columns;
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
		text_columns_end_cell(columns);
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
	text_columns_begin(&work.columns, "lllrrrll", "SOURCE|TYPE|STATE|BEHIND|LAG|CAPTURED|POSITION|REASON");
	int status = command_source_begin(arguments, &work);
	if (status == COMMAND_DONE)
		status = command_source_walk(&work, list_source);
	if (status == COMMAND_DONE && !work.as_json && !work.names_only && work.found_count > 0)
		text_columns_write(&work.columns, "", &work.text);
	if (status == COMMAND_DONE && !work.as_json && !work.names_only && work.found_count == 0)
		command_tell(work.command, "no source yet: put a block, source \"NAME\" { ... }, into the "
					   "server's configuration");
	text_columns_clear(&work.columns);
	return command_source_end(&work, status);
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
	/* Of a gap the reason names another way on. */
	else if (strcmp(source->state, "failed") == 0 &&
		 (source->reason == NULL || strstr(source->reason, "millstream ") == NULL))
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

static int run_info(struct command_arguments *arguments)
{
	struct source_work work = { .command = arguments->command };
	const char *value;
	int letter;
	while ((letter = command_arguments_next(arguments, &value)) > 0)
		work.as_json = true;
	if (letter < 0 || command_source_read_name(arguments, &work) != 0)
		return COMMAND_USAGE;
	int status = command_source_begin(arguments, &work);
	if (status == COMMAND_DONE)
		status = command_source_walk(&work, show_source);
	if (status == COMMAND_DONE && work.found_count == 0)
		status = command_source_not_found(&work);
	return command_source_end(&work, status);
}

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
