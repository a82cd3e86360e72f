/* millstream-log as a user meets it: what it prints, and how it ends. */
#include "storage/store.h"
#include "tests/support/example_log.h"
#include "tests/support/log_builder.h"
#include "tests/support/random.h"
#include "tests/support/run_child.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"

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

/* The directories the tests share: one is whole, one is damaged, one empty.
 * Nothing that is tested changes them. */
static char *parent;
static char whole[512];
static char damaged[512];
static char *program;

static int make_directories(void **state)
{
	(void)state;
	parent = temp_dir_create_in_memory();
	program = built_file("millstream-log");
	snprintf(whole, sizeof(whole), "%s/whole", parent);
	snprintf(damaged, sizeof(damaged), "%s/damaged", parent);
	example_log_write(whole);
	example_log_write_damaged(damaged);
	return 0;
}

static int remove_directories(void **state)
{
	(void)state;
	temp_dir_destroy(parent);
	free(program);
	return 0;
}

struct outcome {
	int status;             /* as the shell gives it: 128 and the signal */
	char *out;
	char *talk;             /* stderr */
};

static char *read_whole_file(const char *path)
{
	FILE *file = fopen(path, "re");
	size_t size = 0, room = 1 << 20;
	char *text = malloc(room);
	if (file == NULL)
		fail_msg("there is no %s", path);
	for (size_t n; (n = fread(text + size, 1, room - size - 1, file)) > 0;)
		if ((size += n) == room - 1)
			text = realloc(text, room *= 2);
	text[size] = '\0';
	fclose(file);
	return text;
}

/* Run a line of shell in which $log is the program, $whole and $damaged the
 * directories. */
static struct outcome run(const char *line)
{
	struct outcome outcome;
	char command[4096], path[600];
	snprintf(command, sizeof(command),
		 "cd '%s'; log='%s'; whole='%s'; damaged='%s'; { %s\n} >out 2>talk", parent, program, whole,
		 damaged, line);
	int status = system(command);
	outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	snprintf(path, sizeof(path), "%s/out", parent);
	outcome.out = read_whole_file(path);
	snprintf(path, sizeof(path), "%s/talk", parent);
	outcome.talk = read_whole_file(path);
	return outcome;
}

static void clear(struct outcome *outcome)
{
	free(outcome->out);
	free(outcome->talk);
}

static void assert_run(const char *line, int status, const char *out, const char *talk)
{
	struct outcome outcome = run(line);
	assert_string_equal(outcome.talk, talk);
	assert_string_equal(outcome.out, out);
	assert_int_equal(outcome.status, status);
	clear(&outcome);
}

/* The talk begins with this and is one line. */
static void assert_refused(const char *line, int status, const char *talk)
{
	struct outcome outcome = run(line);
	assert_string_equal(outcome.out, "");
	if (strncmp(outcome.talk, talk, strlen(talk)) != 0)
		fail_msg("%s: it said '%s', not '%s'", line, outcome.talk, talk);
	assert_ptr_equal(strchr(outcome.talk, '\n') + 1, outcome.talk + strlen(outcome.talk));
	assert_int_equal(outcome.status, status);
	clear(&outcome);
}

/* LMDB's own pages differ from one version of it to another. */
static void hide_sizes(char *text)
{
	static const char *const before[] = { "\"file_bytes\":", "\"free_bytes\":", "\nfile      " };
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		char *at = strstr(text, before[i]);
		if (at == NULL)
			continue;
		at += strlen(before[i]);
		char *end = at + strcspn(at, ",}\n");
		if (before[i][0] == '\n')
			end = at + strcspn(at, "\n");
		*at = '0';
		memmove(at + 1, end, strlen(end) + 1);
	}
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		fail_msg("cannot write %s", path);
}

