#ifndef PROTOCOL_TOPIC_PATTERN_H
#define PROTOCOL_TOPIC_PATTERN_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#include <stdbool.h>

/* Topics by pattern: '*' stands for any run of characters, also an empty one, also
 * across dots; all else for itself.  "myapp.*" matches "myapp.public.users". */

/* 1 to TOPIC_PATTERN_BYTES_MAX of [A-Za-z0-9._-*], at most TOPIC_PATTERN_STARS_MAX
 * stars.  ERROR_INVALID. */
int topic_pattern_check(struct bytes pattern, struct error *err);

/* Has it a star?  One without is a topic's name. */
bool topic_pattern_has_star(struct bytes pattern);

/* Iterative, at most pattern × name steps. */
bool topic_pattern_matches(struct bytes pattern, struct bytes name);

#endif
