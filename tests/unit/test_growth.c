#include "storage/growth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/support/random.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"

#define KIB(n)          (UINT64_C(1024) * (n))
#define MIB(n)          (UINT64_C(1024) * KIB(n))
#define USED_BYTES      KIB(64)
#define AHEAD_BYTES     KIB(256)
/* Long enough for a claim that does not wait to come back, most of the time. */
#define HASTE_MS        100

enum { MAGIC_EXT4 = 0xef53, MAGIC_TMPFS = 0x01021994 };

/* How the system calls of the zeros go. */
static struct {
	atomic_bool is_held;            /* writes wait until it is not */
	atomic_int waiting_count;       /* writes that have begun and not ended */
	atomic_int write_count;
	atomic_int sync_count;
	atomic_int write_errno;         /* 0: none */
	atomic_int sync_errno;
	atomic_bool is_short;           /* writes do half */
	atomic_long magic;              /* of the file system */
	atomic_ullong room_bytes;
	atomic_int look_count;          /* at the room */
	atomic_long clock_s;            /* the clock that growth uses: it stands still */
} disk;

#define REPLACES __attribute__((visibility("default")))

REPLACES ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t at)
{
	atomic_fetch_add(&disk.waiting_count, 1);
	while (atomic_load(&disk.is_held))
		wait_until_pause();
	if (atomic_load(&disk.is_short))
		count /= 2;
	errno = atomic_load(&disk.write_errno);
	ssize_t done = errno != 0 ? -1 : syscall(SYS_pwritev, fd, pieces, count, at, 0);
	atomic_fetch_sub(&disk.waiting_count, 1);
	atomic_fetch_add(&disk.write_count, 1);
	return done;
}

REPLACES int fsync(int fd)
{
	atomic_fetch_add(&disk.sync_count, 1);
	errno = atomic_load(&disk.sync_errno);
	return errno != 0 ? -1 : (int)syscall(SYS_fsync, fd);
}

REPLACES int statfs(const char *path, struct statfs *out)
{
	(void)path;
	*out = (struct statfs){ .f_type = atomic_load(&disk.magic) };
	return 0;
}

REPLACES int statvfs(const char *path, struct statvfs *out)
{
	(void)path;
	atomic_fetch_add(&disk.look_count, 1);
	*out = (struct statvfs){
		.f_frsize = 4096,
		.f_bavail = (fsblkcnt_t)(atomic_load(&disk.room_bytes) / 4096),
	};
	return 0;
}

REPLACES int clock_gettime(clockid_t clock, struct timespec *out)
{
	if (clock != CLOCK_MONOTONIC_COARSE)
		return (int)syscall(SYS_clock_gettime, clock, out);
	*out = (struct timespec){ .tv_sec = 1000 + atomic_load(&disk.clock_s) };
	return 0;
}

struct fixture {
	char *directory;
	char path[4096];
	int fd;
	struct growth_options options;
	struct growth *growth;
	uint64_t used_end;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	uint8_t *pages = malloc(USED_BYTES);
	memset(&disk, 0, sizeof(disk));
	atomic_store(&disk.magic, MAGIC_EXT4);
	atomic_store(&disk.room_bytes, MIB(1024));
	fixture->directory = temp_dir_create_in_memory();
	snprintf(fixture->path, sizeof(fixture->path), "%s/data", fixture->directory);
	fixture->fd = open(fixture->path, O_RDWR | O_CREAT, 0600);
	memset(pages, 'a', USED_BYTES);
	assert_int_equal(pwrite(fixture->fd, pages, USED_BYTES, 0), USED_BYTES);
	free(pages);
	fixture->options = (struct growth_options){
		.dir = fixture->directory,
		.path = fixture->path,
		.used_end = USED_BYTES,
		.limit_end = MIB(1024),
		.ahead_bytes = AHEAD_BYTES,
	};
	fixture->used_end = USED_BYTES;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	atomic_store(&disk.is_held, false);
	growth_destroy(fixture->growth);
	close(fixture->fd);
	temp_dir_destroy(fixture->directory);
	free(fixture);
	return 0;
}

static void create(struct fixture *fixture)
{
	struct error err = { 0 };
	if (growth_create(&fixture->growth, &fixture->options, &err) != 0)
		fail_msg("%s", err.text);
}

static uint64_t size_of(const struct fixture *fixture)
{
	struct stat file;
	assert_int_equal(fstat(fixture->fd, &file), 0);
	return (uint64_t)file.st_size;
}

