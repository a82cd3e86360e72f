#ifndef CAPTURE_POSTGRESQL_PUBLICATION_H
#define CAPTURE_POSTGRESQL_PUBLICATION_H

#include "capture/postgresql_source.h"

/* The publication, by publication.autocreate.mode: made before the slot, because
 * decoding looks at the catalog as it was at each change.  One that is made here has a
 * comment that says so; only such a one is dropped again.
 *
 *   filtered    exactly the tables that the filters name; those that are missing in it
 *               are added, those that no longer match taken out where it was made here
 *   all_tables  FOR ALL TABLES
 *   no_tables   made without any; somebody else adds them
 *   disabled    has to be there
 */
int postgresql_publication_ensure(struct postgresql_source *source, struct error *err);

/* Mode filtered, while streaming: add tables that have come to match, and say so: rows
 * committed from then on are captured.  One that cannot be added is a warning. */
int postgresql_publication_refresh(struct postgresql_source *source, struct error *err);

/* Where it was made here, and is there. */
int postgresql_publication_drop(struct postgresql_source *source, struct error *err);

#endif
