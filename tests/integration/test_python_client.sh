#!/bin/sh
# The client in examples/python/, written from doc/protocol.md alone: against the
# vectors, and against millstreamd.
millstreamd=$PWD/millstreamd
top_srcdir=${top_srcdir:-.}
export millstreamd top_srcdir

for python in python3 /usr/bin/python3; do
	"$python" -c 'import msgpack; assert msgpack.version >= (1,)' 2>/dev/null || continue
	vectors=$("$python" -B "$top_srcdir/tests/integration/python_vectors.py")
	echo "$vectors" | grep -v '^1\.\.'
	TAP_COUNT=$(echo "$vectors" | sed -n 's/^1\.\.//p')
	export TAP_COUNT
	# The plan that it ends with covers both.
	exec "$python" -B "$top_srcdir/tests/integration/python_live.py"
done
echo "1..0 # SKIP no Python 3 with msgpack 1.0: script/setup installs python3-msgpack"