/* What differs is shown, and left where it can be looked at and copied from. */
static void assert_golden(const char *line, int status, const char *name, const char *talk)
{
	struct outcome outcome = run(line);
	const char *top = getenv("top_srcdir");
	char golden_path[600], command[1400];
	snprintf(golden_path, sizeof(golden_path), "%s/tests/integration/golden/%s",
		 top != NULL ? top : ".", name);
	hide_sizes(outcome.out);
	char *golden = read_whole_file(golden_path);
	if (strcmp(outcome.out, golden) != 0) {
		char actual_path[600];
		snprintf(actual_path, sizeof(actual_path), "tests/integration/%s.actual", name);
		write_file(actual_path, outcome.out);
		snprintf(command, sizeof(command), "diff -u '%s' '%s' | sed 's/^/# /'", golden_path,
			 actual_path);
		if (system(command) != 0)
			print_error("no diff\n");
		fail_msg("%s prints something else; see %s", line, actual_path);
	}
	assert_string_equal(outcome.talk, talk);
	assert_int_equal(outcome.status, status);
	free(golden);
	clear(&outcome);
}

static void overview_shows_what_there_is(void **state)
{
	(void)state;
	assert_golden("$log dump $whole", 0, "overview.txt", "");
	assert_golden("$log dump --json $whole", 0, "overview.json", "");
}

static void topic_shows_its_records(void **state)
{
	(void)state;
	assert_golden("$log dump $whole events", 0, "events.txt", "");
	assert_golden("$log dump $whole events --json", 0, "events.json", "");
	assert_golden("$log dump $whole empty", 0, "empty.txt", "");
	assert_golden("$log dump $whole empty --json", 0, "empty.json", "");
}

static void every_type_is_shown_by_its_columns_name(void **state)
{
	(void)state;
	assert_golden("$log dump $whole shop.public.types", 0, "types.txt", "");
	assert_golden("$log dump $whole shop.public.types --json", 0, "types.json", "");
}

static void changes_are_shown_with_what_was_before_and_after(void **state)
{
	(void)state;
	assert_golden("$log dump $whole shop.public.orders", 0, "orders.txt", "");
	assert_golden("$log dump $whole shop.public.orders --json", 0, "orders.json", "");
}

#define PLACES(n, s) "millstream-log dump: " n " damaged place" s "; see 'millstream-log verify "

/* Records whose schema is missing or another are damage, too. */
static void damage_is_named_and_what_is_behind_it_shown(void **state)
{
	char talk[700];
	(void)state;
	snprintf(talk, sizeof(talk), PLACES("2", "s") "%s'\n", damaged);
	assert_golden("$log dump $damaged", 1, "damaged_overview.txt", talk);
	assert_golden("$log dump $damaged --json", 1, "damaged_overview.json", talk);
	snprintf(talk, sizeof(talk), PLACES("3", "s") "%s'\n", damaged);
	assert_golden("$log dump $damaged shop.public.orders", 1, "damaged_orders.txt", talk);
	assert_golden("$log dump $damaged shop.public.orders --json", 1, "damaged_orders.json", talk);
	snprintf(talk, sizeof(talk), PLACES("1", "") "%s'\n", damaged);
	assert_golden("$log dump $damaged shop.public.types --offset=3", 1, "damaged_types.txt", talk);
}

static void partition_offset_and_count_choose_records(void **state)
{
	(void)state;
	static const struct { const char *options; const char *offsets; } cases[] = {
		{ "--partition 1", "0 1 " },
		{ "--partition 1 --count 1", "0 " },
		{ "--offset 1 --count 3", "1 2 3 " },
		{ "--offset=4", "4 5 " },
		{ "--offset 6", "" },
		{ "--offset 18446744073709551615", "" },
		{ "--count 0", "" },
		{ "--count 7", "0 1 2 3 4 5 0 " },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[512];
		snprintf(line, sizeof(line),
			 "$log dump $whole shop.public.orders --json %s 2>/dev/null | "
			 "sed -n 's/.*\"record\".*\"offset\":\\([0-9]*\\).*/\\1/p' | tr '\\n' ' '",
			 cases[i].options);
		assert_run(line, 0, cases[i].offsets, "");
	}
}

