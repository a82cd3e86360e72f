#!/bin/sh
# The shared library exports what client/millstream.h declares, and nothing else.
echo 1..1
library=
for candidate in .libs/libmillstream.so .libs/libmillstream.dylib; do
	[ ! -f "$candidate" ] || library=$candidate
done
if [ -z "$library" ]; then
	echo "ok 1 - exports # SKIP there is no shared library here"
	exit 0
fi
declared=$(sed -n 's/^MILLSTREAM_API .*[ *]\(millstream_[a-z_]*\)(.*/\1/p' \
	"${top_srcdir:-.}/client/millstream.h" | sort)
exported=$(nm -D --defined-only "$library" | awk '$2 ~ /[A-Z]/ && $2 != "A" { print $3 }' |
	sed 's/@.*//' | grep -v -e '^__asan_' -e '^__odr_asan' -e '^_init$' -e '^_fini$' | sort)
if [ -n "$declared" ] && [ "$declared" = "$exported" ]; then
	echo "ok 1 - the library exports what its header declares"
	exit 0
fi
echo "# declared but not exported (<), exported but not declared (>):"
printf '%s\n' "$declared" >exports-declared.$$
printf '%s\n' "$exported" | diff exports-declared.$$ - | sed 's/^/# /'
rm -f exports-declared.$$
echo "not ok 1 - the library exports what its header declares"
exit 1
