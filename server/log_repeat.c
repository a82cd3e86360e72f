#include "server/log_repeat.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_over(const struct log_repeat_place *place, int64_t now_ms)
{
	return now_ms - place->window_start_ms >= LOG_REPEAT_WINDOW_MS;
}

/* The key's place, else a free one, else the oldest. */
static struct log_repeat_place *find(struct log_repeats *repeats, const void *key)
{
	struct log_repeat_place *choice = &repeats->places[0];
	for (size_t n = 0; n < LOG_REPEAT_PLACES_MAX; n++) {
		struct log_repeat_place *place = &repeats->places[n];
		if (place->key == key)
			return place;
		if (choice->key != NULL &&
		    (place->key == NULL || place->window_start_ms < choice->window_start_ms))
			choice = place;
	}
	return choice;
}

/* Free the place; says whether there is something to tell. */
static bool report(struct log_repeat_place *place, int64_t now_ms, struct log_report *out)
{
	bool has_held = place->held_count > 0;
	if (has_held) {
		out->level = place->level;
		snprintf(out->text, sizeof(out->text), "%s (repeated %" PRIu64 " times in %" PRId64 " s)",
			 place->text, place->held_count,
			 (now_ms - place->window_start_ms + 500) / 1000);
	}
	*place = (struct log_repeat_place){ 0 };
	return has_held;
}

bool log_repeat_admit(struct log_repeats *repeats, const void *key, enum log_level level,
		      int64_t now_ms, const char *text, bool *out_has_report,
		      struct log_report *out_report)
{
	struct log_repeat_place *place = find(repeats, key);
	*out_has_report = false;
	if (place->key != key || is_over(place, now_ms)) {
		*out_has_report = report(place, now_ms, out_report);
		place->key = key;
		place->level = level;
		place->window_start_ms = now_ms;
	}
	if (place->written_count < LOG_REPEAT_BURST) {
		place->written_count++;
		return true;
	}
	place->held_count++;
	snprintf(place->text, sizeof(place->text), "%s", text);
	return false;
}

bool log_repeat_next(struct log_repeats *repeats, int64_t now_ms, bool is_end,
		     struct log_report *out)
{
	for (size_t n = 0; n < LOG_REPEAT_PLACES_MAX; n++) {
		struct log_repeat_place *place = &repeats->places[n];
		if (place->key != NULL && (is_end || is_over(place, now_ms)) &&
		    report(place, now_ms, out))
			return true;
	}
	return false;
}
