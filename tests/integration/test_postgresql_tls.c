/* The PostgreSQL source against a server with ssl = on: which modes are encrypted, on both
 * connections, and what is said where a certificate is not trusted. */
#include "tests/support/postgresql_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/run_child.h"
#include "tests/support/wait_until.h"

#define PASSWORD "kX93-hidden-72"
#define KEY_PASSWORD "hidden-of-the-key"

static bool has_certificates;

/* What the shell makes: an authority, who is signed by it, and one that nobody knows. */
static const char make_certificates[] =
	"set -e; cd \"$DIRECTORY\"; key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'\n"
	"openssl req -x509 $key -keyout ca.key -out ca.crt -subj /CN=authority\n"
	"openssl req -x509 $key -keyout stranger.key -out stranger.crt -subj /CN=stranger\n"
	"openssl req -x509 $key -CA ca.crt -CAkey ca.key -keyout server.key -out server.crt"
	" -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE\n"
	"openssl req -x509 $key -CA ca.crt -CAkey ca.key -keyout client.key -out client.crt"
	" -subj /CN=certified -addext basicConstraints=CA:FALSE\n"
	"openssl pkcs8 -topk8 -in client.key -out locked.key -passout pass:" KEY_PASSWORD "\n"
	"chmod 600 *.key; cp client.key open.key; chmod 644 open.key\n";

static const char access_rules[] =
	"hostssl all +guarded 127.0.0.1/32 scram-sha-256\n"
	"hostssl all certified 127.0.0.1/32 cert\n"
	"hostssl all encrypted 127.0.0.1/32 trust\n"
	"hostnossl all naked 127.0.0.1/32 trust\n"
	"host all postgres 127.0.0.1/32 trust\n";

/* The path of a certificate or key; lent for the length of a test. */
static const char *file_of(const char *name)
{
	static char paths[16][300];
	static unsigned next;
	char *path = paths[next++ % 16];
	snprintf(path, sizeof(paths[0]), "%s/data/%s", server.dir, name);
	return path;
}

static bool run_openssl(void)
{
	char directory[300];
	const char *const argv[] = { "/bin/sh", "-c", make_certificates, NULL };
	const char *const environment[] = { directory, NULL };
	struct child_end end;
	snprintf(directory, sizeof(directory), "DIRECTORY=%s/data", server.dir);
	run_child(&end, argv, environment, 60000);
	if (end.status != 0 && end.status != 127)
		fail_msg("openssl: %s", end.output);
	return end.status == 0;
}

static int start_encrypting_server(void **state)
{
	static const char *const settings[] = { "ssl=on", "ssl_ca_file=ca.crt", NULL };
	start_server(state);
	if (server.dir == NULL)
		return 0;
	has_certificates = run_openssl();
	if (!has_certificates)
		return 0;
	postgresql_rig_create(&rig, &server);
	rig_sql(&rig, "CREATE ROLE guarded; CREATE ROLE ann LOGIN SUPERUSER PASSWORD '" PASSWORD "' IN ROLE guarded;"
		      "CREATE ROLE certified LOGIN SUPERUSER; CREATE ROLE encrypted LOGIN SUPERUSER;"
		      "CREATE ROLE naked LOGIN SUPERUSER");
	postgresql_rig_destroy(&rig);
	FILE *file = fopen(file_of("pg_hba.conf"), "w");
	assert_non_null(file);
	fputs(access_rules, file);
	assert_int_equal(fclose(file), 0);
	postgresql_server_stop(&server);
	postgresql_server_start(&server, settings);
	return 0;
}

static int create(void **state)
{
	create_rig_with_users(state);
	if (server.dir == NULL)
		return 0;
	rig_set(&rig, "database.hostname", "localhost");
	rig_set(&rig, "database.sslrootcert", file_of("ca.crt"));
	return 0;
}

#define NEED_CERTIFICATES()                                                                    \
	do {                                                                                   \
		NEED_SERVER();                                                                 \
		if (!has_certificates)                                                         \
			SKIP_TEST("no certificates: openssl is not installed (Debian: openssl)"); \
	} while (0)

static void log_in_as(const char *user, const char *sslmode)
{
	rig_set(&rig, "database.user", user);
	rig_set(&rig, "database.sslmode", sslmode);
}

/* "2 of 2": how many of the source's connections are encrypted. */
static bool is_encrypted(const char *wanted)
{
	char *count = rig_value(&rig, "SELECT count(*) FILTER (WHERE ssl) || ' of ' || count(*) FROM pg_stat_ssl"
				      " JOIN pg_stat_activity USING (pid) WHERE application_name = 'millstream shop'");
	bool is_so = strcmp(count, wanted) == 0;
	free(count);
	return is_so;
}

/* It streams, with so many of its connections encrypted.  (One of the snapshot's, or of its
 * last life, may still be ending.) */
static void streams_with(const char *wanted)
{
	assert_true(wait_until(is_encrypted("0 of 0")));
	rig_start_streaming(&rig);
	assert_true(wait_until(is_encrypted(wanted)));
	rig_stop(&rig);
	assert_null(strstr(rig.lines, PASSWORD));
}

/* It ends at once, for good, in one line that says this. */
static void fails_for_good_with(const char *words)
{
	rig_start(&rig);
	rig_wait_end(&rig);
	if (rig.rc != -1 || error_is_retryable(rig.err.code) || strstr(rig.err.text, words) == NULL)
		fail_msg("rc %d, code %d: %s\n%s", rig.rc, rig.err.code, rig.err.text, rig.lines);
	assert_null(strchr(rig.err.text, '\n'));
	assert_null(strstr(rig.err.text, PASSWORD));
	assert_null(strstr(rig.err.text, KEY_PASSWORD));
	assert_null(strstr(rig.lines, PASSWORD));
	assert_null(strstr(rig.lines, KEY_PASSWORD));
}

