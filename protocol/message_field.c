#include "protocol/message_field.h"

#include "protocol/topic_pattern.h"
#include "protocol/utf8.h"

int message_field_name(const struct message_field *field, struct error *err)
{
	return field->name == NULL ? -1 : error_context(err, "'%s'", field->name);
}

static int check_number(const struct message_field *field, uint64_t number, struct error *err)
{
	if (field->most != 0 && number > field->most)
		return error_set(err, ERROR_LIMIT, "%llu, %llu are allowed", (unsigned long long)number,
				 (unsigned long long)field->most);
	if (number < field->least)
		return error_set(err, ERROR_INVALID, "%llu, %llu is the least", (unsigned long long)number,
				 (unsigned long long)field->least);
	return 0;
}

int message_field_check_size(const struct message_field *field, size_t size, const char *unit,
			     struct error *err)
{
	if (field->most != 0 && size > field->most)
		return error_set(err, ERROR_LIMIT, "%zu %s, %llu are allowed", size, unit,
				 (unsigned long long)field->most);
	if (size < field->least)
		return error_set(err, ERROR_INVALID, "%zu %s, %llu is the least", size, unit,
				 (unsigned long long)field->least);
	return 0;
}

static int check_name(struct bytes name, struct error *err)
{
	if (topic_pattern_has_star(name))
		return error_set(err, ERROR_INVALID, "a name has no '*'");
	return topic_pattern_check(name, err);
}

static int check_text(const struct message_field *field, struct bytes text, struct error *err)
{
	if (message_field_check_size(field, text.size, "bytes", err) != 0)
		return -1;
	if (field->type == FIELD_NAME)
		return check_name(text, err);
	if (field->type == FIELD_PATTERN)
		return topic_pattern_check(text, err);
	if (field->type == FIELD_TEXT && !utf8_is_valid(text))
		return error_set(err, ERROR_MALFORMED, "the text is not UTF-8");
	return 0;
}

int message_field_check(const struct message_field *field, const void *message,
			struct error *err)
{
	const void *member = message_field_member(field, message);

	switch (field->type) {
	case FIELD_U32:
		return check_number(field, *(const uint32_t *)member, err);
	case FIELD_U64:
		return check_number(field, *(const uint64_t *)member, err);
	case FIELD_TEXT:
	case FIELD_BYTES:
	case FIELD_NAME:
	case FIELD_PATTERN:
		return check_text(field, message_field_bytes(field, message), err);
	case FIELD_LIST:
		return message_field_check_size(field, ((const struct message_list *)member)->count,
						"items", err);
	case FIELD_BOOL:
	case FIELD_I64:
	case FIELD_CHOICE:
	case FIELD_STRUCT:
		return 0;
	}
	return 0;
}

bool message_field_is_absent(const struct message_field *field, const void *message)
{
	const void *member = message_field_member(field, message);

	switch (field->type) {
	case FIELD_BOOL:
		return *(const bool *)member == (field->absent != 0);
	case FIELD_U32:
		return *(const uint32_t *)member == field->absent;
	case FIELD_U64:
	case FIELD_I64:
		return *(const uint64_t *)member == field->absent;
	case FIELD_TEXT:
	case FIELD_BYTES:
	case FIELD_NAME:
	case FIELD_PATTERN:
		return message_field_bytes(field, message).data == NULL;
	case FIELD_CHOICE:
		return (uint64_t)*(const int *)member == field->absent;
	case FIELD_LIST:
		return ((const struct message_list *)member)->count == 0;
	case FIELD_STRUCT:
		return false;
	}
	return false;
}
