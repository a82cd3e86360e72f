#!/bin/sh
# Run one test program, with a time limit, and mend the one thing cmocka's TAP
# gets wrong: it writes a skipped test as "not ok 2 # SKIP name", which counts as
# failed.  SKIP_TEST(reason) has put "# skip: reason" in front of it.
limit_s=${MILLSTREAM_TEST_TIMEOUT_S:-600}

# These watch a program's system calls, limit its memory or break its disk: a
# sanitizer's own calls and memory get into the figures, and they take minutes.
if [ "${MILLSTREAM_SANITIZED:-no}" = yes ]; then
	case ${1##*/} in
	log_workload | test_append_any_memory | test_bit_flips | test_disk_full | \
	test_failed_io | test_failed_memory | test_kill | \
	test_large_transaction | test_planted_bugs | test_power_loss | test_server_killed | test_server_load | test_source_killed)
		echo "1..1"
		echo "ok 1 - ${1##*/} # SKIP runs in the plain build: a sanitizer's own calls and memory are in its way"
		exit 0
		;;
	esac
fi

exec 4>&1
status=$({
	{
		timeout -k 10 "$limit_s" "$@" 3>&- 4>&-
		status=$?
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
