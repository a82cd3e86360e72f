#ifndef CLIENT_CODE_H
#define CLIENT_CODE_H

#include "protocol/error.h"

/* The few public codes for the many inner ones. */
int code_of(enum error_code code);

#endif
