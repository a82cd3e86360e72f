#include "client/command.h"
#include "client/command_group.h"
#include "client/command_output.h"
#include "client/command_table.h"
#include "client/command_words.h"
#include "protocol/text_columns.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_JSON = 256 };

#define GROUPS_SHOWN 20

static bool has_source(const struct millstream_status *status, const char *state)
{
	for (size_t i = 0; i < status->source_count; i++)
		if (strcasecmp(status->sources[i].state, state) == 0)
			return true;
	return false;
}

static int grade(const struct millstream_status *status)
{
	if (status->is_disk_full || has_source(status, "failed"))
		return COMMAND_CRITICAL;
	if (status->warning_count > 0 || strcmp(status->state, "ready") != 0 ||
	    has_source(status, "retrying"))
		return COMMAND_FAILED;
	return COMMAND_DONE;
}

static const char *grade_name(int graded)
{
	return graded == COMMAND_DONE ? "ok" : graded == COMMAND_FAILED ? "warning" : "critical";
}

/* ---- For programs ---- */

static void add_numbers(struct json *json, const struct millstream_status *status)
{
	const struct { const char *name; uint64_t number; } numbers[] = {
		{ "uptime_ms", status->uptime_ms },
		{ "connections", status->connections },
		{ "subscriptions", status->subscriptions },
		{ "topics", status->topics },
		{ "partitions", status->partitions },
		{ "private_bytes", status->private_bytes },
		{ "received_count", status->received_count },
		{ "sent_bytes", status->sent_bytes },
		{ "log_bytes", status->log_bytes },
		{ "file_bytes", status->file_bytes },
		{ "quota_bytes", status->quota_bytes },
		{ "free_bytes", status->free_bytes },
		{ "queued_count", status->queued_count },
		{ "queued_bytes", status->queued_bytes },
		{ "commit_count", status->commit_count },
		{ "record_count", status->record_count },
		{ "written_bytes", status->written_bytes },
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		json_name(json, numbers[i].name);
		json_u64(json, numbers[i].number);
	}
}

static void add_snapshot_json(struct json *json, const struct millstream_source *source)
{
	json_name(json, "snapshot");
	if (source->snapshot_table == NULL) {
		json_null(json);
		return;
	}
	json_begin_object(json);
	command_add_string(json, "table", source->snapshot_table);
	command_add_number(json, "rows_done", source->snapshot_rows_done);
	command_add_number(json, "rows_estimated", source->snapshot_rows_estimated > 0
							   ? source->snapshot_rows_estimated
							   : UINT64_MAX);
	command_add_number(json, "left_us", source->snapshot_left_us);
	json_end_object(json);
}

/* The status is lent until the groups are asked for, which therefore come last. */
static int add_json(struct text *text, const struct millstream_status *status,
		    struct millstream_client *client)
{
	struct json json = json_to(text);

	json_begin_object(&json);
	command_add_string(&json, "health", grade_name(grade(status)));
	command_add_string(&json, "state", status->state);
	command_add_string(&json, "version", status->version);
	json_name(&json, "instance");
	json_hex(&json, (struct bytes){ status->instance, sizeof(status->instance) });
	json_name(&json, "is_disk_full");
	json_bool(&json, status->is_disk_full);
	add_numbers(&json, status);
	json_name(&json, "warnings");
	json_begin_array(&json);
	for (size_t i = 0; i < status->warning_count; i++)
		json_string(&json, status->warnings[i]);
	json_end_array(&json);
	json_name(&json, "sources");
	json_begin_array(&json);
	for (size_t i = 0; i < status->source_count; i++) {
		const struct millstream_source *source = &status->sources[i];
		json_begin_object(&json);
		command_add_string(&json, "name", source->name);
		command_add_string(&json, "state", source->state);
		command_add_string(&json, "reason", source->reason);
		command_add_string(&json, "position", source->position);
		command_add_number(&json, "lag_us", source->lag_us);
		add_snapshot_json(&json, source);
		json_end_object(&json);
	}
	json_end_array(&json);
	json_name(&json, "groups");
	json_begin_array(&json);
	int code = command_group_add_json(&json, NULL, client);
	json_end_array(&json);
	json_end_object(&json);
	json_end_line(&json);
	return code;
}

/* ---- For people ---- */

static void add_snapshot(struct text *text, const struct millstream_source *source)
{
	text_add_format(text, "%s: %" PRIu64, source->snapshot_table, source->snapshot_rows_done);
	if (source->snapshot_rows_estimated > 0)
		text_add_format(text, " of about %" PRIu64, source->snapshot_rows_estimated);
	text_add_string(text, " rows");
	if (source->snapshot_left_us == UINT64_MAX)
		return;
	text_add_string(text, ", ");
	command_add_duration(text, source->snapshot_left_us / 1000000);
	text_add_string(text, " left");
}

