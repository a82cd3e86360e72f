#ifndef STORAGE_NAME_H
#define STORAGE_NAME_H

#include "protocol/bytes.h"
#include "protocol/error.h"

/* Kafka's rule for names, ours for all: 1 to bytes_max of [A-Za-z0-9._-].
 * what ("topic") is for the error's text.  ERROR_INVALID. */
int name_check(const char *what, struct bytes name, size_t bytes_max, struct error *err);

#endif
