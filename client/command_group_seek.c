#include "client/command.h"
#include "client/command_output.h"
#include "client/command_start.h"
#include "client/command_table.h"
#include "protocol/array.h"
#include "protocol/limits.h"
#include "protocol/text_columns.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* group seek: have a group go on elsewhere. */

enum { OPTION_YES = 256 };

/* So many fit a request, whatever the topics' names. */
#define COMMIT_AT_ONCE 2048

struct target {
	char *topic;                    /* owned */
	uint32_t partition;
	uint64_t log_start;
	uint64_t visible_end;
	uint64_t committed;             /* UINT64_MAX: nothing */
	uint64_t offset;                /* the new one */
};

struct seek_work {
	const struct command *command;
	struct millstream_client *client;
	const char *group;
	struct command_start start;
	bool has_start;
	uint64_t partition;             /* UINT64_MAX: all */
	bool is_sure;
	struct target *targets;         /* owned, by topic and partition */
	size_t target_count;
	size_t member_count;
	bool has_failed;                /* memory ran out */
};

/* Of a time, the server is asked later. */
static uint64_t offset_of(const struct seek_work *work, const struct millstream_partition *partition)
{
	uint64_t kept = partition->visible_end - partition->log_start;
	if (work->start.kind == MILLSTREAM_START_BEGINNING)
		return partition->log_start;
	if (work->start.kind != MILLSTREAM_START_OFFSET)
		return partition->visible_end;
	if (work->start.number >= 0)
		return (uint64_t)work->start.number;
	return -(uint64_t)work->start.number < kept ? partition->visible_end + (uint64_t)work->start.number
					      : partition->log_start;
}

static int add_target(struct seek_work *work, const char *topic, uint32_t number,
		      const struct millstream_partition *partition)
{
	struct target *grown = array_grow(work->targets, work->target_count, sizeof(*work->targets));
	if (grown == NULL)
		return -1;
	work->targets = grown;
	struct target target = {
		.topic = strdup(topic), .partition = number, .log_start = partition->log_start,
		.visible_end = partition->visible_end, .committed = UINT64_MAX,
		.offset = offset_of(work, partition),
	};
	if (target.topic == NULL)
		return -1;
	work->targets[work->target_count++] = target;
	return 0;
}

static bool add_topic(void *user, const struct millstream_topic *topic)
{
	struct seek_work *work = user;
	for (uint32_t n = 0; n < topic->partition_count && !work->has_failed; n++)
		if (work->partition == UINT64_MAX || work->partition == n)
			work->has_failed = add_target(work, topic->name, n, &topic->partitions[n]) != 0;
	return !work->has_failed;
}

static int compare(const void *left, const void *right)
{
	const struct target *a = left, *b = right;
	int order = strcmp(a->topic, b->topic);
	return order != 0 ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

static bool count_member(void *user, const struct millstream_member *member)
{
	(void)member;
	((struct seek_work *)user)->member_count++;
	return true;
}

static bool note_committed(void *user, const struct millstream_group_partition *partition)
{
	struct seek_work *work = user;
	char topic[TOPIC_NAME_BYTES_MAX + 1];
	snprintf(topic, sizeof(topic), "%s", partition->topic);
	const struct target key = { .topic = topic, .partition = partition->partition };
	struct target *found = bsearch(&key, work->targets, work->target_count, sizeof(key), compare);
	if (found != NULL)
		found->committed = partition->committed;
	return true;
}

/* A name without a star has to be there; a misspelt one would be passed over. */
static int check_names(const struct seek_work *work, const char *const *topics, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool is_found = strchr(topics[i], '*') != NULL;
		for (size_t n = 0; n < work->target_count && !is_found; n++)
			is_found = strcmp(work->targets[n].topic, topics[i]) == 0;
		if (!is_found && work->partition != UINT64_MAX)
			return command_failed(work->command, "there is no topic '%s' with a partition %" PRIu64,
					      topics[i], work->partition);
		if (!is_found)
			return command_failed(work->command, "there is no topic '%s'", topics[i]);
	}
	return work->target_count > 0 ? COMMAND_DONE
				      : command_failed(work->command, "no partition of a topic matches");
}

static int find_targets(struct seek_work *work, const char *const *topics, size_t count)
{
	int code = millstream_topics(work->client, topics, count, add_topic, work, COMMAND_ANSWER_MS);
	if (code != MILLSTREAM_OK)
		return command_call_failed(work->command, work->client, "ask for the topics");
	if (work->has_failed)
		return command_failed(work->command, "out of memory");
	if (check_names(work, topics, count) != COMMAND_DONE)
		return COMMAND_FAILED;
	/* A group that is not there begins with this. */
	code = millstream_group_info(work->client, work->group, count_member, note_committed, work,
				     COMMAND_ANSWER_MS);
	if (code != MILLSTREAM_OK && code != MILLSTREAM_NOT_FOUND)
		return command_call_failed(work->command, work->client, "ask for group '%s'", work->group);
	if (work->member_count > 0)
		return command_failed(work->command, "group '%s' has %zu member%s, which would not move: end %s first "
						     "(millstream group info %s)", work->group, work->member_count,
				      work->member_count == 1 ? "" : "s", work->member_count == 1 ? "it" : "them",
				      work->group);
	return COMMAND_DONE;
}

