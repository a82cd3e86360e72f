#ifndef CLIENT_COMMAND_WORDS_H
#define CLIENT_COMMAND_WORDS_H

#include "protocol/json.h"

/* Amounts for people, and what JSON has in place of what is not known. */

void command_add_size(struct text *text, uint64_t bytes);       /* "1.5 MiB" */
/* "1 topic", "2 topics": of a noun whose plural takes an s. */
void command_add_count(struct text *text, uint64_t count, const char *noun);
void command_add_duration(struct text *text, uint64_t s);       /* "3d 04:12:09" */

/* A member; null for a text of NULL, and for a number of UINT64_MAX. */
void command_add_string(struct json *json, const char *name, const char *string);
void command_add_number(struct json *json, const char *name, uint64_t number);

#endif
