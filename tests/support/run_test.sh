#!/bin/sh
# Run one test, a program or "sh SCRIPT", with a time limit, and mend the one thing
# cmocka's TAP gets wrong: it writes a skipped test as "not ok 2 # SKIP name", which counts as
# failed.  SKIP_TEST(reason) has put "# skip: reason" in front of it.
limit_s=${MILLSTREAM_TEST_TIMEOUT_S:-900}

# Some watch a program's system calls, fail its memory or need minutes: a sanitizer's
# own calls and memory would get into the figures.  The others of the heavy ones do
# little under ASan, and what needs no library before the sanitizer's, under TSan, too.
skip()
{
	echo "1..1"
	echo "ok 1 - $1 # SKIP runs in the plain build: $2"
	exit 0
}

case ${MILLSTREAM_SANITIZED:-no}:${1##*/} in
no:*) ;;
*:test_append_any_memory | *:test_failed_memory)
	skip "${1##*/}" "a sanitizer has a malloc of its own"
	;;
*:test_planted_bugs)
	skip "${1##*/}" "it asks what the tests find, not what the engine does"
	;;
*:test_server_killed | *:test_server_load | *:test_source_killed)
	skip "${1##*/}" "a sanitizer's own calls and memory are in its way"
	;;
*thread*:test_bit_flips | *thread*:test_failed_io | *thread*:test_kill | \
*thread*:test_large_transaction | *thread*:test_power_loss)
	skip "${1##*/}" "TSan stands no library before its own, nor damaged pages"
	;;
*:test_bit_flips | *:test_disk_full | *:test_failed_io | *:test_kill | \
*:test_large_transaction | *:test_power_loss)
	export MILLSTREAM_TEST_LEVEL="${MILLSTREAM_TEST_LEVEL:-smoke}"
	;;
esac

# Where a process stands, and whatever it has started.
print_stacks()
{
	for pid; do
		echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		if command -v gdb >/dev/null; then
			timeout 60 gdb -p "$pid" -batch -ex 'thread apply all backtrace' </dev/null
		elif command -v eu-stack >/dev/null; then
			timeout 60 eu-stack -p "$pid"
		else
			for task in "/proc/$pid/task/"*; do
				echo "$task: $(cat "$task/wchan"), $(grep State: "$task/status")"
				cat "$task/stack"
			done
		fi
		print_stacks $(cat "/proc/$pid/task/"*/children)
	done
}

# A test that hangs says where, shortly before it is stopped.
watch()
{
	read -r own _ _ parent _ </proc/self/stat
	waits=$((limit_s > 120 ? limit_s / 5 - 12 : 1))
	while [ "$waits" -gt 0 ]; do
		sleep 5 >/dev/null 2>&1
		waits=$((waits - 1))
	done
	for pid in $(cat "/proc/$parent/task/$parent/children"); do
		[ "$pid" = "$own" ] || print_stacks "$pid" 2>/dev/null | sed 's/^/# /'
	done
}

exec 4>&1
status=$({
	{
		watch 3>&- 4>&- &
		watching=$!
		timeout -k 30 "$limit_s" "$@" 3>&- 4>&-
		status=$?
		kill "$watching" 2>/dev/null
		[ "$status" -ne 124 ] || echo "# stopped: still running after $limit_s s"
		echo "$status" >&3
	} | awk '
		/^# skip: / { reason = substr($0, 9); next }
		/^not ok [0-9]+ # SKIP / {
			name = $0
			sub(/^not ok [0-9]+ # SKIP /, "", name)
			if (reason == "")
				print "not ok " $3 " - " name " (skipped without a reason)"
			else
				print "ok " $3 " - " name " # SKIP " reason
			reason = ""
			next
		}
		{ print; fflush() }' >&4
} 3>&1)
exit "$status"
