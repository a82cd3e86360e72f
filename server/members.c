#include "server/members.h"

#include "server/session.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	int order = bytes_compare(a->group, b->group);
	return order != 0 ? order : (a->session->id > b->session->id) - (a->session->id < b->session->id);
}

static bool is_wanted(const struct subscription *subscription, struct bytes group)
{
	return subscription->group.data != NULL &&
	       (group.data == NULL || bytes_compare(subscription->group, group) == 0);
}

/* A connection may follow in several subscriptions. */
static void merge(struct members *members)
{
	size_t kept = 0;
	for (size_t n = 1; n < members->count; n++) {
		if (compare(&members->items[kept], &members->items[n]) == 0)
			members->items[kept].partition_count += members->items[n].partition_count;
		else
			members->items[++kept] = members->items[n];
	}
	if (members->count > 0)
		members->count = kept + 1;
}

int members_collect(struct members *out, const struct service *service, struct bytes group,
		    struct error *err)
{
	/* No more than there are subscriptions. */
	struct members members = { .items = calloc(service->subscription_count + 1, sizeof(*members.items)) };
	const struct session *session;
	const struct subscription *subscription;
	if (members.items == NULL)
		return error_set(err, ERROR_MEMORY, "who is in a group");
	LIST_FOREACH(session, &service->sessions, link)
		LIST_FOREACH(subscription, &session->subscriptions, link)
			if (is_wanted(subscription, group))
				members.items[members.count++] = (struct member){
					.group = subscription->group,
					.session = subscription->session,
					.partition_count = subscription->cursor_count,
				};
	qsort(members.items, members.count, sizeof(*members.items), compare);
	merge(&members);
	*out = members;
	return 0;
}

void members_clear(struct members *members)
{
	free(members->items);
}

const struct member *members_next_group(const struct members *members, struct bytes after,
					size_t *out_count)
{
	size_t low = 0, high = members->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (bytes_compare(members->items[middle].group, after) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == members->count)
		return NULL;
	for (high = low; high < members->count; high++)
		if (bytes_compare(members->items[high].group, members->items[low].group) != 0)
			break;
	*out_count = high - low;
	return &members->items[low];
}
