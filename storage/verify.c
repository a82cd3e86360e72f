#include "storage/verify.h"

#include "storage/guard.h"
#include "storage/verify_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void verify_tell(struct verify *verify)
{
	const struct verify_observer *observer = verify->observer;
	size_t count = verify->problem_count;
	if (count > VERIFY_RUN_PROBLEMS)
		count = VERIFY_RUN_PROBLEMS;
	for (size_t i = 0; i < count && observer->on_problem != NULL; i++)
		observer->on_problem(observer->user, &verify->problems[i]);
	verify->report.problems += verify->problem_count;
	if (verify->run_bytes >= verify->run_bytes_max && observer->on_progress != NULL)
		observer->on_progress(observer->user, verify->report.bytes,
				      verify->context.bytes_total);
	verify->problem_count = 0;
	verify->run_bytes = 0;
}

int verify_run(struct verify *verify, int (*body)(void *argument), void *argument)
{
	verify->err.code = ERROR_NONE;
	int rc = snapshot_run(&verify->snapshot, body, argument, &verify->err);
	verify_tell(verify);
	return rc;
}

bool verify_run_is_full(const struct verify *verify)
{
	return verify->run_bytes >= verify->run_bytes_max ||
	       verify->problem_count > VERIFY_RUN_PROBLEMS - VERIFY_STEP_PROBLEMS;
}

void verify_add(struct verify *verify, const char *table, uint32_t topic_id, uint32_t partition,
		uint64_t start_offset, uint64_t end_offset, const char *format, ...)
{
	size_t n = verify->problem_count++;
	if (n >= VERIFY_RUN_PROBLEMS)
		return;
	struct verify_problem *problem = &verify->problems[n];
	const struct verify_topic *topic = topic_id != 0 ? verify_topic(verify, topic_id) : NULL;
	*problem = (struct verify_problem){
		.table = table, .topic_id = topic_id, .partition = partition,
		.start_offset = start_offset, .end_offset = end_offset,
	};
	if (topic != NULL)
		snprintf(problem->topic, sizeof(problem->topic), "%s", topic->name);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
}

int verify_store_by_runs(struct store *store, uint64_t run_bytes_max,
			 const struct verify_observer *observer, struct verify_report *out,
			 struct error *err)
{
	static const struct verify_observer nobody;
	struct verify *verify = calloc(1, sizeof(*verify));
	if (verify == NULL)
		return error_set(err, ERROR_MEMORY, "checking the store");
	int rc = -1;
	verify->observer = observer != NULL ? observer : &nobody;
	verify->is_live = store->mode != STORE_INSPECT;
	verify->run_bytes_max = run_bytes_max;
	guard_install();
	if (snapshot_open(&verify->snapshot, store, &verify->err) == 0 &&
	    verify_tables(verify) == 0 && verify_log(verify) == 0)
		rc = 0;
	verify->report.is_whole = true;
	if (rc == 0)
		*out = verify->report;
	else if (err != NULL)
		*err = verify->err;
	snapshot_close(&verify->snapshot);
	verify_schemas_clear(verify);
	verify_context_clear(&verify->context);
	verify_context_clear(&verify->fresh);
	free(verify);
	return rc;
}

int verify_store(struct store *store, const struct verify_observer *observer,
		 struct verify_report *out, struct error *err)
{
	return verify_store_by_runs(store, VERIFY_RUN_BYTES, observer, out, err);
}
