#!/bin/bash
# millstream source: against millstreamd with scripted sources, and against a server that
# says what the vectors have.

# shellcheck source=tests/support/command_fixture.sh
. "${top_srcdir:-.}/tests/support/command_fixture.sh" || exit 99

reaches()       # reaches SOURCE STATE: it does, some time
{
	becomes "\"state\":\"$2\"" source info "$1" --json
}

block()         # block NAME SCRIPT
{
	printf 'source "%s" { connector.class = scripted script.file = %s/%s\n%s }\n' "$1" "$dir" "$2" "$3"
}

cat >"$dir/shop.script" <<'SCRIPT'
table public.users id:int32* name:string
snapshot
  public.users*100 $i "Ann"
end
begin*10
  c public.users $n "Bob"
commit
hang
SCRIPT
cat >"$dir/lost.script" <<'SCRIPT'
fail*1000000 connection no route to the script
SCRIPT

configure ''
start_server
run 0 source ls && out_is '' && err_has "no source yet"
ok "no sources are told as such"
run 1 source info shop && err_has "there is no source 'shop'"
ok "a source that is not there is told"
run 1 source pause shop && err_has "there is no source 'shop'" && run 1 source rm shop && run 1 source rm shop --yes
ok "and cannot be told what to do"
stop_server

configure "$(block shop shop.script)
$(block lost lost.script)
$(block bad none)"
start_server
reaches shop streaming && reaches lost retrying && reaches bad failed
ok "sources run, retry or fail"
run 0 source info shop && out_has '^shop  streaming$' && out_has '^  connector    scripted$' &&
	out_has '^  topics       shop\.\*$' && out_has '^  position     10$' &&
	out_has '^  last commit  20.*Z, durable .* ms later$' && out_has '^  captured     11 transactions, 110 records'
ok "what a source does is told"
run 0 source info shop --json && sed -E 's/"(lag_us|source_time_us)":[0-9]+/"\1":0/g; s#"/[^"]*/#"#' "$dir/out" >"$dir/masked" &&
	mv "$dir/masked" "$dir/out" && out_is '{"name":"shop","connector":"scripted","state":"streaming","reason":null,"is_configured":true,"topic_prefix":"shop","endpoint":"shop.script","slot":null,"publication":null,"position":"10","behind_bytes":null,"lag_us":0,"source_time_us":0,"transaction_count":11,"record_count":110,"retries":0,"retry_in_us":null,"snapshot":null}\n'
ok "and told to programs"
# Between two attempts it is starting, or streaming, for a moment.
for _ in $(seq 200); do
	run 0 source ls && out_has '^lost *scripted *retrying ' && break
done
out_has '^SOURCE *TYPE *STATE *BEHIND *LAG *CAPTURED *POSITION *REASON$' &&
	out_has '^bad *scripted *failed .*No such file or directory$' && out_has '^lost *scripted *retrying .*no route' &&
	out_has '^shop *scripted *streaming .* 110  10 '
ok "sources are a table"
run 0 source ls -q && out_is 'bad\nlost\nshop\n' && run 0 source ls --json && [ "$(grep -c '^{"name":' "$dir/out")" -eq 3 ]
ok "sources are names, or objects"
for _ in $(seq 200); do
	run 0 source info lost && out_has '^lost  retrying' && break
done
out_has '^lost  retrying: .*no route to the script' && out_has '^  retry        after [0-9]* failures, in '
ok "a retry is told"
run 2 status && out_has '^bad *failed' && out_has '^shop *streaming *[0-9.]* ms ' && out_has 'millstream source reset SOURCE$' &&
	run 0 source info bad && out_has '^  next  *millstream source restart bad, '
ok "status has the sources, and says how a failed one goes on"

run 0 source pause shop && out_is '' && err_is_empty && reaches shop paused && run 0 source pause shop
ok "a source is paused"
stop_server
start_server
reaches shop paused && run 2 status && out_has '^shop *paused *- '
ok "and stays so over a restart of the server"
run 0 source resume shop && reaches shop streaming
ok "and goes on"
cp "$dir/shop.script" "$dir/none"
run 0 source restart bad && reaches bad streaming && run 0 consume bad.public.users -e -c 1 && out_has Ann
ok "a source that failed is restarted when its reason is gone"

