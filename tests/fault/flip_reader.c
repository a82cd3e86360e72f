#include "tests/fault/flip_reader.h"

#include "protocol/crc32c.h"
#include "storage/reader_internal.h"
#include "storage/snapshot.h"
#include "storage/topics.h"
#include "storage/verify.h"
#include "tests/fault/log_check.h"
#include "tests/fault/log_model.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BATCHES_MAX = 4096,     /* of a partition */
	VALUES_MAX = 4096,      /* of the other tables */
	WORK_TIME_S = 60,
};

/* What a partition held when nothing was damaged. */
struct original {
	struct reader_ends ends;
	size_t batch_count;
	struct original_batch {
		uint64_t start_offset;
		uint64_t end_offset;
		uint64_t file_offset;
		uint64_t size;
		uint32_t checksum;
	} batches[BATCHES_MAX];
};

struct child {
	struct store *store;
	struct reader *reader;
	uint32_t topic_ids[FLIP_TOPICS];
	struct original originals[FLIP_TOPICS][FLIP_PARTITIONS_MAX];
	struct original_value {
		uint64_t file_offset;
		uint64_t size;
		int table;
	} values[VALUES_MAX];
	size_t value_count;
	uintptr_t map_start;
	uintptr_t map_end;
	struct original *at_hand;       /* the partition that is read */
	size_t seen_count;              /* of its batches, whole and right */
	struct flip_report report;
};

static void give_up(const char *what)
{
	perror(what);
	abort();
}

static void check(int rc, const char *what, const struct error *err)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "flip_reader: %s: %s\n", what, err->text);
	abort();
}

static void send_all(int fd, const void *data, size_t size)
{
	for (const uint8_t *at = data; size > 0;) {
		ssize_t done = write(fd, at, size);
		if (done <= 0)
			give_up("write");
		at += done;
		size -= (size_t)done;
	}
}

static bool receive_all(int fd, void *data, size_t size)
{
	for (uint8_t *at = data; size > 0;) {
		ssize_t done = read(fd, at, size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		size -= (size_t)done;
	}
	return true;
}

/* The child. */

/* The data file's pages are where the largest map of it is. */
static void find_map(struct child *child)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];

	if (maps == NULL)
		give_up("/proc/self/maps");
	while (fgets(line, sizeof(line), maps) != NULL) {
		uintptr_t start;
		uintptr_t end;
		if (strstr(line, "data.mdb") != NULL &&
		    sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &start, &end) == 2) {
			child->map_start = start;
			child->map_end = end;
		}
	}
	fclose(maps);
	if (child->map_start == 0) {
		fprintf(stderr, "flip_reader: the data file is not mapped\n");
		abort();
	}
}

/* A reader_sink: what is there when nothing is damaged. */
static int remember(void *user, const uint8_t *batch, size_t size, const struct batch_header *header)
{
	struct child *child = user;
	struct original *original = child->at_hand;
	const uintptr_t address = (uintptr_t)batch;

	if (original->batch_count == BATCHES_MAX || address < child->map_start ||
	    address + size > child->map_end)
		abort();
	original->batches[original->batch_count++] = (struct original_batch){
		.start_offset = header->base_offset,
		.end_offset = header->base_offset + header->last_offset_delta + 1,
		.file_offset = address - child->map_start,
		.size = size,
		.checksum = crc32c(0, batch, size),
	};
	return 0;
}

/* For snapshot_run: the values of all tables but the log. */
static int remember_values(void *user)
{
	struct child *child = user;
	struct snapshot *snapshot = reader_snapshot(child->reader);
	struct bytes key;
	struct bytes value;

	for (int table = 0; table < TABLE_COUNT; table++) {
		int found = table == TABLE_LOG ? 0
					       : snapshot_seek(snapshot, (enum table)table,
							       (struct bytes){ NULL, 0 }, &key, &value, NULL);
		for (; found == 1; found = snapshot_next(snapshot, (enum table)table, &key, &value, NULL)) {
			const uintptr_t address = (uintptr_t)value.data;
			if (child->value_count == VALUES_MAX || address < child->map_start ||
			    address + value.size > child->map_end)
				abort();
			child->values[child->value_count++] =
				(struct original_value){ address - child->map_start, value.size, table };
		}
		if (found < 0)
			return -1;
	}
	return 0;
}

