#ifndef TESTS_SUPPORT_FAULT_PROXY_H
#define TESTS_SUPPORT_FAULT_PROXY_H

#include <stddef.h>
#include <stdint.h>

/* A bad network: a loopback port in front of another one, whose connections are
 * delayed, split, reset or held as the test says.  It runs on a thread of its own;
 * the calls below are for any other, and take effect at once, also on connections
 * that are there.  What goes wrong in the proxy itself aborts the test. */

enum proxy_mode {
	PROXY_PASS,
	PROXY_SINGLE_BYTES,     /* each byte is sent by itself */
	PROXY_DELAY,            /* what arrives waits for FAULT_PROXY_DELAY_MS */
	PROXY_BLACKHOLE,        /* nothing passes, not even that an end has closed; what
				 * was held passes with the next mode */
};

#define FAULT_PROXY_DELAY_MS 20

struct fault_proxy;

struct fault_proxy *fault_proxy_start(int server_port);
void fault_proxy_stop(struct fault_proxy *proxy);

/* "127.0.0.1:40123", lent. */
const char *fault_proxy_url(const struct fault_proxy *proxy);

void fault_proxy_set(struct fault_proxy *proxy, enum proxy_mode mode);

/* Reset (RST, what is under way is lost) every connection there is. */
void fault_proxy_reset(struct fault_proxy *proxy);

/* Reset each connection, those of now and those to come, when so many bytes at most
 * have passed in both directions together; how many is drawn for each.  0: never. */
void fault_proxy_reset_within(struct fault_proxy *proxy, uint64_t bytes);

/* How many connections were reset so far. */
unsigned int fault_proxy_reset_count(struct fault_proxy *proxy);

/* What the server has sent to the oldest connection and the proxy holds back: copies
 * up to size bytes, returns how many. */
size_t fault_proxy_held(struct fault_proxy *proxy, uint8_t *out, size_t size);

#endif
