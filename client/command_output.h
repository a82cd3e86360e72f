#ifndef CLIENT_COMMAND_OUTPUT_H
#define CLIENT_COMMAND_OUTPUT_H

#include "protocol/text.h"

#include <stdbool.h>

/* What millstream writes to stdout, and why it may stop early: nobody reads it any
 * more, it cannot be written, or somebody pressed ^C.  Main thread alone. */

/* Let SIGINT and SIGTERM end the program where command_output_is_wanted is asked;
 * a second one ends it at once. */
void command_output_begin(void);

/* Write all of the text, now, and empty it.  0: it is written; -1: memory ran out
 * while it was made, or it could not be written, and command_output_end says so. */
int command_output_write(struct text *text);

/* Should the command go on?  False after a failure and after a signal.  Does not look
 * whether a pipe still has a reader: command_output_has_reader does. */
bool command_output_is_wanted(void);
bool command_output_has_reader(void);

/* Returns the exit status: status itself, or COMMAND_FAILED as the output is not
 * whole.  Where a signal is why, ends the program as if it had not been caught. */
int command_output_end(int status);

#endif
