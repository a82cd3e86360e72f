#include "tests/support/crash_disk.h"
#include "tests/support/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A recording made by hand, and everything that is seen in many images of it. */

enum { IMAGES = 400, SECTOR = 512, SEEN_MAX = 64, FILE_INODE = 7 };

struct fixture {
	uint8_t bytes[64 * 1024];
	struct recording recording;
	char *directory;
	char seen[SEEN_MAX][64];
	int seen_count;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->recording.data = fixture->bytes;
	fixture->directory = temp_dir_create_in_memory();
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

static void add(struct fixture *fixture, enum recording_type type, unsigned flags, uint64_t file,
		uint64_t offset, const char *payload, size_t size)
{
	struct recording_event event = { type, flags, file, offset, size };
	uint8_t *at = fixture->bytes + fixture->recording.size;

	memcpy(at, &event, sizeof(event));
	if (size > 0)
		memcpy(at + sizeof(event), payload, size);
	fixture->recording.size += sizeof(event) + size;
}

static void add_text(struct fixture *fixture, enum recording_type type, uint64_t file,
		     const char *text)
{
	add(fixture, type, 0, file, 0, text, strlen(text));
}

static void add_sync(struct fixture *fixture, unsigned flags)
{
	add(fixture, RECORDING_SYNC, flags, FILE_INODE, 0, "", 0);
}

/* Whole sectors of one letter each. */
static void add_write(struct fixture *fixture, unsigned flags, uint64_t sector, const char *letters)
{
	char data[8 * SECTOR];
	size_t size = strlen(letters) * SECTOR;

	for (size_t i = 0; i < size; i++)
		data[i] = letters[i / SECTOR];
	add(fixture, RECORDING_WRITE, flags, FILE_INODE, sector * SECTOR, data, size);
}

static void begin_with_synced_file(struct fixture *fixture, const char *letters)
{
	add_text(fixture, RECORDING_CREATE, FILE_INODE, "file");
	add(fixture, RECORDING_SYNC, RECORDING_DIRECTORY, 0, 0, "", 0);
	add_write(fixture, 0, 0, letters);
	add_sync(fixture, 0);
}

static bool has_seen(const struct fixture *fixture, const char *what)
{
	for (int i = 0; i < fixture->seen_count; i++)
		if (strcmp(fixture->seen[i], what) == 0)
			return true;
	return false;
}

/* A letter a sector, '.' for zeros; a sector of several as "[xy]". */
static void describe_sector(const uint8_t *sector, ssize_t size, char **out)
{
	char letters[SECTOR] = "";
	int count = 0;

	for (ssize_t i = 0; i < size; i++)
		if (i == 0 || sector[i] != sector[i - 1])
			letters[count++] = sector[i] == 0 ? '.' : (char)sector[i];
	*out += sprintf(*out, count == 1 ? "%.*s" : "[%.*s]", count, letters);
}

static void describe_file(const char *path, char *out)
{
	uint8_t sector[SECTOR];
	int fd = open(path, O_RDONLY);
	ssize_t size;

	strcpy(out, "none");
	if (fd < 0)
		return;
	*out = '\0';
	while ((size = read(fd, sector, sizeof(sector))) > 0)
		describe_sector(sector, size, &out);
	close(fd);
}

/* Follow the whole recording: is_over, so that its last event is. */
static struct crash_disk *follow(struct fixture *fixture, bool is_over)
{
	struct crash_disk *disk = crash_disk_create(&fixture->recording);
	struct recording_event event;
	const uint8_t *payload;
	size_t count = 0;

