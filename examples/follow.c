/* Follow topics and print what comes, as "topic partition offset value".
 *
 *	cc follow.c -o follow $(pkg-config --cflags --libs millstream)
 *	./follow 127.0.0.1:7470 'myapp.*' */

#include <millstream.h>

#include <inttypes.h>
#include <stdio.h>

static void print_news(const struct millstream_record *record)
{
	static const char *const words[] = {
		[MILLSTREAM_PARTITION_ADDED] = "is new",
		[MILLSTREAM_TOPIC_DELETED] = "was deleted",
		[MILLSTREAM_RECORDS_GONE] = "lost records to retention",
		[MILLSTREAM_RECORDS_DAMAGED] = "has damaged records",
		[MILLSTREAM_CAUGHT_UP] = "is caught up",
		[MILLSTREAM_PARTITION_REFUSED] = "cannot be followed too",
		[MILLSTREAM_OTHER_INSTANCE] = "the server has another log now",
		[MILLSTREAM_SUBSCRIPTION_ENDED] = "the subscription has ended",
	};
	const size_t count = sizeof(words) / sizeof(words[0]);
	const char *what = (size_t)record->kind < count ? words[record->kind] : "is news";

	fprintf(stderr, "%s %" PRIu32 ": %s%s%s\n", record->topic, record->partition, what,
		record->text != NULL ? ": " : "", record->text != NULL ? record->text : "");
}

static void print_record(const struct millstream_record *record)
{
	printf("%s %" PRIu32 " %" PRIu64 " ", record->topic, record->partition, record->offset);
	switch (record->value_content) {
	case MILLSTREAM_NONE:
		printf("(deleted)");
		break;
	case MILLSTREAM_BYTES:
		fwrite(record->value, 1, record->value_bytes, stdout);
		break;
	case MILLSTREAM_CHANGE:
		printf("(a change of %zu bytes)", record->value_bytes);
		break;
	}
	putchar('\n');
}

static int follow(struct millstream_client *client)
{
	const struct millstream_record *record;

	for (;;) {
		int code = millstream_next(client, 1000, &record);
		if (code == MILLSTREAM_TIMEOUT) {
			fflush(stdout);
			continue;
		}
		if (code == MILLSTREAM_DISCONNECTED) {
			fprintf(stderr, "waiting: %s\n", millstream_error_text(client));
			continue;
		}
		if (code != MILLSTREAM_OK)
			return code;
		if (record->kind == MILLSTREAM_RECORD)
			print_record(record);
		else
			print_news(record);
		/* These wait for a decision: go on behind what cannot be had. */
		if (record->kind == MILLSTREAM_RECORDS_GONE || record->kind == MILLSTREAM_RECORDS_DAMAGED)
			code = millstream_seek(record->subscription, record->topic, record->partition,
					       record->end_offset, 10000);
		if (code != MILLSTREAM_OK)
			return code;
	}
}

int main(int argc, char **argv)
{
	struct millstream_client *client;
	struct millstream_subscription *subscription;

	if (argc != 3) {
		fprintf(stderr, "usage: follow HOST:PORT TOPIC|PATTERN\n");
		return 64;
	}
	int code = millstream_open(argv[1], NULL, &client);
	if (code != MILLSTREAM_OK) {
		fprintf(stderr, "follow: %s: %s\n", argv[1], millstream_code_text(code));
		return 1;
	}
	const char *topics[] = { argv[2] };
	struct millstream_subscribe_options options = { .topics = topics, .topic_count = 1 };
	code = millstream_subscribe(client, &options, 10000, &subscription);
	if (code == MILLSTREAM_OK)
		code = follow(client);
	fprintf(stderr, "follow: %s\n", millstream_error_text(client));
	millstream_close(client);
	return 1;
}
