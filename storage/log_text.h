#ifndef STORAGE_LOG_TEXT_H
#define STORAGE_LOG_TEXT_H

#include "protocol/text.h"

/* Small things that millstream-log shows in many places. */

/* Values for people are cut at this many bytes; --json has them whole. */
#define LOG_TEXT_SHOWN_BYTES 1024

/* 0 B, 1.5 KiB, 64.0 MiB. */
void log_text_size(struct text *text, uint64_t bytes);

/* 2026-01-31T13:05:00Z. */
void log_text_time(struct text *text, int64_t time_us);

/* "offset 7", "offsets 7-9"; end is exclusive, and greater. */
void log_text_offsets(struct text *text, uint64_t start, uint64_t end);

/* A name as it is, or quoted where that would not show what it is. */
void log_text_name(struct text *text, struct bytes name);

/* An error's text: quoted where what was read from the disk spoils it. */
void log_text_message(struct text *text, const char *message);

/* What only its writer reads: as text where it is plain, else 0x…; nothing for nil. */
void log_text_opaque(struct text *text, struct bytes bytes);

#endif
