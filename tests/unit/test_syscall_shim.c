#include "tests/support/recording.h"
#include "tests/support/run_child.h"
#include "tests/support/syscall_shim.h"
#include "tests/support/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* What the watched program does: this one, started anew, in the directory. */

static void say(const char *what, long result)
{
	printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "done");
	fflush(stdout);
}

static int be_watched(void)
{
	char texts[] = "bbcccc";
	struct iovec pieces[] = { { texts, 2 }, { texts + 2, 4 } };
	int outside = open("../data-outside", O_CREAT | O_RDWR, 0600);
	int file = open("file", O_CREAT | O_RDWR, 0600);
	int synced = open("file", O_WRONLY | O_DSYNC);

	say("outside", pwrite(outside, "zzzz", 4, 0) + fdatasync(outside));
	say("pwrite", pwrite(file, "aaaa", 4, 0));
	lseek(file, 8, SEEK_SET);
	say("writev", writev(file, pieces, 2));
	say("fdatasync", fdatasync(file));
	syscall_shim_mark("here", 4);
	say("pwrite", pwrite(synced, "dddd", 4, 0));
	say("pwrite", pwrite(synced, "eeee", 4, 4));
	say("ftruncate", ftruncate(file, 100));
	say("rename", rename("file", "other"));
	say("mkdir", mkdir("below", 0700));
	int directory = open(".", O_RDONLY | O_DIRECTORY);
	say("fsync", fsync(directory));
	say("unlink", unlink("other"));
	mmap(NULL, 100, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	return 0;
}

struct fixture {
	char *directory;
	char data[4096];
	char recording[4096];
	char counts[4096];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->directory = temp_dir_create();
	snprintf(fixture->data, sizeof(fixture->data), "%s/data", fixture->directory);
	snprintf(fixture->recording, sizeof(fixture->recording), "%s/recording", fixture->directory);
	snprintf(fixture->counts, sizeof(fixture->counts), "%s/counts", fixture->directory);
	mkdir(fixture->data, 0700);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	temp_dir_destroy(fixture->directory);
	free(fixture);
	return 0;
}

static void run_watched(const struct fixture *fixture, const char *setting, struct child_end *end)
{
	const char *const argv[] = { "/proc/self/exe", "watched", fixture->data, NULL };
	char *preload = preload_setting("syscall_shim");
	char directory[5000];
	char recording[5000];
	char counts[5000];
	const char *const environment[] = { preload, directory, recording, counts,
					    PRELOAD_SANITIZER_SETTING, setting, NULL };

	snprintf(directory, sizeof(directory), "MILLSTREAM_SHIM_DIR=%s", fixture->data);
	snprintf(recording, sizeof(recording), "MILLSTREAM_SHIM_RECORD=%s", fixture->recording);
	snprintf(counts, sizeof(counts), "MILLSTREAM_SHIM_COUNTS=%s", fixture->counts);
	run_child(end, argv, environment, 30000);
	free(preload);
}

static void expect_file(const struct fixture *fixture, const char *name, const char *text)
{
	char path[5000];
	char found[128] = "";

	snprintf(path, sizeof(path), "%s/%s", fixture->data, name);
	int fd = open(path, O_RDONLY);
	if (text == NULL) {
		assert_int_equal(fd, -1);
		return;
	}
	assert_true(fd >= 0);
	assert_true(read(fd, found, sizeof(found) - 1) >= 0);
	close(fd);
	assert_string_equal(found, text);
}

static void recording_holds_what_happened_in_order(void **state)
{
	static const struct {
		enum recording_type type;
		unsigned flags;
		uint64_t offset;
		uint64_t size;
		const char *payload;
	} expected[] = {
		{ RECORDING_CREATE, 0, 0, 4, "file" },
		{ RECORDING_WRITE, 0, 0, 4, "aaaa" },
		{ RECORDING_WRITE, 0, 8, 6, "bbcccc" },
		{ RECORDING_SYNC, 0, 0, 0, "" },
		{ RECORDING_MARK, 0, 0, 4, "here" },
		{ RECORDING_WRITE, RECORDING_SYNCED, 0, 4, "dddd" },
		{ RECORDING_WRITE, RECORDING_SYNCED, 4, 4, "eeee" },
		{ RECORDING_TRUNCATE, 0, 100, 0, "" },
		{ RECORDING_RENAME, 0, 0, 10, "file\0other" },
		{ RECORDING_MKDIR, 0, 0, 5, "below" },
		{ RECORDING_SYNC, RECORDING_DIRECTORY, 0, 0, "" },
		{ RECORDING_UNLINK, 0, 0, 5, "other" },
		{ RECORDING_UNKNOWN, 0, 0, 20, "mapped to be written" },
	};
	struct recording recording;
	struct recording_event event;
	const uint8_t *payload;
	struct child_end end;
	size_t at = 0;

	run_watched(*state, "X=", &end);
	assert_int_equal(end.status, 0);
	recording_open(&recording, ((struct fixture *)*state)->recording);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(recording_next(&recording, &at, &event, &payload), 1);
		assert_int_equal(event.type, expected[i].type);
		assert_int_equal(event.flags, expected[i].flags);
		assert_int_equal(event.offset, expected[i].offset);
		assert_int_equal(event.size, expected[i].size);
		assert_memory_equal(payload, expected[i].payload, event.size);
	}
	assert_int_equal(recording_next(&recording, &at, &event, &payload), 0);
	recording_close(&recording);
}

