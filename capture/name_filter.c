#include "capture/name_filter.h"

#include <ctype.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* What is shown of an expression. */
#define SHOWN_BYTES     100
/* A class or a group in a group: PCRE2's own default. */
#define NESTING_MAX     250

struct expression {
	pcre2_code *code;
	char *text;                     /* as it was written */
};

struct name_filter {
	enum name_filter_mode mode;
	pcre2_match_context *limits;
	pcre2_match_data *match;        /* only to hear yes or no */
	size_t count;
	struct expression expressions[];
};

/* Where an expression ends and what of it PCRE2 would read otherwise than Java. */
struct scan {
	const char *at;
	bool is_in_class;
	const char *refusal;            /* NULL: none */
	const char *refused_at;
};

static void refuse(struct scan *scan, const char *why)
{
	if (scan->refusal != NULL)
		return;
	scan->refusal = why;
	scan->refused_at = scan->at;
}

/* The length of {m}, {m,} or {m,n}; 0: it is none. */
static size_t quantifier_size(const char *at)
{
	size_t size = 1;
	if (!isdigit((unsigned char)at[size]))
		return 0;
	while (isdigit((unsigned char)at[size]))
		size++;
	if (at[size] == ',')
		size++;
	while (isdigit((unsigned char)at[size]))
		size++;
	return at[size] == '}' ? size + 1 : 0;
}

/* A ']' at once behind the beginning is a member. */
static size_t class_beginning_size(const char *at)
{
	size_t size = at[1] == '^' ? 2 : 1;
	return at[size] == ']' ? size + 1 : size;
}

static size_t step_in_class(struct scan *scan)
{
	const char *at = scan->at;
	if (at[0] == ']')
		scan->is_in_class = false;
	else if (at[0] == '[')
		refuse(scan, "a class in a class is not supported");
	else if (at[0] == '&' && at[1] == '&')
		refuse(scan, "an intersection of classes (&&) is not supported");
	return 1;
}

/* How far to go on. */
static size_t step(struct scan *scan)
{
	const char *at = scan->at;
	if (at[0] == '\\')
		return at[1] == '\0' ? 1 : 2;
	if (scan->is_in_class)
		return step_in_class(scan);
	if (at[0] == '[') {
		scan->is_in_class = true;
		return class_beginning_size(at);
	}
	if (at[0] == '{' && quantifier_size(at) > 0)
		return quantifier_size(at);
	if (at[0] == '(' && at[1] == '*')
		refuse(scan, "there is nothing that * could repeat");
	return 1;
}

/* The end of the expression that begins at `begin`: a comma or the list's end. */
static const char *find_end(const char *begin, struct scan *scan)
{
	*scan = (struct scan){ .at = begin };
	while (scan->at[0] != '\0' && (scan->at[0] != ',' || scan->is_in_class))
		scan->at += step(scan);
	if (scan->is_in_class && strchr(begin, ',') != NULL) {
		/* A class without an end: PCRE2 will say so, of this expression alone. */
		*scan = (struct scan){ .at = begin };
		while (scan->at[0] != '\0' && scan->at[0] != ',')
			scan->at += scan->at[0] == '\\' && scan->at[1] != '\0' ? 2 : 1;
	}
	return scan->at;
}

static int refuse_expression(struct bytes expression, size_t place, const char *why, struct error *err)
{
	return error_set(err, ERROR_INVALID, "'%.*s' is not a regular expression: %s (at character %zu)",
			 expression.size < SHOWN_BYTES ? (int)expression.size : SHOWN_BYTES,
			 (const char *)expression.data, why, place + 1);
}

