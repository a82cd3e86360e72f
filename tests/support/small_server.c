/* A server without configuration, for tests of what talks to one:
 * small_server DIR ADDRESS:PORT */
#include "server/server.h"

#include "protocol/limits.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("usage: small_server DIR ADDRESS:PORT\n", stderr);
		return 64;
	}
	struct server_settings settings = {
		.listen = argv[2],
		.limits = {
			.frame_bytes_max = FRAME_BYTES_MAX_DEFAULT,
			.output_bytes_max = OUTPUT_BYTES_MAX,
			.heartbeat_ms = HEARTBEAT_MS_DEFAULT,
			.login_timeout_ms = LOGIN_TIMEOUT_MS,
			.default_partitions = 1,
		},
		.connections_max = 1000,
		.connections_per_address_max = 1000,
	};
	settings.broker.store.dir = argv[1];
	settings.broker.store.ballast_bytes = 1 << 20;
	return server_run(&settings);
}
