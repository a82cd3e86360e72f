/* Publish the lines of standard input.
 *
 *	cc publish.c -o publish $(pkg-config --cflags --libs millstream)
 *	seq 1000 | ./publish 127.0.0.1:7470 numbers */

#include <millstream.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
	uint64_t stored_count;
	uint64_t failed_count;
};

/* Called once for each record, when it is durable or will not be. */
static void on_delivered(void *user, const struct millstream_delivery *delivery)
{
	struct outcome *outcome = user;

	if (delivery->code == MILLSTREAM_OK) {
		outcome->stored_count++;
		return;
	}
	if (outcome->failed_count++ == 0)
		fprintf(stderr, "publish: %s, partition %" PRIu32 ": %s\n", delivery->topic,
			delivery->partition, delivery->text);
}

static int publish_lines(struct millstream_client *client, const char *topic,
			 struct outcome *outcome)
{
	static char line[65536];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		struct millstream_message message = {
			.topic = topic,
			.partition = MILLSTREAM_ANY_PARTITION,
			.value = line,
			.value_bytes = strcspn(line, "\n"),
		};
		int code = millstream_publish(client, &message, 60000, on_delivered, outcome);
		if (code != MILLSTREAM_OK)
			return code;
	}
	return millstream_flush(client, -1);
}

int main(int argc, char **argv)
{
	struct millstream_client *client;
	struct outcome outcome = { 0, 0 };

	if (argc != 3) {
		fprintf(stderr, "usage: publish HOST:PORT TOPIC\n");
		return 64;
	}
	int code = millstream_open(argv[1], NULL, &client);
	if (code != MILLSTREAM_OK) {
		fprintf(stderr, "publish: %s: %s\n", argv[1], millstream_code_text(code));
		return 1;
	}
	code = publish_lines(client, argv[2], &outcome);
	if (code != MILLSTREAM_OK)
		fprintf(stderr, "publish: %s\n", millstream_error_text(client));
	printf("%" PRIu64 " stored, %" PRIu64 " not\n", outcome.stored_count, outcome.failed_count);
	millstream_close(client);
	return code == MILLSTREAM_OK ? 0 : 1;
}
