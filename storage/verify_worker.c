#include "storage/verify_child.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_text(FILE *file, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\t')
			fputs("\\t", file);
		else if (*text == '\n')
			fputs("\\n", file);
		else if (*text == '\\')
			fputs("\\\\", file);
		else
			fputc(*text, file);
	}
}

static void on_problem(void *user, const struct verify_problem *problem)
{
	FILE *file = user;
	fprintf(file, "problem\t%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu64 "\t%" PRIu64 "\t", problem->table,
		problem->topic_id, problem->partition, problem->start_offset, problem->end_offset);
	print_text(file, problem->topic);
	fputc('\t', file);
	print_text(file, problem->text);
	fputc('\n', file);
	fflush(file);
}

static void on_progress(void *user, uint64_t bytes_done, uint64_t bytes_total)
{
	FILE *file = user;
	fprintf(file, "progress\t%" PRIu64 "\t%" PRIu64 "\n", bytes_done, bytes_total);
	fflush(file);
}

static void on_place(void *user, const char *table, uint32_t topic_id, uint32_t partition,
		     uint64_t offset)
{
	FILE *file = user;
	fprintf(file, "at\t%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu64 "\n", table, topic_id, partition,
		offset);
	fflush(file);
}

static int failed(FILE *file, const struct error *err)
{
	fprintf(file, "failed\t%d\t", (int)err->code);
	print_text(file, err->text);
	fputc('\n', file);
	fclose(file);
	return error_exit_status(err->code);
}

int verify_worker(const char *dir, const char *mode, int fd)
{
	struct error err = { 0 };
	struct verify_report report;
	struct store *store;
	int own_fd = dup(fd);
	FILE *file = own_fd < 0 ? NULL : fdopen(own_fd, "w");
	if (file == NULL)
		return 1;
	struct verify_observer observer = { on_problem, on_progress, on_place, file };
	struct store_options options = {
		.dir = dir,
		.mode = strcmp(mode, VERIFY_WORKER_BESIDE) == 0 ? STORE_BESIDE : STORE_INSPECT,
	};
	if (store_open(&store, &options, &err) != 0)
		return failed(file, &err);
	int rc = verify_store(store, &observer, &report, &err);
	store_close(store);
	if (rc != 0)
		return failed(file, &err);
	fprintf(file, "done\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
		report.topics, report.partitions, report.batches, report.records, report.bytes,
		report.problems);
	return fclose(file) == 0 ? 0 : 1;
}
