#include "storage/log_text.h"

#include "protocol/time_text.h"
#include "protocol/value_text.h"

#include <inttypes.h>

void log_text_size(struct text *text, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t unit = 0;
	if (bytes < 1024) {
		text_add_format(text, "%" PRIu64 " B", bytes);
		return;
	}
	double size = (double)bytes / 1024;
	/* What would be rounded to 1024.0 is 1.0 of the next unit. */
	for (; size >= 1023.95 && unit < 5; unit++)
		size /= 1024;
	text_add_format(text, "%.1f %s", size, units[unit]);
}

void log_text_time(struct text *text, int64_t time_us)
{
	time_text_timestamp(text, time_us);
	text_add_byte(text, 'Z');
}

void log_text_offsets(struct text *text, uint64_t start, uint64_t end)
{
	if (end - start == 1)
		text_add_format(text, "offset %" PRIu64, start);
	else
		text_add_format(text, "offsets %" PRIu64 "-%" PRIu64, start, end - 1);
}

void log_text_name(struct text *text, struct bytes name)
{
	if (value_text_is_plain(name) && memchr(name.data, ' ', name.size) == NULL)
		text_add(text, name.data, name.size);
	else
		value_text_add_quoted(text, name, LOG_TEXT_SHOWN_BYTES);
}

void log_text_message(struct text *text, const char *message)
{
	if (value_text_is_plain(bytes_of_text(message)))
		text_add_string(text, message);
	else
		value_text_add_quoted(text, bytes_of_text(message), 0);
}

void log_text_opaque(struct text *text, struct bytes bytes)
{
	if (bytes.data == NULL)
		return;
	if (value_text_is_plain(bytes) && bytes.size <= LOG_TEXT_SHOWN_BYTES)
		text_add(text, bytes.data, bytes.size);
	else
		value_text_add_bytes(text, bytes, LOG_TEXT_SHOWN_BYTES);
}
