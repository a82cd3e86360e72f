#include "tests/support/crash_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up(const char *what, const char *name)
{
	fprintf(stderr, "crash_names: %s: %s\n", what, name);
	abort();
}

static int find(const struct crash_names *names, uint64_t parent, const char *text)
{
	for (int i = 0; i < names->count; i++)
		if (names->names[i].parent == parent && strcmp(names->names[i].text, text) == 0)
			return i;
	return -1;
}

int crash_names_find(const struct crash_names *names, const char *path, struct crash_name *out)
{
	*out = (struct crash_name){ .parent = CRASH_ROOT };
	for (;;) {
		const char *slash = strchr(path, '/');
		size_t size = slash != NULL ? (size_t)(slash - path) : strlen(path);
		if (size >= sizeof(out->text))
			give_up("a name too long", path);
		memcpy(out->text, path, size);
		out->text[size] = '\0';
		int i = find(names, out->parent, out->text);
		if (i >= 0)
			*out = names->names[i];
		if (slash == NULL)
			return i >= 0 ? 0 : -1;
		if (i < 0)
			give_up("a path that leads nowhere", path);
		*out = (struct crash_name){ .parent = out->inode };
		path = slash + 1;
	}
}

void crash_names_apply(struct crash_names *names, const struct crash_renaming *renaming)
{
	int i;

	if (renaming->old.text[0] != '\0') {
		i = find(names, renaming->old.parent, renaming->old.text);
		if (i < 0)
			return;
		names->names[i] = names->names[--names->count];
	}
	if (renaming->new.text[0] == '\0')
		return;
	i = find(names, renaming->new.parent, renaming->new.text);
	if (i < 0 && names->count == CRASH_NAMES_MAX)
		give_up("too many names", renaming->new.text);
	names->names[i < 0 ? names->count++ : i] = renaming->new;
}