run 1 source reset shop && out_has '^Would reset source shop (streaming): ' && err_has 'Nothing is reset. Add --yes' &&
	run 1 source reset nobody && err_has "there is no source 'nobody'" && run 0 consume shop.public.users -e && [ "$(grep -c . "$dir/out")" -eq 110 ]
ok "what reset would do is told, and not done"
run 0 source reset shop --yes && out_is '' && err_is_empty && run 0 consume shop.public.users -c 220 && [ "$(grep -c . "$dir/out")" -eq 220 ] &&
	reaches shop streaming
ok "a source begins again, in the same topics"
run 1 source rm shop && out_has '^Would remove source shop (streaming): ' && err_has 'Nothing is removed. Add --yes' &&
	out_has '^  topic shop.public.users stays, with 220 records$' && out_has 'Take its block out of the configuration' &&
	! out_has bad.public && reaches shop streaming
ok "what rm would do is told, and not done"
run 0 source rm shop --yes && out_is '' && run 1 source info shop && run 0 source ls -q && out_is 'bad\nlost\n'
ok "a source is removed"
run 0 topic ls -q && out_has '^shop.public.users$' && run 0 consume shop.public.users -e -c 1
ok "and its topics stay"
run 1 source rm shop --yes && err_has "there is no source 'shop'"
ok "it is not removed twice"
stop_server

configure ''
start_server
run 0 source ls && out_has '^bad  *-  *stopped .*not in the configuration any more$' && run 0 source info bad &&
	out_has 'configuration has it no more'
ok "a source without its block is told as such"
run 1 source pause bad && err_has "pause 'bad': " && err_has configuration
ok "it cannot be paused"
run 1 source rm bad --drop --yes && err_has "remove 'bad': " && run 1 source rm bad && ! out_has 'Take its block'
ok "what it made at the database cannot be dropped"
run 0 source rm bad --yes && run 1 source info bad
ok "but it can be forgotten"
run 64 source && run 64 source info && run 64 source reset && run 64 source info a b && run 64 source rm && run 64 source ls x &&
	run 64 source pausee a && err_has "did you mean 'pause'"
ok "source verbs want their arguments"
stop_server
configure "$(block myapp shop.script)
$(block old lost.script)"
start_server
PATH=$PWD:$PATH
examples_work source ls info pause resume restart reset rm && [ "$(wc -l <"$dir/examples")" -eq 14 ] &&
	run 0 source ls -q && out_is 'lost\n'
ok "the examples of the help work"
stop_server

if command -v python3 >/dev/null; then
	coproc vectors { exec python3 "${top_srcdir:-.}/tests/integration/vector_server.py" 2>"$dir/log"; }
	read -r MILLSTREAM_URL <&"${vectors[0]}"
	# It knows no names: whatever it is asked for, it tells of all its sources.
	run 0 source info new && sed -n '/^new /,/^off /p' "$dir/out" | sed '$d' >"$dir/new" && mv "$dir/new" "$dir/out" &&
		out_is 'new  snapshot\n  connector    postgresql\n  endpoint     me@db:5432/new\n  topics       n.*\n  slot         s\n  publication  p\n  snapshot     table 2 of 3, public.users: 70000 rows of about 140000, 50%%, about 00:01:00 left\n  captured     0 transactions, 70000 records since the server'"'"'s start\n'
	ok "how far a snapshot is, and what is left of it, is told"
	run 0 source ls --json && out_has '"snapshot":{"table":"public.users","tables_done":1,"tables_total":3,"rows_done":70000,"rows_estimated":140000,"left_us":60000000}}$' &&
		out_has '^{"name":"off",.*"state":"retrying","reason":"connection refused",.*"retries":4,"retry_in_us":4800000,"snapshot":null}$'
	ok "and told to programs"
	run 1 source rm myapp && out_has '^  slot millstream_myapp would stay at the database (--drop)$' &&
		run 1 source rm myapp --drop && out_has '^  slot millstream_myapp would be dropped$' &&
		out_has '^  publication millstream_myapp would be dropped$'
	ok "what rm would drop is told"
else
	count=$((count + 1)); echo "ok $count # SKIP python3 is missing (Debian: python3)"
fi

end_tests