	for (size_t at = 0; recording_next(&fixture->recording, &at, &event, &payload) == 1;)
		count++;
	for (size_t i = 0; i < count + is_over; i++)
		crash_disk_follow(disk, NULL, NULL);
	return disk;
}

static void see(struct fixture *fixture, const char *name, bool is_over)
{
	struct random random = random_seeded(1, 0);
	struct crash_disk *disk = follow(fixture, is_over);
	char path[4096];
	char what[64];

	fixture->seen_count = 0;
	snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
	for (int i = 0; i < IMAGES; i++) {
		crash_disk_write(disk, &random, fixture->directory);
		describe_file(path, what);
		temp_dir_empty(fixture->directory);
		if (has_seen(fixture, what))
			continue;
		assert_true(fixture->seen_count < SEEN_MAX);
		strcpy(fixture->seen[fixture->seen_count++], what);
	}
	crash_disk_destroy(disk);
}

static void synced_bytes_are_in_every_image(void **state)
{
	struct fixture *fixture = *state;

	begin_with_synced_file(fixture, "ab");
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 1);
	assert_true(has_seen(fixture, "ab"));
}

static void sync_under_way_makes_nothing_certain(void **state)
{
	struct fixture *fixture = *state;

	begin_with_synced_file(fixture, "a");
	see(fixture, "file", false);
	assert_true(has_seen(fixture, ""));
	assert_true(has_seen(fixture, "a"));
	assert_true(has_seen(fixture, "."));
	assert_int_equal(fixture->seen_count, 3);
}

static void unsynced_sectors_are_there_in_any_combination(void **state)
{
	struct fixture *fixture = *state;

	begin_with_synced_file(fixture, "abc");
	add_write(fixture, 0, 0, "x");
	add_write(fixture, 0, 1, "yz");
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 8);
	assert_true(has_seen(fixture, "abc"));
	assert_true(has_seen(fixture, "xbc"));
	assert_true(has_seen(fixture, "abz"));
	assert_true(has_seen(fixture, "xyz"));
}

static void write_in_the_middle_of_sectors_keeps_what_is_around(void **state)
{
	struct fixture *fixture = *state;
	char data[SECTOR];

	memset(data, 'x', sizeof(data));
	begin_with_synced_file(fixture, "xb");
	add(fixture, RECORDING_WRITE, 0, FILE_INODE, SECTOR / 2, data, SECTOR);
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 2);
	assert_true(has_seen(fixture, "xb"));
	assert_true(has_seen(fixture, "x[xb]"));
}

static void bytes_written_twice_are_old_or_between_or_new(void **state)
{
	struct fixture *fixture = *state;

	begin_with_synced_file(fixture, "ab");
	add_write(fixture, 0, 0, "m");
	add_write(fixture, 0, 0, "x");
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 3);
	assert_true(has_seen(fixture, "ab"));
	assert_true(has_seen(fixture, "mb"));
	assert_true(has_seen(fixture, "xb"));
}

static void newer_bytes_of_a_sector_bring_the_older_ones_along(void **state)
{
	struct fixture *fixture = *state;
	char data[SECTOR];

	begin_with_synced_file(fixture, "a");
	memset(data, 'x', sizeof(data));
	add(fixture, RECORDING_WRITE, 0, FILE_INODE, 0, data, 200);
	memset(data, 'y', sizeof(data));
	add(fixture, RECORDING_WRITE, 0, FILE_INODE, 100, data, 200);
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 3);
	assert_true(has_seen(fixture, "a"));
	assert_true(has_seen(fixture, "[xa]"));
	assert_true(has_seen(fixture, "[xya]"));
}

static void write_that_syncs_itself_takes_no_other_along(void **state)
{
	struct fixture *fixture = *state;

	begin_with_synced_file(fixture, "ab");
	add_write(fixture, 0, 1, "y");
	add_write(fixture, RECORDING_SYNCED, 0, "x");
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 2);
	assert_true(has_seen(fixture, "xb"));
	assert_true(has_seen(fixture, "xy"));
}

static void write_that_syncs_itself_is_uncertain_while_under_way(void **state)
{
	struct fixture *fixture = *state;

	begin_with_synced_file(fixture, "a");
	add_write(fixture, RECORDING_SYNCED, 0, "x");
	see(fixture, "file", false);
	assert_int_equal(fixture->seen_count, 2);
	assert_true(has_seen(fixture, "a"));
	assert_true(has_seen(fixture, "x"));
}

