#!/bin/sh
# Run one test program, with a time limit, and mend the one thing cmocka's TAP
# gets wrong: it writes a skipped test as "not ok 2 # SKIP name", which counts as
# failed.  SKIP_TEST(reason) has put "# skip: reason" in front of it.
limit_s=${MILLSTREAM_TEST_TIMEOUT_S:-600}

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
