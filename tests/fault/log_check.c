#include "tests/fault/log_check.h"

#include "storage/schemas.h"
#include "storage/sources.h"
#include "storage/topics.h"
#include "storage/verify.h"
#include "tests/fault/log_contents.h"
#include "tests/fault/log_run.h"
#include "tests/fault/must_alloc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct check {
	const struct log_model *model;
	const struct acks *acks;
	struct reader *reader;
	uint32_t topic_ids[MODEL_TOPICS];
	int stored_step[MODEL_SOURCES];
	bool is_made[MODEL_TOPICS];
	struct log_contents contents[MODEL_TOPICS][ACKS_PARTITIONS_MAX];
	uint64_t next_offset[MODEL_TOPICS][ACKS_PARTITIONS_MAX];
	int step;               /* at hand */
	struct error *err;
};

__attribute__((format(printf, 2, 3))) static int broken(struct error *err, const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return error_set(err, ERROR_CORRUPT, "%s", text);
}

/* What each source says of itself. */

static int check_position(struct check *check, int number, const struct source *source)
{
	const char *name = model_source_names[number];
	char text[32] = "";

	if (source->position_bytes >= sizeof(text))
		return broken(check->err, "source %s: a position of %zu bytes", name,
			      source->position_bytes);
	if (source->position != NULL)
		memcpy(text, source->position, source->position_bytes);
	const int step = atoi(text);
	if (step < 0 || step > check->model->step_count ||
	    (step > 0 && check->model->steps[step].source != number))
		return broken(check->err, "source %s: a position '%s' that it never had", name, text);
	const uint64_t ordinal = step > 0 ? check->model->steps[step].ordinal : 0;
	if (source->transaction_ordinal != ordinal)
		return broken(check->err,
			      "source %s: position %d, where ordinal %" PRIu64
			      " belongs, with ordinal %" PRIu64,
			      name, step, ordinal, source->transaction_ordinal);
	if (step < check->acks->stored_step[number])
		return broken(check->err, "source %s: step %d was acknowledged, stored is step %d", name,
			      check->acks->stored_step[number], step);
	check->stored_step[number] = step;
	return 0;
}

static int check_source(struct check *check, int number)
{
	const char *name = model_source_names[number];
	struct source source = { 0 };
	struct error problem = { 0 };

	if (sources_describe(check->reader, name, &source, &problem) != 0) {
		if (problem.code == ERROR_NOT_FOUND && !check->acks->is_registered[number])
			return 0;
		*check->err = problem;
		return error_context(check->err, "source %s", name);
	}
	int rc = check_position(check, number, &source);
	source_clear(&source);
	return rc;
}

/* Reading all topics. */

static int read_partition(struct check *check, int number, uint32_t topic_id, uint32_t partition)
{
	struct log_contents *contents = &check->contents[number][partition];
	const struct model_topic *model = &model_topics[number];
	const uint64_t promised = check->acks->visible_ends[number][partition];

	if (log_contents_read(contents, check->reader, topic_id, partition, check->err) != 0)
		goto fail;
	const struct reader_ends *ends = &contents->ends;
	if (ends->visible_end != ends->log_end) {
		broken(check->err, "visible end %" PRIu64 ", log end %" PRIu64, ends->visible_end,
		       ends->log_end);
		goto fail;
	}
	if (ends->visible_end < promised) {
		broken(check->err, "visible end %" PRIu64 ", but %" PRIu64 " was announced",
		       ends->visible_end, promised);
		goto fail;
	}
	if (ends->log_start > 0 && model->retention_bytes == NULL) {
		broken(check->err, "the log starts at %" PRIu64, ends->log_start);
		goto fail;
	}
	if (ends->log_start > 0 && ends->bytes < strtoull(model->retention_bytes, NULL, 10)) {
		broken(check->err, "retention left %" PRIu64 " bytes", ends->bytes);
		goto fail;
	}
	return 0;
fail:
	return error_context(check->err, "topic %s, partition %" PRIu32, model->name, partition);
}

