#ifndef STORAGE_SCHEMAS_H
#define STORAGE_SCHEMAS_H

#include "protocol/schema.h"
#include "storage/appender.h"
#include "storage/reader.h"

/* An encoded schema.  4096 columns with long names and defaults stay below. */
#define SCHEMA_BYTES_MAX        (16u * 1024 * 1024)

/* Schema versions.  A version gets its id when it is first met and is stored
 * in the same commit as the first records that use it:
 *
 *   schemas_reserve(appender, encoded, &id, &is_stored, err);
 *   if (!is_stored)
 *           submission_add_schema(submission, id, encoded, err);
 *
 * is_stored stays false until a commit holds it, so a submission that fails
 * takes nothing with it; adding a schema twice is fine.  Ids start at 1.  Any
 * thread but the loop.  ERROR_LIMIT: more than SCHEMA_BYTES_MAX, or no ids left;
 * ERROR_INVALID: no bytes at all. */
int schemas_reserve(struct appender *appender, struct bytes encoded, uint32_t *out_id,
		    bool *out_is_stored, struct error *err);

/* Append the encoded form to buffer.  ERROR_NOT_FOUND, ERROR_MEMORY. */
int schemas_read(struct reader *reader, uint32_t schema_id, msgpack_sbuffer *buffer,
		 struct error *err);

#endif
