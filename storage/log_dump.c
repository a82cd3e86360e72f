#include "storage/log_dump.h"

#include "storage/log_output.h"
#include "storage/log_overview.h"
#include "storage/log_records.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct dump {
	const char *dir;
	bool has_offset;
	struct log_records_options records;
};

static int read_option(struct dump *dump, const struct log_arguments *arguments,
		       const struct log_option *option, const char *value)
{
	struct log_records_options *records = &dump->records;
	uint64_t number;
	if (strcmp(option->name, "json") == 0) {
		records->as_json = true;
	} else if (strcmp(option->name, "partition") == 0) {
		if (log_arguments_number(arguments, option, value, UINT32_MAX, &number) != 0)
			return -1;
		records->partition = (uint32_t)number;
		records->has_partition = true;
	} else if (strcmp(option->name, "offset") == 0) {
		dump->has_offset = true;
		return log_arguments_number(arguments, option, value, UINT64_MAX, &records->offset);
	} else {
		records->has_count = true;
		return log_arguments_number(arguments, option, value, UINT64_MAX, &records->count);
	}
	return 0;
}

static int read_arguments(struct dump *dump, const struct log_command *command, int argc,
			  char **argv)
{
	struct log_arguments arguments = log_arguments_begin(command, argc, argv);
	const struct log_option *option;
	const char *value;
	int rc;
	while ((rc = log_arguments_next(&arguments, &option, &value)) == 1) {
		if (option != NULL && read_option(dump, &arguments, option, value) != 0)
			return -1;
		if (option != NULL)
			continue;
		if (dump->dir == NULL)
			dump->dir = value;
		else if (dump->records.topic == NULL)
			dump->records.topic = value;
		else
			return log_command_misused(command, "one topic at a time: what is '%s'?",
						   value), -1;
	}
	if (rc < 0)
		return -1;
	const struct log_records_options *records = &dump->records;
	if (dump->dir == NULL)
		return log_command_misused(command, "which data directory? usage: millstream-log %s %s",
					   command->name, command->arguments), -1;
	if (records->topic == NULL && (records->has_partition || dump->has_offset || records->has_count))
		return log_command_misused(command, "--partition, --offset and --count need a TOPIC"), -1;
	return 0;
}

static int run(const struct log_command *command, int argc, char **argv)
{
	struct dump dump = { 0 };
	struct store *store;
	struct error err = { 0 };
	uint64_t damaged_count = 0;
	if (read_arguments(&dump, command, argc, argv) != 0)
		return LOG_EXIT_USAGE;
	log_output_begin();
	struct store_options options = { .dir = dump.dir, .mode = STORE_INSPECT };
	if (store_open(&store, &options, &err) != 0)
		return log_command_failed(command, &err);
	int rc = dump.records.topic == NULL
			 ? log_overview_write(store, dump.records.as_json, &damaged_count, &err)
			 : log_records_write(store, &dump.records, &damaged_count, &err);
	store_close(store);
	if (rc != 0)
		return log_command_failed(command, &err);
	if (damaged_count == 0)
		return 0;
	fflush(stdout);
	fprintf(stderr, "millstream-log dump: %" PRIu64 " damaged place%s; see 'millstream-log verify %s'\n",
		damaged_count, damaged_count == 1 ? "" : "s", dump.dir);
	return LOG_EXIT_FAILED;
}

static const struct log_option options[] = {
	{ "partition", "N", "this partition of the topic alone" },
	{ "offset", "N", "begin at this offset" },
	{ "count", "N", "stop after this many records" },
	{ "json", NULL, "an object a line, for programs" },
	{ NULL, NULL, NULL },
};

const struct log_command log_dump_command = {
	.name = "dump",
	.arguments = "DIR [TOPIC]",
	.summary = "show what a data directory holds",
	.description = "Show what the data directory DIR holds: its topics, partitions, sources, groups and\n"
		       "schemas; or, with a TOPIC, its batches and the records in them.  Values are cut at\n"
		       "1024 bytes; --json has them whole.\n",
	.options = options,
	.examples = "  millstream-log dump /var/lib/millstream\n"
		    "  millstream-log dump /var/lib/millstream myapp.public.users --offset 100 --count 5\n",
	.run = run,
};