static int read_topic(struct check *check, int number)
{
	const struct model_topic *model = &model_topics[number];
	struct topic topic;
	struct error problem = { 0 };

	if (topics_describe(check->reader, model->name, &topic, &problem) != 0) {
		if (problem.code == ERROR_NOT_FOUND && !check->acks->is_made[number])
			return 0;
		*check->err = problem;
		return error_context(check->err, "topic %s", model->name);
	}
	if (topic.partition_count != model->partition_count)
		return broken(check->err, "topic %s: %" PRIu32 " partitions", model->name,
			      topic.partition_count);
	check->is_made[number] = true;
	check->topic_ids[number] = topic.id;
	for (uint32_t partition = 0; partition < model->partition_count; partition++)
		if (read_partition(check, number, topic.id, partition) != 0)
			return -1;
	return 0;
}

/* Comparing. */

static bool same_bytes(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool same_content(const struct content *a, const struct content *b)
{
	return a->kind == b->kind && (a->kind == CONTENT_NIL || same_bytes(a->bytes, b->bytes));
}

static const char *difference(const struct record *found, const struct model_record *expected)
{
	if (!same_content(&found->key, &expected->key))
		return "key";
	if (!same_content(&found->value, &expected->value))
		return "value";
	if (!same_bytes(found->headers, expected->headers))
		return "headers";
	if (expected->time_us != 0 && found->time_us != expected->time_us)
		return "time";
	return NULL;
}

static int compare(const struct check *check, const struct model_record *expected, int number,
		   uint64_t offset, uint64_t ordinal)
{
	const struct log_contents *contents = &check->contents[expected->topic][expected->partition];
	const char *topic = model_topics[expected->topic].name;

	if (offset >= contents->ends.visible_end)
		return broken(check->err,
			      "%s/%" PRIu32 ": record %d of step %d, offset %" PRIu64
			      ", is not there: the log ends at %" PRIu64,
			      topic, expected->partition, number, check->step, offset,
			      contents->ends.visible_end);
	if (offset < contents->ends.log_start)
		return 0;
	const struct record *found = &contents->records[offset - contents->ends.log_start];
	const char *what = difference(found, expected);
	if (what != NULL)
		return broken(check->err, "%s/%" PRIu32 ": record %d of step %d, offset %" PRIu64
			      ", has another %s", topic, expected->partition, number, check->step, offset,
			      what);
	if (found->transaction_ordinal != ordinal)
		return broken(check->err, "%s/%" PRIu32 ": offset %" PRIu64 " has ordinal %" PRIu64
			      ", not %" PRIu64, topic, expected->partition, offset,
			      found->transaction_ordinal, ordinal);
	return 0;
}

/* A model_visit: the next record of its partition. */
static int check_captured(void *user, int number, const struct model_record *expected)
{
	struct check *check = user;

	if (!check->is_made[expected->topic])
		return broken(check->err, "step %d is stored, its topic is not", check->step);
	return compare(check, expected, number,
		       check->next_offset[expected->topic][expected->partition]++,
		       check->model->steps[check->step].ordinal);
}

static int check_schema(struct check *check, int number)
{
	struct bytes expected = log_model_schema(check->model, number);
	msgpack_sbuffer found;
	int rc;

	msgpack_sbuffer_init(&found);
	rc = schemas_read(check->reader, (uint32_t)number + 1, &found, check->err);
	if (rc == 0 && (found.size != expected.size || memcmp(found.data, expected.data, found.size) != 0))
		rc = broken(check->err, "it is another one");
	msgpack_sbuffer_destroy(&found);
	return rc == 0 ? 0 : error_context(check->err, "schema %d of step %d", number, check->step);
}

static int check_transactions(struct check *check)
{
	for (int number = 1; number <= check->model->step_count; number++) {
		const struct model_step *step = &check->model->steps[number];
		if (step->source < 0 || number > check->stored_step[step->source])
			continue;
		check->step = number;
		if (log_model_records(check->model, number, check_captured, check) != 0 ||
		    (step->schema >= 0 && check_schema(check, step->schema) != 0))
			return -1;
	}
	for (int topic = 0; topic < MODEL_TOPICS; topic++)
		for (uint32_t n = 0; model_topics[topic].source >= 0 && n < ACKS_PARTITIONS_MAX; n++)
			if (check->contents[topic][n].ends.log_end != check->next_offset[topic][n])
				return broken(check->err,
					      "%s/%" PRIu32 ": %" PRIu64 " records belong there, the log ends at %"
					      PRIu64, model_topics[topic].name, n, check->next_offset[topic][n],
					      check->contents[topic][n].ends.log_end);
	return 0;
}

/* Published records.  Which of the steps are there is not known beforehand;
 * found_count counts the records of each, and they must come in order. */

struct published {
	struct check *check;
	const struct record *found;
	int topic;
	uint32_t partition;
	int *found_count;
};

static int check_published_record(void *user, int number, const struct model_record *expected)
{
	const struct published *published = user;
	const struct check *check = published->check;
	const struct acks_publish *publish = &check->acks->published[check->step];

	if (expected->topic != published->topic || expected->partition != published->partition)
		return broken(check->err, "record %d of step %d is in another partition", number,
			      check->step);
	if (publish->ends[number] != 0 && publish->ends[number] != published->found->offset + 1)
		return broken(check->err, "record %d of step %d is at offset %" PRIu64 ", not %" PRIu64,
			      number, check->step, published->found->offset, publish->ends[number] - 1);
	return compare(check, expected, number, published->found->offset, 0);
}

static int check_published_partition(struct published *published)
{
	struct check *check = published->check;
	const struct log_contents *contents = &check->contents[published->topic][published->partition];
	int last_step = 0;
	int last_number = -1;
	int number;

	for (size_t n = 0; n < contents->record_count; n++) {
		published->found = &contents->records[n];
		if (log_model_recognize(&published->found->value, &check->step, &number) != 0 ||
		    check->step < 1 || check->step > check->model->step_count ||
		    check->model->steps[check->step].source >= 0 ||
		    number >= check->model->steps[check->step].record_count)
			return broken(check->err, "offset %" PRIu64 " was never published",
				      published->found->offset);
		if (check->step < last_step || (check->step == last_step && number <= last_number))
			return broken(check->err, "record %d of step %d comes after record %d of step %d",
				      number, check->step, last_number, last_step);
		if (check->acks->published[check->step].attempt == ATTEMPT_NONE ||
		    check->acks->published[check->step].attempt == ATTEMPT_REFUSED)
			return broken(check->err, "step %d is there, but was %s", check->step,
				      check->acks->published[check->step].attempt == ATTEMPT_NONE
					      ? "never submitted"
					      : "refused");
		if (log_model_record(check->model, check->step, number, check_published_record,
				     published) != 0)
			return -1;
		last_step = check->step;
		last_number = number;
		published->found_count[check->step]++;
	}
	return 0;
}

static int check_published_steps(struct check *check, const int *found_count)
{
	for (int number = 1; number <= check->model->step_count; number++) {
		const int count = check->model->steps[number].record_count;
		const enum acks_attempt attempt = check->acks->published[number].attempt;
		if (check->model->steps[number].source >= 0)
			continue;
		if (found_count[number] != 0 && found_count[number] != count)
			return broken(check->err, "published step %d: %d records of %d", number,
				      found_count[number], count);
		if (attempt == ATTEMPT_DURABLE && found_count[number] != count)
			return broken(check->err, "published step %d was acknowledged and is not there",
				      number);
	}
	return 0;
}

static int check_published(struct check *check)
{
	struct published published = { .check = check };
	int rc = 0;

	published.found_count =
		must_realloc(NULL, ((size_t)check->model->step_count + 1) * sizeof(int));
	for (int topic = 0; topic < MODEL_TOPICS && rc == 0; topic++) {
		published.topic = topic;
		for (uint32_t n = 0; n < ACKS_PARTITIONS_MAX && rc == 0; n++) {
			published.partition = n;
			if (model_topics[topic].source < 0)
				rc = check_published_partition(&published);
		}
	}
	if (rc == 0)
		rc = check_published_steps(check, published.found_count);
	free(published.found_count);
	return rc;
}

/* The engine's own opinion. */

struct opinion {
	struct verify_problem first;
	uint64_t count;
};

static void on_problem(void *user, const struct verify_problem *problem)
{
	struct opinion *opinion = user;

	if (opinion->count++ == 0)
		opinion->first = *problem;
}

/* Beside an appender, retention may take records that were there when they were read. */
static int count_expired(const struct check *check, uint64_t *out)
{
	struct reader_ends ends;
	uint64_t count = 0;

	for (int topic = 0; topic < MODEL_TOPICS; topic++) {
		for (uint32_t n = 0; n < model_topics[topic].partition_count; n++) {
			if (check->contents[topic][n].record_count == 0)
				continue;
			if (reader_ends(check->reader, check->topic_ids[topic], n, &ends, check->err) != 0)
				return -1;
			count += ends.log_start - check->contents[topic][n].ends.log_start;
		}
	}
	*out = count;
	return 0;
}

static int check_verify(const struct check *check, struct store *store)
{
	struct opinion opinion = { 0 };
	const struct verify_observer observer = { .on_problem = on_problem, .user = &opinion };
	struct verify_report report;
	uint64_t record_count = 0;
	uint64_t expired_count;

	if (verify_store(store, &observer, &report, check->err) != 0)
		return error_context(check->err, "verify");
	if (report.problems != 0 || opinion.count != 0)
		return broken(check->err, "verify found %" PRIu64 " problems: table %s, topic '%s', "
			      "offsets %" PRIu64 " to %" PRIu64 ": %.200s", report.problems,
			      opinion.first.table, opinion.first.topic, opinion.first.start_offset,
			      opinion.first.end_offset, opinion.first.text);
	for (int topic = 0; topic < MODEL_TOPICS; topic++)
		for (int n = 0; n < ACKS_PARTITIONS_MAX; n++)
			record_count += check->contents[topic][n].record_count;
	if (count_expired(check, &expired_count) != 0)
		return -1;
	if (report.records > record_count || report.records + expired_count < record_count)
		return broken(check->err, "verify saw %" PRIu64 " records of %" PRIu64 ", of which %" PRIu64
			      " may be gone", report.records, record_count, expired_count);
	return 0;
}

static int check_all(struct check *check, struct store *store)
{
	for (int source = 0; source < MODEL_SOURCES; source++)
		if (check_source(check, source) != 0)
			return -1;
	for (int topic = 0; topic < MODEL_TOPICS; topic++)
		if (read_topic(check, topic) != 0)
			return -1;
	if (check_transactions(check) != 0 || check_published(check) != 0)
		return -1;
	return check_verify(check, store);
}

int log_check(struct store *store, const struct log_model *model, const struct acks *acks,
	      struct error *err)
{
	struct check check = { .model = model, .acks = acks, .err = err };

	if (reader_open(&check.reader, store, err) != 0)
		return -1;
	int rc = check_all(&check, store);
	for (int topic = 0; topic < MODEL_TOPICS; topic++)
		for (int n = 0; n < ACKS_PARTITIONS_MAX; n++)
			log_contents_clear(&check.contents[topic][n]);
	reader_close(check.reader);
	return rc;
}

int log_check_open(struct store **out, const char *directory, struct error *err)
{
	const struct store_options options = {
		.dir = directory,
		.mode = STORE_SERVE,
		.map_bytes = LOG_CHECK_MAP_BYTES,
		.ballast_bytes = LOG_CHECK_BALLAST_BYTES,
	};

	return store_open(out, &options, err);
}

static int write_more(struct store *store, const struct log_model *model, struct acks *acks,
		      int more_steps, struct error *err)
{
	struct log_run run;
	int last = 0;

	if (log_run_start(&run, model, store, acks, -1, err) != 0)
		return error_context(err, "go on after the fault");
	for (int source = 0; source < MODEL_SOURCES; source++)
		if (run.stored_step[source] > last)
			last = run.stored_step[source];
	int rc = log_run_steps(&run, 1, last + more_steps, err);
	log_run_stop(&run);
	return rc == 0 ? 0 : error_context(err, "write after the fault");
}

int log_check_directory(const char *directory, const struct log_model *model, struct acks *acks,
			int more_steps, bool again, struct error *err)
{
	struct store *store = NULL;
	int rc = -1;

	if (log_check_open(&store, directory, err) != 0)
		return error_context(err, "open after the fault");
	if (log_check(store, model, acks, err) != 0)
		goto fail;
	if (more_steps > 0 && (write_more(store, model, acks, more_steps, err) != 0 ||
			       log_check(store, model, acks, err) != 0))
		goto fail;
	if (again) {
		store_close(store);
		store = NULL;
		if (log_check_open(&store, directory, err) != 0 ||
		    log_check(store, model, acks, err) != 0)
			goto fail;
	}
	rc = 0;
fail:
	store_close(store);
	return rc;
}
