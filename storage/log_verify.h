#ifndef STORAGE_LOG_VERIFY_H
#define STORAGE_LOG_VERIFY_H

#include "storage/log_command.h"

/* millstream-log verify DIR. */
extern const struct log_command log_verify_command;

#endif
