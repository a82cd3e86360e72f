#ifndef CLIENT_COMMAND_GROUP_H
#define CLIENT_COMMAND_GROUP_H

#include "client/millstream.h"
#include "protocol/json.h"

/* Groups, as `group ls` and `status` show them.  These return what the library says; a server
 * that knows nothing of groups has none. */

/* Append a table of the first `most` groups and how many more there are; nothing where there
 * are none.  *out_count: of all. */
int command_group_add_table(struct text *out, struct millstream_client *client, size_t most,
			    size_t *out_count);

/* Append an object for each: with lines NULL as items of json's array, else as lines. */
int command_group_add_json(struct json *json, struct text *lines, struct millstream_client *client);

#endif