static void what_a_failed_sync_covered_is_lost_at_the_next_one(void **state)
{
	struct fixture *fixture = *state;

	begin_with_synced_file(fixture, "ab");
	add_write(fixture, 0, 0, "x");
	add_sync(fixture, RECORDING_FAILED);
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 2);
	add_write(fixture, 0, 1, "y");
	add_sync(fixture, 0);
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 1);
	assert_true(has_seen(fixture, "ay"));
}

static void file_grows_with_zeros_or_not_at_all(void **state)
{
	struct fixture *fixture = *state;

	begin_with_synced_file(fixture, "a");
	add_write(fixture, 0, 2, "c");
	see(fixture, "file", true);
	assert_true(has_seen(fixture, "a"));
	assert_true(has_seen(fixture, "a.c"));
	assert_true(has_seen(fixture, "a.."));
	assert_int_equal(fixture->seen_count, 3);
}

static void new_size_is_there_or_not(void **state)
{
	struct fixture *fixture = *state;

	begin_with_synced_file(fixture, "abc");
	add(fixture, RECORDING_TRUNCATE, 0, FILE_INODE, SECTOR, "", 0);
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 2);
	assert_true(has_seen(fixture, "abc"));
	assert_true(has_seen(fixture, "a"));
}

static void name_is_certain_only_when_its_directory_is_synced(void **state)
{
	struct fixture *fixture = *state;

	add_text(fixture, RECORDING_CREATE, FILE_INODE, "file");
	add_write(fixture, 0, 0, "a");
	add_sync(fixture, 0);
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 2);
	assert_true(has_seen(fixture, "none"));
	assert_true(has_seen(fixture, "a"));
	add(fixture, RECORDING_SYNC, RECORDING_DIRECTORY, 0, 0, "", 0);
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 1);
	assert_true(has_seen(fixture, "a"));
}

static void file_in_a_lost_directory_is_lost(void **state)
{
	struct fixture *fixture = *state;

	add_text(fixture, RECORDING_MKDIR, 0, "below");
	add_text(fixture, RECORDING_CREATE, FILE_INODE, "below/file");
	add_write(fixture, 0, 0, "a");
	add_sync(fixture, 0);
	add(fixture, RECORDING_SYNC, RECORDING_DIRECTORY, 0, 0, "below", 5);
	see(fixture, "below/file", true);
	assert_int_equal(fixture->seen_count, 2);
	assert_true(has_seen(fixture, "none"));
	assert_true(has_seen(fixture, "a"));
}

static void renamed_directory_takes_its_files_along(void **state)
{
	struct fixture *fixture = *state;

	add_text(fixture, RECORDING_MKDIR, 0, "new");
	add_text(fixture, RECORDING_CREATE, FILE_INODE, "new/file");
	add_write(fixture, 0, 0, "a");
	add_sync(fixture, 0);
	add(fixture, RECORDING_SYNC, RECORDING_DIRECTORY, 0, 0, "new", 3);
	add(fixture, RECORDING_SYNC, RECORDING_DIRECTORY, 0, 0, "", 0);
	add(fixture, RECORDING_RENAME, 0, 0, 0, "new\0log", 7);
	see(fixture, "log/file", true);
	assert_int_equal(fixture->seen_count, 2);
	assert_true(has_seen(fixture, "none"));
	assert_true(has_seen(fixture, "a"));
	see(fixture, "new/file", true);
	assert_int_equal(fixture->seen_count, 2);
	add(fixture, RECORDING_SYNC, RECORDING_DIRECTORY, 0, 0, "", 0);
	see(fixture, "log/file", true);
	assert_int_equal(fixture->seen_count, 1);
	see(fixture, "new/file", true);
	assert_true(has_seen(fixture, "none"));
}

