#include "protocol/message_group.h"
#include "protocol/message_publish.h"
#include "protocol/message_session.h"
#include "protocol/message_subscription.h"
#include "protocol/message_topic.h"
#include "tests/support/session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Who is in a group, what it has committed, how far it is behind. */

static struct session_rig *rig;
static struct rig_session *asking;
static uint32_t last_id = 1;

static int set_up(void **state)
{
	(void)state;
	rig = session_rig_create();
	asking = rig_session_create(rig);
	rig_greet(asking);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rig_session_destroy(asking);
	session_rig_destroy(rig);
	return 0;
}

/* Send what was encoded with ++last_id; its reply, whatever it is. */
static struct frame answer_to(struct rig_session *session, msgpack_sbuffer *request)
{
	struct frame frame = { 0 };
	rig_feed(session, request->data, request->size);
	msgpack_sbuffer_destroy(request);
	assert_true(rig_reply(session, last_id, &frame));
	assert_true(frame.body.size + 8 <= rig->service.limits.frame_bytes_max);
	return frame;
}

static enum error_code code_of(struct frame frame)
{
	struct message_error error;
	if (!(frame.flags & FRAME_FLAG_ERROR))
		return ERROR_NONE;
	assert_int_equal(message_error_decode(frame.body, &error, NULL), 0);
	return (enum error_code)error.code;
}

