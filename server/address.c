#include "server/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define PORT_MAX 65535

static int refuse(const char *text, const char *why, struct error *err)
{
	return error_set(err, ERROR_INVALID,
			 "'%s' is not an address to listen on: %s; write it as 127.0.0.1:7470 or [::1]:7470",
			 text, why);
}

/* 0 to 65535, digits alone; -1 for anything else. */
static int parse_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int port = 0;
	if (digits == 0 || text[digits] != '\0')
		return -1;
	for (; *text != '\0' && port <= PORT_MAX; text++)
		port = port * 10 + (*text - '0');
	return port <= PORT_MAX ? port : -1;
}

int address_parse(const char *text, union address *out, struct error *err)
{
	char host[INET6_ADDRSTRLEN];
	union address address = { 0 };
	const char *colon = strrchr(text, ':');
	bool has_bracket = text[0] == '[';
	if (colon == NULL)
		return refuse(text, "it has no port", err);
	const char *host_start = has_bracket ? text + 1 : text;
	const char *host_end = has_bracket ? colon - 1 : colon;
	if (has_bracket && *host_end != ']')
		return refuse(text, "no port follows the ']'", err);
	if (!has_bracket && memchr(text, ':', (size_t)(colon - text)) != NULL)
		return refuse(text, "an IPv6 address stands in brackets", err);
	if (host_end <= host_start)
		return refuse(text, "it has no host", err);
	int port = parse_port(colon + 1);
	if (port < 0)
		return refuse(text, "the port is not a number from 0 to 65535", err);
	if ((size_t)(host_end - host_start) >= sizeof(host))
		return refuse(text, "the host is not a numeric address", err);
	memcpy(host, host_start, (size_t)(host_end - host_start));
	host[host_end - host_start] = '\0';

	int is_known;
	if (has_bracket) {
		address.ipv6.sin6_family = AF_INET6;
		address.ipv6.sin6_port = htons((uint16_t)port);
		is_known = inet_pton(AF_INET6, host, &address.ipv6.sin6_addr);
	} else {
		address.ipv4.sin_family = AF_INET;
		address.ipv4.sin_port = htons((uint16_t)port);
		is_known = inet_pton(AF_INET, host, &address.ipv4.sin_addr);
	}
	if (is_known != 1)
		return refuse(text, "the host is not a numeric address (names are not looked up)", err);
	*out = address;
	return 0;
}

void address_format(const union address *address, char *out)
{
	char host[INET6_ADDRSTRLEN] = "?";
	if (address->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address->ipv6.sin6_addr, host, sizeof(host));
		snprintf(out, ADDRESS_TEXT_BYTES, "[%s]:%u", host, ntohs(address->ipv6.sin6_port));
	} else {
		inet_ntop(AF_INET, &address->ipv4.sin_addr, host, sizeof(host));
		snprintf(out, ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(address->ipv4.sin_port));
	}
}

bool address_is_loopback(const union address *address)
{
	const struct in6_addr *ipv6 = &address->ipv6.sin6_addr;
	if (address->any.sa_family == AF_INET)
		return ntohl(address->ipv4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(ipv6) ||
	       (IN6_IS_ADDR_V4MAPPED(ipv6) && ipv6->s6_addr[12] == IN_LOOPBACKNET);
}

int address_check_exposure(const union address *address, bool has_users, struct error *err)
{
	char text[ADDRESS_TEXT_BYTES];
	if (has_users || address_is_loopback(address))
		return 0;
	address_format(address, text);
	return error_set(err, ERROR_DENIED,
			 "listening on %s would let everyone who reaches it read and write, as there "
			 "are no users with passwords: listen on 127.0.0.1 or [::1], and let others in "
			 "through a tunnel (ssh -L)",
			 text);
}
