#include "storage/store.h"

#include "storage/environment.h"
#include "storage/reader.h"

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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/fail_malloc.h"
#include "tests/support/log_builder.h"
#include "tests/support/run_child.h"
#include "tests/support/skip.h"
#include "tests/support/temp_dir.h"

#define MAP_BYTES     (UINT64_C(64) << 20)
#define CHILD_TIME_MS 30000
#define NOBODY        65534

static const enum store_mode modes[] = { STORE_SERVE, STORE_INSPECT, STORE_BESIDE };

static int create_directory(void **state)
{
	*state = temp_dir_create_in_memory();
	return 0;
}

static int destroy_directory(void **state)
{
	temp_dir_destroy(*state);
	return 0;
}

static char *path_in(const char *dir, const char *name)
{
	static char path[4096];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int try_open(struct store **out, const char *dir, enum store_mode mode, struct error *err)
{
	struct store_options options = { .dir = dir, .mode = mode, .map_bytes = MAP_BYTES };
	return store_open(out, &options, err);
}

static struct store *open_store(const char *dir, enum store_mode mode)
{
	struct store *store = NULL;
	struct error err = { 0 };
	if (try_open(&store, dir, mode, &err) != 0)
		fail_msg("%s", err.text);
	return store;
}

static void expect_refusal(const char *dir, enum store_mode mode, enum error_code code,
			   const char *words)
{
	struct store *store = NULL;
	struct error err = { 0 };
	assert_int_equal(try_open(&store, dir, mode, &err), -1);
	assert_null(store);
	if (err.code != code || strstr(err.text, words) == NULL)
		fail_msg("refused by %d: %s", err.code, err.text);
	assert_non_null(strstr(err.text, dir));
}

static void make_store(const char *dir)
{
	store_close(open_store(dir, STORE_SERVE));
}

static void write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static uint8_t *read_file(const char *path, size_t *out_size)
{
	struct stat file;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &file), 0);
	*out_size = (size_t)file.st_size;
	uint8_t *data = malloc(*out_size + 1);
	assert_int_equal(read(fd, data, *out_size), *out_size);
	close(fd);
	return data;
}

static void new_store_has_its_files_and_an_id(void **state)
{
	const char *dir = path_in(*state, "data");
	static const uint8_t zero[INSTANCE_ID_BYTES];
	struct stat file;
	char *own_dir = strdup(dir);
	struct store *store = open_store(own_dir, STORE_SERVE);
	assert_memory_not_equal(store_instance_id(store), zero, INSTANCE_ID_BYTES);
	static const char *const names[] = { "log", "log/data.mdb", "log/lock.mdb", "millstream.lock" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(stat(path_in(own_dir, names[i]), &file), 0);
	/* Asked for no ballast, so there is none. */
	assert_int_equal(stat(path_in(own_dir, "ballast"), &file), -1);
	store_close(store);
	free(own_dir);
	store_close(NULL);
}

static void reopened_store_keeps_its_id_and_another_has_its_own(void **state)
{
	char *first = strdup(path_in(*state, "first")), *second = strdup(path_in(*state, "second"));
	uint8_t id[INSTANCE_ID_BYTES];
	struct store *store = open_store(first, STORE_SERVE);
	memcpy(id, store_instance_id(store), sizeof(id));
	store_close(store);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		store = open_store(first, modes[i]);
		assert_memory_equal(store_instance_id(store), id, sizeof(id));
		store_close(store);
	}
	store = open_store(second, STORE_SERVE);
	assert_memory_not_equal(store_instance_id(store), id, sizeof(id));
	store_close(store);
	free(first);
	free(second);
}

static void what_is_readable_by_others_is_nothing(void **state)
{
	char *dir = strdup(path_in(*state, "data"));
	struct stat file;
	mode_t mask = umask(0);
	make_store(dir);
	umask(mask);
	static const char *const names[] = { "", "log", "log/data.mdb", "log/lock.mdb", "millstream.lock" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(stat(path_in(dir, names[i]), &file), 0);
		assert_int_equal(file.st_mode & 07, 0);
	}
	free(dir);
}

