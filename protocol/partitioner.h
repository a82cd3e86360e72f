#ifndef PROTOCOL_PARTITIONER_H
#define PROTOCOL_PARTITIONER_H

#include "protocol/bytes.h"

/* The partition of a record's key, as Kafka's Java client chooses it for the
 * same bytes (BuiltInPartitioner.partitionForKey): murmur2 with seed
 * 0x9747b28c, made positive by & 0x7fffffff, modulo the partition count.
 * partition_count > 0. */
uint32_t partition_for_key(const void *key, size_t size, uint32_t partition_count);

uint32_t murmur2(const void *data, size_t size);

#endif
