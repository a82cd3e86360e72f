#include "capture/property.h"

#include <fnmatch.h>
#include <strings.h>

static const struct {
	const char *property;
	const char *value;
	const char *stands_for;         /* NULL: not implemented yet */
} values[] = {
	{ "connector.class", "io.debezium.connector.postgresql.PostgresConnector", "postgresql" },
	{ "connector.class", "postgres", "postgresql" },
	{ "connector.class", "mysql", NULL },
	{ "connector.class", "io.debezium.connector.mysql.MySqlConnector", NULL },
	{ "connector.class", "mariadb", NULL },
	{ "connector.class", "io.debezium.connector.mariadb.MariaDbConnector", NULL },
	{ "connector.class", "mongodb", NULL },
	{ "connector.class", "io.debezium.connector.mongodb.MongoDbConnector", NULL },
	{ "snapshot.mode", "no_data", "never" },
	{ "snapshot.mode", "schema_only", "never" },
	{ "snapshot.mode", "exported", "initial" },
	{ "snapshot.mode", "always", NULL },
	{ "snapshot.mode", "when_needed", NULL },
	{ "snapshot.mode", "configuration_based", NULL },
	{ "snapshot.mode", "custom", NULL },
};

const char *property_status_name(enum property_status status)
{
	static const char *const names[] = {
#define X(name, words) [PROPERTY_##name] = words,
		PROPERTY_STATUSES(X)
#undef X
	};
	return names[status];
}

const struct property_spec *property_find(const char *name)
{
	const struct property_spec *spec;
	for (size_t n = 0; (spec = property_at(n)) != NULL; n++)
		if (strcmp(spec->option.name, name) == 0)
			return spec;
	for (size_t n = 0; (spec = property_at(n)) != NULL; n++)
		if (strchr(spec->option.name, '*') != NULL && fnmatch(spec->option.name, name, 0) == 0)
			return spec;
	return NULL;
}

size_t property_number(const struct property_spec *spec)
{
	return (size_t)(spec - property_at(0));
}

int property_check(const struct property_spec *spec, const char **value, struct error *err)
{
	char limits[OPTION_TEXT_BYTES];
	union option_value parsed;
	const char *text = *value;
	for (size_t n = 0; n < sizeof(values) / sizeof(values[0]); n++) {
		if (strcmp(values[n].property, spec->option.name) != 0 ||
		    strcasecmp(values[n].value, text) != 0)
			continue;
		if (values[n].stands_for == NULL) {
			option_limits(&spec->option, limits);
			return error_set(err, ERROR_UNSUPPORTED, "%s: '%s' is not implemented yet; there is %s",
					 spec->option.name, values[n].value, limits);
		}
		text = values[n].stands_for;
	}
	if (option_parse(&spec->option, text, &parsed, err) != 0)
		return -1;
	*value = text;
	return 0;
}

static const char *default_of(const struct property_spec *spec)
{
	return spec->option.default_text != NULL ? spec->option.default_text : "";
}

void property_print(const struct property_spec *spec, struct text *out)
{
	char limits[OPTION_TEXT_BYTES];
	if (spec->status == PROPERTY_ALIAS) {
		text_add_format(out, "%s\n    An older name of %s.\n\n", spec->option.name, spec->why);
		return;
	}
	option_limits(&spec->option, limits);
	text_add_format(out, "%s = %s\n", spec->option.name, default_of(spec));
	if (spec->status == PROPERTY_WORKS)
		text_add_format(out, "    %s\n    %s, %s%s%s%s.\n\n", spec->option.help,
				option_type_name(spec->option.type), limits, spec->is_required ? "; required" : "",
				spec->connector != NULL ? "; only for connector.class = " : "",
				spec->connector != NULL ? spec->connector : "");
	else
		text_add_format(out, "    %s: %s.\n\n", property_status_name(spec->status), spec->why);
}

void property_print_json(const struct property_spec *spec, struct json *out)
{
	struct option_spec option = spec->option;
	json_name(out, "status");
	json_string(out, property_status_name(spec->status));
	if (spec->connector != NULL) {
		json_name(out, "connector");
		json_string(out, spec->connector);
	}
	json_name(out, "required");
	json_bool(out, spec->is_required);
	if (option.default_text == NULL)
		option.default_text = "";
	if (option.help == NULL)
		option.help = spec->why;
	option_print_json(&option, out);
}
