#include "server/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void addresses_are_read_and_written_alike(void **state)
{
	static const char *const texts[] = {
		"127.0.0.1:7470", "0.0.0.0:1", "192.168.1.255:65535", "127.0.0.1:0",
		"[::1]:7470", "[::]:7470", "[2001:db8::7]:80",
	};
	(void)state;
	for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
		char text[ADDRESS_TEXT_BYTES];
		union address address;
		assert_int_equal(address_parse(texts[n], &address, NULL), 0);
		address_format(&address, text);
		assert_string_equal(text, texts[n]);
	}
}

static void address_is_what_bind_wants(void **state)
{
	union address address;
	(void)state;
	assert_int_equal(address_parse("127.0.0.2:7470", &address, NULL), 0);
	assert_int_equal(address.ipv4.sin_family, AF_INET);
	assert_int_equal(address.ipv4.sin_port, htons(7470));
	assert_int_equal(address.ipv4.sin_addr.s_addr, htonl(0x7f000002));
	assert_int_equal(address_parse("[::1]:1", &address, NULL), 0);
	assert_int_equal(address.ipv6.sin6_family, AF_INET6);
	assert_int_equal(address.ipv6.sin6_port, htons(1));
	assert_int_equal(address.ipv6.sin6_scope_id, 0);
}

static void what_is_no_address_is_refused_with_the_reason(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "it has no port" },
		{ "7470", "it has no port" },
		{ "127.0.0.1", "it has no port" },
		{ ":7470", "it has no host" },
		{ "[]:7470", "it has no host" },
		{ "[", "it has no port" },
		{ "[:", "no port follows the ']'" },
		{ "[::1]", "no port follows the ']'" },
		{ "[::1]x:7470", "no port follows the ']'" },
		{ "::1:7470", "an IPv6 address stands in brackets" },
		{ "127.0.0.1:", "the port is not a number from 0 to 65535" },
		{ "127.0.0.1:65536", "the port is not a number from 0 to 65535" },
		{ "127.0.0.1:99999999999999999999", "the port is not a number from 0 to 65535" },
		{ "127.0.0.1:-1", "the port is not a number from 0 to 65535" },
		{ "127.0.0.1:74x", "the port is not a number from 0 to 65535" },
		{ "127.0.0.1: 74", "the port is not a number from 0 to 65535" },
		{ "localhost:7470", "the host is not a numeric address (names are not looked up)" },
		{ "127.1:7470", "the host is not a numeric address (names are not looked up)" },
		{ "256.0.0.1:7470", "the host is not a numeric address (names are not looked up)" },
		{ "[127.0.0.1]:7470", "the host is not a numeric address (names are not looked up)" },
		{ "[fe80::1%eth0]:7470", "the host is not a numeric address (names are not looked up)" },
		{ "*:7470", "the host is not a numeric address (names are not looked up)" },
		{ "a.very.long.host.name.that.is.longer.than.any.number.can.be:7470",
		  "the host is not a numeric address" },
	};
	(void)state;
	for (size_t n = 0; n < sizeof(pairs) / sizeof(pairs[0]); n++) {
		char expected[256];
		union address address, before;
		struct error err = { 0 };
		memset(&address, 0x55, sizeof(address));
		before = address;
		assert_int_equal(address_parse(pairs[n][0], &address, &err), -1);
		snprintf(expected, sizeof(expected),
			 "'%s' is not an address to listen on: %s; write it as 127.0.0.1:7470 or [::1]:7470",
			 pairs[n][0], pairs[n][1]);
		assert_string_equal(err.text, expected);
		assert_int_equal(err.code, ERROR_INVALID);
		assert_memory_equal(&address, &before, sizeof(address));
	}
}

static bool is_loopback(const char *text)
{
	union address address;
	assert_int_equal(address_parse(text, &address, NULL), 0);
	return address_is_loopback(&address);
}

static void loopback_is_told_from_the_rest(void **state)
{
	(void)state;
	assert_true(is_loopback("127.0.0.1:1"));
	assert_true(is_loopback("127.255.255.254:1"));
	assert_true(is_loopback("[::1]:1"));
	assert_true(is_loopback("[::ffff:127.0.0.1]:1"));
	assert_false(is_loopback("0.0.0.0:1"));
	assert_false(is_loopback("126.255.255.255:1"));
	assert_false(is_loopback("128.0.0.1:1"));
	assert_false(is_loopback("1.0.0.127:1"));
	assert_false(is_loopback("[::]:1"));
	assert_false(is_loopback("[::2]:1"));
	assert_false(is_loopback("[::127.0.0.1]:1"));
	assert_false(is_loopback("[::ffff:10.0.0.1]:1"));
}

static void exposure_without_users_is_refused_with_what_to_do(void **state)
{
	union address address;
	struct error err = { 0 };
	(void)state;
	assert_int_equal(address_parse("127.0.0.1:7470", &address, NULL), 0);
	assert_int_equal(address_check_exposure(&address, false, &err), 0);
	assert_int_equal(address_parse("0.0.0.0:7470", &address, NULL), 0);
	assert_int_equal(address_check_exposure(&address, true, &err), 0);
	assert_int_equal(address_check_exposure(&address, false, &err), -1);
	assert_int_equal(err.code, ERROR_DENIED);
	assert_string_equal(err.text,
			    "listening on 0.0.0.0:7470 would let everyone who reaches it read and write, as "
			    "there are no users with passwords: listen on 127.0.0.1 or [::1], and let others "
			    "in through a tunnel (ssh -L)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written_alike),
		cmocka_unit_test(address_is_what_bind_wants),
		cmocka_unit_test(what_is_no_address_is_refused_with_the_reason),
		cmocka_unit_test(loopback_is_told_from_the_rest),
		cmocka_unit_test(exposure_without_users_is_refused_with_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