/* What a commit does: claims, writes letters, releases. */
static void grow(struct fixture *fixture, uint64_t bytes, char letter)
{
	struct error err = { 0 };
	uint8_t *pages = malloc(bytes + 1);
	memset(pages, letter, bytes);
	growth_claim(fixture->growth, fixture->used_end + bytes);
	assert_int_equal(pwrite(fixture->fd, pages, bytes, (off_t)fixture->used_end), bytes);
	free(pages);
	fixture->used_end += bytes;
	if (growth_release(fixture->growth, fixture->used_end, &err) != 0)
		fail_msg("%s", err.text);
}

static void expect_bytes(const struct fixture *fixture, uint64_t begin, uint64_t end, char letter)
{
	uint8_t *found = malloc(end - begin + 1);
	assert_int_equal(pread(fixture->fd, found, end - begin, (off_t)begin), end - begin);
	for (uint64_t i = 0; i < end - begin; i++)
		if (found[i] != (uint8_t)letter)
			fail_msg("byte %llu is %02x", (unsigned long long)(begin + i), found[i]);
	free(found);
}

static void zeros_lie_behind_the_log_and_the_log_is_as_it_was(void **state)
{
	struct fixture *fixture = *state;
	create(fixture);
	assert_int_equal(growth_ahead_bytes(fixture->growth), 0);
	grow(fixture, 0, 'b');
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) == AHEAD_BYTES));
	grow(fixture, KIB(200), 'b');
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) >= AHEAD_BYTES));
	assert_true(atomic_load(&disk.sync_count) >= 2);
	expect_bytes(fixture, 0, USED_BYTES, 'a');
	expect_bytes(fixture, USED_BYTES, fixture->used_end, 'b');
	expect_bytes(fixture, fixture->used_end, size_of(fixture), 0);
	assert_int_equal(size_of(fixture),
			 fixture->used_end + growth_ahead_bytes(fixture->growth));
}

struct claimer {
	struct growth *growth;
	uint64_t end;
	atomic_bool has_claimed;
};

static void *claim(void *argument)
{
	struct claimer *claimer = argument;
	growth_claim(claimer->growth, claimer->end);
	atomic_store(&claimer->has_claimed, true);
	return NULL;
}

static void claim_of_what_is_being_written_waits_for_it(void **state)
{
	struct fixture *fixture = *state;
	pthread_t thread;
	create(fixture);
	atomic_store(&disk.is_held, true);
	grow(fixture, 0, 'b');
	assert_true(wait_until(atomic_load(&disk.waiting_count) == 1));
	struct claimer claimer = { .growth = fixture->growth, .end = USED_BYTES + 1 };
	assert_int_equal(pthread_create(&thread, NULL, claim, &claimer), 0);
	assert_false(wait_until_ms(HASTE_MS, atomic_load(&claimer.has_claimed)));
	atomic_store(&disk.is_held, false);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&claimer.has_claimed));
	assert_int_equal(growth_release(fixture->growth, USED_BYTES, NULL), 0);
}

static void claim_below_what_is_being_written_does_not_wait(void **state)
{
	struct fixture *fixture = *state;
	create(fixture);
	grow(fixture, 0, 'b');
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) == AHEAD_BYTES));
	atomic_store(&disk.is_held, true);
	grow(fixture, KIB(160), 'b');
	assert_true(wait_until(atomic_load(&disk.waiting_count) == 1));
	grow(fixture, KIB(64), 'b');
	assert_int_equal(atomic_load(&disk.waiting_count), 1);
	atomic_store(&disk.is_held, false);
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) >= AHEAD_BYTES));
	expect_bytes(fixture, USED_BYTES, fixture->used_end, 'b');
}

static void nothing_is_written_where_a_claim_reaches(void **state)
{
	struct fixture *fixture = *state;
	create(fixture);
	growth_claim(fixture->growth, MIB(1));
	assert_int_equal(growth_release(fixture->growth, USED_BYTES, NULL), 0);
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) == AHEAD_BYTES));
	growth_claim(fixture->growth, MIB(1));
	const int count = atomic_load(&disk.write_count);
	/* The log is where the zeros end: more are wanted, but not in the claim. */
	assert_int_equal(growth_release(fixture->growth, USED_BYTES + AHEAD_BYTES, NULL), 0);
	growth_claim(fixture->growth, MIB(2));
	const int begun = atomic_load(&disk.write_count);
	assert_false(wait_until_ms(HASTE_MS, atomic_load(&disk.write_count) > begun));
	assert_true(begun <= count + 2);
	assert_int_equal(growth_release(fixture->growth, USED_BYTES + AHEAD_BYTES, NULL), 0);
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) >= AHEAD_BYTES));
}