static void each_mode_encrypts_both_connections_or_neither(void **state)
{
	(void)state;
	NEED_CERTIFICATES();
	log_in_as("postgres", "disable");
	streams_with("0 of 2");
	log_in_as("postgres", "allow");
	streams_with("0 of 2");
	log_in_as("postgres", "prefer");
	streams_with("2 of 2");
	log_in_as("postgres", "require");
	streams_with("2 of 2");
	log_in_as("postgres", "verify-ca");
	streams_with("2 of 2");
	log_in_as("postgres", "verify-full");
	streams_with("2 of 2");
}

static void allow_and_prefer_try_what_the_server_wants(void **state)
{
	(void)state;
	NEED_CERTIFICATES();
	log_in_as("encrypted", "allow");
	streams_with("2 of 2");
	log_in_as("naked", "prefer");
	streams_with("0 of 2");
	log_in_as("encrypted", "disable");
	fails_for_good_with("no pg_hba.conf entry");
	log_in_as("naked", "require");
	fails_for_good_with("no pg_hba.conf entry");
}

static void wrong_host_name_is_refused_by_verify_full_alone(void **state)
{
	(void)state;
	NEED_CERTIFICATES();
	rig_set(&rig, "database.hostname", "127.0.0.1");
	log_in_as("postgres", "verify-full");
	fails_for_good_with("does not match host name \"127.0.0.1\"");
	log_in_as("postgres", "verify-ca");
	streams_with("2 of 2");
}

static void authority_that_is_not_the_servers_is_refused(void **state)
{
	(void)state;
	NEED_CERTIFICATES();
	rig_set(&rig, "database.sslrootcert", file_of("stranger.crt"));
	log_in_as("postgres", "verify-ca");
	fails_for_good_with("certificate verify failed");
	log_in_as("postgres", "verify-full");
	fails_for_good_with("certificate verify failed");
	/* As in libpq: a root certificate that is there is used. */
	log_in_as("postgres", "require");
	fails_for_good_with("certificate verify failed");
	rig_set(&rig, "database.sslrootcert", file_of("missing.crt"));
	log_in_as("postgres", "verify-ca");
	fails_for_good_with("missing.crt\" does not exist");
	log_in_as("postgres", "require");
	streams_with("2 of 2");
	rig_set(&rig, "database.sslrootcert", file_of("ca.key"));
	log_in_as("postgres", "verify-ca");
	fails_for_good_with("could not read root certificate file");
}

static void password_goes_through_tls(void **state)
{
	(void)state;
	NEED_CERTIFICATES();
	log_in_as("ann", "verify-full");
	rig_set(&rig, "database.password", PASSWORD);
	streams_with("2 of 2");
	rig_set(&rig, "database.password", PASSWORD "x");
	fails_for_good_with("password authentication failed for user \"ann\"");
}

static void client_certificate_logs_in(void **state)
{
	(void)state;
	NEED_CERTIFICATES();
	log_in_as("certified", "verify-full");
	fails_for_good_with("connection requires a valid client certificate");
	rig_set(&rig, "database.sslcert", file_of("client.crt"));
	rig_set(&rig, "database.sslkey", file_of("client.key"));
	streams_with("2 of 2");
	rig_set(&rig, "database.sslkey", file_of("locked.key"));
	rig_set(&rig, "database.sslpassword", KEY_PASSWORD);
	streams_with("2 of 2");
}

static void client_certificate_that_cannot_be_used_is_named(void **state)
{
	(void)state;
	NEED_CERTIFICATES();
	log_in_as("certified", "verify-full");
	rig_set(&rig, "database.sslcert", file_of("client.crt"));
	rig_set(&rig, "database.sslkey", file_of("locked.key"));
	fails_for_good_with("could not load private key file");
	assert_non_null(strstr(rig.err.text, "; check database.sslkey, database.sslcert and database.sslpassword"));
	rig_set(&rig, "database.sslpassword", KEY_PASSWORD "x");
	fails_for_good_with("could not load private key file");
	rig_set(&rig, "database.sslkey", file_of("missing.key"));
	fails_for_good_with("missing.key\"");
	rig_set(&rig, "database.sslkey", file_of("open.key"));
	fails_for_good_with("has group or world access");
	rig_set(&rig, "database.sslkey", file_of("ca.key"));
	fails_for_good_with("key values mismatch");
	rig_set(&rig, "database.sslcert", file_of("stranger.crt"));
	rig_set(&rig, "database.sslkey", file_of("stranger.key"));
	fails_for_good_with("unknown ca");
	rig_set(&rig, "database.user", "encrypted");
	rig_set(&rig, "database.sslcert", file_of("missing.crt"));
	streams_with("2 of 2");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy_rig)
	const struct CMUnitTest tests[] = {
		TEST(each_mode_encrypts_both_connections_or_neither),
		TEST(allow_and_prefer_try_what_the_server_wants),
		TEST(wrong_host_name_is_refused_by_verify_full_alone),
		TEST(authority_that_is_not_the_servers_is_refused),
		TEST(password_goes_through_tls),
		TEST(client_certificate_logs_in),
		TEST(client_certificate_that_cannot_be_used_is_named),
	};
	cmocka_set_test_filter(getenv("MILLSTREAM_TEST_FILTER"));
	return cmocka_run_group_tests(tests, start_encrypting_server, stop_server);
}
