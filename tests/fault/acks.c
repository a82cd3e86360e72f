#include "tests/fault/acks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up(const char *what, const char *line)
{
	fprintf(stderr, "acks: %s: %s\n", what, line);
	abort();
}

void acks_init(struct acks *acks, int step_count)
{
	*acks = (struct acks){ .step_count = step_count };
	acks->published = calloc((size_t)step_count + 1, sizeof(*acks->published));
	if (acks->published == NULL)
		give_up("calloc", strerror(errno));
}

void acks_clear(struct acks *acks)
{
	free(acks->published);
	*acks = (struct acks){ 0 };
}

static struct acks_publish *published(struct acks *acks, uint64_t step, const char *line)
{
	if (step < 1 || step > (uint64_t)acks->step_count)
		give_up("no such step", line);
	return &acks->published[step];
}

static void add_durable(struct acks *acks, const uint64_t numbers[3], const char *line)
{
	struct acks_publish *publish = published(acks, numbers[0], line);

	if (numbers[1] >= ACKS_RECORDS_MAX)
		give_up("no such record", line);
	publish->attempt = ATTEMPT_DURABLE;
	publish->ends[numbers[1]] = numbers[2] + 1;
}

static void add_visible(struct acks *acks, const uint64_t numbers[3], const char *line)
{
	if (numbers[0] >= MODEL_TOPICS || numbers[1] >= ACKS_PARTITIONS_MAX)
		give_up("no such partition", line);
	uint64_t *end = &acks->visible_ends[numbers[0]][numbers[1]];
	if (numbers[2] > *end)
		*end = numbers[2];
}

static void add_stored(struct acks *acks, const uint64_t numbers[3], const char *line)
{
	if (numbers[0] >= MODEL_SOURCES)
		give_up("no such source", line);
	if ((int)numbers[1] > acks->stored_step[numbers[0]])
		acks->stored_step[numbers[0]] = (int)numbers[1];
}

void acks_add(struct acks *acks, const char *line)
{
	uint64_t numbers[3] = { 0 };
	char what;
	int count = sscanf(line, "%c %" SCNu64 " %" SCNu64 " %" SCNu64, &what, &numbers[0], &numbers[1],
			   &numbers[2]);

	if (count < 1)
		give_up("not a promise", line);
	switch (what) {
	case 'S':
		acks->is_registered[numbers[0] % MODEL_SOURCES] = true;
		break;
	case 'C':
		acks->is_made[numbers[0] % MODEL_TOPICS] = true;
		break;
	case 'A':
		published(acks, numbers[0], line)->attempt = ATTEMPT_BEGUN;
		break;
	case 'X':
		published(acks, numbers[0], line)->attempt = ATTEMPT_REFUSED;
		break;
	case 'P':
		add_durable(acks, numbers, line);
		break;
	case 'T':
		add_stored(acks, numbers, line);
		break;
	case 'V':
		add_visible(acks, numbers, line);
		break;
	case 'F':
		acks->full_count++;
		break;
	case 'R':
		acks->resumed_count++;
		break;
	default:
		give_up("not a promise", line);
	}
}

void acks_load(struct acks *acks, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[128];

	if (file == NULL && errno == ENOENT)
		return;
	if (file == NULL)
		give_up(path, strerror(errno));
	while (fgets(line, sizeof(line), file) != NULL) {
		char *end = strchr(line, '\n');
		if (end == NULL)
			break;
		*end = '\0';
		acks_add(acks, line);
	}
	fclose(file);
}
