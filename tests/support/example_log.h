#ifndef TESTS_SUPPORT_EXAMPLE_LOG_H
#define TESTS_SUPPORT_EXAMPLE_LOG_H

#include <stdint.h>

/* A store that holds something of everything, always the same bytes but for
 * LMDB's own pages: what tools are shown for their golden output.
 *
 *   shop.public.orders    2 partitions, owned by source shop: every operation,
 *                         a tombstone, a transaction that never ended
 *   shop.public.types     each logical type, as a value, as null, as what else
 *                         it may be; a value of many bytes; schema 2
 *   events                published: texts, bytes, headers
 *   bulk                  EXAMPLE_LOG_BULK records of 100 bytes
 *   empty                 nothing
 *   group billing         has read some of orders and events
 *
 * What cannot be done ends the test program. */
#define EXAMPLE_LOG_BULK 5000

void example_log_write(const char *dir);

/* The same, and then: two changes in shop.public.orders/0 that no schema fits,
 * and in one of its batches, in a topic's record and in a schema a bit that has
 * turned. */
void example_log_write_damaged(const char *dir);

#endif
