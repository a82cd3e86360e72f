#include "storage/log_verify.h"

#include "storage/log_json.h"
#include "storage/log_output.h"
#include "storage/log_progress.h"
#include "storage/log_text.h"
#include "storage/verify_child.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

struct verification {
	const char *dir;
	bool as_json;
	struct text text;
	struct log_progress progress;
	struct error err;               /* memory ran out while a line was made */
};

static void json_problem(struct text *text, const struct verify_problem *problem)
{
	struct json json = log_json_begin(text, "problem");
	log_json_string(&json, "table", problem->table);
	log_json_string(&json, "topic", problem->topic[0] != '\0' ? problem->topic : NULL);
	log_json_u64(&json, "topic_id", problem->topic_id);
	log_json_u64(&json, "partition", problem->partition);
	log_json_u64(&json, "start_offset", problem->start_offset);
	log_json_u64(&json, "end_offset", problem->end_offset);
	log_json_string(&json, "text", problem->text);
	log_json_end(&json);
}

/* "log  myapp.public.users/3  offsets 7-9: …". */
static void text_problem(struct text *text, const struct verify_problem *problem)
{
	text_add_string(text, problem->table);
	if (problem->topic[0] != '\0' || problem->topic_id != 0) {
		text_add_string(text, "  ");
		if (problem->topic[0] != '\0')
			log_text_name(text, bytes_of_text(problem->topic));
		else
			text_add_format(text, "(topic %" PRIu32 ")", problem->topic_id);
		text_add_format(text, "/%" PRIu32, problem->partition);
	}
	if (problem->end_offset > problem->start_offset) {
		text_add_string(text, "  ");
		log_text_offsets(text, problem->start_offset, problem->end_offset);
	} else if (problem->start_offset > 0) {
		text_add_format(text, "  offset %" PRIu64 " or behind it", problem->start_offset);
	}
	text_add_string(text, ": ");
	log_text_message(text, problem->text);
	text_add_byte(text, '\n');
}

static void on_problem(void *user, const struct verify_problem *problem)
{
	struct verification *verification = user;
	if (!log_output_is_wanted())
		return;
	log_progress_hide(&verification->progress);
	(verification->as_json ? json_problem : text_problem)(&verification->text, problem);
	log_output_write(&verification->text, &verification->err);
}

static void on_progress(void *user, uint64_t bytes_done, uint64_t bytes_total)
{
	struct verification *verification = user;
	log_progress_show(&verification->progress, bytes_done, bytes_total);
}

static void json_summary(struct text *text, const struct verify_report *report)
{
	struct json json = log_json_begin(text, "summary");
	log_json_u64(&json, "topics", report->topics);
	log_json_u64(&json, "partitions", report->partitions);
	log_json_u64(&json, "batches", report->batches);
	log_json_u64(&json, "records", report->records);
	log_json_u64(&json, "bytes", report->bytes);
	log_json_u64(&json, "problems", report->problems);
	log_json_bool(&json, "whole", report->is_whole);
	log_json_end(&json);
}

static void add_count(struct text *text, uint64_t count, const char *one, const char *many)
{
	text_add_format(text, "%" PRIu64 " %s", count, count == 1 ? one : many);
}

/* "no problems in 3 topics, 12 partitions, 400 batches, 9000 records, 1.2 GiB". */
static void text_summary(struct text *text, const struct verify_report *report)
{
	if (report->problems == 0)
		text_add_string(text, "no problems");
	else
		add_count(text, report->problems, "problem", "problems");
	if (!report->is_whole) {
		text_add_string(text, ", the last of which ended the check: what lies behind it is not "
				      "checked\n");
		return;
	}
	text_add_string(text, " in ");
	add_count(text, report->topics, "topic", "topics");
	text_add_string(text, ", ");
	add_count(text, report->partitions, "partition", "partitions");
	text_add_string(text, ", ");
	add_count(text, report->batches, "batch", "batches");
	text_add_string(text, ", ");
	add_count(text, report->records, "record", "records");
	text_add_string(text, ", ");
	log_text_size(text, report->bytes);
	text_add_byte(text, '\n');
}

/* 0: the check came to its end, or nobody wants its end; -1. */
static int check(struct verification *verification, struct verify_report *out, struct error *err)
{
	const struct verify_observer observer = {
		.on_problem = on_problem, .on_progress = on_progress, .user = verification,
	};
	struct verify_child *child;
	struct pollfd child_fd = { .events = POLLIN };
	int rc = 1;
	if (verify_child_start(&child, "/proc/self/exe", VERIFY_WORKER_INSPECT, verification->dir,
			       &observer, err) != 0)
		return -1;
	child_fd.fd = verify_child_fd(child);
	/* poll, not verify_child_read, waits: it comes back when ^C is pressed. */
	while (rc == 1 && log_output_is_wanted())
		if (poll(&child_fd, 1, -1) > 0)
			rc = verify_child_read(child, out, err);
	verify_child_stop(child);
	return rc < 0 ? -1 : 0;
}

static int verify(const struct log_command *command, struct verification *verification)
{
	struct verify_report report = { 0 };
	struct error err = { 0 };
	log_output_begin();
	text_init(&verification->text);
	log_progress_begin(&verification->progress, "verified");
	int rc = check(verification, &report, &err);
	log_progress_end(&verification->progress);
	if (rc == 0 && log_output_is_wanted()) {
		(verification->as_json ? json_summary : text_summary)(&verification->text, &report);
		rc = log_output_write(&verification->text, &err);
	}
	text_clear(&verification->text);
	if (rc == 0 && verification->err.code != ERROR_NONE) {
		err = verification->err;
		rc = -1;
	}
	/* An interrupted check is no failed one: log_output_end ends it. */
	if (rc != 0 && log_output_is_wanted())
		return log_command_failed(command, &err);
	return report.problems == 0 ? 0 : LOG_EXIT_FAILED;
}

static int run(const struct log_command *command, int argc, char **argv)
{
	struct verification verification = { 0 };
	struct log_arguments arguments = log_arguments_begin(command, argc, argv);
	const struct log_option *option;
	const char *value;
	int rc;
	/* The process that verify_child starts. */
	if (argc == 4 && strcmp(argv[1], "--worker") == 0)
		return verify_worker(argv[3], argv[2], STDOUT_FILENO);
	while ((rc = log_arguments_next(&arguments, &option, &value)) == 1) {
		if (option != NULL)
			verification.as_json = true;
		else if (verification.dir == NULL)
			verification.dir = value;
		else
			return log_command_misused(command, "one directory at a time: what is '%s'?",
						   value);
	}
	if (rc < 0)
		return LOG_EXIT_USAGE;
	if (verification.dir == NULL)
		return log_command_misused(command, "which data directory? usage: millstream-log %s %s",
					   command->name, command->arguments);
	return verify(command, &verification);
}

static const struct log_option options[] = {
	{ "json", NULL, "an object a line, for programs" },
	{ NULL, NULL, NULL },
};

const struct log_command log_verify_command = {
	.name = "verify",
	.arguments = "DIR",
	.summary = "check every byte of a data directory",
	.description = "Read everything in the data directory DIR, and check every checksum, every record,\n"
		       "and what must hold between the tables.  Each problem is a line; exit status 0\n"
		       "means that there is none, 1 that there are some.  Changes nothing.\n",
	.options = options,
	.examples = "  millstream-log verify /var/lib/millstream\n"
		    "  millstream-log verify /var/lib/millstream --json\n",
	.run = run,
};
