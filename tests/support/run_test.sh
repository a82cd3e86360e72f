#!/bin/sh
# Run one test program, with a time limit, and mend the one thing cmocka's TAP
# gets wrong: it writes a skipped test as "not ok 2 # SKIP name", which counts as
# failed.  SKIP_TEST(reason) has put "# skip: reason" in front of it.
limit_s=${MILLSTREAM_TEST_TIMEOUT_S:-600}

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
