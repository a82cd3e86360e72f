#ifndef PROTOCOL_LIMITS_H
#define PROTOCOL_LIMITS_H

#include "protocol/batch.h"

/* Every limit of the wire protocol, for both sides; doc/protocol.md tells them to
 * strangers.  A frame's size is what its length field says: 8 and the body. */

#define PROTOCOL_VERSION                1
#define PROTOCOL_VERSION_MIN            1       /* the oldest that is still spoken */

/* Frames.  Before login nobody is known, so memory is dear. */
#define FRAME_BYTES_MAX_BEFORE_LOGIN    4096
#define FRAME_BYTES_MAX_DEFAULT         (1024 * 1024)
#define FRAME_BYTES_MAX_CEILING         (64 * 1024 * 1024)
/* What a client has to be ready for: one batch of any size behind a small map. */
#define FRAME_BYTES_MAX_FROM_SERVER     (BATCH_BYTES_MAX + 4096)

/* Times. */
#define LOGIN_TIMEOUT_MS                5000    /* from accept to READY */
#define HEARTBEAT_MS_DEFAULT            10000
#define HEARTBEATS_MISSED_MAX           3

/* A connection. */
#define OUTPUT_BYTES_MAX                (16 * 1024 * 1024)
#define SUBSCRIPTIONS_MAX               1000

/* Names: Kafka's limits. */
#define TOPIC_NAME_BYTES_MAX            249
#define TOPIC_PARTITIONS_MAX            1024
#define TOPIC_PATTERN_BYTES_MAX         249
#define TOPIC_PATTERN_STARS_MAX         8
#define GROUP_NAME_BYTES_MAX            249

/* Texts. */
#define CLIENT_NAME_BYTES_MAX           255     /* also the server's */
#define MECHANISM_BYTES_MAX             64
#define LOGIN_BYTES_MAX                 2048
#define OPTION_NAME_BYTES_MAX           128
#define OPTION_VALUE_BYTES_MAX          1024
#define COMMIT_METADATA_BYTES_MAX       4096    /* Kafka's */
#define STATUS_TEXT_BYTES_MAX           4096
#define PAGE_BYTES_MAX                  64
#define GROUPS_PAGE_BYTES_MAX           512     /* a page of groups goes on within one */

/* Lists in one message. */
#define MESSAGE_KEYS_MAX                64      /* keys of one map, unknown ones included */
#define PATTERNS_MAX                    256
#define OPTIONS_MAX                     64
#define SUBSCRIPTION_PARTITIONS_MAX     16384   /* that one subscription can hold */
#define COMMIT_OFFSETS_MAX              16384
#define PUBLISH_RECORDS_MAX             65536
#define STATUS_SOURCES_MAX              1024
#define STATUS_WARNINGS_MAX             64
#define GROUPS_MAX                      1024
#define GROUP_MEMBERS_MAX               1024
#define GROUP_PARTITIONS_MAX            1024
#define PARTITION_MEMBERS_MAX           16      /* that one partition's item names */

/* Credit that one message can give, and that a subscription can have. */
#define CREDIT_BYTES_MAX                (1024 * 1024 * 1024)

#endif
