#!/bin/sh
# The first thing that people try: script/demo, unattended.
build=$PWD
if [ "${MILLSTREAM_SANITIZED:-no}" != no ]; then
	echo "1..0 # SKIP the demo runs in the plain build: a terabyte of addresses does not fit beside a sanitizer"
elif ! "${top_srcdir:-.}/tests/support/postgresql.sh" find >/dev/null 2>&1; then
	echo "1..0 # SKIP PostgreSQL is not installed here: script/setup installs it"
else
	echo "1..1"
	if output=$(MILLSTREAM_BUILD=$build "${top_srcdir:-.}/script/demo" --once 2>&1); then
		echo "ok 1 - demo_shows_what_happens_and_loses_nothing"
	else
		echo "not ok 1 - demo_shows_what_happens_and_loses_nothing"
	fi
	echo "$output" | sed 's/^/# /'
fi