static void counts_say_how_many_calls_there_are_to_disturb(void **state)
{
	const struct fixture *fixture = *state;
	char text[4096] = "";
	struct child_end end;

	run_watched(fixture, "X=", &end);
	FILE *file = fopen(fixture->counts, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	assert_non_null(strstr(text, "pwrite 3\n"));
	assert_non_null(strstr(text, "writev 1\n"));
	assert_non_null(strstr(text, "fdatasync 1\n"));
	assert_non_null(strstr(text, "create 1\n"));
	assert_non_null(strstr(text, "failed 0\n"));
}

static void killed_before_a_call_leaves_it_undone(void **state)
{
	struct child_end end;

	run_watched(*state, "MILLSTREAM_SHIM_KILL=before:2", &end);
	assert_int_equal(end.signal, SIGKILL);
	assert_string_equal(end.output, "outside done\n");
	expect_file(*state, "file", "");
}

static void killed_after_a_call_leaves_it_done(void **state)
{
	struct child_end end;

	run_watched(*state, "MILLSTREAM_SHIM_KILL=after:2", &end);
	assert_int_equal(end.signal, SIGKILL);
	assert_string_equal(end.output, "outside done\n");
	expect_file(*state, "file", "aaaa");
}

static void torn_write_is_half_there(void **state)
{
	struct child_end end;

	run_watched(*state, "MILLSTREAM_SHIM_KILL=torn:2", &end);
	assert_int_equal(end.signal, SIGKILL);
	expect_file(*state, "file", "aa");
}

static void one_call_of_a_kind_fails(void **state)
{
	struct child_end end;

	run_watched(*state, "MILLSTREAM_SHIM_FAIL=pwrite:2:ENOSPC", &end);
	assert_int_equal(end.status, 0);
	assert_string_equal(end.output, "outside done\npwrite done\nwritev done\nfdatasync done\n"
					"pwrite ENOSPC\npwrite done\nftruncate done\nrename done\nmkdir done\n"
					"fsync done\nunlink done\n");
}

static void lasting_failure_begins_at_the_call(void **state)
{
	struct child_end end;

	run_watched(*state, "MILLSTREAM_SHIM_FAIL=any:8+:EIO", &end);
	assert_int_equal(end.status, 0);
	assert_string_equal(end.output, "outside done\npwrite done\nwritev done\nfdatasync done\n"
					"pwrite done\npwrite done\nftruncate done\nrename EIO\nmkdir EIO\n"
					"fsync EIO\nunlink EIO\n");
	expect_file(*state, "other", NULL);
}

/* The first event of a type: it must have come. */
static void find_event(const struct fixture *fixture, enum recording_type type,
		       struct recording_event *out)
{
	struct recording recording;
	const uint8_t *payload;
	size_t at = 0;
	int rc;

	recording_open(&recording, fixture->recording);
	while ((rc = recording_next(&recording, &at, out, &payload)) == 1 && out->type != type)
		continue;
	recording_close(&recording);
	assert_int_equal(rc, 1);
}

static void short_write_does_half(void **state)
{
	struct recording_event event;
	struct child_end end;

	run_watched(*state, "MILLSTREAM_SHIM_FAIL=pwrite:1:short", &end);
	assert_non_null(strstr(end.output, "pwrite done\n"));
	find_event(*state, RECORDING_WRITE, &event);
	assert_int_equal(event.flags, RECORDING_FAILED);
	assert_int_equal(event.size, 2);
}

static void late_failure_does_not_undo(void **state)
{
	struct recording_event event;
	struct child_end end;

	run_watched(*state, "MILLSTREAM_SHIM_FAIL=pwrite:1:late", &end);
	assert_non_null(strstr(end.output, "pwrite EIO\n"));
	find_event(*state, RECORDING_WRITE, &event);
	assert_int_equal(event.flags, RECORDING_FAILED);
	assert_int_equal(event.size, 4);
}

static void failed_sync_is_recorded_as_failed(void **state)
{
	struct recording_event event;
	struct child_end end;

	run_watched(*state, "MILLSTREAM_SHIM_FAIL=fdatasync:1:EIO", &end);
	assert_non_null(strstr(end.output, "fdatasync EIO\n"));
	find_event(*state, RECORDING_SYNC, &event);
	assert_int_equal(event.flags, RECORDING_FAILED);
}

static void failed_sync_is_told_once_to_each_other_descriptor(void **state)
{
	struct child_end end;

	run_watched(*state, "MILLSTREAM_SHIM_FAIL=fdatasync:1:EIO", &end);
	assert_non_null(strstr(end.output, "writev done\nfdatasync EIO\npwrite EIO\npwrite done\n"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		WITH_DIRECTORY(recording_holds_what_happened_in_order),
		WITH_DIRECTORY(counts_say_how_many_calls_there_are_to_disturb),
		WITH_DIRECTORY(killed_before_a_call_leaves_it_undone),
		WITH_DIRECTORY(killed_after_a_call_leaves_it_done),
		WITH_DIRECTORY(torn_write_is_half_there),
		WITH_DIRECTORY(one_call_of_a_kind_fails),
		WITH_DIRECTORY(lasting_failure_begins_at_the_call),
		WITH_DIRECTORY(short_write_does_half),
		WITH_DIRECTORY(late_failure_does_not_undo),
		WITH_DIRECTORY(failed_sync_is_recorded_as_failed),
		WITH_DIRECTORY(failed_sync_is_told_once_to_each_other_descriptor),
	};

	if (argc == 3 && strcmp(argv[1], "watched") == 0)
		return chdir(argv[2]) == 0 ? be_watched() : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