static int check_targets(struct seek_work *work)
{
	for (size_t n = 0; n < work->target_count; n++) {
		struct target *target = &work->targets[n];
		struct millstream_offsets offsets;
		if (work->start.kind == MILLSTREAM_START_TIME) {
			if (millstream_offset_for_time(work->client, target->topic, target->partition, work->start.number,
						       COMMAND_ANSWER_MS, &offsets) != MILLSTREAM_OK)
				return command_call_failed(work->command, work->client, "ask for an offset of '%s'",
							   target->topic);
			target->offset = offsets.offset;
		} else if (target->offset < target->log_start || target->offset > target->visible_end) {
			return command_failed(work->command, "topic '%s', partition %" PRIu32 " has the offsets %" PRIu64
					      " to %" PRIu64 ", not %" PRIu64, target->topic, target->partition,
					      target->log_start, target->visible_end, target->offset);
		}
	}
	return COMMAND_DONE;
}

static int tell_plan(const struct seek_work *work)
{
	struct text_columns columns;
	struct text text;
	text_init(&text);
	text_add_format(&text, "Would have group %s go on at:\n", work->group);
	text_columns_begin(&columns, "lrrrr", "TOPIC|PARTITION|COMMITTED|NEW|END");
	for (size_t n = 0; n < work->target_count; n++) {
		const struct target *target = &work->targets[n];
		const uint64_t numbers[] = { target->partition, target->committed, target->offset,
					     target->visible_end };
		text_add_string(&columns.cells, target->topic);
		text_columns_end_cell(&columns);
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			if (numbers[i] != UINT64_MAX)
				text_add_u64(&columns.cells, numbers[i]);
			text_columns_end_cell(&columns);
		}
	}
	text_columns_write(&columns, "  ", &text);
	command_output_write(&text);
	text_columns_clear(&columns);
	text_clear(&text);
	fputs("Nothing is changed. Add --yes.\n", stderr);
	return COMMAND_FAILED;
}

static int commit_targets(const struct seek_work *work)
{
	struct millstream_offset offsets[COMMIT_AT_ONCE];
	for (size_t done = 0, count; done < work->target_count; done += count) {
		count = work->target_count - done < COMMIT_AT_ONCE ? work->target_count - done : COMMIT_AT_ONCE;
		for (size_t n = 0; n < count; n++)
			offsets[n] = (struct millstream_offset){
				.topic = work->targets[done + n].topic,
				.partition = work->targets[done + n].partition,
				.offset = work->targets[done + n].offset,
			};
		if (millstream_commit_offsets(work->client, work->group, offsets, count, COMMAND_ANSWER_MS) !=
		    MILLSTREAM_OK)
			return command_call_failed(work->command, work->client, "commit for '%s'", work->group);
	}
	return COMMAND_DONE;
}

static int read_options(struct command_arguments *arguments, struct seek_work *work)
{
	const char *value;
	int letter;
	while ((letter = command_arguments_next(arguments, &value)) > 0) {
		if (letter == OPTION_YES)
			work->is_sure = true;
		work->has_start |= letter == 'o';
		if (letter == 'o' && command_start_read(work->command, value, false, &work->start) != 0)
			return -1;
		if (letter == 'p' &&
		    command_number(work->command, "-p", value, 0, TOPIC_PARTITIONS_MAX - 1, &work->partition) != 0)
			return -1;
	}
	if (letter < 0)
		return -1;
	const char *missing = arguments->argc == 0 ? "which group?" : "of which topic?";
	if (arguments->argc < 2 || !work->has_start) {
		command_misused(work->command, "%s", arguments->argc < 2 ? missing : "where to? Say -o");
		return -1;
	}
	work->group = arguments->argv[0];
	for (int i = 1; i < arguments->argc; i++)
		if (command_pattern(work->command, arguments->argv[i]) != 0)
			return -1;
	return command_name(work->command, "group", work->group);
}

static int run_seek(struct command_arguments *arguments)
{
	struct seek_work work = { .command = arguments->command, .partition = UINT64_MAX };
	if (read_options(arguments, &work) != 0)
		return COMMAND_USAGE;
	int status = command_connect(arguments, NULL, &work.client);
	if (status == COMMAND_DONE)
		status = find_targets(&work, (const char *const *)arguments->argv + 1, (size_t)arguments->argc - 1);
	if (status == COMMAND_DONE)
		status = check_targets(&work);
	if (status == COMMAND_DONE)
		status = work.is_sure ? commit_targets(&work) : tell_plan(&work);
	for (size_t n = 0; n < work.target_count; n++)
		free(work.targets[n].topic);
	free(work.targets);
	millstream_close(work.client);
	return status;
}

static const struct command_option seek_options[] = {
	{ 'o', "offset", "WHERE", "beginning, end, N, -N (before the end), s@MS (time)" },
	{ 'p', "partition", "N", "this partition alone" },
	{ OPTION_YES, "yes", NULL, "do it; without it, only say what would happen" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_group_seek = {
	.noun = "group", .verb = "seek", .arguments = "GROUP TOPIC|PATTERN...",
	.summary = "have a group go on elsewhere",
	.description = "Commit other offsets for a group, which reads on from there when it begins again. Refused\n"
		       "while it has members. Without --yes it only says what would happen.\n",
	.options = seek_options,
	.examples = "  millstream group seek billing orders -o beginning --yes\n"
		    "  millstream group seek billing orders -p 0 -o -10 --yes\n",
	.run = run_seek,
};
