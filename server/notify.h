#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include "protocol/error.h"

#include <stdint.h>

/* Tells the service manager how the program is doing: datagrams to $NOTIFY_SOCKET, as
 * sd_notify(3) describes them.  With no service manager every call does
 * nothing and succeeds.  One thread. */
struct notify {
	int fd;                         /* -1: nobody to tell */
	int64_t watchdog_ms;            /* tell notify_watchdog more often than this, or be
					 * restarted; 0: not wanted */
};

/* Read $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID, and take them out of the
 * environment.  A path or, with '@', an abstract name.  On failure there is
 * nobody to tell.  ERROR_INVALID, ERROR_UNSUPPORTED, ERROR_IO. */
int notify_open(struct notify *notify, struct error *err);
void notify_close(struct notify *notify);

/* Each waits up to a second when the service manager does not read.
 * ERROR_IO, ERROR_TIMEOUT. */
int notify_ready(struct notify *notify, struct error *err);
/* A reload begins; notify_ready says that it is over. */
int notify_reloading(struct notify *notify, struct error *err);
int notify_stopping(struct notify *notify, struct error *err);
/* One line for people, in systemctl status.  Its newlines become spaces. */
int notify_status(struct notify *notify, const char *text, struct error *err);
/* Never waits: when it cannot be told now, the next one will do. */
int notify_watchdog(struct notify *notify, struct error *err);

#endif