static void removed_file_may_come_back_until_its_directory_is_synced(void **state)
{
	struct fixture *fixture = *state;

	begin_with_synced_file(fixture, "a");
	add_text(fixture, RECORDING_UNLINK, FILE_INODE, "file");
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 2);
	add(fixture, RECORDING_SYNC, RECORDING_DIRECTORY, 0, 0, "", 0);
	see(fixture, "file", true);
	assert_int_equal(fixture->seen_count, 1);
	assert_true(has_seen(fixture, "none"));
}

static void names_in_one_directory_change_in_order(void **state)
{
	struct fixture *fixture = *state;
	struct random random = random_seeded(1, 0);
	char first[4096];
	char second[4096];
	int lone_count = 0;

	add_text(fixture, RECORDING_CREATE, FILE_INODE, "first");
	add_text(fixture, RECORDING_CREATE, FILE_INODE + 1, "second");
	snprintf(first, sizeof(first), "%s/first", fixture->directory);
	snprintf(second, sizeof(second), "%s/second", fixture->directory);
	struct crash_disk *disk = follow(fixture, true);
	for (int i = 0; i < IMAGES; i++) {
		crash_disk_write(disk, &random, fixture->directory);
		const bool has_first = access(first, F_OK) == 0;
		const bool has_second = access(second, F_OK) == 0;
		assert_true(has_first || !has_second);
		lone_count += has_first && !has_second;
		temp_dir_empty(fixture->directory);
	}
	assert_true(lone_count > 0);
	crash_disk_destroy(disk);
}

static void extremes_keep_all_or_nothing(void **state)
{
	struct fixture *fixture = *state;
	char path[4096];
	char late[4096];
	char what[64];

	begin_with_synced_file(fixture, "abc");
	add_write(fixture, 0, 0, "xyz");
	add_text(fixture, RECORDING_CREATE, FILE_INODE + 1, "late");
	struct crash_disk *disk = follow(fixture, true);
	snprintf(path, sizeof(path), "%s/file", fixture->directory);
	snprintf(late, sizeof(late), "%s/late", fixture->directory);
	for (int i = 0; i < 20; i++) {
		crash_disk_write_extreme(disk, true, fixture->directory);
		describe_file(path, what);
		assert_string_equal(what, "xyz");
		assert_int_equal(access(late, F_OK), 0);
		temp_dir_empty(fixture->directory);
		crash_disk_write_extreme(disk, false, fixture->directory);
		describe_file(path, what);
		assert_string_equal(what, "abc");
		assert_int_equal(access(late, F_OK), -1);
		temp_dir_empty(fixture->directory);
	}
	crash_disk_destroy(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_RECORDING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		WITH_RECORDING(synced_bytes_are_in_every_image),
		WITH_RECORDING(sync_under_way_makes_nothing_certain),
		WITH_RECORDING(unsynced_sectors_are_there_in_any_combination),
		WITH_RECORDING(write_in_the_middle_of_sectors_keeps_what_is_around),
		WITH_RECORDING(bytes_written_twice_are_old_or_between_or_new),
		WITH_RECORDING(newer_bytes_of_a_sector_bring_the_older_ones_along),
		WITH_RECORDING(write_that_syncs_itself_takes_no_other_along),
		WITH_RECORDING(write_that_syncs_itself_is_uncertain_while_under_way),
		WITH_RECORDING(what_a_failed_sync_covered_is_lost_at_the_next_one),
		WITH_RECORDING(file_grows_with_zeros_or_not_at_all),
		WITH_RECORDING(new_size_is_there_or_not),
		WITH_RECORDING(name_is_certain_only_when_its_directory_is_synced),
		WITH_RECORDING(file_in_a_lost_directory_is_lost),
		WITH_RECORDING(renamed_directory_takes_its_files_along),
		WITH_RECORDING(removed_file_may_come_back_until_its_directory_is_synced),
		WITH_RECORDING(names_in_one_directory_change_in_order),
		WITH_RECORDING(extremes_keep_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
