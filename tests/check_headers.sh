#!/bin/sh
# The installed header stands alone, as strict C99 and as C++, and the manual page
# has each of its functions.
echo 1..4
header=${top_srcdir:-.}/client/millstream.h
status=0

report() {
	if [ "$1" -eq 0 ]; then
		echo "ok $2 - $3"
	else
		echo "not ok $2 - $3"
		status=1
	fi
}

# Nothing of the project's own, whatever the compiler would find.
! grep -n '#include "' "$header"
report $? 1 "it includes no other header of the project"

"${CC:-cc}" -std=c99 -pedantic-errors -Wall -Wextra -Werror -fsyntax-only -x c "$header"
report $? 2 "it is C99"

if command -v "${CXX:-c++}" >/dev/null 2>&1; then
	"${CXX:-c++}" -std=c++11 -pedantic-errors -Wall -Wextra -Werror -fsyntax-only -x c++ "$header"
	report $? 3 "it is C++"
else
	echo "ok 3 - it is C++ # SKIP there is no C++ compiler here"
fi

missing=
for function in $(sed -n 's/^MILLSTREAM_API .*[ *]\(millstream_[a-z_]*\)(.*/\1/p' "$header"); do
	grep -q "^\.Fn $function " "${top_srcdir:-.}/doc/libmillstream.3" || missing="$missing $function"
done
[ -z "$missing" ] || echo "# not in libmillstream.3:$missing"
[ -z "$missing" ]
report $? 4 "the manual page has each function"
exit $status