static void every_record_of_many_batches_is_shown_once(void **state)
{
	char expected[32];
	(void)state;
	snprintf(expected, sizeof(expected), "%d\n", EXAMPLE_LOG_BULK);
	assert_run("$log dump $whole bulk --json | grep -c '\"record\"'", 0, expected, "");
	assert_run("$log dump $whole bulk --json | sed -n 's/.*\"offset\":\\([0-9]*\\).*/\\1/p' | sort -nu | wc -l",
		   0, expected, "");
}

static void what_is_not_there_is_said_with_the_nearest(void **state)
{
	(void)state;
	assert_refused("$log dump $whole shop.public.order", 1,
		       "millstream-log dump: there is no topic 'shop.public.order': did you mean "
		       "'shop.public.orders'?\n");
	assert_refused("$log dump $whole nothing", 1,
		       "millstream-log dump: there is no topic 'nothing': without a topic, dump lists "
		       "those there are\n");
	assert_refused("$log dump $whole ''", 1, "millstream-log dump: there is no topic ''");
	assert_refused("$log dump $whole events --partition 1", 1,
		       "millstream-log dump: topic 'events' has partitions 0 to 0, not 1\n");
	assert_refused("$log verify nowhere", 1, "millstream-log verify: 'nowhere' is no data directory");
	assert_refused("$log dump nowhere", 1, "millstream-log dump: 'nowhere' is no data directory");
	assert_refused("$log dump $damaged empty", 1,
		       "millstream-log dump: topic 'empty': table topics: a value's checksum is wrong\n");
}

static void whole_directory_has_no_problems(void **state)
{
	(void)state;
	assert_run("$log verify $whole", 0,
		   "no problems in 5 topics, 6 partitions, 16 batches, 5017 records, 537.1 KiB\n", "");
	assert_run("$log verify --json $whole", 0,
		   "{\"kind\":\"summary\",\"topics\":5,\"partitions\":6,\"batches\":16,"
		   "\"records\":5017,\"bytes\":549967,\"problems\":0,\"whole\":true}\n",
		   "");
}

static void every_problem_is_a_line(void **state)
{
	(void)state;
	assert_golden("$log verify $damaged", 1, "damaged_verify.txt", "");
	assert_golden("$log verify $damaged --json", 1, "damaged_verify.json", "");
}

static void misuse_is_status_64_with_a_hint(void **state)
{
	(void)state;
	assert_refused("$log dum", 64, "millstream-log: unknown command 'dum': did you mean 'dump'?\n");
	assert_refused("$log frobnicate", 64, "millstream-log: unknown command 'frobnicate': see");
	assert_refused("$log --versio", 64, "millstream-log: unknown option '--versio': did you mean");
	assert_refused("$log dump", 64, "millstream-log dump: which data directory?");
	assert_refused("$log dump $whole --jsn", 64,
		       "millstream-log dump: unknown option '--jsn': did you mean '--json'?\n");
	assert_refused("$log dump $whole --frobnicate", 64,
		       "millstream-log dump: unknown option '--frobnicate': see");
	assert_refused("$log dump $whole -j", 64, "millstream-log dump: unknown option '-j': options");
	assert_refused("$log dump $whole --json=yes", 64, "millstream-log dump: --json takes no value\n");
	assert_refused("$log dump $whole bulk --count", 64, "millstream-log dump: --count needs a value");
	assert_refused("$log dump $whole bulk --count -1", 64,
		       "millstream-log dump: --count: '-1' is not a number from 0 to");
	assert_refused("$log dump $whole bulk --partition 4294967296", 64,
		       "millstream-log dump: --partition: '4294967296' is not a number from 0 to 4294967295");
	assert_refused("$log dump $whole bulk --offset ''", 64, "millstream-log dump: --offset: ''");
	assert_refused("$log dump $whole --count 1", 64, "millstream-log dump: --partition, --offset and");
	assert_refused("$log verify", 64, "millstream-log verify: which data directory?");
	assert_refused("$log verify $whole $damaged", 64,
		       "millstream-log verify: one directory at a time");
	assert_refused("$log verify $whole --jso", 64,
		       "millstream-log verify: unknown option '--jso': did you mean '--json'?\n");
	assert_refused("$log bench", 64, "millstream-log bench: measure what?");
	assert_refused("$log bench everything", 64, "millstream-log bench: 'everything' cannot be");
	assert_refused("$log bench append --turn 3", 64,
		       "millstream-log bench: unknown option '--turn': did you mean '--turns'?\n");
	assert_refused("$log bench append --turns 65", 64, "millstream-log bench: --turns: '65' is not");
	assert_refused("$log bench append --turns 0", 64, "millstream-log bench: --turns: one at least\n");
	assert_refused("$log dump $whole events bulk", 64, "millstream-log dump: one topic at a time");
	assert_run("$log dump -- $whole --json 2>&1 | sed 's/:.*//'", 0, "millstream-log dump\n", "");
	assert_run("$log >/dev/null 2>&1", 64, "", "");
}

