#include "capture/host_lookup.h"

#include "capture/clock.h"
#include "capture/errand.h"
#include "capture/source_wait.h"

#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct question {
	char *name;
	int rc;
	struct addrinfo *answer;
};

static void ask(void *user)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct question *question = user;
	question->rc = getaddrinfo(question->name, NULL, &hints, &question->answer);
}

static void destroy(void *user)
{
	struct question *question = user;
	if (question->answer != NULL)
		freeaddrinfo(question->answer);
	free(question->name);
	free(question);
}

static struct question *make_question(const char *name)
{
	struct question *question = calloc(1, sizeof(*question));
	if (question != NULL)
		question->name = strdup(name);
	if (question != NULL && question->name != NULL)
		return question;
	free(question);
	return NULL;
}

static bool is_name(const char *host)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *address;
	if (host[0] == '\0' || host[0] == '/' || host[0] == '@' || strchr(host, ',') != NULL)
		return false;
	if (getaddrinfo(host, NULL, &hints, &address) != 0)
		return true;
	freeaddrinfo(address);
	return false;
}

static int take_answer(struct host_lookup *out, const struct question *question, struct error *err)
{
	struct host_lookup found = { 0 };
	if (question->rc != 0)
		return error_set(err, ERROR_CONNECTION, "could not translate host name \"%s\" to address: %s",
				 question->name, gai_strerror(question->rc));
	for (const struct addrinfo *at = question->answer; at != NULL && found.count < HOST_LOOKUP_ADDRESSES_MAX;
	     at = at->ai_next)
		found.count += getnameinfo(at->ai_addr, at->ai_addrlen, found.addresses[found.count],
					   HOST_LOOKUP_TEXT_BYTES, NULL, 0, NI_NUMERICHOST) == 0;
	*out = found;
	return 0;
}

static int wait_for(struct errand *errand, const char *name, const struct source_context *context,
		    int64_t wait_ms, struct error *err)
{
	const int64_t end_ms = clock_monotonic_ms() + wait_ms;
	while (!errand_has_run(errand)) {
		int64_t left_ms = end_ms - clock_monotonic_ms();
		if (left_ms <= 0)
			return error_set(err, ERROR_TIMEOUT, "no answer within %lld ms to what address host name"
					 " \"%s\" has", (long long)wait_ms, name);
		if (source_wait(context, errand_fd(errand), POLLIN, left_ms, err) < 0)
			return -1;
	}
	return 0;
}

int host_lookup(struct host_lookup *out, const char *name, const struct source_context *context,
		int64_t wait_ms, struct error *err)
{
	struct question *question;
	struct errand *errand;
	int rc;
	if (!is_name(name)) {
		out->count = 0;
		return 0;
	}
	question = make_question(name);
	if (question == NULL)
		return error_set(err, ERROR_MEMORY, "looking up a host name");
	if (errand_start(&errand, ask, destroy, question, err) != 0) {
		destroy(question);
		return -1;
	}
	rc = wait_for(errand, name, context, wait_ms, err);
	if (rc == 0)
		rc = take_answer(out, question, err);
	errand_leave(errand);
	return rc;
}