static int add(struct name_filter *filter, struct bytes expression, pcre2_compile_context *context,
	       struct error *err)
{
	const uint32_t flags = PCRE2_CASELESS | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF |
			       PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
	PCRE2_SIZE place;
	int code;
	pcre2_code *compiled = pcre2_compile(expression.data, expression.size, flags, &code, &place, context);
	if (compiled == NULL && code == PCRE2_ERROR_HEAP_FAILED)
		return error_set(err, ERROR_MEMORY, "out of memory");
	if (compiled == NULL) {
		PCRE2_UCHAR why[256];
		pcre2_get_error_message(code, why, sizeof(why));
		return refuse_expression(expression, place, (const char *)why, err);
	}
	struct expression *added = &filter->expressions[filter->count++];
	added->code = compiled;
	added->text = strndup((const char *)expression.data, expression.size);
	return added->text != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* Without the blanks around it. */
static struct bytes trimmed(const char *begin, const char *end)
{
	while (begin < end && isspace((unsigned char)begin[0]))
		begin++;
	while (begin < end && isspace((unsigned char)end[-1]))
		end--;
	return (struct bytes){ (const uint8_t *)begin, (size_t)(end - begin) };
}

static int add_all(struct name_filter *filter, const char *list, pcre2_compile_context *context,
		   struct error *err)
{
	struct scan scan;
	const char *end;
	for (const char *begin = list; begin[0] != '\0'; begin = end[0] == ',' ? end + 1 : end) {
		end = find_end(begin, &scan);
		struct bytes expression = trimmed(begin, end);
		if (expression.size == 0)
			continue;
		if (expression.size > NAME_FILTER_EXPRESSION_BYTES_MAX)
			return error_set(err, ERROR_LIMIT, "'%.*s…' is longer than %d bytes", SHOWN_BYTES,
					 (const char *)expression.data, NAME_FILTER_EXPRESSION_BYTES_MAX);
		if (filter->count == NAME_FILTER_EXPRESSIONS_MAX)
			return error_set(err, ERROR_LIMIT, "there are more than %d expressions",
					 NAME_FILTER_EXPRESSIONS_MAX);
		if (scan.refusal != NULL)
			return refuse_expression(expression,
						 (size_t)(scan.refused_at - (const char *)expression.data),
						 scan.refusal, err);
		if (add(filter, expression, context, err) != 0)
			return -1;
	}
	return 0;
}

/* No list has more expressions than commas, and one. */
static size_t count_expressions(const char *list)
{
	size_t count = 1;
	for (; *list != '\0'; list++)
		count += *list == ',';
	return count < NAME_FILTER_EXPRESSIONS_MAX ? count : NAME_FILTER_EXPRESSIONS_MAX;
}

int name_filter_create(struct name_filter **out, const char *list, enum name_filter_mode mode,
		       struct error *err)
{
	pcre2_compile_context *context = NULL;
	struct name_filter *filter;
	if (strlen(list) > NAME_FILTER_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "a list is longer than %d bytes", NAME_FILTER_BYTES_MAX);
	filter = calloc(1, sizeof(*filter) + count_expressions(list) * sizeof(filter->expressions[0]));
	if (filter == NULL)
		return error_set(err, ERROR_MEMORY, "out of memory");
	filter->mode = mode;
	filter->limits = pcre2_match_context_create(NULL);
	filter->match = pcre2_match_data_create(1, NULL);
	context = pcre2_compile_context_create(NULL);
	if (filter->limits == NULL || filter->match == NULL || context == NULL) {
		error_set(err, ERROR_MEMORY, "out of memory");
		goto fail;
	}
	pcre2_set_match_limit(filter->limits, NAME_FILTER_STEPS_MAX);
	pcre2_set_heap_limit(filter->limits, NAME_FILTER_HEAP_KIB);
	pcre2_set_parens_nest_limit(context, NESTING_MAX);
	if (add_all(filter, list, context, err) != 0)
		goto fail;
	pcre2_compile_context_free(context);
	*out = filter;
	return 0;
fail:
	pcre2_compile_context_free(context);
	name_filter_destroy(filter);
	return -1;
}

void name_filter_destroy(struct name_filter *filter)
{
	if (filter == NULL)
		return;
	for (size_t n = 0; n < filter->count; n++) {
		pcre2_code_free(filter->expressions[n].code);
		free(filter->expressions[n].text);
	}
	pcre2_match_data_free(filter->match);
	pcre2_match_context_free(filter->limits);
	free(filter);
}

static int match(const struct name_filter *filter, size_t index, struct bytes name)
{
	return pcre2_match(filter->expressions[index].code, name.data, name.size, 0, 0, filter->match,
			   filter->limits);
}

const char *name_filter_included(const struct name_filter *filter, size_t index)
{
	if (filter == NULL || filter->mode != NAME_FILTER_INCLUDE || index >= filter->count)
		return NULL;
	return filter->expressions[index].text;
}

bool name_filter_includes(const struct name_filter *filter, size_t index, struct bytes name)
{
	return match(filter, index, name) != PCRE2_ERROR_NOMATCH;
}

bool name_filter_admits(const struct name_filter *filter, struct bytes name)
{
	if (filter == NULL)
		return true;
	for (size_t n = 0; n < filter->count; n++) {
		int rc = match(filter, n, name);
		if (rc >= 0)
			return filter->mode == NAME_FILTER_INCLUDE;
		if (rc != PCRE2_ERROR_NOMATCH)
			return true;
	}
	return filter->mode == NAME_FILTER_EXCLUDE || filter->count == 0;
}