static void directory_that_is_open_is_refused(void **state)
{
	static const char *const lines[] = { "$log dump $whole", "$log verify $whole" };
	struct store_options options = { .dir = whole, .map_bytes = UINT64_C(256) << 20,
					 .mode = STORE_INSPECT };
	struct store *store;
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(store_open(&store, &options, NULL), 0);
		struct outcome outcome = run(lines[i]);
		store_close(store);
		assert_string_equal(outcome.out, "");
		assert_non_null(strstr(outcome.talk, "is open in another process; stop that one first\n"));
		assert_int_equal(outcome.status, 1);
		clear(&outcome);
	}
}

/* In a copy of the whole directory: anywhere, or where LMDB's pages say what is
 * in them. */
static void flip_bits(struct random *random)
{
	char path[700];
	struct stat file;
	uint64_t bit_count = random_once_in(random, 2) ? 1 : 16;
	struct outcome outcome = run("rm -rf flipped && cp -r $whole flipped");
	assert_int_equal(outcome.status, 0);
	clear(&outcome);
	snprintf(path, sizeof(path), "%s/flipped/log/data.mdb", parent);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &file) == 0);
	for (uint64_t i = 0; i < bit_count; i++) {
		uint8_t byte;
		off_t at = (off_t)random_below(random, (uint64_t)file.st_size);
		if (random_once_in(random, 2))
			at = at / 4096 * 4096 + (off_t)random_below(random, 48);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= (uint8_t)(1u << random_below(random, 8));
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
}

static void flipped_bits_never_crash_it(void **state)
{
	int round_count = test_amount(3, 30, 1000);
	(void)state;
	for (int round = 0; round < round_count; round++) {
		struct random random = random_seeded(7, (uint64_t)round);
		flip_bits(&random);
		struct outcome outcome = run("for topic in '' shop.public.orders bulk; do "
					     "timeout 60 $log dump flipped $topic >/dev/null 2>&1; "
					     "status=$?; case $status in 0|1|74) ;; *) echo $status;; esac; done; "
					     "timeout 60 $log verify flipped >/dev/null 2>&1; "
					     "status=$?; case $status in 0|1|74) ;; *) echo $status;; esac");
		if (outcome.out[0] != '\0')
			fail_msg("round %d: status %s", round, outcome.out);
		clear(&outcome);
	}
}

static void closed_pipe_ends_it_quietly(void **state)
{
	(void)state;
	assert_run("$log dump $whole bulk --json | sed -n '1s/,.*//p;1q'", 0, "{\"kind\":\"batch\"\n", "");
	/* The same where whoever started it ignores SIGPIPE. */
	assert_run("(trap '' PIPE; $log dump $whole bulk --json) | sed -n '1s/,.*//p;1q'", 0,
		   "{\"kind\":\"batch\"\n", "");
}