#define ASK(SESSION, NAME, MESSAGE)                                                                 \
	__extension__({                                                                             \
		msgpack_sbuffer request;                                                            \
		msgpack_sbuffer_init(&request);                                                     \
		assert_int_equal(message_##NAME##_encode(&request, ++last_id, MESSAGE, NULL), 0);   \
		answer_to(SESSION, &request);                                                       \
	})

static void create_topic(const char *name, uint32_t partitions)
{
	struct message_topic_create message = { .name = bytes_of_text(name), .partitions = partitions };
	assert_int_equal(code_of(ASK(asking, topic_create, &message)), ERROR_NONE);
}

static void delete_topic(const char *name)
{
	struct message_topic_delete message = { .name = bytes_of_text(name) };
	assert_int_equal(code_of(ASK(asking, topic_delete, &message)), ERROR_NONE);
}

static void publish(const char *topic, uint32_t partition, uint32_t count)
{
	struct message_publish message = { .topic = bytes_of_text(topic), .partition = partition, .count = count };
	const struct content none = { .kind = CONTENT_NIL };
	msgpack_sbuffer records, request;
	msgpack_sbuffer_init(&records);
	msgpack_sbuffer_init(&request);
	for (uint32_t n = 0; n < count; n++)
		message_publish_append(&records, 0, &none, &none, (struct bytes){ NULL, 0 }, NULL);
	assert_int_equal(message_publish_encode_head(&request, ++last_id, &message, records.size, NULL), 0);
	msgpack_sbuffer_write(&request, records.data, records.size);
	msgpack_sbuffer_destroy(&records);
	assert_int_equal(code_of(answer_to(asking, &request)), ERROR_NONE);
}

/* The offset in the first `count` partitions. */
static void commit(const char *group, const char *topic, uint32_t count, uint64_t offset)
{
	struct message_commit_offset *offsets = calloc(count, sizeof(*offsets));
	for (uint32_t n = 0; n < count; n++)
		offsets[n] = (struct message_commit_offset){ bytes_of_text(topic), n, offset, { NULL, 0 } };
	struct message_commit message = { bytes_of_text(group), { .count = count, .items = offsets } };
	assert_int_equal(code_of(ASK(asking, commit, &message)), ERROR_NONE);
	free(offsets);
}

/* A connection that follows one partition of the topic for the group; UINT32_MAX: all. */
static struct rig_session *join(const char *group, const char *topic, uint32_t partition)
{
	struct rig_session *session = rig_session_create(rig);
	struct bytes pattern = bytes_of_text(topic);
	struct message_subscribe message = {
		.topics = { .count = 1, .items = &pattern }, .start = START_BEGINNING,
		.partitions = { .count = partition != UINT32_MAX, .items = &partition },
		.group = group != NULL ? bytes_of_text(group) : (struct bytes){ NULL, 0 },
	};
	rig_greet(session);
	assert_int_equal(code_of(ASK(session, subscribe, &message)), ERROR_NONE);
	return session;
}

/* The list, page by page, as "name members partitions lag\n"; the parts of one group are
 * added up. */
static uint32_t list(char *out, size_t size)
{
	struct message_groups message = { .after.data = NULL };
	struct message_group sum = { .name.data = NULL }, group;
	char name[GROUP_NAME_BYTES_MAX + 1] = "";
	uint8_t after[GROUPS_PAGE_BYTES_MAX];
	uint32_t page_count = 0;
	out[0] = '\0';
	do {
		struct message_groups_reply reply;
		struct frame frame = ASK(asking, groups, &message);
		assert_int_equal(message_groups_reply_decode(frame.body, &reply, NULL), 0);
		page_count++;
		while (message_group_next(&reply.groups, &group)) {
			if (strlen(name) != group.name.size || memcmp(name, group.name.data, group.name.size) != 0) {
				if (name[0] != '\0')
					snprintf(out + strlen(out), size - strlen(out), "%s %u %u %u\n", name,
						 sum.members, sum.partitions, (unsigned)sum.lag);
				snprintf(name, sizeof(name), "%.*s", (int)group.name.size, (const char *)group.name.data);
				sum = (struct message_group){ .lag = 0 };
			}
			sum.members += group.members;
			sum.partitions += group.partitions;
			sum.lag += group.lag;
			assert_int_equal(group.committed_us != 0, group.partitions > 0);
		}
		if (reply.next.data != NULL)
			memcpy(after, reply.next.data, reply.next.size);
		message.after = (struct bytes){ reply.next.data != NULL ? after : NULL, reply.next.size };
	} while (message.after.data != NULL);
	if (name[0] != '\0')
		snprintf(out + strlen(out), size - strlen(out), "%s %u %u %u\n", name, sum.members,
			 sum.partitions, (unsigned)sum.lag);
	return page_count;
}

static void expect_list(const char *expected)
{
	char text[1024];
	list(text, sizeof(text));
	assert_string_equal(text, expected);
}

static struct frame info(const char *group, struct bytes after)
{
	struct message_group_info message = { bytes_of_text(group), after };
	return ASK(asking, group_info, &message);
}

static void groups_are_those_that_committed_and_those_with_members(void **state)
{
	(void)state;
	expect_list("");
	create_topic("t", 2);
	publish("t", 0, 5);
	publish("t", 1, 3);
	commit("b", "t", 2, 1);
	commit("d", "t", 1, 5);
	struct rig_session *sessions[] = { join("a", "t", 0), join("b", "t", 0), join("b", "t", 1),
					   join("c", "t", UINT32_MAX), join(NULL, "t", UINT32_MAX) };
	expect_list("a 1 0 0\nb 2 2 6\nc 1 0 0\nd 0 1 0\n");
	publish("t", 0, 100);
	expect_list("a 1 0 0\nb 2 2 106\nc 1 0 0\nd 0 1 100\n");
	for (size_t n = 0; n < 5; n++)
		rig_session_destroy(sessions[n]);
	expect_list("b 0 2 106\nd 0 1 100\n");
}

static void connection_is_one_member_however_often_it_subscribes(void **state)
{
	(void)state;
	create_topic("t", 1);
	struct rig_session *session = join("a", "t", 0);
	struct bytes pattern = bytes_of_text("t");
	struct message_subscribe message = { .topics = { .count = 1, .items = &pattern },
					     .start = START_BEGINNING, .group = bytes_of_text("a") };
	assert_int_equal(code_of(ASK(session, subscribe, &message)), ERROR_NONE);
	struct message_unsubscribe end = { last_id };
	struct message_group_info_reply reply;
	struct message_group_partition partition;
	struct frame frame = info("a", (struct bytes){ NULL, 0 });
	assert_int_equal(message_group_info_reply_decode(frame.body, &reply, NULL), 0);
	assert_int_equal(reply.members.count, 1);
	assert_true(message_group_partition_next(&reply.partitions, &partition));
	assert_int_equal(partition.members, 1);
	expect_list("a 1 0 0\n");
	assert_int_equal(code_of(ASK(session, unsubscribe, &end)), ERROR_NONE);
	expect_list("a 1 0 0\n");
	rig_session_destroy(session);
	expect_list("");
}

static void group_with_too_many_offsets_for_a_reply_goes_on_in_the_next(void **state)
{
	char text[256];
	(void)state;
	create_topic("t", TOPIC_PARTITIONS_MAX);
	create_topic("u", TOPIC_PARTITIONS_MAX);
	publish("t", TOPIC_PARTITIONS_MAX - 1, 1);
	publish("u", 0, 2);
	commit("a", "t", 1, 0);
	commit("b", "t", TOPIC_PARTITIONS_MAX, 0);
	commit("b", "u", TOPIC_PARTITIONS_MAX, 0);
	commit("c", "u", 1, 0);
	struct rig_session *session = join("b", "t", 0);
	assert_int_equal(list(text, sizeof(text)), 3);
	assert_string_equal(text, "a 0 1 0\nb 1 2048 3\nc 0 1 2\n");
	rig_session_destroy(session);
}

static void offsets_of_deleted_topics_do_not_count(void **state)
{
	(void)state;
	create_topic("t", 2);
	create_topic("u", 1);
	publish("u", 0, 4);
	commit("a", "t", 2, 0);
	commit("a", "u", 1, 1);
	delete_topic("t");
	expect_list("a 0 1 3\n");
	delete_topic("u");
	expect_list("a 0 0 0\n");
}

static void many_groups_keep_to_the_frames_limit(void **state)
{
	static char text[65536], expected[65536];
	char name[100];
	(void)state;
	rig->service.limits.frame_bytes_max = 4096;
	create_topic("t", 1);
	for (unsigned n = 0; n < 100; n++) {
		snprintf(name, sizeof(name), "group-with-a-long-name-so-that-few-fit-%03u", n);
		commit(name, "t", 1, 0);
		snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s 0 1 0\n", name);
	}
	assert_true(list(text, sizeof(text)) > 2);
	assert_string_equal(text, expected);
}

static void set_client(struct rig_session *session, const char *client)
{
	snprintf(session->session->client, sizeof(session->session->client), "%s", client);
}

static void group_is_described(void **state)
{
	struct message_group_info_reply reply;
	struct message_group_member member;
	struct message_group_partition partition;
	uint64_t id;
	(void)state;
	create_topic("t", 3);
	publish("t", 0, 5);
	commit("g", "t", 2, 0);
	struct rig_session *first = join("g", "t", 0), *second = join("g", "*", UINT32_MAX),
			   *other = join("h", "t", UINT32_MAX);
	set_client(first, "worker/1");
	set_client(second, "w\xc3\xa4rm\xc3");
	struct frame frame = info("g", (struct bytes){ NULL, 0 });
	assert_int_equal(message_group_info_reply_decode(frame.body, &reply, NULL), 0);
	assert_null(reply.next.data);
	assert_int_equal(reply.members.count, 2);
	message_group_member_next(&reply.members, &member);
	assert_int_equal(member.id, first->session->id);
	assert_memory_equal(member.client.data, "worker/1", 8);
	assert_memory_equal(member.address.data, "test:1", 6);
	assert_int_equal(member.partitions, 1);
	message_group_member_next(&reply.members, &member);
	assert_int_equal(member.id, second->session->id);
	assert_memory_equal(member.client.data, "w\xc3\xa4rm?", 6);
	assert_int_equal(member.partitions, 3);
	assert_int_equal(reply.partitions.count, 3);

	message_group_partition_next(&reply.partitions, &partition);
	assert_int_equal(partition.partition, 0);
	assert_int_equal(partition.visible_end, 5);
	assert_int_equal(partition.committed, 0);
	assert_true(partition.time_us > 0);
	assert_int_equal(partition.members, 2);
	assert_int_equal(partition.member_ids.count, 2);
	message_group_partition_next(&reply.partitions, &partition);
	assert_int_equal(partition.members, 1);
	message_group_member_id_next(&partition.member_ids, &id);
	assert_int_equal(id, second->session->id);
	message_group_partition_next(&reply.partitions, &partition);
	assert_int_equal(partition.partition, 2);
	assert_true(partition.committed == UINT64_MAX);
	assert_int_equal(partition.members, 1);
	rig_session_destroy(first);
	rig_session_destroy(second);
	rig_session_destroy(other);

	frame = info("g", (struct bytes){ NULL, 0 });
	assert_int_equal(message_group_info_reply_decode(frame.body, &reply, NULL), 0);
	assert_int_equal(reply.members.count, 0);
	assert_int_equal(reply.partitions.count, 2);
	message_group_partition_next(&reply.partitions, &partition);
	assert_int_equal(partition.members, 0);
}

static void large_group_is_told_page_by_page(void **state)
{
	enum { MEMBERS = 40 };
	struct rig_session *sessions[MEMBERS];
	struct bytes after = { NULL, 0 };
	uint8_t page[PAGE_BYTES_MAX];
	uint32_t members = 0, partitions = 0, page_count = 0;
	uint64_t last_member = 0;
	(void)state;
	/* The offsets of what was deleted stand before, between and behind the others. */
	create_topic("gone", 500);
	create_topic("t", 500);
	create_topic("left", 500);
	create_topic("u", 500);
	const char *const topics[] = { "gone", "t", "left", "u" };
	for (size_t n = 0; n < 4; n++)
		commit("g", topics[n], 499, 0);
	delete_topic("gone");
	delete_topic("left");
	for (size_t n = 0; n < MEMBERS; n++)
		sessions[n] = join("g", "t", n == 0 ? UINT32_MAX : 499);
	rig->service.limits.frame_bytes_max = 4096;
	do {
		struct message_group_info_reply reply;
		struct message_group_member member;
		struct message_group_partition partition;
		struct frame frame = info("g", after);
		assert_int_equal(message_group_info_reply_decode(frame.body, &reply, NULL), 0);
		page_count++;
		while (message_group_member_next(&reply.members, &member)) {
			assert_int_equal(partitions, 0);
			assert_true(member.id > last_member);
			last_member = member.id;
			members++;
		}
		while (message_group_partition_next(&reply.partitions, &partition)) {
			bool is_followed = partitions < 500, is_last = partitions == 499;
			assert_memory_equal(partition.topic.data, is_followed ? "t" : "u", 1);
			assert_int_equal(partition.partition, partitions++ % 500);
			assert_int_equal(partition.members, is_last ? MEMBERS : is_followed);
			assert_int_equal(partition.member_ids.count, is_last ? PARTITION_MEMBERS_MAX : is_followed);
			assert_int_equal(partition.committed == UINT64_MAX, is_last);
		}
		if (reply.next.data != NULL)
			memcpy(page, reply.next.data, reply.next.size);
		after = (struct bytes){ reply.next.data != NULL ? page : NULL, reply.next.size };
	} while (after.data != NULL);
	assert_int_equal(members, MEMBERS);
	assert_int_equal(partitions, 999);
	assert_true(page_count > 3);
	for (size_t n = 0; n < MEMBERS; n++)
		rig_session_destroy(sessions[n]);
}

static void what_deleted_topics_left_is_passed_over_bit_by_bit(void **state)
{
	enum { TOPICS = 5 };
	struct message_group_info_reply reply;
	uint8_t page[PAGE_BYTES_MAX];
	char name[TOPICS][8];
	(void)state;
	for (int n = 0; n < TOPICS; n++) {
		snprintf(name[n], sizeof(name[n]), "t%d", n);
		create_topic(name[n], TOPIC_PARTITIONS_MAX);
		commit("g", name[n], TOPIC_PARTITIONS_MAX, 0);
	}
	create_topic("u", 1);
	commit("g", "u", 1, 0);
	for (int n = 0; n < TOPICS; n++)
		delete_topic(name[n]);
	struct frame frame = info("g", (struct bytes){ NULL, 0 });
	assert_int_equal(message_group_info_reply_decode(frame.body, &reply, NULL), 0);
	assert_int_equal(reply.partitions.count, 0);
	assert_non_null(reply.next.data);
	memcpy(page, reply.next.data, reply.next.size);
	frame = info("g", (struct bytes){ page, reply.next.size });
	assert_int_equal(message_group_info_reply_decode(frame.body, &reply, NULL), 0);
	assert_int_equal(reply.partitions.count, 1);
	assert_null(reply.next.data);
}

static void group_that_is_not_there_is_told(void **state)
{
	struct message_group_remove message = { bytes_of_text("none") };
	(void)state;
	create_topic("t", 1);
	commit("g", "t", 1, 0);
	assert_int_equal(code_of(info("none", (struct bytes){ NULL, 0 })), ERROR_NOT_FOUND);
	assert_int_equal(code_of(ASK(asking, group_remove, &message)), ERROR_NOT_FOUND);
}

static void page_of_another_server_is_refused(void **state)
{
	static const uint8_t tokens[][12] = { { 0 }, { 3 }, { 2, 0, 0, 0, 9, 0, 0, 0, 9, 'g' } };
	const size_t sizes[] = { 9, 9, 10 };
	(void)state;
	create_topic("t", 1);
	commit("g", "t", 1, 0);
	for (size_t n = 0; n < 3; n++) {
		struct message_groups message = { { tokens[n], n == 2 ? 12 : 9 } };
		assert_int_equal(code_of(info("g", (struct bytes){ tokens[n], sizes[n] })), ERROR_INVALID);
		assert_int_equal(code_of(ASK(asking, groups, &message)), ERROR_INVALID);
	}
	/* One that names what is not there is the end. */
	static const uint8_t far[] = { 2, 255, 255, 255, 255, 255, 255, 255, 255 };
	struct message_group_info_reply reply;
	struct frame frame = info("g", (struct bytes){ far, sizeof(far) });
	assert_int_equal(message_group_info_reply_decode(frame.body, &reply, NULL), 0);
	assert_int_equal(reply.partitions.count, 0);
	assert_null(reply.next.data);
}

static void group_is_removed_when_nobody_is_in_it(void **state)
{
	struct message_group_remove message = { bytes_of_text("g") };
	struct message_committed ask = { bytes_of_text("g"), { NULL, 0 } };
	struct message_committed_reply reply;
	(void)state;
	create_topic("t", 3);
	commit("g", "t", 3, 0);
	commit("h", "t", 3, 0);
	struct rig_session *session = join("g", "t", 0);
	assert_int_equal(code_of(ASK(asking, group_remove, &message)), ERROR_INVALID);
	expect_list("g 1 3 0\nh 0 3 0\n");
	rig_session_destroy(session);
	struct frame frame = ASK(asking, group_remove, &message);
	assert_int_equal(frame.type, FRAME_GROUP_REMOVE);
	assert_int_equal(frame.flags, FRAME_FLAG_REPLY);
	expect_list("h 0 3 0\n");
	assert_int_equal(code_of(ASK(asking, group_remove, &message)), ERROR_NOT_FOUND);
	frame = ASK(asking, committed, &ask);
	assert_int_equal(message_committed_reply_decode(frame.body, &reply, NULL), 0);
	assert_int_equal(reply.offsets.count, 0);
}

/* What waits for the appender is memory. */
static void commits_without_end_are_refused(void **state)
{
	struct message_commit_offset offset = { bytes_of_text("t"), 0, 0, { NULL, 0 } };
	struct message_commit message = { bytes_of_text("g"), { .count = 1, .items = &offset } };
	const uint32_t first_id = last_id + 2;
	msgpack_sbuffer requests;
	struct frame frame;
	(void)state;
	create_topic("t", 1);
	msgpack_sbuffer_init(&requests);
	for (int i = 0; i < 17; i++)
		assert_int_equal(message_commit_encode(&requests, ++last_id, &message, NULL), 0);
	frame = answer_to(asking, &requests);
	assert_int_equal(code_of(frame), ERROR_BUSY);
	for (uint32_t id = first_id; id < last_id; id++)
		assert_true(rig_reply(asking, id, &frame) && code_of(frame) == ERROR_NONE);
	commit("g", "t", 1, 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(groups_are_those_that_committed_and_those_with_members),
		TEST(connection_is_one_member_however_often_it_subscribes),
		TEST(group_with_too_many_offsets_for_a_reply_goes_on_in_the_next),
		TEST(offsets_of_deleted_topics_do_not_count),
		TEST(many_groups_keep_to_the_frames_limit),
		TEST(group_is_described),
		TEST(large_group_is_told_page_by_page),
		TEST(what_deleted_topics_left_is_passed_over_bit_by_bit),
		TEST(group_that_is_not_there_is_told),
		TEST(page_of_another_server_is_refused),
		TEST(group_is_removed_when_nobody_is_in_it),
		TEST(commits_without_end_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
