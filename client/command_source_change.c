#include "client/command_source.h"

#include "client/command_output.h"
#include "client/command_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_DROP = 256, OPTION_YES };

/* Dropping a slot waits for the database. */
#define REMOVE_MS 60000

/* ---- pause, resume, restart ---- */

static int control(struct source_work *work, enum millstream_source_action action, int timeout_ms,
		   const char *doing)
{
	int code = millstream_source_control(work->client, work->name, action, timeout_ms);
	if (code == MILLSTREAM_OK)
		return COMMAND_DONE;
	return code == MILLSTREAM_NOT_FOUND
		       ? command_source_not_found(work)
		       : command_call_failed(work->command, work->client, "%s '%s'", doing, work->name);
}

static int run_control(struct command_arguments *arguments, enum millstream_source_action action)
{
	struct source_work work = { .command = arguments->command };
	const char *value;
	if (command_arguments_next(arguments, &value) < 0 || command_source_read_name(arguments, &work) != 0)
		return COMMAND_USAGE;
	int status = command_source_begin(arguments, &work);
	if (status == COMMAND_DONE)
		status = control(&work, action, COMMAND_ANSWER_MS, work.command->verb);
	return command_source_end(&work, status);
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

/* ---- What takes --yes: tell first, then do ---- */

static int tell_plan(struct source_work *work, int (*plan)(struct source_work *work), const char *refusal)
{
	int status = plan(work);
	if (status != COMMAND_DONE)
		return status;
	command_output_write(&work->text);
	fputs(refusal, stderr);
	return COMMAND_FAILED;
}

/* ---- reset ---- */

static bool plan_reset_of_source(void *user, const struct millstream_source_info *source)
{
	struct source_work *work = user;
	work->found_count++;
	text_add_format(&work->text, "Would reset source %s (%s): how far it was is forgotten, and it begins again.\n"
				     "  Its topics stay; each table is told as truncated, then every row comes again (op r).\n"
				     "  With snapshot.mode never no row comes again: it goes on where its slot is, or from now.\n",
			source->name, source->state);
	if (source->slot != NULL)
		text_add_format(&work->text, "  slot %s is dropped and made anew, unless snapshot.mode is never\n",
				source->slot);
	return true;
}

static int plan_reset(struct source_work *work)
{
	int status = command_source_walk(work, plan_reset_of_source);
	if (status == COMMAND_DONE && work->found_count == 0)
		return command_source_not_found(work);
	return status;
}

static int run_reset(struct command_arguments *arguments)
{
	struct source_work work = { .command = arguments->command };
	bool is_sure = false;
	const char *value;
	int letter;
	while ((letter = command_arguments_next(arguments, &value)) > 0)
		is_sure = true;
	if (letter < 0 || command_source_read_name(arguments, &work) != 0)
		return COMMAND_USAGE;
	int status = command_source_begin(arguments, &work);
	if (status == COMMAND_DONE)
		status = is_sure ? control(&work, MILLSTREAM_SOURCE_RESET, COMMAND_ANSWER_MS, "reset")
				 : tell_plan(&work, plan_reset, "Nothing is reset. Add --yes.\n");
	return command_source_end(&work, status);
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

static int plan_removal(struct source_work *work)
{
	int status = command_source_walk(work, plan_source);
	if (status == COMMAND_DONE && work->found_count == 0)
		return command_source_not_found(work);
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
	if (letter < 0 || command_source_read_name(arguments, &work) != 0)
		return COMMAND_USAGE;
	int status = command_source_begin(arguments, &work);
	if (status == COMMAND_DONE)
		status = !is_sure ? tell_plan(&work, plan_removal, "Nothing is removed. Add --yes.\n") :
			 control(&work, work.drops ? MILLSTREAM_SOURCE_REMOVE_AND_DROP : MILLSTREAM_SOURCE_REMOVE,
				 REMOVE_MS, "remove");
	return command_source_end(&work, status);
}

static const struct command_option no_options[] = { { 0, NULL, NULL, NULL } };

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

static const struct command_option reset_options[] = {
	{ OPTION_YES, "yes", NULL, "do it; without it, only say what would happen" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_source_reset = {
	.noun = "source", .verb = "reset", .arguments = "SOURCE",
	.summary = "begin again, with a snapshot",
	.description = "Have a source forget how far it was and begin again: the way on from a gap. Its topics stay,\n"
		       "and every row comes again, behind a truncate for each table. Without --yes it only says\n"
		       "what would happen.\n",
	.options = reset_options,
	.examples = "  millstream source reset myapp --yes\n"
		    "  millstream source reset myapp --yes && millstream source info myapp\n",
	.run = run_reset,
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