static void full_disk_below_the_output_is_status_74(void **state)
{
	(void)state;
	assert_run("$log dump $whole bulk >/dev/full", 74, "",
		   "millstream-log: write the output: No space left on device\n");
	assert_run("$log dump $whole >/dev/full", 74, "",
		   "millstream-log: write the output: No space left on device\n");
}

/* It ends by the signal, and with a whole line. */
static void interrupt_ends_it_between_two_lines(void **state)
{
	int ends[2], status;
	char piece[4096], last = '\0';
	ssize_t n;
	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(program, "millstream-log", "dump", whole, "bulk", "--json", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	/* More than a pipe holds is to come: it is waiting for us. */
	assert_true(read(ends[0], piece, 1) == 1);
	assert_int_equal(kill(child, SIGINT), 0);
	size_t size = 1;
	while ((n = read(ends[0], piece, sizeof(piece))) > 0) {
		size += (size_t)n;
		last = piece[n - 1];
	}
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	assert_int_equal(last, '\n');
	assert_in_range(size, 1, 400000);
}

/* Start the program with its stderr on fd, and its stdout nowhere. */
static pid_t start_verify(const char *dir, int talk_fd)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
	dup2(talk_fd, STDERR_FILENO);
	execl(program, "millstream-log", "verify", dir, (char *)NULL);
	_exit(127);
}

static void progress_is_shown_on_a_terminal_alone(void **state)
{
	(void)state;
	/* More than goes by before progress is told. */
	struct log_builder *builder = log_builder_create();
	log_builder_topic(builder, "large", 1, 1, 0);
	for (int i = 0; i < 12; i++)
		log_builder_append(builder, 1, 0, &(struct log_batch){ .value_bytes = 8 << 20 });
	log_builder_close(builder);

	char talk[4096], line[700];
	size_t size = 0;
	int status, terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	int end = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(end >= 0);
	pid_t child = start_verify(builder->dir, end);
	close(end);
	/* A terminal whose other end is gone gives EIO. */
	for (ssize_t n; size < sizeof(talk) - 1 &&
			(n = read(terminal, talk + size, sizeof(talk) - 1 - size)) > 0;)
		size += (size_t)n;
	talk[size] = '\0';
	close(terminal);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_memory_equal(talk, "\rverified ", 10);
	assert_non_null(strstr(talk, " of 96."));
	/* Nothing stays on the screen. */
	assert_string_equal(talk + size - 4, "\r\033[K");

	snprintf(line, sizeof(line), "$log verify '%s' >/dev/null", builder->dir);
	assert_run(line, 0, "", "");
	log_builder_destroy(builder);
}

static bool has_children(pid_t pid)
{
	char path[64], text[64] = "";
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *file = fopen(path, "re");
	/* Not every kernel tells: then there is nothing to wait for. */
	if (file == NULL)
		return true;
	bool has = fgets(text, sizeof(text), file) != NULL;
	fclose(file);
	return has;
}