/* One process a directory. */

static void second_opener_is_refused(void **state)
{
	make_store(*state);
	static const enum store_mode holders[] = { STORE_SERVE, STORE_INSPECT };
	for (size_t i = 0; i < 2; i++) {
		struct store *store = open_store(*state, holders[i]);
		expect_refusal(*state, STORE_SERVE, ERROR_LOCKED, "another process");
		expect_refusal(*state, STORE_INSPECT, ERROR_LOCKED, "another process");
		store_close(store);
		store_close(open_store(*state, STORE_SERVE));
	}
}

/* A process that opens the store; its exit status is the error's code. */
static int open_elsewhere(void *user)
{
	struct store *store;
	struct error err = { 0 };
	if (try_open(&store, user, STORE_SERVE, &err) != 0)
		return (int)err.code;
	store_close(store);
	return 0;
}

static void second_process_is_refused(void **state)
{
	struct child_end end;
	struct store *store = open_store(*state, STORE_SERVE);
	run_child_function_in_fork(&end, open_elsewhere, *state, CHILD_TIME_MS);
	assert_int_equal(end.status, ERROR_LOCKED);
	store_close(store);
	run_child_function_in_fork(&end, open_elsewhere, *state, CHILD_TIME_MS);
	assert_int_equal(end.status, 0);
}

