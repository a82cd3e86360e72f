#ifndef CLIENT_URL_H
#define CLIENT_URL_H

#include "protocol/error.h"

/* Where a server is: "millstream://HOST:PORT", "HOST:PORT" or "HOST", with an IPv6
 * address in brackets. */

#define URL_PORT_DEFAULT "7470"

struct url {
	char host[256];         /* without brackets */
	char port[6];
};

/* ERROR_INVALID. */
int url_parse(const char *text, struct url *out, struct error *err);

#endif
