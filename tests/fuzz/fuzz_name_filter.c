/* A list of expressions and, behind a zero, a name: the list is refused with a reason
 * that people can read, or takes each name within its limits, and as an exclude list
 * leaves out what it lets in as an include list. */
#include "capture/name_filter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct name_filter *include = NULL, *exclude = NULL;
	struct error err = { 0 }, same = { 0 };
	char *list = malloc(size + 1);
	if (list == NULL)
		return 0;
	memcpy(list, data, size);
	list[size] = '\0';
	size_t list_bytes = strlen(list);
	/* Its own memory, so that a step past its end is noticed. */
	struct bytes name = { NULL, list_bytes < size ? size - list_bytes - 1 : 0 };
	uint8_t *copy = malloc(name.size + 1);
	demand(copy != NULL);
	memcpy(copy, data + size - name.size, name.size);
	name.data = copy;

	int rc = name_filter_create(&include, list, NAME_FILTER_INCLUDE, &err);
	demand(name_filter_create(&exclude, list, NAME_FILTER_EXCLUDE, &same) == rc);
	if (rc == 0) {
		bool is_in = name_filter_admits(include, name), is_out = name_filter_admits(exclude, name);
		/* Both let pass what was given up, and everything when there is no expression. */
		demand(is_in || is_out);
		demand(is_in == name_filter_admits(include, name));
	} else {
		demand(err.code != ERROR_NONE && err.text[0] != '\0' && strcmp(err.text, same.text) == 0);
	}
	name_filter_destroy(include);
	name_filter_destroy(exclude);
	free(copy);
	free(list);
	return 0;
}
