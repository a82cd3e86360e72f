#ifndef STORAGE_LOG_OUTPUT_H
#define STORAGE_LOG_OUTPUT_H

#include "protocol/text.h"

#include <stdbool.h>

/* What millstream-log writes to stdout, and why it may stop early: nobody reads
 * it any more, the disk below it is full, or somebody pressed ^C.  The main
 * thread alone. */

/* Let SIGINT end the program between two lines, not within one: for commands
 * that ask log_output_is_wanted often enough.  A second one ends it at once. */
void log_output_begin(void);

/* Write the text and empty it; -1: memory ran out while it was made.  That it
 * could not be written shows in log_output_is_wanted, and log_output_end says so. */
int log_output_write(struct text *text, struct error *err);

/* Should the command go on?  False after a failure and after SIGINT. */
bool log_output_is_wanted(void);

/* Write out what is left; returns the exit status: status itself, or why the
 * output is not whole.  Where a signal is why, it ends the program as if it
 * had never been caught. */
int log_output_end(int status);

#endif
