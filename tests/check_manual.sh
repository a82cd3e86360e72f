#!/bin/sh
# Fails when a manual page is not what mandoc takes without a warning.
cd "${top_srcdir:-.}" || exit 99

pages=$(ls doc/*.[1-8])
echo 1..1
if ! command -v mandoc >/dev/null; then
	echo "ok 1 # SKIP mandoc is missing (Debian: mandoc)"
	exit 0
fi
# shellcheck disable=SC2086
found=$(mandoc -T lint -W warning $pages)
if [ -n "$pages" ] && [ -z "$found" ]; then
	echo "ok 1 - manual pages are in order"
else
	echo "$found" | sed 's/^/# /'
	echo "not ok 1 - manual pages are in order"
	exit 1
fi
