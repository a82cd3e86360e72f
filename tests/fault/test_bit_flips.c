/* Single bits of a log's file are turned over while a process has it open: each
 * one in a stored batch must be reported, by reading and by verifying, with the
 * offsets it costs; none may end the process that reads, or give it something
 * else than was written. */
#include "tests/fault/flip_reader.h"
#include "tests/fault/log_check.h"
#include "tests/fault/log_run.h"
#include "tests/fault/fault_points.h"
#include "storage/environment.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_amount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	STEPS = 1900,           /* some 20 MB */
	SHOWN_MAX = 10,
};

struct fixture {
	char *directory;
	char data[4096];
	uint64_t seed;
	int fd;                 /* of the data file */
	uint64_t file_bytes;
	struct flip_extent *extents;
	size_t extent_count;
	struct flip_reader reader;
	struct flip_reader verifier;
};

struct tally {
	int flips;
	int live;               /* in a batch */
	int values;             /* in a value of another table */
	int crashed;
	int wrong;              /* read otherwise than written, or missing without a word */
	int unread;             /* live, and not reported by reading */
	int unverified;
	int verifier_died;
	int shown;
};

static void write_log(struct fixture *fixture)
{
	struct log_model model;
	struct acks acks;
	struct log_run run;
	struct store *store;
	struct error err = { 0 };

	log_model_init(&model, fixture->seed, STEPS);
	acks_init(&acks, STEPS);
	if (log_check_open(&store, fixture->data, &err) != 0 ||
	    log_run_start(&run, &model, store, &acks, -1, &err) != 0 ||
	    log_run_steps(&run, 1, STEPS, &err) != 0)
		fail_msg("write the log: %s", err.text);
	log_run_stop(&run);
	store_close(store);
	acks_clear(&acks);
	log_model_clear(&model);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[4200];
	struct stat status;
	size_t count;

	*state = fixture;
	fixture->seed = fault_seed(1);
	fixture->directory = temp_dir_create_in_memory();
	snprintf(fixture->data, sizeof(fixture->data), "%s/data", fixture->directory);
	write_log(fixture);
	snprintf(path, sizeof(path), "%s/log/data.mdb", fixture->data);
	fixture->fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(fixture->fd, &status), 0);
	fixture->file_bytes = (uint64_t)status.st_size;
	flip_reader_start(&fixture->reader, fixture->data);
	fixture->extents = flip_reader_extents(&fixture->reader, &fixture->extent_count);
	flip_reader_start(&fixture->verifier, fixture->data);
	free(flip_reader_extents(&fixture->verifier, &count));
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	flip_reader_stop(&fixture->verifier);
	flip_reader_stop(&fixture->reader);
	close(fixture->fd);
	free(fixture->extents);
	temp_dir_destroy(fixture->directory);
	free(fixture);
	return 0;
}

static void flip(const struct fixture *fixture, uint64_t bit)
{
	uint8_t byte;

	assert_int_equal(pread(fixture->fd, &byte, 1, (off_t)(bit / 8)), 1);
	byte ^= (uint8_t)(1u << bit % 8);
	assert_int_equal(pwrite(fixture->fd, &byte, 1, (off_t)(bit / 8)), 1);
}

static const struct flip_extent *find_extent(const struct fixture *fixture, uint64_t at)
{
	for (size_t n = 0; n < fixture->extent_count; n++) {
		const struct flip_extent *extent = &fixture->extents[n];
		if (at >= extent->file_offset && at < extent->file_offset + extent->size)
			return extent;
	}
	return NULL;
}

static bool is_batch(const struct flip_extent *extent)
{
	return extent != NULL && extent->topic >= 0;
}

static bool names(const struct flip_report *report, const struct flip_extent *extent)
{
	/* A value's problem has no offsets. */
	if (!is_batch(extent))
		return report->error_count > 0;
	for (int n = 0; n < report->error_count && n < FLIP_RANGES_MAX; n++)
		if (report->ranges[n].topic == extent->topic &&
		    report->ranges[n].partition == extent->partition &&
		    report->ranges[n].start_offset <= extent->start_offset &&
		    report->ranges[n].end_offset >= extent->end_offset)
			return true;
	return false;
}

