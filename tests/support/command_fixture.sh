# shellcheck shell=bash
# For tests that run millstream against millstreamd: each sources this first, from the
# directory that the programs are built in, and calls end_tests last.  They have $dir for
# their files, which goes with the server when they end.

millstream=$PWD/millstream
dir=$(mktemp -d) || exit 99
touch "$dir/out" "$dir/err" "$dir/log"
server=
count=0
failures=0
clean_up() { [ -z "$server" ] || kill "$server"; rm -rf "$dir"; }
trap clean_up EXIT

ok()            # ok NAME: the command before it succeeded
{
	# shellcheck disable=SC2181
	if [ $? -eq 0 ]; then
		count=$((count + 1)); echo "ok $count - $1"
	else
		count=$((count + 1)); failures=$((failures + 1)); echo "not ok $count - $1"
		sed 's/^/# out: /' "$dir/out" | head -20
		sed 's/^/# err: /' "$dir/err" | head -20
		tail -5 "$dir/log" | sed 's/^/# log: /'
	fi
}

end_tests()     # how many there were; have all succeeded?
{
	echo "1..$count"
	[ $failures -eq 0 ]
}

run()           # run STATUS ARGUMENTS...: millstream, its stdout in out, its stderr in err
{
	local wanted=$1
	shift
	timeout 60 "$millstream" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	local status=$?
	[ $status -eq "$wanted" ] || { echo "# exit status $status, not $wanted: $*"; return 1; }
}

# shellcheck disable=SC2059
out_is()  { printf -- "$1" | diff - "$dir/out" | sed 's/^/# /'; return "${PIPESTATUS[1]}"; }
out_has() { grep -q -- "$1" "$dir/out"; }
err_has() { grep -q -- "$1" "$dir/err"; }
err_is_empty() { [ ! -s "$dir/err" ]; }

pause() { read -rt 0.05 <> <(:); }

becomes()       # becomes PATTERN ARGUMENTS...: what the command says has it, some time
{
	local pattern=$1
	shift
	for _ in $(seq 600); do
		run 0 "$@" && out_has "$pattern" && return 0
		pause
	done
	echo "# never: $pattern"
	return 1
}

examples_work() # examples_work NOUN VERBS...: those of their help, which are in examples then
{
	local noun=$1 verb example
	shift
	for verb; do
		run 0 "$noun" "$verb" --help || return 1
		sed -n '/^examples:/,$s/^  //p' "$dir/out" >>"$dir/examples"
	done
	while read -r example; do
		timeout 60 bash -c "$example" >"$dir/out" 2>"$dir/err" </dev/null || { echo "# failed: $example"; return 1; }
	done <"$dir/examples"
}

configure()     # configure BLOCKS [DATA_DIRECTORY]: of the server, in server.conf
{
	printf 'listen = 127.0.0.1:0\ndata.dir = %s\nlog.map.bytes = 1GiB\n%s\n' "${2:-$dir/data}" "$1" >"$dir/server.conf"
}

start_server()  # over server.conf; its address is in MILLSTREAM_URL, what it says in log
{
	# At once: the port of a server before it must not be read.
	: >"$dir/log"
	"$PWD/millstreamd" -c "$dir/server.conf" >"$dir/log" 2>&1 &
	server=$!
	for _ in $(seq 600); do
		MILLSTREAM_URL=$(sed -n 's/.*listening on \([0-9.:]*\),.*/\1/p' "$dir/log")
		[ -z "$MILLSTREAM_URL" ] || break
		kill -0 "$server" 2>/dev/null || break
		pause
	done
	export MILLSTREAM_URL
	[ -n "$MILLSTREAM_URL" ] || { echo "Bail out! millstreamd does not start"; sed 's/^/# /' "$dir/log"; exit 1; }
}

stop_server()   # and with its exit status
{
	local stopping=$server
	server=
	kill "$stopping"
	wait "$stopping"
}
