#!/bin/sh
# The client in examples/python/, written from doc/protocol.md alone: against the vectors.
cd "${top_srcdir:-.}" || exit 99

for python in python3 /usr/bin/python3; do
	if "$python" -c 'import msgpack; assert msgpack.version >= (1,)' 2>/dev/null; then
		exec env top_srcdir=. "$python" -B tests/integration/python_vectors.py
	fi
done
echo "1..0 # SKIP no Python 3 with msgpack 1.0: script/setup installs python3-msgpack"