static void show(struct tally *tally, uint64_t bit, const char *what)
{
	if (tally->shown++ < SHOWN_MAX)
		printf("# bit %" PRIu64 " (page %" PRIu64 ", byte %" PRIu64 " of it): %s\n", bit,
		       bit / 8 / 4096, bit / 8 % 4096, what);
}

static void restart(struct flip_reader *reader, const char *directory)
{
	size_t count;

	flip_reader_stop(reader);
	flip_reader_start(reader, directory);
	free(flip_reader_extents(reader, &count));
}

static void expect_reading_reports(struct fixture *fixture, struct tally *tally, uint64_t bit,
				   const struct flip_extent *extent, bool *out_died)
{
	struct flip_report report;
	int signal;

	*out_died = !flip_reader_work(&fixture->reader, FLIP_READ, &report, &signal);
	if (*out_died) {
		tally->crashed++;
		show(tally, bit, signal != 0 ? strsignal(signal) : "the reading process ended");
		return;
	}
	if (report.wrong_count > 0 || report.lost_count > 0) {
		tally->wrong++;
		show(tally, bit, report.wrong_count > 0 ? "read otherwise than written"
							: "missing without a word");
	}
	if (is_batch(extent) && !names(&report, extent)) {
		tally->unread++;
		show(tally, bit, "not reported by reading");
	}
}

static void expect_verifying_reports(struct fixture *fixture, struct tally *tally, uint64_t bit,
				     const struct flip_extent *extent, bool *out_died)
{
	struct flip_report report;
	int signal;

	*out_died = !flip_reader_work(&fixture->verifier, FLIP_VERIFY, &report, &signal);
	if (*out_died) {
		/* That is why a server verifies in a process of its own: it is a report. */
		tally->verifier_died++;
		if (extent != NULL)
			show(tally, bit, "verifying ended its process");
		return;
	}
	if (extent != NULL && !names(&report, extent)) {
		tally->unverified++;
		show(tally, bit, "not reported by verify");
	}
}

static void try_bit(struct fixture *fixture, struct tally *tally, uint64_t bit)
{
	const struct flip_extent *extent = find_extent(fixture, bit / 8);
	bool reader_died;
	bool verifier_died;

	tally->flips++;
	tally->live += is_batch(extent);
	tally->values += extent != NULL && !is_batch(extent);
	flip(fixture, bit);
	expect_reading_reports(fixture, tally, bit, extent, &reader_died);
	expect_verifying_reports(fixture, tally, bit, extent, &verifier_died);
	flip(fixture, bit);
	if (reader_died)
		restart(&fixture->reader, fixture->data);
	if (verifier_died)
		restart(&fixture->verifier, fixture->data);
}

static void expect_nothing_to_report(struct fixture *fixture)
{
	struct flip_report report;
	int signal;

	assert_true(flip_reader_work(&fixture->reader, FLIP_READ, &report, &signal));
	assert_int_equal(report.error_count + report.wrong_count + report.lost_count, 0);
	assert_true(flip_reader_work(&fixture->verifier, FLIP_VERIFY, &report, &signal));
	assert_int_equal(report.error_count, 0);
}