static const struct original_batch *find(const struct original *original, uint64_t offset)
{
	for (size_t n = 0; n < original->batch_count; n++)
		if (original->batches[n].start_offset == offset)
			return &original->batches[n];
	return NULL;
}

/* A reader_sink: what is there now. */
static int compare(void *user, const uint8_t *batch, size_t size, const struct batch_header *header)
{
	struct child *child = user;
	const struct original_batch *original = find(child->at_hand, header->base_offset);

	if (original != NULL && original->size == size && original->checksum == crc32c(0, batch, size))
		child->seen_count++;
	else
		child->report.wrong_count++;
	return 0;
}

static void note(struct flip_report *report, int topic, uint32_t partition, uint64_t start_offset,
		 uint64_t end_offset)
{
	if (report->error_count < FLIP_RANGES_MAX)
		report->ranges[report->error_count] =
			(struct flip_range){ topic, partition, start_offset, end_offset };
	report->error_count++;
}

static size_t batches_within(const struct original *original, uint64_t start_offset,
			     uint64_t end_offset)
{
	size_t count = 0;

	for (size_t n = 0; n < original->batch_count; n++)
		count += original->batches[n].start_offset < end_offset &&
			 original->batches[n].end_offset > start_offset;
	return count;
}

/* Reads on behind what is damaged, as somebody would who must. */
static void read_partition(struct child *child, int topic, uint32_t partition)
{
	struct original *original = &child->originals[topic][partition];
	uint64_t offset = original->ends.log_start;
	struct reader_progress progress;
	size_t lost_count = 0;
	int rc;

	child->at_hand = original;
	child->seen_count = 0;
	for (;;) {
		struct error err = { 0 };
		progress = (struct reader_progress){ .next_offset = offset };
		rc = reader_read(child->reader, child->topic_ids[topic], partition, offset,
				 READER_BYTES_MAX, compare, child, &progress, &err);
		if (rc == 0 || (rc == 1 && progress.next_offset <= offset))
			break;
		offset = progress.next_offset;
		if (rc == 1)
			continue;
		uint64_t start = progress.damaged_start;
		uint64_t end = progress.damaged_end;
		if (err.code == ERROR_OFFSET_OUT_OF_RANGE || err.code == ERROR_NOT_FOUND || end <= start) {
			/* Nothing more of it can be had, and that is said. */
			note(&child->report, topic, partition, start, end);
			return;
		}
		note(&child->report, topic, partition, start, end);
		lost_count += batches_within(original, start, end);
		offset = end;
	}
	if (child->seen_count + lost_count < original->batch_count)
		child->report.lost_count++;
}

static void read_everything(struct child *child)
{
	for (int topic = 0; topic < MODEL_TOPICS; topic++)
		for (uint32_t n = 0; n < model_topics[topic].partition_count; n++)
			read_partition(child, topic, n);
}

static void on_problem(void *user, const struct verify_problem *problem)
{
	struct child *child = user;
	int topic = MODEL_TOPICS - 1;

	while (topic >= 0 && child->topic_ids[topic] != problem->topic_id)
		topic--;
	note(&child->report, topic, problem->partition, problem->start_offset, problem->end_offset);
}

static void verify_everything(struct child *child)
{
	const struct verify_observer observer = { .on_problem = on_problem, .user = child };
	struct verify_report report;
	struct error err = { 0 };

	if (verify_store(child->store, &observer, &report, &err) != 0)
		note(&child->report, -1, 0, 0, 0);
}

static void open_store(struct child *child, const char *directory)
{
	const struct store_options options = {
		.dir = directory,
		.mode = STORE_BESIDE,   /* there are two of us */
		.map_bytes = LOG_CHECK_MAP_BYTES,
	};
	struct error err = { 0 };
	struct topic topic;

	check(store_open(&child->store, &options, &err), "open", &err);
	check(reader_open(&child->reader, child->store, &err), "open a reader", &err);
	find_map(child);
	check(snapshot_run(reader_snapshot(child->reader), remember_values, child, &err), "read values", &err);
	for (int number = 0; number < MODEL_TOPICS; number++) {
		check(topics_describe(child->reader, model_topics[number].name, &topic, &err), "topic", &err);
		child->topic_ids[number] = topic.id;
		for (uint32_t n = 0; n < model_topics[number].partition_count; n++) {
			struct original *original = &child->originals[number][n];
			struct reader_progress progress;
			child->at_hand = original;
			check(reader_ends(child->reader, topic.id, n, &original->ends, &err), "ends", &err);
			uint64_t offset = original->ends.log_start;
			int rc;
			while ((rc = reader_read(child->reader, topic.id, n, offset, READER_BYTES_MAX,
						 remember, child, &progress, &err)) == 1)
				offset = progress.next_offset;
			check(rc, "read", &err);
		}
	}
}

