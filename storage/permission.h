#ifndef STORAGE_PERMISSION_H
#define STORAGE_PERMISSION_H

#include "protocol/error.h"

#include <stdbool.h>

/* Can this process use a data directory?  Looks at the directory and at what is in it,
 * as far as it is there, before anything is opened: only here it is known which of
 * them is refused, whose it is, and as whom to run instead.
 *
 * makes: the directory is made where it is missing, and files in it.
 * ERROR_DENIED; ERROR_NOT_FOUND: there is nothing to make it in; ERROR_INVALID: it is no
 * directory.  A path that cannot be looked at for other reasons is fine: whoever
 * opens it finds out. */
int permission_check(const char *dir, bool makes, struct error *err);

#endif
