#ifndef SERVER_ADDRESS_H
#define SERVER_ADDRESS_H

#include "protocol/error.h"

#include <netinet/in.h>
#include <stdbool.h>

/* Addresses as the configuration writes them: 127.0.0.1:7470, [::1]:7470.  Numbers
 * alone: nothing is ever looked up. */
union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

/* Room for any as text. */
#define ADDRESS_TEXT_BYTES 64

/* Port 0 lets the system choose one.  ERROR_INVALID. */
int address_parse(const char *text, union address *out, struct error *err);

/* The other way, into out (ADDRESS_TEXT_BYTES). */
void address_format(const union address *address, char *out);

/* 127.0.0.0/8, ::1, and the former written as IPv6. */
bool address_is_loopback(const union address *address);

/* May the server listen there?  Beyond loopback only where users are
 * configured: ERROR_DENIED. */
int address_check_exposure(const union address *address, bool has_users, struct error *err);

#endif