static int by_file_offset(const void *a, const void *b)
{
	const struct flip_extent *x = a;
	const struct flip_extent *y = b;

	return x->file_offset < y->file_offset ? -1 : x->file_offset > y->file_offset;
}

static void send_extents(const struct child *child, int fd)
{
	struct flip_extent *extents =
		calloc((size_t)FLIP_TOPICS * FLIP_PARTITIONS_MAX * BATCHES_MAX + VALUES_MAX,
		       sizeof(*extents));
	size_t count = 0;

	if (extents == NULL)
		give_up("calloc");
	for (int topic = 0; topic < MODEL_TOPICS; topic++) {
		for (uint32_t n = 0; n < model_topics[topic].partition_count; n++) {
			const struct original *original = &child->originals[topic][n];
			for (size_t i = 0; i < original->batch_count; i++)
				extents[count++] = (struct flip_extent){
					.file_offset = original->batches[i].file_offset,
					.size = original->batches[i].size,
					.topic = topic,
					.partition = n,
					.start_offset = original->batches[i].start_offset,
					.end_offset = original->batches[i].end_offset,
				};
		}
	}
	for (size_t n = 0; n < child->value_count; n++)
		extents[count++] = (struct flip_extent){
			.file_offset = child->values[n].file_offset,
			.size = child->values[n].size,
			.topic = -1 - child->values[n].table,
		};
	qsort(extents, count, sizeof(*extents), by_file_offset);
	send_all(fd, &count, sizeof(count));
	send_all(fd, extents, count * sizeof(*extents));
	free(extents);
}

static void serve(const char *directory, int from, int to)
{
	static struct child child;
	enum flip_work work;

	open_store(&child, directory);
	send_extents(&child, to);
	while (receive_all(from, &work, sizeof(work))) {
		memset(&child.report, 0, sizeof(child.report));
		/* A walk in a circle must end, too. */
		alarm(WORK_TIME_S);
		if (work == FLIP_READ)
			read_everything(&child);
		else
			verify_everything(&child);
		alarm(0);
		send_all(to, &child.report, sizeof(child.report));
	}
	reader_close(child.reader);
	store_close(child.store);
}

/* The parent. */

void flip_reader_start(struct flip_reader *out, const char *directory)
{
	int down[2];
	int up[2];

	fflush(stdout);
	if (pipe(down) != 0 || pipe(up) != 0)
		give_up("pipe");
	out->pid = fork();
	if (out->pid < 0)
		give_up("fork");
	if (out->pid == 0) {
		close(down[1]);
		close(up[0]);
		serve(directory, down[0], up[1]);
		exit(EXIT_SUCCESS);
	}
	close(down[0]);
	close(up[1]);
	out->to = down[1];
	out->from = up[0];
}

struct flip_extent *flip_reader_extents(struct flip_reader *reader, size_t *out_count)
{
	struct flip_extent *extents = NULL;

	if (!receive_all(reader->from, out_count, sizeof(*out_count)) ||
	    (extents = calloc(*out_count + 1, sizeof(*extents))) == NULL ||
	    !receive_all(reader->from, extents, *out_count * sizeof(*extents)))
		give_up("the reading process");
	return extents;
}

bool flip_reader_work(struct flip_reader *reader, enum flip_work work, struct flip_report *out,
		      int *out_signal)
{
	int status;

	send_all(reader->to, &work, sizeof(work));
	if (receive_all(reader->from, out, sizeof(*out)))
		return true;
	if (waitpid(reader->pid, &status, 0) != reader->pid)
		give_up("waitpid");
	reader->pid = -1;
	*out_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return false;
}

void flip_reader_stop(struct flip_reader *reader)
{
	int status;

	close(reader->to);
	close(reader->from);
	if (reader->pid > 0 && waitpid(reader->pid, &status, 0) != reader->pid)
		give_up("waitpid");
}
