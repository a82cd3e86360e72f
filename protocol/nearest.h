#ifndef PROTOCOL_NEAREST_H
#define PROTOCOL_NEAREST_H

#include <stddef.h>

/* "Did you mean …?": the known name that a misspelt one is nearest to, counted in
 * letters put in, left out or replaced (Levenshtein).
 *
 *	struct nearest nearest = nearest_to(name);
 *	for (n = 0; n < count; n++)
 *		nearest_try(&nearest, known[n]);
 *	if (nearest_name(&nearest) != NULL)
 *		…
 */
struct nearest {
	const char *wanted;     /* lent */
	const char *found;      /* lent; NULL: none was tried */
	size_t distance;
};

/* Longer names, wanted or known, are not worth a guess. */
#define NEAREST_BYTES_MAX 64

struct nearest nearest_to(const char *wanted);

/* Of several equally near, the first stays. */
void nearest_try(struct nearest *nearest, const char *known);

/* The nearest of those tried; NULL when more than a third of it would be mistyped. */
const char *nearest_name(const struct nearest *nearest);

#endif