static void each_flipped_bit_of_a_batch_is_reported_and_none_is_fatal(void **state)
{
	struct fixture *fixture = *state;
	struct random random = random_seeded(fixture->seed, 1);
	struct tally tally = { 0 };
	const int flip_count = test_amount(30, 1000, 10000);

	expect_nothing_to_report(fixture);
	for (int n = 0; n < flip_count; n++)
		try_bit(fixture, &tally, random_below(&random, fixture->file_bytes * 8));
	expect_nothing_to_report(fixture);
	printf("# %d bits of %" PRIu64 " bytes, %d of them in batches: %d crashed the reader, %d gave wrong "
	       "data, %d not reported by reading, %d not by verify, which died of %d\n",
	       tally.flips, fixture->file_bytes, tally.live, tally.crashed, tally.wrong, tally.unread,
	       tally.unverified, tally.verifier_died);
	assert_true(tally.live > flip_count / 4);
	assert_int_equal(tally.crashed, 0);
	assert_int_equal(tally.wrong, 0);
	assert_int_equal(tally.unread, 0);
	assert_int_equal(tally.unverified, 0);
}

/* The bits around the batches are few, and matter most: LMDB's own. */
static void flipped_bits_of_page_heads_and_table_pages_are_not_fatal(void **state)
{
	struct fixture *fixture = *state;
	struct random random = random_seeded(fixture->seed, 2);
	struct tally tally = { 0 };
	const int flip_count = test_amount(30, 500, 10000);

	while (tally.flips < flip_count) {
		uint64_t page = random_below(&random, fixture->file_bytes / 4096);
		/* Its head and the first of the places that it lists; for the first
		 * pages, anything. */
		uint64_t at = page * 4096 + random_below(&random, page < 2 ? 160 : 64);
		if (!is_batch(find_extent(fixture, at)))
			try_bit(fixture, &tally, at * 8 + random_below(&random, 8));
	}
	expect_nothing_to_report(fixture);
	printf("# %d bits: %d crashed the reader, %d gave wrong data, verify died of %d\n", tally.flips,
	       tally.crashed, tally.wrong, tally.verifier_died);
	assert_int_equal(tally.crashed, 0);
	assert_int_equal(tally.wrong, 0);
}

/* A value of the table that topic stands for, or NULL: it has none. */
static const struct flip_extent *choose_value(const struct fixture *fixture, struct random *random,
					      int topic)
{
	size_t count = 0;
	size_t n = 0;

	for (size_t i = 0; i < fixture->extent_count; i++)
		count += fixture->extents[i].topic == topic;
	if (count == 0)
		return NULL;
	for (uint64_t left = random_below(random, count);; n++)
		if (fixture->extents[n].topic == topic && left-- == 0)
			return &fixture->extents[n];
}

/* Positions, ends, names, schemas: few bytes, and everything hangs on them.
 * Reading needs not all of them, and says nothing of the others. */
static void each_flipped_bit_of_a_table_is_found_and_none_leads_reading_astray(void **state)
{
	struct fixture *fixture = *state;
	struct random random = random_seeded(fixture->seed, 3);
	struct tally tally = { 0 };
	const int flip_count = test_amount(30, 300, 10000);

	while (tally.flips < flip_count) {
		/* Each table in turn: some have very few values. */
		const int topic = -1 - tally.flips % TABLE_COUNT;
		const struct flip_extent *extent = choose_value(fixture, &random, topic);
		if (extent != NULL)
			try_bit(fixture, &tally, extent->file_offset * 8 + random_below(&random, extent->size * 8));
		else
			tally.flips++;
	}
	expect_nothing_to_report(fixture);
	printf("# %d bits of values: %d crashed the reader, %d gave wrong data, %d not reported by verify, which "
	       "died of %d\n",
	       tally.values, tally.crashed, tally.wrong, tally.unverified, tally.verifier_died);
	assert_true(tally.values > tally.flips / 2);
	assert_int_equal(tally.crashed, 0);
	assert_int_equal(tally.wrong, 0);
	assert_int_equal(tally.unverified, 0);
	assert_int_equal(tally.verifier_died, 0);
}

/* An argument is a pattern: which of the tests to run. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_flipped_bit_of_a_batch_is_reported_and_none_is_fatal),
		cmocka_unit_test(flipped_bits_of_page_heads_and_table_pages_are_not_fatal),
		cmocka_unit_test(each_flipped_bit_of_a_table_is_found_and_none_leads_reading_astray),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
