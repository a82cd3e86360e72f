#include "client/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void addresses_have_a_host_and_a_port(void **state)
{
	static const struct { const char *text, *host, *port; } good[] = {
		{ "localhost", "localhost", "7470" },
		{ "localhost:1", "localhost", "1" },
		{ "10.0.0.1:65535", "10.0.0.1", "65535" },
		{ "millstream://db.example", "db.example", "7470" },
		{ "millstream://db.example/", "db.example", "7470" },
		{ "millstream://db.example:7000", "db.example", "7000" },
		{ "[::1]", "::1", "7470" },
		{ "[fe80::1%eth0]:7471", "fe80::1%eth0", "7471" },
		{ "millstream://[::1]:7471", "::1", "7471" },
	};
	(void)state;
	for (size_t n = 0; n < sizeof(good) / sizeof(good[0]); n++) {
		struct url url;
		struct error err = { 0 };
		if (url_parse(good[n].text, &url, &err) != 0)
			fail_msg("%s: %s", good[n].text, err.text);
		assert_string_equal(url.host, good[n].host);
		assert_string_equal(url.port, good[n].port);
	}
}

static void what_is_no_address_is_told_and_leaves_the_url_alone(void **state)
{
	static const struct { const char *text, *why; } bad[] = {
		{ "", "there is no host" },
		{ ":7470", "there is no host" },
		{ "[]:7470", "there is no host" },
		{ "millstream://", "there is no host" },
		{ "http://a:1", "this scheme is not known here" },
		{ "a:", "the port has to be a number from 1 to 65535" },
		{ "a:0", "the port has to be" },
		{ "a:65536", "the port has to be" },
		{ "a:+1", "the port has to be" },
		{ "a: 1", "the port has to be" },
		{ "a:1x", "the port has to be" },
		{ "a:000001", "the port has to be" },
		{ "a:99999999999999999999", "the port has to be" },
		{ "::1", "there is no host" },
		{ "[::1", "a ']' is missing" },
		{ "[::1]7470", "nothing but a port may follow" },
		{ "a b:1", "no such characters" },
		{ "user@a:1", "no such characters" },
		{ "a/b:1", "nothing but a port may follow" },
	};
	(void)state;
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		struct url url = { .host = "untouched" };
		struct error err = { 0 };
		assert_int_equal(url_parse(bad[n].text, &url, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
		if (strstr(err.text, bad[n].why) == NULL)
			fail_msg("'%s': %s", bad[n].text, err.text);
		assert_string_equal(url.host, "untouched");
	}
}

static void a_host_has_255_characters_at_most(void **state)
{
	struct url url;
	char text[300];
	(void)state;
	memset(text, 'a', sizeof(text));
	text[255] = '\0';
	assert_int_equal(url_parse(text, &url, NULL), 0);
	text[255] = 'a';
	text[256] = '\0';
	assert_int_equal(url_parse(text, &url, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_a_host_and_a_port),
		cmocka_unit_test(what_is_no_address_is_told_and_leaves_the_url_alone),
		cmocka_unit_test(a_host_has_255_characters_at_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
