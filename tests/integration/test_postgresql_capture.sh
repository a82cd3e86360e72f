#!/bin/sh
# PostgreSQL to subscriber while things break, and the checker with planted bugs.
top_builddir=${top_builddir:-$PWD}
export top_builddir
cd "${top_srcdir:-.}" || exit 99

counts="--planted $top_builddir/tests/checker/planted/millstreamd"
[ "${MILLSTREAM_SANITIZED:-no}${MILLSTREAM_TEST_LEVEL-}" = no ] || counts="--kills 4 --crashes 1 --cuts 2 --snapshots 1"
[ -z "${MILLSTREAM_TEST_LONG-}" ] || counts="$counts --kills 100 --crashes 20 --cuts 20 --snapshots 20"

for python in python3 /usr/bin/python3; do
	if "$python" -c 'import msgpack; assert msgpack.version >= (1,)' 2>/dev/null; then
		# shellcheck disable=SC2086
		exec "$python" -B tests/integration/postgresql_capture.py $counts
	fi
done
echo "1..0 # SKIP no Python 3 with msgpack 1.0: script/setup installs python3-msgpack"
