#!/bin/sh
# Every option of millstreamd, wrong: see wrong_options.py.
if ! command -v python3 >/dev/null; then
	echo "1..0 # SKIP no Python 3: script/setup installs python3-msgpack, which brings it"
	exit 0
fi
exec python3 -B "${top_srcdir:-.}/tests/integration/wrong_options.py" ./millstreamd
