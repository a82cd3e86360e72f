#ifndef CAPTURE_POSTGRESQL_PRIVILEGE_H
#define CAPTURE_POSTGRESQL_PRIVILEGE_H

#include "capture/postgresql_source.h"

/* Sets ERROR_DENIED, with the SQL of everything that the role lacks to capture the tables that the
 * filters name: to replicate, to read them (reads: a snapshot is to come) and to make the
 * publication where that is missing.  Or the error that asking ended with.  Over the ordinary
 * connection.  Returns -1. */
int postgresql_privilege_deny(struct postgresql_source *source, bool may_replicate, bool reads,
			      struct error *err);

#endif
