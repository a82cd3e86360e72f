#ifndef CAPTURE_PGOUTPUT_H
#define CAPTURE_PGOUTPUT_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#include <stdbool.h>

/* The messages of PostgreSQL's output plugin pgoutput, proto_version 1: what a
 * WAL data message ('w') of the replication stream carries behind its own header.
 * Source: PostgreSQL's manual, "Logical Replication Message Formats", and
 * src/backend/replication/logical/proto.c.
 *
 * One call decodes one message and has then checked it to its last byte, so the
 * cursors below cannot fail.  Nothing is allocated; all that is yielded is lent
 * by the message's bytes.  Any thread. */

enum pgoutput_kind {
	PGOUTPUT_BEGIN = 'B',
	PGOUTPUT_COMMIT = 'C',
	PGOUTPUT_ORIGIN = 'O',
	PGOUTPUT_RELATION = 'R',
	PGOUTPUT_TYPE = 'Y',
	PGOUTPUT_INSERT = 'I',
	PGOUTPUT_UPDATE = 'U',
	PGOUTPUT_DELETE = 'D',
	PGOUTPUT_TRUNCATE = 'T',
	PGOUTPUT_MESSAGE = 'M',
};

/* What stands in front of a tuple. */
enum pgoutput_tuple_kind {
	PGOUTPUT_TUPLE_NONE = 0,        /* the message has no such tuple */
	PGOUTPUT_TUPLE_NEW = 'N',
	PGOUTPUT_TUPLE_KEY = 'K',       /* the replica identity alone: its other
					 * columns read as null, which they need not be */
	PGOUTPUT_TUPLE_OLD = 'O',       /* REPLICA IDENTITY FULL: the whole old row */
};

enum pgoutput_field_kind {
	PGOUTPUT_FIELD_NULL = 'n',
	PGOUTPUT_FIELD_UNCHANGED = 'u', /* a TOAST value that the update left alone: not sent */
	PGOUTPUT_FIELD_TEXT = 't',
	PGOUTPUT_FIELD_BINARY = 'b',    /* with the option binary 'true' */
};

struct pgoutput_field {
	enum pgoutput_field_kind kind;
	struct bytes bytes;             /* of TEXT and BINARY; else nil */
};

struct pgoutput_tuple {
	enum pgoutput_tuple_kind kind;
	uint16_t field_count;           /* the relation's published columns, in its order */
	struct bytes fields;            /* for pgoutput_tuple_next */
};

struct pgoutput_column {
	bool is_identity;               /* part of the replica identity; FULL: all are */
	struct bytes name;
	uint32_t type_oid;
	int32_t type_modifier;          /* -1: none */
};

struct pgoutput_relation {
	uint32_t oid;
	struct bytes schema;            /* never empty: pg_catalog is sent as "" and filled in */
	struct bytes table;
	char replica_identity;          /* pg_class.relreplident: 'd' 'n' 'f' 'i' */
	uint16_t column_count;
	struct bytes columns;           /* for pgoutput_column_next */
};

#define PGOUTPUT_TRUNCATE_CASCADE          0x01u
#define PGOUTPUT_TRUNCATE_RESTART_IDENTITY 0x02u

struct pgoutput_message {
	enum pgoutput_kind kind;
	union {
		struct {
			uint64_t commit_lsn;            /* of the commit record's start, as COMMIT has it too */
			int64_t commit_time_us;         /* since the Unix epoch */
			uint32_t transaction_id;
		} begin;
		struct {
			uint64_t commit_lsn;
			uint64_t end_lsn;               /* behind the commit record: what is confirmed */
			int64_t commit_time_us;
		} commit;
		struct {
			uint64_t lsn;
			struct bytes name;
		} origin;
		struct pgoutput_relation relation;
		struct {
			uint32_t oid;
			struct bytes schema;
			struct bytes name;
		} type;                                 /* comes before a relation that uses it */
		struct {
			uint32_t relation_oid;
			struct pgoutput_tuple old;      /* UPDATE: NONE, KEY or OLD; DELETE: KEY or OLD */
			struct pgoutput_tuple new;      /* INSERT and UPDATE */
		} row;                                  /* INSERT, UPDATE, DELETE */
		struct {
			uint32_t flags;                 /* PGOUTPUT_TRUNCATE_* */
			uint32_t relation_count;
			struct bytes relations;         /* for pgoutput_truncate_relation */
		} truncate;
		struct {
			bool is_transactional;          /* false: also outside BEGIN and COMMIT */
			uint64_t lsn;
			struct bytes prefix;
			struct bytes content;
		} message;
	};
};

/* Decode the whole message.  ERROR_MALFORMED: cut short, bytes behind its end, a
 * kind of message, tuple or field that proto_version 1 does not have, a count
 * that is not true. */
int pgoutput_decode(struct bytes message, struct pgoutput_message *out, struct error *err);

/* Step to the next field: tuple->fields and tuple->field_count shrink.  false: there
 * is none.  Only for tuples that pgoutput_decode made; copy one to walk it twice. */
bool pgoutput_tuple_next(struct pgoutput_tuple *tuple, struct pgoutput_field *out);

/* The same for a relation's columns. */
bool pgoutput_column_next(struct pgoutput_relation *relation, struct pgoutput_column *out);

/* The index-th of the truncated relations, index < relation_count. */
uint32_t pgoutput_truncate_relation(const struct pgoutput_message *message, uint32_t index);

#endif
