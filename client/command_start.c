#include "client/command_start.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int read_i64(const char *value, int64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoll(value, &end, 10);
	return value[0] == '\0' || strchr("-0123456789", value[0]) == NULL || *end != '\0' || errno != 0
		       ? -1 : 0;
}

static int read_time(const char *value, struct command_start *out)
{
	int64_t ms;
	if (read_i64(value, &ms) != 0 || ms >= INT64_MAX / 1000 || ms <= INT64_MIN / 1000)
		return -1;
	*out = (struct command_start){ MILLSTREAM_START_TIME, ms * 1000 };
	return 0;
}

int command_start_read(const struct command *command, const char *value, bool takes_stored,
		       struct command_start *out)
{
	int rc = 0;
	if (strcmp(value, "beginning") == 0)
		*out = (struct command_start){ .kind = MILLSTREAM_START_BEGINNING };
	else if (strcmp(value, "end") == 0)
		*out = (struct command_start){ .kind = MILLSTREAM_START_END };
	else if (takes_stored && strcmp(value, "stored") == 0)
		*out = (struct command_start){ .kind = MILLSTREAM_START_STORED };
	else if (strncmp(value, "s@", 2) == 0)
		rc = read_time(value + 2, out);
	else if ((rc = read_i64(value, &out->number)) == 0)
		out->kind = MILLSTREAM_START_OFFSET;
	if (rc != 0)
		command_misused(command, "-o: '%s' is none of beginning, end, %sN, -N (so many before the end), "
				"s@MS (since a time)", value, takes_stored ? "stored, " : "");
	return rc;
}
