#include "protocol/nearest.h"

#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One row of the table at a time; b has at most NEAREST_BYTES_MAX bytes. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NEAREST_BYTES_MAX + 1], b_size = strlen(b);
	for (size_t k = 0; k <= b_size; k++)
		row[k] = k;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t k = 1; k <= b_size; k++) {
			size_t above = row[k];
			size_t replaced = diagonal + (a[i - 1] != b[k - 1]);
			row[k] = least(replaced, least(above, row[k - 1]) + 1);
			diagonal = above;
		}
	}
	return row[b_size];
}

struct nearest nearest_to(const char *wanted)
{
	return (struct nearest){ wanted, NULL, SIZE_MAX };
}

void nearest_try(struct nearest *nearest, const char *known)
{
	if (strlen(nearest->wanted) > NEAREST_BYTES_MAX || strlen(known) > NEAREST_BYTES_MAX)
		return;
	size_t d = distance(nearest->wanted, known);
	if (d < nearest->distance) {
		nearest->found = known;
		nearest->distance = d;
	}
}

const char *nearest_name(const struct nearest *nearest)
{
	if (nearest->found == NULL || nearest->distance > strlen(nearest->found) / 3)
		return NULL;
	return nearest->found;
}