static void commits_and_zeros_at_once_lose_no_byte(void **state)
{
	struct fixture *fixture = *state;
	struct random random = random_seeded(1, 0);
	const int count = test_amount(200, 3000, 30000);
	uint64_t *begins = calloc((size_t)count + 1, sizeof(*begins));
	fixture->options.ahead_bytes = KIB(32);
	create(fixture);
	for (int i = 0; i < count; i++) {
		begins[i] = fixture->used_end;
		grow(fixture, 4096 * random_between(&random, 1, 6), (char)('b' + i % 20));
		if (random_once_in(&random, 4))
			sched_yield();
	}
	begins[count] = fixture->used_end;
	assert_true(atomic_load(&disk.write_count) > 1);
	for (int i = 0; i < count; i++)
		expect_bytes(fixture, begins[i], begins[i + 1], (char)('b' + i % 20));
	free(begins);
}

static void commit_beyond_its_claim_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	create(fixture);
	growth_claim(fixture->growth, USED_BYTES + 4096);
	assert_int_equal(growth_release(fixture->growth, USED_BYTES + 4096, &err), 0);
	growth_claim(fixture->growth, USED_BYTES + 8192);
	assert_int_equal(growth_release(fixture->growth, USED_BYTES + 8193, &err), -1);
	assert_int_equal(err.code, ERROR_IO);
	assert_int_equal(growth_release(fixture->growth, USED_BYTES + 16384, &err), -1);
}

static void full_disk_for_zeros_is_silence(void **state)
{
	struct fixture *fixture = *state;
	create(fixture);
	atomic_store(&disk.write_errno, ENOSPC);
	grow(fixture, 4096, 'b');
	assert_true(wait_until(atomic_load(&disk.write_count) == 1));
	grow(fixture, KIB(64), 'c');
	assert_int_equal(growth_ahead_bytes(fixture->growth), 0);
	atomic_store(&disk.write_errno, 0);
	grow(fixture, KIB(64), 'c');
	assert_false(wait_until_ms(HASTE_MS, growth_ahead_bytes(fixture->growth) > 0));
	/* It is tried again later, when the log goes on. */
	atomic_fetch_add(&disk.clock_s, 2);
	grow(fixture, 0, 'c');
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) > 0));
	expect_bytes(fixture, USED_BYTES + 4096, fixture->used_end, 'c');
}

static void half_a_chunk_is_no_room(void **state)
{
	struct fixture *fixture = *state;
	create(fixture);
	atomic_store(&disk.is_short, true);
	grow(fixture, 0, 'b');
	assert_true(wait_until(atomic_load(&disk.write_count) == 1));
	grow(fixture, KIB(200), 'b');
	assert_int_equal(atomic_load(&disk.sync_count), 0);
	assert_int_equal(growth_ahead_bytes(fixture->growth), 0);
	expect_bytes(fixture, USED_BYTES, fixture->used_end, 'b');
}

static void expect_given_up(struct fixture *fixture, atomic_int *failing)
{
	create(fixture);
	atomic_store(failing, EIO);
	grow(fixture, 0, 'b');
	assert_true(wait_until(atomic_load(&disk.write_count) == 1));
	if (failing == &disk.sync_errno)
		assert_true(wait_until(atomic_load(&disk.sync_count) == 1));
	atomic_store(failing, 0);
	for (int i = 0; i < 20; i++) {
		atomic_fetch_add(&disk.clock_s, 2);
		grow(fixture, KIB(64), 'b');
	}
	assert_false(wait_until_ms(HASTE_MS, atomic_load(&disk.write_count) > 1));
	assert_int_equal(growth_ahead_bytes(fixture->growth), 0);
	expect_bytes(fixture, USED_BYTES, fixture->used_end, 'b');
}

static void zeros_that_cannot_be_written_are_given_up(void **state)
{
	expect_given_up(*state, &disk.write_errno);
}

static void zeros_that_cannot_be_synced_are_given_up(void **state)
{
	expect_given_up(*state, &disk.sync_errno);
}

static void expect_size(struct fixture *fixture, uint64_t size)
{
	growth_destroy(fixture->growth);
	fixture->growth = NULL;
	assert_int_equal(size_of(fixture), size);
}

static void zeros_end_at_the_limit(void **state)
{
	struct fixture *fixture = *state;
	fixture->options.limit_end = KIB(300);
	create(fixture);
	grow(fixture, 0, 'b');
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) == KIB(128)));
	grow(fixture, KIB(128), 'b');
	assert_int_equal(growth_ahead_bytes(fixture->growth), 0);
	expect_size(fixture, KIB(192));
}

