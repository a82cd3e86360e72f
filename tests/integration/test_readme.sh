#!/bin/bash
# What README.md tells a newcomer to type, typed: its SQL, its configuration, its commands.
if [ "${MILLSTREAM_SANITIZED:-no}" != no ]; then
	echo "1..0 # SKIP README.md is tried in the plain build: a terabyte of addresses does not fit beside a sanitizer"
	exit 0
fi
top=${top_srcdir:-.}
if ! bin=$("$top/tests/support/postgresql.sh" find 2>/dev/null); then
	echo "1..0 # SKIP PostgreSQL is not installed here: script/setup installs it"
	exit 0
fi
# shellcheck source=tests/support/command_fixture.sh
. "$top/tests/support/command_fixture.sh" || exit 99
trap '"$top/tests/support/postgresql.sh" stop "$dir/postgresql"; clean_up' EXIT
export PGPASSWORD=s3cret PATH=$PWD:$PATH

part()          # part TEXT: the block of README.md that has it
{
	awk -v text="$1" '/^```/ { if (within && found) printf "%s", block; within = !within; block = ""; found = 0; next }
		within { block = block $0 "\n"; if (index($0, text)) found = 1 }' "$top/README.md"
}

sql() { "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres "$@"; }

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$top/tests/support/postgresql.sh" start "$dir/postgresql" "$port" || exit 99
sql -c 'create database myapp' && sql myapp >"$dir/out" 2>&1 <<'END' || exit 99
create table users (id serial primary key, name text);
create table orders (id serial primary key, item text);
insert into users (name) values ('Ada');
insert into orders (item) values ('relay');
END

# As it says, version 12 does not know one word of it.
part 'CREATE ROLE' | sed "s/'…'/'$PGPASSWORD'/" >"$dir/setup.sql"
case $(sql -At -c 'show server_version') in 12.*) sed -i 's/ WITH (publish_via_partition_root = true)//' "$dir/setup.sql" ;; esac
[ -s "$dir/setup.sql" ] && sql myapp -f "$dir/setup.sql" >"$dir/out" 2>&1
ok "its SQL is run by PostgreSQL"

part 'connector.class' >"$dir/readme.conf"
[ -s "$dir/readme.conf" ] && millstreamd -t -c "$dir/readme.conf" --data-dir "$dir/data" >"$dir/out" 2>&1 &&
	[ "$(cat "$dir/out")" = "the configuration is fine" ]
ok "its configuration is fine, without a warning"

sed "s|127.0.0.1:7470|127.0.0.1:0|; s|/var/lib/millstream|$dir/data|; s|\"db.internal\"|\"127.0.0.1\" database.port = $port|" \
	"$dir/readme.conf" >"$dir/server.conf"
start_server
becomes '^myapp  streaming$' source info myapp
ok "what it sets up captures"

part 'millstream status' | sed -n 's/ *#.*//; /^millstream /p' >"$dir/commands"
fine=0
while read -r command; do
	# What follows without an end is asked for what there is.
	case $command in 'millstream consume '*) command="$command -e" ;; esac
	timeout 60 bash -c "$command" >"$dir/out" 2>&1 </dev/null && [ -s "$dir/out" ] || { echo "# failed: $command"; fine=1; break; }
done <"$dir/commands"
[ $fine -eq 0 ] && [ "$(wc -l <"$dir/commands")" -ge 4 ]
ok "its commands work"

millstream topic info 'myapp.*' --json >"$dir/out" && [ "$(grep -c '"partitions":4' "$dir/out")" -eq 2 ]
ok "its topics are as it says"

missing=$(grep -o '`[a-z][a-z]*/[a-z0-9_./-]*`' "$top/README.md" | tr -d '`' | sort -u | while read -r path; do
	[ -e "$top/$path" ] || echo "$path"
done)
echo "not there: $missing" >"$dir/out"
[ -z "$missing" ]
ok "the files that it names are there"

end_tests
