#include "storage/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/run_child.h"
#include "tests/support/temp_dir.h"

#define BALLAST_BYTES (UINT64_C(1) << 20)
#define CHILD_TIME_MS 30000

static char *path_in(const char *dir, const char *name)
{
	static char path[4096];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static int create_directory(void **state)
{
	*state = temp_dir_create();
	return 0;
}

static int destroy_directory(void **state)
{
	temp_dir_destroy(*state);
	return 0;
}

static void network_file_systems_are_known_by_name(void **state)
{
	(void)state;
	static const struct {
		uint32_t magic;
		const char *name;
	} known[] = {
		{ NFS_SUPER_MAGIC, "NFS" }, { CIFS_SUPER_MAGIC, "CIFS" }, { SMB_SUPER_MAGIC, "SMB" },
		{ SMB2_SUPER_MAGIC, "SMB2" }, { FUSE_SUPER_MAGIC, "FUSE" }, { V9FS_MAGIC, "9p" },
		{ CEPH_SUPER_MAGIC, "Ceph" }, { AFS_SUPER_MAGIC, "AFS" }, { AFS_FS_MAGIC, "AFS" },
		{ OCFS2_SUPER_MAGIC, "OCFS2" }, { CODA_SUPER_MAGIC, "Coda" }, { NCP_SUPER_MAGIC, "NCP" },
		{ 0x0bd00bd0, "Lustre" }, { 0x01161970, "GFS2" }, { 0x47504653, "GPFS" },
		{ 0x786f4256, "vboxsf" }, { 0x19830326, "BeeGFS" }, { 0x20030528, "OrangeFS" },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_non_null(disk_network_name(known[i].magic));
		assert_string_equal(disk_network_name(known[i].magic), known[i].name);
	}
}

static void local_file_systems_are_not_refused(void **state)
{
	static const uint32_t local[] = {
		EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC, OVERLAYFS_SUPER_MAGIC,
		XFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, REISERFS_SUPER_MAGIC, 0x2fc12fc1 /* ZFS */, 0,
	};
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		assert_null(disk_network_name(local[i]));
	assert_int_equal(disk_check_local(*state, NULL), 0);
}

static void room_is_less_than_the_whole(void **state)
{
	uint64_t free_bytes = 0, total_bytes = 0;
	assert_int_equal(disk_room(*state, &free_bytes, &total_bytes, NULL), 0);
	assert_true(free_bytes > 0);
	assert_true(total_bytes >= free_bytes);
}

static void what_is_not_there_is_an_error_with_its_path(void **state)
{
	const char *path = path_in(*state, "nothing");
	uint64_t free_bytes = 7, total_bytes = 7;
	struct error err = { 0 };
	assert_int_equal(disk_check_local(path, &err), -1);
	assert_int_equal(err.code, ERROR_IO);
	assert_non_null(strstr(err.text, path));
	err.text[0] = '\0';
	assert_int_equal(disk_room(path, &free_bytes, &total_bytes, &err), -1);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(free_bytes, 7);
	err.text[0] = '\0';
	assert_int_equal(disk_sync_directory(path, &err), -1);
	assert_non_null(strstr(err.text, path));
}

static void directory_is_made_once_and_closed_to_others(void **state)
{
	const char *path = path_in(*state, "data");
	struct stat made;
	mode_t mask = umask(0);
	assert_int_equal(disk_make_directory(path, NULL), 0);
	umask(mask);
	assert_int_equal(stat(path, &made), 0);
	assert_true(S_ISDIR(made.st_mode));
	assert_int_equal(made.st_mode & 0777, 0750);
	assert_int_equal(disk_make_directory(path, NULL), 0);
	assert_int_equal(disk_sync_directory(path, NULL), 0);
}

static void directory_needs_its_parent_and_a_free_name(void **state)
{
	struct error err = { 0 };
	assert_int_equal(disk_make_directory(path_in(*state, "missing/data"), &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	make_file(path_in(*state, "file"));
	assert_int_equal(disk_make_directory(path_in(*state, "file"), &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.text, "no directory"));
}

static void ballast_takes_its_room_for_real(void **state)
{
	struct stat ballast;
	bool is_there = false;
	assert_int_equal(ballast_make(*state, BALLAST_BYTES, &is_there, NULL), 0);
	assert_true(is_there);
	assert_int_equal(stat(path_in(*state, "ballast"), &ballast), 0);
	assert_int_equal(ballast.st_size, BALLAST_BYTES);
	assert_true((uint64_t)ballast.st_blocks * 512 >= BALLAST_BYTES);
	/* Once more is fine, and so is another size. */
	is_there = false;
	assert_int_equal(ballast_make(*state, BALLAST_BYTES, &is_there, NULL), 0);
	assert_true(is_there);
	assert_int_equal(ballast_make(*state, 2 * BALLAST_BYTES, &is_there, NULL), 0);
	assert_int_equal(stat(path_in(*state, "ballast"), &ballast), 0);
	assert_int_equal(ballast.st_size, 2 * BALLAST_BYTES);
	assert_int_equal(ballast_make(*state, BALLAST_BYTES, &is_there, NULL), 0);
	assert_int_equal(stat(path_in(*state, "ballast"), &ballast), 0);
	assert_int_equal(ballast.st_size, BALLAST_BYTES);
}

static void freed_ballast_is_gone(void **state)
{
	bool is_there;
	assert_int_equal(ballast_make(*state, BALLAST_BYTES, &is_there, NULL), 0);
	ballast_free(*state);
	assert_int_equal(access(path_in(*state, "ballast"), F_OK), -1);
	ballast_free(*state);
	assert_int_equal(ballast_make(*state, BALLAST_BYTES, &is_there, NULL), 0);
	assert_int_equal(ballast_make(*state, 0, &is_there, NULL), 0);
	assert_false(is_there);
	assert_int_equal(access(path_in(*state, "ballast"), F_OK), -1);
}

static void ballast_without_room_is_left_out(void **state)
{
	const uint64_t sizes[] = { UINT64_C(1) << 60, UINT64_C(1) << 63, UINT64_MAX };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bool is_there = true;
		assert_int_equal(ballast_make(*state, sizes[i], &is_there, NULL), 0);
		assert_false(is_there);
		assert_int_equal(access(path_in(*state, "ballast"), F_OK), -1);
	}
}

static int make_limited(void *user)
{
	const struct rlimit limit = { BALLAST_BYTES / 2, BALLAST_BYTES / 2 };
	bool is_there = true;
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 10;
	if (ballast_make(user, BALLAST_BYTES, &is_there, NULL) != 0)
		return 11;
	if (is_there)
		return 12;
	return access(path_in(user, "ballast"), F_OK) == 0 ? 13 : 0;
}

static void ballast_that_cannot_be_allocated_is_taken_away_again(void **state)
{
	struct child_end end;
	run_child_function_in_fork(&end, make_limited, *state, CHILD_TIME_MS);
	assert_int_equal(end.status, 0);
}

static void ballast_in_no_directory_is_an_error(void **state)
{
	struct error err = { 0 };
	bool is_there;
	assert_int_equal(ballast_make(path_in(*state, "nothing"), BALLAST_BYTES, &is_there, &err), -1);
	assert_int_equal(err.code, ERROR_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create_directory, destroy_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(network_file_systems_are_known_by_name),
		TEST(local_file_systems_are_not_refused),
		TEST(room_is_less_than_the_whole),
		TEST(what_is_not_there_is_an_error_with_its_path),
		TEST(directory_is_made_once_and_closed_to_others),
		TEST(directory_needs_its_parent_and_a_free_name),
		TEST(ballast_takes_its_room_for_real),
		TEST(freed_ballast_is_gone),
		TEST(ballast_without_room_is_left_out),
		TEST(ballast_that_cannot_be_allocated_is_taken_away_again),
		TEST(ballast_in_no_directory_is_an_error),
	};
	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