/* A process that holds the store open until it is killed; returns its id. */
static pid_t hold_elsewhere(const char *dir, enum store_mode mode)
{
	int ready[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	fflush(stdout);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *store;
		struct reader *reader;
		close(ready[0]);
		if (try_open(&store, dir, mode, NULL) != 0 || reader_open(&reader, store, NULL) != 0 ||
		    write(ready[1], "1", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void kill_and_wait(pid_t pid)
{
	int status;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void lock_ends_with_a_killed_process(void **state)
{
	pid_t pid = hold_elsewhere(*state, STORE_SERVE);
	expect_refusal(*state, STORE_SERVE, ERROR_LOCKED, "another process");
	expect_refusal(*state, STORE_INSPECT, ERROR_LOCKED, "another process");
	store_close(open_store(*state, STORE_BESIDE));
	kill_and_wait(pid);
	store_close(open_store(*state, STORE_SERVE));
}

static void readers_beside_the_server_see_what_it_commits(void **state)
{
	(void)state;
	struct log_builder *builder = log_builder_create();
	struct store *beside = open_store(builder->dir, STORE_BESIDE);
	struct reader *reader;
	struct reader_ends ends;
	struct error err = { 0 };
	assert_int_equal(reader_open(&reader, beside, NULL), 0);
	assert_int_equal(reader_ends(reader, 1, 0, &ends, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	log_builder_topic(builder, "orders", 1, 1, 0);
	for (uint64_t n = 1; n <= 5; n++) {
		log_builder_append(builder, 1, 0, &(struct log_batch){ 0 });
		assert_int_equal(reader_ends(reader, 1, 0, &ends, NULL), 0);
		assert_int_equal(ends.log_end, n);
	}
	reader_close(reader);
	store_close(beside);
	log_builder_destroy(builder);
}

static void slots_of_dead_readers_are_freed(void **state)
{
	struct store *store = open_store(*state, STORE_SERVE);
	pid_t pids[3];
	for (size_t i = 0; i < 3; i++)
		pids[i] = hold_elsewhere(*state, STORE_BESIDE);
	assert_int_equal(store_check_readers(store), 0);
	kill_and_wait(pids[0]);
	kill_and_wait(pids[1]);
	assert_int_equal(store_check_readers(store), 2);
	assert_int_equal(store_check_readers(store), 0);
	kill_and_wait(pids[2]);
	assert_int_equal(store_check_readers(store), 1);
	store_close(store);
}

/* What cannot be opened. */

static void nothing_there_is_not_found_and_nothing_is_made(void **state)
{
	char *dir = strdup(path_in(*state, "nothing"));
	for (size_t i = 1; i < 3; i++) {
		expect_refusal(dir, modes[i], ERROR_NOT_FOUND, "no data directory");
		assert_int_equal(access(dir, F_OK), -1);
		/* An empty directory is none either. */
		expect_refusal(*state, modes[i], ERROR_NOT_FOUND, "no data directory");
		assert_int_equal(access(path_in(*state, "millstream.lock"), F_OK), -1);
	}
	free(dir);
	expect_refusal(path_in(*state, "no/such/parent"), STORE_SERVE, ERROR_NOT_FOUND, "make directory");
}

static void file_in_its_place_is_refused(void **state)
{
	char *dir = strdup(path_in(*state, "file"));
	write_file(dir, "text", 4);
	expect_refusal(dir, STORE_SERVE, ERROR_INVALID, "no directory");
	expect_refusal(dir, STORE_INSPECT, ERROR_NOT_FOUND, "no data directory");
	free(dir);
}

static void path_that_is_too_long_is_refused(void **state)
{
	(void)state;
	char dir[8000];
	memset(dir, 'x', sizeof(dir) - 1);
	dir[0] = '/';
	dir[sizeof(dir) - 1] = '\0';
	for (size_t i = 0; i < 3; i++) {
		struct store *store;
		struct error err = { 0 };
		assert_int_equal(try_open(&store, dir, modes[i], &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static int open_as_nobody(void *user)
{
	if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
		return 100;
	struct store *store;
	struct error err = { 0 };
	if (try_open(&store, user, STORE_SERVE, &err) == 0)
		return 101;
	puts(err.text);
	return (int)err.code;
}

static int open_as_owner(void *user)
{
	store_close(open_store(user, STORE_SERVE));
	return 0;
}

/* One line, which names what is denied, once. */
static void expect_denied(const char *dir, const char *words, const char *path)
{
	struct child_end end;
	char wanted[5000];
	run_child_function_in_fork(&end, open_as_nobody, (void *)(uintptr_t)dir, CHILD_TIME_MS);
	assert_int_equal(end.status, ERROR_DENIED);
	snprintf(wanted, sizeof(wanted), "%s '%s', which is owned by root", words, path);
	if (strstr(end.output, "permission denied: ") == NULL || strstr(end.output, wanted) == NULL ||
	    strstr(end.output, "; run as root, or change its owner or mode\n") == NULL)
		fail_msg("%s", end.output);
}

static void directory_that_may_not_be_used_is_refused_with_whose_it_is(void **state)
{
	struct child_end end;
	char path[5000];
	char *parent = strdup(path_in(*state, "parent")), *dir = strdup(path_in(*state, "parent/data"));
	if (geteuid() != 0)
		SKIP_TEST("needs root, to become somebody else");
	assert_int_equal(chmod(*state, 0755), 0);
	assert_int_equal(mkdir(parent, 0755), 0);
	expect_denied(dir, "may not write", parent);
	/* There, but somebody else's: the directory, then what is in it. */
	make_store(dir);
	expect_denied(dir, "may not read", dir);
	assert_int_equal(chmod(dir, 0755), 0);
	expect_denied(dir, "may not write", dir);
	assert_int_equal(chmod(dir, 0777), 0);
	snprintf(path, sizeof(path), "%s/millstream.lock", dir);
	expect_denied(dir, "may not read", path);
	assert_int_equal(chmod(path, 0644), 0);
	expect_denied(dir, "may not write", path);
	assert_int_equal(chmod(path, 0666), 0);
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(chmod(path, 0777), 0);
	snprintf(path, sizeof(path), "%s/log/data.mdb", dir);
	expect_denied(dir, "may not read", path);
	/* Nothing is denied to whom it belongs. */
	run_child_function_in_fork(&end, open_as_owner, dir, CHILD_TIME_MS);
	assert_int_equal(end.status, 0);
	free(parent);
	free(dir);
}

static void newer_format_is_refused_with_what_to_do(void **state)
{
	(void)state;
	struct log_builder *builder = log_builder_create();
	log_builder_topic(builder, "orders", 1, 1, 0);
	log_builder_append(builder, 1, 0, &(struct log_batch){ .is_hidden = true });
	log_builder_put_number(builder, META_FORMAT, STORE_FORMAT_VERSION + 1);
	log_builder_close(builder);
	for (size_t i = 0; i < 3; i++) {
		expect_refusal(builder->dir, modes[i], ERROR_FORMAT_VERSION, "format 2");
		expect_refusal(builder->dir, modes[i], ERROR_FORMAT_VERSION, "run the Millstream that wrote it");
	}
	log_builder_destroy(builder);
}

static void missing_or_damaged_records_of_meta_are_found(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		const char *value;      /* NULL: deleted */
		const char *words;
	} cases[] = {
		{ META_FORMAT, NULL, "no format version" },
		{ META_FORMAT, "twelve bytes", "checksum" },
		{ META_FORMAT, "", "no seal" },
		{ META_INSTANCE, NULL, "instance id is missing" },
		{ META_INSTANCE, "twenty bytes of text", "checksum" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct log_builder *builder = log_builder_create();
		if (cases[i].value == NULL)
			log_builder_delete(builder, TABLE_META, bytes_of_text(cases[i].key));
		else
			log_builder_put(builder, TABLE_META, bytes_of_text(cases[i].key),
					bytes_of_text(cases[i].value));
		log_builder_close(builder);
		for (size_t n = 0; n < 3; n++)
			expect_refusal(builder->dir, modes[n], ERROR_CORRUPT, cases[i].words);
		log_builder_destroy(builder);
	}
	struct log_builder *builder = log_builder_create();
	log_builder_put_sealed(builder, TABLE_META, bytes_of_text(META_INSTANCE), bytes_of_text("short"));
	log_builder_close(builder);
	expect_refusal(builder->dir, STORE_SERVE, ERROR_CORRUPT, "an instance id of 5 bytes");
	log_builder_destroy(builder);
}

static void garbage_in_place_of_the_data_file_is_an_error(void **state)
{
	char *path = strdup(path_in(*state, "log/data.mdb"));
	uint8_t *garbage = malloc(1 << 20);
	size_t size;
	make_store(*state);
	uint8_t *original = read_file(path, &size);
	for (size_t i = 0; i < 1 << 20; i++)
		garbage[i] = (uint8_t)(i * 31 + i / 7);
	const size_t sizes[] = { 1, 100, 4096, 8192, 1 << 20 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		write_file(path, garbage, sizes[i]);
		for (size_t n = 0; n < 3; n++)
			expect_refusal(*state, modes[n], ERROR_CORRUPT, "log");
	}
	write_file(path, original, size);
	store_close(open_store(*state, STORE_SERVE));
	free(original);
	free(garbage);
	free(path);
}

static void truncated_data_file_is_an_error(void **state)
{
	char *path = strdup(path_in(*state, "log/data.mdb"));
	size_t size;
	make_store(*state);
	uint8_t *original = read_file(path, &size);
	assert_true(size >= 4 * 4096);
	for (size_t cut = 4096; cut < size; cut += 4096) {
		struct store *store;
		struct error err = { 0 };
		write_file(path, original, cut);
		if (try_open(&store, *state, STORE_INSPECT, &err) == 0) {
			/* What lies in the pages that are gone is not needed to open it. */
			store_close(store);
			continue;
		}
		assert_int_equal(err.code, ERROR_CORRUPT);
	}
	write_file(path, original, 4096);
	expect_refusal(*state, STORE_INSPECT, ERROR_CORRUPT, "log");
	free(original);
	free(path);
}

struct opening {
	const char *dir;
	enum store_mode mode;
};

static int open_in_mode(void *user)
{
	const struct opening *opening = user;
	struct store *store;
	struct error err = { 0 };
	return try_open(&store, opening->dir, opening->mode, &err) == 0 ? 0 : (int)err.code;
}

/* In processes of their own: LMDB divides by it before it has freed a name. */
static void zero_page_size_is_an_error(void **state)
{
	char *path = strdup(path_in(*state, "log/data.mdb"));
	size_t size;
	make_store(*state);
	uint8_t *file = read_file(path, &size);
	/* LMDB 0.9: page header of 16 bytes, magic, version, address, map size, then
	 * the first table's u32 md_pad, which is the page size.  In both meta pages. */
	memset(file + 16 + 4 + 4 + 8 + 8, 0, 4);
	memset(file + 4096 + 16 + 4 + 4 + 8 + 8, 0, 4);
	write_file(path, file, size);
	for (size_t n = 0; n < 3; n++) {
		struct child_end end;
		run_child_function_in_fork(&end, open_in_mode, &(struct opening){ *state, modes[n] },
					   CHILD_TIME_MS);
		assert_int_equal(end.status, ERROR_CORRUPT);
	}
	free(file);
	free(path);
}

/* Every byte of LMDB's first two pages: what is wrong with them is called damage, never
 * a lack of memory or a broken disk.  In processes of their own: one that writes and
 * meets damage keeps the directory. */
static void damaged_meta_page_is_called_damage(void **state)
{
	char *path = strdup(path_in(*state, "log/data.mdb"));
	size_t size;
	int refused_count = 0;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	const size_t stride = 7;        /* a process costs ten times as much */
#else
	const size_t stride = 1;
#endif
	make_store(*state);
	const uint8_t *original = read_file(path, &size);
	uint8_t *file = malloc(size);
	for (size_t at = 0; at < 2 * 152 * 2; at += stride) {
		const size_t byte = at / 4 % 152 + (at % 2) * 4096;
		memcpy(file, original, size);
		int flip = at / 2 % 2 == 0 ? 0x80 : 1 << byte % 7;
		file[byte] = (uint8_t)(file[byte] ^ flip);
		write_file(path, file, size);
		for (size_t n = 0; n < 2; n++) {
			struct child_end end;
			run_child_function_in_fork(&end, open_in_mode, &(struct opening){ *state, modes[n] },
						   CHILD_TIME_MS);
			if (end.status != 0 && end.status != ERROR_CORRUPT)
				fail_msg("byte %zu, mode %zu: %d", byte, n, end.status);
			refused_count += end.status != 0;
		}
	}
	assert_true((size_t)refused_count > 100 / stride);
	write_file(path, original, size);
	store_close(open_store(*state, STORE_SERVE));
	free(file);
	free((void *)(uintptr_t)original);
	free(path);
}

static void meta_page_says_what_is_wrong_with_it(void **state)
{
	static const struct {
		size_t at;
		uint8_t mask;
		const char *words;
	} cases[] = {
		{ 16, 1, "page does not begin as LMDB's do" },
		{ 0, 4, "page has a wrong number or wrong flags" },
		{ 10, 8, "page has a wrong number or wrong flags" },
		{ 20, 2, "page has another version than the other one" },
		{ 43, 0x80, "page has an impossible page size" },
		{ 41, 0x30, "its first and second page differ in page size" },
		{ 141, 1, "page counts more pages than there can be" },
	};
	char *path = strdup(path_in(*state, "log/data.mdb"));
	size_t size;
	make_store(*state);
	uint8_t *file = read_file(path, &size);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *byte = &file[cases[i / 2].at + i % 2 * 4096];
		*byte ^= cases[i / 2].mask;
		write_file(path, file, size);
		for (size_t n = 0; n < 2; n++)
			expect_refusal(*state, modes[n], ERROR_CORRUPT, cases[i / 2].words);
		*byte ^= cases[i / 2].mask;
	}
	/* Both of another version, that is no damage. */
	file[20] = file[4096 + 20] = 2;
	write_file(path, file, size);
	expect_refusal(*state, STORE_SERVE, ERROR_FORMAT_VERSION, "written by an LMDB with format 2");
	/* An empty file is not taken for a new one. */
	write_file(path, file, 0);
	for (size_t n = 0; n < 2; n++)
		expect_refusal(*state, modes[n], ERROR_CORRUPT, "was cut off: it has 0 bytes");
	free(read_file(path, &size));
	assert_int_equal(size, 0);
	free(file);
	free(path);
}

/* Somebody else's LMDB environment, with a table or a plain entry. */
static void make_foreign(const char *dir, const char *table)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	char key_text[] = "abc", value_text[] = "def";
	MDB_val key = { 3, key_text }, value = { 3, value_text };
	mkdir(path_in(dir, "log"), 0750);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
	assert_int_equal(mdb_env_open(env, path_in(dir, "log"), 0, 0640), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, table, MDB_CREATE, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void foreign_environment_is_refused_and_stays_as_it_is(void **state)
{
	static const char *const tables[] = { NULL, "their table", "meta" };
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		size_t size, size_after;
		temp_dir_empty(*state);
		make_foreign(*state, tables[i]);
		uint8_t *before = read_file(path_in(*state, "log/data.mdb"), &size);
		for (size_t n = 0; n < 3; n++)
			expect_refusal(*state, modes[n], ERROR_CORRUPT, "");
		uint8_t *after = read_file(path_in(*state, "log/data.mdb"), &size_after);
		assert_int_equal(size, size_after);
		assert_memory_equal(before, after, size);
		free(before);
		free(after);
	}
}

static void missing_table_is_an_error(void **state)
{
	struct store *store = open_store(*state, STORE_SERVE);
	MDB_txn *txn;
	assert_int_equal(mdb_txn_begin(store->env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_drop(txn, store->tables[TABLE_SCHEMAS], 1), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	store_close(store);
	for (size_t n = 0; n < 3; n++)
		expect_refusal(*state, modes[n], ERROR_CORRUPT, "schemas");
}

static void inspecting_changes_nothing(void **state)
{
	(void)state;
	struct log_builder *builder = log_builder_create();
	size_t size, size_after;
	log_builder_topic(builder, "orders", 1, 1, 0);
	log_builder_append(builder, 1, 0, &(struct log_batch){ .is_hidden = true });
	log_builder_close(builder);
	char *path = strdup(path_in(builder->dir, "log/data.mdb"));
	uint8_t *before = read_file(path, &size);
	for (size_t i = 1; i < 3; i++) {
		log_builder_open(builder, modes[i]);
		log_builder_close(builder);
	}
	uint8_t *after = read_file(path, &size_after);
	assert_int_equal(size, size_after);
	assert_memory_equal(before, after, size);
	free(before);
	free(after);
	free(path);
	log_builder_destroy(builder);
}

static void only_the_server_writes(void **state)
{
	make_store(*state);
	for (size_t i = 1; i < 3; i++) {
		struct store *store = open_store(*state, modes[i]);
		struct transaction transaction;
		assert_int_equal(transaction_begin(&transaction, store, NULL), -1);
		store_close(store);
	}
}

static void ballast_is_made_where_it_is_asked_for(void **state)
{
	struct stat file;
	struct store *store;
	struct store_options options = {
		.dir = *state, .map_bytes = MAP_BYTES, .ballast_bytes = 1 << 20,
	};
	assert_int_equal(store_open(&store, &options, NULL), 0);
	assert_int_equal(stat(path_in(*state, "ballast"), &file), 0);
	assert_int_equal(file.st_size, 1 << 20);
	store_close(store);
}

static void deleted_pages_are_free_room(void **state)
{
	(void)state;
	struct log_builder *builder = log_builder_create();
	struct store_usage before, full, after;
	struct error err = { 0 };
	assert_int_equal(store_usage(builder->store, &before, &err), 0);
	assert_true(before.file_bytes > 0);
	assert_true(before.disk_total_bytes >= before.disk_free_bytes);
	assert_int_equal(before.quota_bytes, (UINT64_C(1) << 30) - STORE_RESERVE_BYTES);
	log_builder_topic(builder, "orders", 1, 1, 0);
	for (int n = 0; n < 100; n++)
		log_builder_append(builder, 1, 0, &(struct log_batch){ .value_bytes = 40000 });
	assert_int_equal(store_usage(builder->store, &full, &err), 0);
	assert_true(full.file_bytes - full.free_bytes > 4000000);
	for (uint64_t n = 0; n < 100; n++) {
		uint8_t key[BATCH_KEY_BYTES];
		batch_key_encode(key, 1, 0, n);
		log_builder_delete(builder, TABLE_LOG, (struct bytes){ key, sizeof(key) });
	}
	assert_int_equal(store_usage(builder->store, &after, &err), 0);
	assert_true(after.free_bytes > 4000000);
	assert_true(after.free_bytes < after.file_bytes);
	log_builder_destroy(builder);
}

static void quota_keeps_room_for_deletions(void **state)
{
	static const struct {
		uint64_t map_bytes, quota_bytes, wanted;
	} cases[] = {
		{ UINT64_C(64) << 20, 0, UINT64_C(56) << 20 },
		{ UINT64_C(1) << 30, 0, UINT64_C(960) << 20 },
		{ UINT64_C(1) << 30, UINT64_C(5) << 20, UINT64_C(5) << 20 },
		{ UINT64_C(1) << 30, UINT64_C(2) << 30, UINT64_C(960) << 20 },
#ifndef __SANITIZE_THREAD__      /* has not always a terabyte of addresses left */
		{ 0, 0, STORE_MAP_BYTES - (UINT64_C(64) << 20) },
#endif
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store *store;
		struct store_usage usage;
		struct store_options options = {
			.dir = *state, .map_bytes = cases[i].map_bytes, .quota_bytes = cases[i].quota_bytes,
		};
		assert_int_equal(store_open(&store, &options, NULL), 0);
		assert_int_equal(store_usage(store, &usage, NULL), 0);
		assert_true(usage.quota_bytes == cases[i].wanted);
		store_close(store);
	}
}

static void every_failed_allocation_of_opening_is_reported(void **state)
{
	for (int round = 0; round < 2; round++) {
		int failed_count = 0;
		for (int n = 0;; n++) {
			struct store *store = NULL;
			struct error err = { 0 };
			fail_malloc_after(n);
			int rc = try_open(&store, *state, STORE_SERVE, &err);
			if (!fail_malloc_stop()) {
				assert_int_equal(rc, 0);
				store_close(store);
				break;
			}
			assert_int_equal(rc, -1);
			assert_int_equal(err.code, ERROR_MEMORY);
			failed_count++;
		}
		assert_true(failed_count >= 2);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create_directory, destroy_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(new_store_has_its_files_and_an_id),
		TEST(reopened_store_keeps_its_id_and_another_has_its_own),
		TEST(what_is_readable_by_others_is_nothing),
		TEST(second_opener_is_refused),
		TEST(second_process_is_refused),
		TEST(lock_ends_with_a_killed_process),
		TEST(readers_beside_the_server_see_what_it_commits),
		TEST(slots_of_dead_readers_are_freed),
		TEST(nothing_there_is_not_found_and_nothing_is_made),
		TEST(file_in_its_place_is_refused),
		TEST(path_that_is_too_long_is_refused),
		TEST(directory_that_may_not_be_used_is_refused_with_whose_it_is),
		TEST(newer_format_is_refused_with_what_to_do),
		TEST(missing_or_damaged_records_of_meta_are_found),
		TEST(garbage_in_place_of_the_data_file_is_an_error),
		TEST(truncated_data_file_is_an_error),
		TEST(zero_page_size_is_an_error),
		TEST(damaged_meta_page_is_called_damage),
		TEST(meta_page_says_what_is_wrong_with_it),
		TEST(foreign_environment_is_refused_and_stays_as_it_is),
		TEST(missing_table_is_an_error),
		TEST(inspecting_changes_nothing),
		TEST(only_the_server_writes),
		TEST(ballast_is_made_where_it_is_asked_for),
		TEST(deleted_pages_are_free_room),
		TEST(quota_keeps_room_for_deletions),
		TEST(every_failed_allocation_of_opening_is_reported),
	};
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
