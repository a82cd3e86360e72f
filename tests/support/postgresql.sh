#!/bin/sh
# A real PostgreSQL for tests, in a directory of its own:
#
#	postgresql.sh start DIRECTORY PORT [SETTING=VALUE…]     returns once it answers
#	postgresql.sh stop DIRECTORY                            at once, by its process id
#	postgresql.sh find                                      prints where its programs lie
#
# MILLSTREAM_TEST_POSTGRESQL names another one's bin directory.
# It listens on 127.0.0.1:PORT alone, has a superuser postgres without a password
# and wal_level=logical.  A second start over the same directory goes on with what
# is there.  Exit status 77: PostgreSQL is not installed.
set -u

say() { echo "postgresql.sh: $*" >&2; }
die() { say "$*"; exit 1; }

find_programs()
{
	for bin in "${MILLSTREAM_TEST_POSTGRESQL-}" $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -t/ -k5 -rn) \
		"$(dirname "$(command -v pg_ctl 2>/dev/null || echo /nowhere/pg_ctl)")"; do
		[ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] && return 0
	done
	say "PostgreSQL is not installed (Debian: postgresql-15)"
	exit 77
}

# PostgreSQL refuses to run as root.  In a user namespace it sees another user, while
# its files stay root's: no chown, and no trouble with directories that root alone may
# enter.  Where namespaces are forbidden: the user that the package made, who has to get
# through to it.
as_user()
{
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	elif unshare --user --map-user=1000 --map-group=1000 true 2>/dev/null; then
		unshare --user --map-user=1000 --map-group=1000 "$@"
	else
		chmod o+x "$directory" "$(dirname "$directory")" && chown -R postgres "$directory" &&
			runuser -u postgres -- "$@"
	fi
}

# Is there a live server of this directory's?  Not a zombie, nor another's process.
is_running()
{
	pid=$(head -n 1 "$directory/data/postmaster.pid" 2>/dev/null) &&
		grep -qsF "$directory/data" "/proc/$pid/cmdline"
}

start()
{
	find_programs
	mkdir -p "$directory" && directory=$(realpath "$directory") || exit 1
	! is_running || die "already running in $directory"
	[ -s "$directory/data/PG_VERSION" ] ||
		as_user "$bin/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 --locale=C -N \
			>"$directory/initdb.log" 2>&1 || die "initdb failed: $(tail -n 3 "$directory/initdb.log")"
	settings="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c wal_level=logical
		-c max_wal_senders=20 -c max_replication_slots=20 -c max_connections=60 -c fsync=off
		-c shared_buffers=32MB -c log_min_messages=warning -c password_encryption=scram-sha-256"
	for setting; do
		settings="$settings -c $setting"
	done
	as_user "$bin/pg_ctl" -D "$directory/data" -l "$directory/postgresql.log" -w -t 60 start \
		-o "$(echo $settings)" >"$directory/start.log" 2>&1 ||
		die "it does not start: $(tail -n 3 "$directory/postgresql.log")"
}

# SIGQUIT is what a crash is like, and takes no time.
stop()
{
	directory=$(realpath -m "$directory")
	is_running || exit 0
	kill -QUIT "$pid"
	for _ in $(seq 600); do
		grep -qsF "$directory/data" "/proc/$pid/cmdline" || exit 0
		sleep 0.05
	done
	die "process $pid has not ended within 30 s"
}

case "${1-} $#" in
'start '[012]) ;;
start*) directory=$2 port=$3; shift 3; start "$@"; exit ;;
'stop 2') directory=$2; stop; exit ;;
'find 1') find_programs; echo "$bin"; exit ;;
esac
echo "usage: postgresql.sh start DIRECTORY PORT [SETTING=VALUE...] | stop DIRECTORY | find" >&2
exit 64