static void what_an_earlier_process_left_is_used(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(ftruncate(fixture->fd, (off_t)(USED_BYTES + AHEAD_BYTES)), 0);
	create(fixture);
	assert_int_equal(growth_ahead_bytes(fixture->growth), AHEAD_BYTES);
	grow(fixture, KIB(64), 'b');
	assert_int_equal(growth_ahead_bytes(fixture->growth), AHEAD_BYTES - KIB(64));
	growth_destroy(fixture->growth);
	fixture->growth = NULL;
	assert_int_equal(atomic_load(&disk.write_count), 0);
}

/* By the log's pace, from here on. */

static void small_log_gets_no_zeros(void **state)
{
	struct fixture *fixture = *state;
	fixture->options.ahead_bytes = 0;
	create(fixture);
	for (int i = 0; i < 15; i++)
		grow(fixture, KIB(64), 'b');
	assert_false(wait_until_ms(HASTE_MS, size_of(fixture) > fixture->used_end));
	expect_size(fixture, fixture->used_end);
}

static void log_that_grows_gets_zeros_by_its_pace(void **state)
{
	struct fixture *fixture = *state;
	fixture->options.ahead_bytes = 0;
	create(fixture);
	grow(fixture, MIB(1), 'b');
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) == GROWTH_AHEAD_BYTES_LEAST));
	grow(fixture, MIB(15), 'b');
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) >= MIB(30)));
	grow(fixture, MIB(60), 'b');
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) == GROWTH_AHEAD_BYTES_MOST));
	expect_bytes(fixture, USED_BYTES, fixture->used_end, 'b');
}

static void nearly_full_disk_gets_no_zeros(void **state)
{
	struct fixture *fixture = *state;
	fixture->options.ahead_bytes = 0;
	atomic_store(&disk.room_bytes, GROWTH_ROOM_BYTES);
	create(fixture);
	grow(fixture, MIB(3), 'b');
	assert_true(wait_until(atomic_load(&disk.look_count) == 1));
	expect_size(fixture, fixture->used_end);
}

static void file_system_that_moves_blocks_gets_no_zeros(void **state)
{
	struct fixture *fixture = *state;
	fixture->options.ahead_bytes = 0;
	atomic_store(&disk.magic, MAGIC_TMPFS);
	create(fixture);
	grow(fixture, MIB(3), 'b');
	assert_false(wait_until_ms(HASTE_MS, size_of(fixture) > fixture->used_end));
	expect_size(fixture, fixture->used_end);
}

static void limit_of_the_process_is_a_limit_of_zeros(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before, limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = MIB(2);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fixture->options.ahead_bytes = 0;
	create(fixture);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	grow(fixture, MIB(1), 'b');
	assert_true(wait_until(growth_ahead_bytes(fixture->growth) == KIB(768)));
	grow(fixture, KIB(64), 'b');
	expect_size(fixture, MIB(1) + USED_BYTES + KIB(768));
}

static void file_that_is_not_there_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	fixture->options.path = "/nowhere/data.mdb";
	assert_int_equal(growth_create(&fixture->growth, &fixture->options, &err), -1);
	assert_int_equal(err.code, ERROR_IO);
	assert_null(fixture->growth);
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_FILE(zeros_lie_behind_the_log_and_the_log_is_as_it_was),
		WITH_FILE(claim_of_what_is_being_written_waits_for_it),
		WITH_FILE(claim_below_what_is_being_written_does_not_wait),
		WITH_FILE(nothing_is_written_where_a_claim_reaches),
		WITH_FILE(commits_and_zeros_at_once_lose_no_byte),
		WITH_FILE(commit_beyond_its_claim_is_an_error),
		WITH_FILE(full_disk_for_zeros_is_silence),
		WITH_FILE(half_a_chunk_is_no_room),
		WITH_FILE(zeros_that_cannot_be_written_are_given_up),
		WITH_FILE(zeros_that_cannot_be_synced_are_given_up),
		WITH_FILE(zeros_end_at_the_limit),
		WITH_FILE(what_an_earlier_process_left_is_used),
		WITH_FILE(small_log_gets_no_zeros),
		WITH_FILE(log_that_grows_gets_zeros_by_its_pace),
		WITH_FILE(nearly_full_disk_gets_no_zeros),
		WITH_FILE(file_system_that_moves_blocks_gets_no_zeros),
		WITH_FILE(limit_of_the_process_is_a_limit_of_zeros),
		WITH_FILE(file_that_is_not_there_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
