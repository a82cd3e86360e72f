#ifndef CLIENT_COMMAND_TABLE_H
#define CLIENT_COMMAND_TABLE_H

#include "client/command.h"

/* Every command of millstream; each is defined in the file of its noun. */
extern const struct command command_consume, command_produce, command_status;
extern const struct command command_topic_ls, command_topic_info, command_topic_create,
	command_topic_set, command_topic_rm;
extern const struct command command_source_ls, command_source_info, command_source_pause,
	command_source_resume, command_source_restart, command_source_reset, command_source_rm;
extern const struct command command_group_ls, command_group_info, command_group_seek, command_group_rm;
extern const struct command command_bench_publish, command_bench_consume, command_bench_e2e;

#endif
