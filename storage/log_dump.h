#ifndef STORAGE_LOG_DUMP_H
#define STORAGE_LOG_DUMP_H

#include "storage/log_command.h"

/* millstream-log dump DIR [TOPIC]. */
extern const struct log_command log_dump_command;

#endif