static void add_sources(struct text *text, const struct millstream_status *status)
{
	struct text_columns columns;
	text_columns_begin(&columns, "llrll", "SOURCE|STATE|LAG|POSITION|REASON");
	for (size_t i = 0; i < status->source_count; i++) {
		const struct millstream_source *source = &status->sources[i];
		const char *words[] = { source->name, source->state, NULL, source->position,
					source->reason };
		for (size_t n = 0; n < sizeof(words) / sizeof(words[0]); n++) {
			if (words[n] != NULL)
				text_add_string(&columns.cells, words[n]);
			/* Of the last commit: of one that stands still it would look like now. */
			if (n == 2 && source->lag_us != UINT64_MAX && strcmp(source->state, "streaming") == 0)
				text_add_format(&columns.cells, "%.1f ms", (double)source->lag_us / 1000);
			if (n == 4 && source->reason == NULL && source->snapshot_table != NULL)
				add_snapshot(&columns.cells, source);
			text_columns_end_cell(&columns);
		}
	}
	text_columns_write(&columns, "", text);
	text_columns_clear(&columns);
}

static void add_disk(struct text *text, const struct millstream_status *status)
{
	text_add_string(text, "disk     log ");
	command_add_size(text, status->log_bytes);
	text_add_string(text, " in a file of ");
	command_add_size(text, status->file_bytes);
	if (status->quota_bytes > 0) {
		text_add_string(text, ", may hold ");
		command_add_size(text, status->quota_bytes);
	}
	text_add_string(text, "; ");
	command_add_size(text, status->free_bytes);
	text_add_string(text, status->is_disk_full ? " free  DISK FULL\n" : " free\n");
}

static void add_for_people(struct text *text, const char *server,
			   const struct millstream_status *status, const struct text *groups)
{
	text_add_format(text, "millstreamd %s at %s: %s, up ", status->version, server, status->state);
	command_add_duration(text, status->uptime_ms / 1000);
	text_add_string(text, "\nlog      ");
	command_add_count(text, status->topics, "topic");
	text_add_string(text, " of ");
	command_add_count(text, status->partitions, "partition");
	text_add_string(text, "\nclients  ");
	command_add_count(text, status->connections, "connection");
	text_add_string(text, ", ");
	command_add_count(text, status->subscriptions, "subscription");
	text_add_string(text, "\ntraffic  ");
	command_add_count(text, status->received_count, "record");
	text_add_string(text, " published since the start, ");
	command_add_size(text, status->sent_bytes);
	text_add_string(text, " sent\n");
	add_disk(text, status);
	text_add_string(text, "writing  ");
	command_add_count(text, status->commit_count, "commit");
	text_add_string(text, ", ");
	command_add_size(text, status->written_bytes);
	text_add_format(text, " written; %" PRIu64 " waiting (", status->queued_count);
	command_add_size(text, status->queued_bytes);
	text_add_string(text, ")\nmemory   ");
	command_add_size(text, status->private_bytes);
	text_add_byte(text, '\n');
	if (status->source_count > 0)
		add_sources(text, status);
	text_add(text, groups->buffer.data, groups->buffer.size);
	for (size_t i = 0; i < status->warning_count; i++)
		text_add_format(text, "warning: %s\n", status->warnings[i]);
	if (has_source(status, "failed"))
		text_add_string(text, "When the reason is mended: millstream source restart SOURCE; after a gap: millstream source reset SOURCE\n");
}

/* Returns what the library says; *out_grade when it is MILLSTREAM_OK. */
static int add_all(struct text *text, const char *server, struct millstream_client *client, bool as_json,
		   int *out_grade)
{
	const struct millstream_status *status;
	struct text groups;
	size_t count;
	text_init(&groups);
	int code = as_json ? MILLSTREAM_OK : command_group_add_table(&groups, client, GROUPS_SHOWN, &count);
	if (code == MILLSTREAM_OK)
		code = millstream_status(client, COMMAND_ANSWER_MS, &status);
	if (code == MILLSTREAM_OK) {
		*out_grade = grade(status);
		if (as_json)
			code = add_json(text, status, client);
		else
			add_for_people(text, server, status, &groups);
	}
	text_clear(&groups);
	return code;
}

static int run(struct command_arguments *arguments)
{
	struct millstream_client *client = NULL;
	struct text text;
	bool as_json = false;
	const char *value;
	int letter, graded;

	while ((letter = command_arguments_next(arguments, &value)) > 0)
		as_json = true;
	if (letter < 0)
		return COMMAND_USAGE;
	if (arguments->argc > 0)
		return command_misused(arguments->command, "'%s'? It takes no arguments",
				       arguments->argv[0]);
	graded = command_connect(arguments, NULL, &client);
	if (graded != COMMAND_DONE)
		return graded == COMMAND_USAGE ? graded : COMMAND_CRITICAL;
	text_init(&text);
	if (add_all(&text, command_server(arguments), client, as_json, &graded) == MILLSTREAM_OK) {
		command_output_write(&text);
	} else {
		command_call_failed(arguments->command, client, "ask the server");
		graded = COMMAND_CRITICAL;
	}
	text_clear(&text);
	millstream_close(client);
	return graded;
}

static const struct command_option options[] = {
	{ OPTION_JSON, "json", NULL, "one object" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_status = {
	.noun = "status",
	.arguments = "",
	.summary = "is the server well?",
	.description = "One screen about the server. Exits 0 when all is well, 1 with a warning (a source is\n"
		       "retrying), 2 when it is critical: disk full, a source failed, the server cannot be reached.\n",
	.options = options,
	.examples = "  millstream status\n"
		    "  millstream status --json\n",
	.run = run,
};
