#include "server/arguments.h"
#include "server/log.h"
#include "server/settings.h"
#include "storage/permission.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static int print_options(bool is_json)
{
	struct text text;
	struct error err = { 0 };
	text_init(&text);
	int rc = config_print_options(&text, is_json, &err);
	if (rc != 0)
		fprintf(stderr, "millstreamd: %s\n", err.text);
	else if (fwrite(text.buffer.data, 1, text.buffer.size, stdout) != text.buffer.size)
		rc = -1;
	text_clear(&text);
	return rc == 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void print_problems(const struct problem_list *problems)
{
	for (size_t n = 0; n < problems->count; n++)
		fprintf(stderr, "millstreamd: %s\n", problems->items[n].text);
	if (problems->dropped_count > 0)
		fprintf(stderr, "millstreamd: … and %zu more\n", problems->dropped_count);
}

/* Who starts the server may be another user than who tests: what this one may not do is told, and
 * that is all. */
static int test_data_dir(const char *dir)
{
	struct error err = { 0 };
	if (permission_check(dir, true, &err) == 0)
		return EXIT_SUCCESS;
	bool may_be_fine = err.code == ERROR_DENIED;
	fprintf(stderr, "millstreamd: %sdata.dir: %s\n", may_be_fine ? "warning: " : "", err.text);
	return may_be_fine ? EXIT_SUCCESS : EX_CONFIG;
}

int main(int argc, char **argv)
{
	static struct problem_list problems;
	struct arguments arguments;
	int status = arguments_parse(argc, argv, &arguments);
	if (status >= 0)
		return status;
	if (arguments.prints_options)
		return print_options(arguments.is_json);
	struct config_origin origin = {
		.path = arguments.path,
		.may_be_missing = arguments.path_is_default,
		.overrides = arguments.overrides,
		.override_count = arguments.override_count,
	};
	struct settings settings = { .origin = &origin };
	status = config_load(&settings.config, &origin, &problems) == 0 ? EXIT_SUCCESS : EX_CONFIG;
	print_problems(&problems);
	if (status == EXIT_SUCCESS && arguments.path_is_default && access(arguments.path, F_OK) != 0)
		fprintf(stderr, "millstreamd: there is no %s: every option has its default\n", arguments.path);
	if (status == EXIT_SUCCESS && arguments.only_tests) {
		status = test_data_dir(settings.config.data_dir);
		if (status == EXIT_SUCCESS)
			printf("the configuration is fine\n");
	} else if (status == EXIT_SUCCESS) {
		struct server_settings server_settings;
		settings_fill(&settings, &server_settings);
		log_open(&(struct log_options){
			.fd = STDERR_FILENO,
			.level = (enum log_level)settings.config.log_level,
			.format = (enum log_format)settings.config.log_format,
			.has_priorities = log_is_journal(STDERR_FILENO),
		});
		status = server_run(&server_settings);
	}
	config_clear(&settings.config);
	return status;
}
