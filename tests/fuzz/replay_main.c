/* main() of a fuzz target when it is not built with libFuzzer: runs the target
 * over every file of the directories given, or else of its own corpus,
 * $top_srcdir/tests/fuzz/corpus/NAME for the program fuzz_NAME.  Writes TAP. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	uint8_t *data = NULL;
	int rc = -1;

	if (file == NULL || fstat(fileno(file), &status) != 0)
		goto fail;
	/* Exactly as large as the input, so that reading past it is noticed. */
	size_t size = (size_t)status.st_size;
	data = malloc(size > 0 ? size : 1);
	if (data == NULL || fread(data, 1, size, file) != size)
		goto fail;
	LLVMFuzzerTestOneInput(data, size);
	rc = 0;
fail:
	if (rc != 0)
		printf("# cannot read %s: %s\n", path, strerror(errno));
	free(data);
	if (file != NULL)
		fclose(file);
	return rc;
}

/* Returns how many inputs were run, or -1. */
static int replay_directory(const char *directory)
{
	struct dirent **entries = NULL;
	int entry_count = scandir(directory, &entries, NULL, alphasort);
	int input_count = 0;
	char path[4096];

	if (entry_count < 0) {
		printf("# cannot open %s: %s\n", directory, strerror(errno));
		return -1;
	}
	for (int i = 0; i < entry_count; i++) {
		const char *name = entries[i]->d_name;
		if (name[0] != '.' && input_count >= 0) {
			snprintf(path, sizeof(path), "%s/%s", directory, name);
			/* The last one shown is to blame when the target does not come back. */
			printf("# %s\n", path);
			fflush(stdout);
			input_count = replay_file(path) == 0 ? input_count + 1 : -1;
		}
		free(entries[i]);
	}
	free(entries);
	return input_count;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash != NULL ? slash + 1 : argv[0];
	const char *top_srcdir = getenv("top_srcdir");
	char corpus[4096];
	char *own_corpus[] = { corpus, NULL };
	int input_count = 0;

	if (strncmp(name, "fuzz_", 5) == 0)
		name += 5;
	snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s",
		 top_srcdir != NULL ? top_srcdir : ".", name);
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);

	printf("1..1\n");
	fflush(stdout);
	for (char **directory = argc > 1 ? argv + 1 : own_corpus; *directory != NULL; directory++) {
		int count = replay_directory(*directory);
		if (count <= 0) {
			printf("not ok 1 - %s: no inputs in %s\n", name, *directory);
			return EXIT_FAILURE;
		}
		input_count += count;
	}
	printf("ok 1 - %s: %d inputs\n", name, input_count);
	return EXIT_SUCCESS;
}
