#ifndef CAPTURE_SCRIPT_H
#define CAPTURE_SCRIPT_H

#include "protocol/change.h"
#include "protocol/schema.h"

/* What a scripted source plays, read from text.  A line each; '#' begins a comment:
 *
 *   table public.users id:int32* name:string    '*': a key column
 *   snapshot
 *     public.users 1 "Ann"                      a row; …*100 public.users $i "Ann": 100 rows
 *   end
 *   begin*1000                                  1000 transactions like this one
 *     c public.users $n "Ann"                   create
 *     u public.users $n "Bob" was $n "Ann"      update; before and its key behind `was`
 *     d public.users $n "Bob"                   delete
 *     c*50 public.users $i "row $i of $n"       50 rows
 *     t public.users                            truncate
 *   commit
 *   wait 500                                    milliseconds
 *   fail*3 connection it is not there           fails here, the first 3 times
 *   hang                                        until it is asked to stop
 *   oldest 17                                   what is before transaction 17 is gone
 *   confirm /tmp/confirmed                      where it writes what was confirmed to it
 *
 * Types: bool int16 int32 int64 float64 string text json decimal.  A value is null, true, false, a
 * number or "text" ('\' before '"', '\' and '$'); $n in it is the transaction's number, counted
 * from 1 over the whole script, $i the row's within its line. */

enum script_verb { SCRIPT_BEGIN, SCRIPT_ROW, SCRIPT_COMMIT, SCRIPT_WAIT, SCRIPT_FAIL, SCRIPT_HANG };

struct script_table {
	char *name;                     /* "public.users" */
	struct schema schema;           /* owned: texts lie in the script's */
	bool has_key;
};

struct script_step {
	enum script_verb verb;
	uint32_t line;
	uint64_t count;                 /* of transactions, rows, failures, ms */
	enum change_op op;
	uint32_t table;
	struct bytes values;            /* as they stand there */
	struct bytes was;               /* nil: none */
	enum error_code code;
};

struct script {
	char *text;                     /* owned */
	char *confirm_path;             /* owned; NULL: none */
	uint64_t oldest;                /* 0: all are there */
	struct script_table *tables;
	uint32_t table_count;
	struct script_step *steps;
	size_t step_count;
	struct script_step *snapshot;   /* rows alone */
	size_t snapshot_count;
	bool has_snapshot;
};

/* Read it; text is copied.  ERROR_MALFORMED with the line; ERROR_MEMORY. */
int script_parse(struct script *script, struct bytes text, struct error *err);
void script_clear(struct script *script);

#endif
