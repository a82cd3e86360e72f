#include "client/url.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME "millstream://"

static int bad(const char *text, const char *why, struct error *err)
{
	return error_set(err, ERROR_INVALID,
			 "'%.200s' is not the address of a server: %s; write millstream://HOST:PORT", text,
			 why);
}

static int parse_port(const char *text, const char *port, struct url *out, struct error *err)
{
	char *end;
	unsigned long number = strtoul(port, &end, 10);

	if (*port < '0' || *port > '9' || *end != '\0' || number < 1 || number > 65535 ||
	    strlen(port) >= sizeof(out->port))
		return bad(text, "the port has to be a number from 1 to 65535", err);
	strcpy(out->port, port);
	return 0;
}

int url_parse(const char *text, struct url *out, struct error *err)
{
	struct url url = { .port = URL_PORT_DEFAULT };
	const char *host = text;
	const char *scheme = strstr(text, "://");

	if (strncmp(text, SCHEME, strlen(SCHEME)) == 0)
		host += strlen(SCHEME);
	else if (scheme != NULL)
		return bad(text, "this scheme is not known here", err);

	const char *port;
	size_t host_bytes;
	if (*host == '[') {
		host++;
		host_bytes = strcspn(host, "]");
		if (host[host_bytes] != ']')
			return bad(text, "a ']' is missing", err);
		port = host + host_bytes + 1;
	} else {
		host_bytes = strcspn(host, ":/");
		port = host + host_bytes;
	}
	if (host_bytes == 0)
		return bad(text, "there is no host", err);
	if (host_bytes >= sizeof(url.host))
		return bad(text, "the host's name is too long", err);
	if (strcspn(host, "/?#@ ") < host_bytes)
		return bad(text, "a host's name has no such characters", err);
	memcpy(url.host, host, host_bytes);
	if (strcmp(port, "/") == 0)
		port = "";
	if (*port != '\0' && *port != ':')
		return bad(text, "nothing but a port may follow the host", err);
	if (*port == ':' && parse_port(text, port + 1, &url, err) != 0)
		return -1;
	*out = url;
	return 0;
}