/* Opening a pipe that nobody writes to waits for ever, so the check does. */
static void interrupt_ends_a_check_and_its_process(void **state)
{
	char dir[600], path[700];
	int status, talk_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	(void)state;
	snprintf(dir, sizeof(dir), "%s/waiting", parent);
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/log/data.mdb", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	pid_t child = start_verify(dir, talk_fd);
	assert_true(wait_until(has_children(child)));
	assert_int_equal(kill(child, SIGINT), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	/* Nobody has the pipe open any more. */
	assert_int_equal(open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
	assert_int_equal(errno, ENXIO);
	close(talk_fd);
}

static void help_fits_a_screen(void **state)
{
	static const char *const lines[] = { "$log --help", "$log verify --help",
					     "$log dump --help", "$log bench --help" };
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct outcome outcome = run(lines[i]);
		size_t line_count = 0, width = 0;
		for (const char *at = outcome.out; *at != '\0'; at += width + 1, line_count++) {
			width = strcspn(at, "\n");
			assert_in_range(width, 0, 100);
		}
		assert_in_range(line_count, 5, 24);
		assert_string_equal(outcome.talk, "");
		assert_int_equal(outcome.status, 0);
		clear(&outcome);
	}
}

/* Each help has two, below "examples:". */
static void examples_of_the_help_work(void **state)
{
	static const char *const lines[] = { "$log --help", "$log verify --help",
					     "$log dump --help" };
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char line[2048];
		snprintf(line, sizeof(line),
			 "%s | sed -e '1,/^examples:/d' -e 's/myapp.public.users/events/' "
			 "-e 's/| jq \\./>dumped/' -e 's|/var/lib/millstream|$whole|' "
			 "-e 's/millstream-log/$log/' >script && test $(wc -l <script) = 2 && "
			 "set -e && . ./script >/dev/null",
			 lines[i]);
		assert_run(line, 0, "", "");
	}
}

/* The manual is compared with what the program says of itself. */
static void every_option_is_in_the_manual(void **state)
{
	static const char *const commands[] = { "verify", "dump", "bench" };
	char line[1024], page[512];
	const char *top = getenv("top_srcdir");
	(void)state;
	/* top_srcdir may be a relative path, and the line runs elsewhere. */
	char *root = realpath(top != NULL ? top : ".", NULL);
	assert_non_null(root);
	snprintf(page, sizeof(page), "%s/doc/millstream-log.1", root);
	free(root);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(line, sizeof(line),
			 "$log %s --help | sed -n 's/^  --\\([a-z]*\\).*/\\1/p' >options && "
			 "test -s options && while read option; do "
			 "grep -q \"Fl -$option\" '%s' || echo \"--$option\"; done <options",
			 commands[i], page);
		assert_run(line, 0, "", "");
	}
}

static void version_names_the_data_format(void **state)
{
	char expected[64];
	struct outcome outcome = run("$log --version");
	(void)state;
	snprintf(expected, sizeof(expected), "millstream-log %s (data format %d, LMDB ", PACKAGE_VERSION,
		 STORE_FORMAT_VERSION);
	assert_memory_equal(outcome.out, expected, strlen(expected));
	assert_int_equal(outcome.status, 0);
	clear(&outcome);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overview_shows_what_there_is),
		cmocka_unit_test(topic_shows_its_records),
		cmocka_unit_test(every_type_is_shown_by_its_columns_name),
		cmocka_unit_test(changes_are_shown_with_what_was_before_and_after),
		cmocka_unit_test(damage_is_named_and_what_is_behind_it_shown),
		cmocka_unit_test(partition_offset_and_count_choose_records),
		cmocka_unit_test(every_record_of_many_batches_is_shown_once),
		cmocka_unit_test(what_is_not_there_is_said_with_the_nearest),
		cmocka_unit_test(whole_directory_has_no_problems),
		cmocka_unit_test(every_problem_is_a_line),
		cmocka_unit_test(misuse_is_status_64_with_a_hint),
		cmocka_unit_test(directory_that_is_open_is_refused),
		cmocka_unit_test(flipped_bits_never_crash_it),
		cmocka_unit_test(closed_pipe_ends_it_quietly),
		cmocka_unit_test(full_disk_below_the_output_is_status_74),
		cmocka_unit_test(interrupt_ends_it_between_two_lines),
		cmocka_unit_test(progress_is_shown_on_a_terminal_alone),
		cmocka_unit_test(interrupt_ends_a_check_and_its_process),
		cmocka_unit_test(help_fits_a_screen),
		cmocka_unit_test(examples_of_the_help_work),
		cmocka_unit_test(every_option_is_in_the_manual),
		cmocka_unit_test(version_names_the_data_format),
	};
	return cmocka_run_group_tests_name("millstream_log", tests, make_directories,
					   remove_directories);
}
