#ifndef TESTS_SUPPORT_POSTGRESQL_FIXTURE_H
#define TESTS_SUPPORT_POSTGRESQL_FIXTURE_H

#include "tests/support/postgresql_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/skip.h"

/* One server for a whole program, and a database and a log of its own for each test. */

static struct postgresql_server server;
static struct postgresql_rig rig;

static inline int start_server(void **state)
{
	(void)state;
	postgresql_server_start(&server, NULL);
	return 0;
}

static inline int stop_server(void **state)
{
	(void)state;
	postgresql_server_clear(&server);
	return 0;
}

static inline int create_rig(void **state)
{
	(void)state;
	if (server.dir != NULL)
		postgresql_rig_create(&rig, &server);
	return 0;
}

static inline int create_rig_with_users(void **state)
{
	create_rig(state);
	if (server.dir != NULL)
		rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	return 0;
}

static inline int destroy_rig(void **state)
{
	(void)state;
	if (server.dir != NULL)
		postgresql_rig_destroy(&rig);
	return 0;
}

/* The first of a test. */
#define NEED_SERVER()                                                                    \
	do {                                                                             \
		if (server.dir == NULL)                                                  \
			SKIP_TEST("PostgreSQL is not installed (Debian: postgresql-15)"); \
	} while (0)

/* After it: of version 15 this is 150000. */
#define NEED_VERSION(number, reason)                       \
	do {                                               \
		if (PQserverVersion(rig.admin) < (number)) \
			SKIP_TEST(reason);                 \
	} while (0)

#endif
