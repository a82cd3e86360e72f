#!/bin/bash
# The command millstream against millstreamd on a free port.

# Who runs this in the background may ignore SIGINT, and a shell cannot take that back.
if [ -z "${SIGINT_IS_DEFAULT-}" ] && env --default-signal=INT true 2>/dev/null; then
	SIGINT_IS_DEFAULT=yes exec env --default-signal=INT bash "$0"
fi

# shellcheck source=tests/support/command_fixture.sh
. "${top_srcdir:-.}/tests/support/command_fixture.sh" || exit 99

feed()          # feed INPUT STATUS ARGUMENTS...
{
	local wanted=$2 status
	printf "$1" >"$dir/in"
	shift 2
	timeout 60 "$millstream" "$@" <"$dir/in" >"$dir/out" 2>"$dir/err"
	status=$?
	[ $status -eq "$wanted" ] || { echo "# exit status $status, not $wanted: $*"; return 1; }
}

masked() { sed -E 's/"(ts|created_us)":[0-9]+/"\1":0/g' "$dir/out" >"$dir/masked" && mv "$dir/masked" "$dir/out"; }

configure 'topic.autocreate = false' "$dir/strict"
start_server
feed 'x\n' 1 produce nope && err_has "no topic 'nope'" && err_has "topic create nope" && run 1 topic info nope
ok "publishing to no topic fails and says how to make one"
stop_server

configure 'topic "made.*" { partitions = 3  retention.ms = 5000000 }'
start_server
run 0 status && err_is_empty && out_has "^millstreamd .* ready, up " && out_has "^disk " &&
	out_has "^log      0 topics of 0 partitions$" && out_has "^clients  1 connection, 0 subscriptions$"
ok "status shows a server that is well"
run 0 status --json && out_has '^{"health":"ok","state":"ready",.*"sources":\[\],"groups":\[\]}$'
ok "status for programs is one object"
run 2 -s 127.0.0.1:1 status && err_has "no connection to 127.0.0.1:1" && err_has "Is millstreamd running"
ok "a server that cannot be reached is critical"
run 1 -s 127.0.0.1:1 topic ls && run 1 topic ls --server=127.0.0.1:1
ok "what needs a server fails without one"
run 64 -s 'a b:c:d' status && err_has "HOST:PORT"
ok "a server that is no address is a wrong command line"

run 0 topic ls && out_is '' && err_has "no topic yet"
ok "no topics are told as such"
run 0 topic create t -p 2 -c retention.ms=1000000 && out_is '' && run 0 topic ls 'zzz*' && err_has "no topic matches"
ok "a topic is made"
run 1 topic create t && err_has "t"
ok "a topic is not made twice"
run 0 topic ls && out_is 'TOPIC  PARTITIONS  RECORDS  SIZE  OWNER\nt               2        0   0 B  -\n'
ok "topics are a table"
run 0 topic ls -q && out_is 't\n' && run 0 topic ls --json &&
	out_is '{"name":"t","id":1,"partitions":2,"records":0,"bytes":0,"owner":null}\n'
ok "topics are names, or objects"
run 0 topic info t --json && masked && out_is '{"name":"t","id":1,"partitions":2,"records":0,"bytes":0,"owner":null,"created_us":0,"settings":[{"name":"retention.ms","value":"1000000","is_set":true},{"name":"retention.bytes","value":"-1","is_set":false},{"name":"max.message.bytes","value":"1048588","is_set":false},{"name":"cleanup.policy","value":"delete","is_set":false}],"partition_list":[{"partition":0,"log_start":0,"visible_end":0,"bytes":0},{"partition":1,"log_start":0,"visible_end":0,"bytes":0}]}\n'
ok "a topic's partitions and settings are told"
run 0 topic set t retention.bytes=5000000 --unset retention.ms && run 0 topic info t &&
	out_has "  retention.bytes = 5000000$" && out_has "  retention.ms = .*(default)$"
ok "settings are set and put back"
run 1 topic set t retention.bites=5 && err_has "did you mean 'retention.bytes'"
ok "a misspelt setting is refused with the nearest"
run 64 topic set t && run 64 topic set t novalue && run 64 topic create && run 64 topic info
ok "topic verbs want their arguments"

feed 'a:1\nb:2\nc:\nnokey\n' 0 produce t -K : -Z -p 1 -H x=1 -H y= && out_is '' && err_is_empty
ok "lines are published"
run 0 consume t -e && out_is '1\n2\nnull\nnokey\n' && err_is_empty
ok "records are lines, a tombstone is null"
run 0 consume t -e -f '%t/%p@%o %k=%v;%s %h %K %S%%\t\x41\n' &&
	out_is 't/1@0 a=1;1 x=1,y= 1 1%%\tA\nt/1@1 b=2;2 x=1,y= 1 1%%\tA\nt/1@2 c=; x=1,y= 1 -1%%\tA\nt/1@3 =nokey;nokey x=1,y= -1 5%%\tA\n'
ok "a format is followed"
feed 'k\377:v"\\\n' 0 produce t -K : -p 0 && run 0 consume t -e -p 0 -J && masked &&
	out_is '{"topic":"t","partition":0,"offset":0,"ts":0,"key":{"base64":"a/8="},"payload":"v\\"\\\\","headers":[]}\n'
ok "an envelope keeps every byte"
run 0 consume t -p 1 -o 2 -e --json && masked &&
	out_is '{"topic":"t","partition":1,"offset":2,"ts":0,"key":"c","payload":null,"headers":[{"name":"x","value":"1"},{"name":"y","value":""}]}\n{"topic":"t","partition":1,"offset":3,"ts":0,"key":null,"payload":"nokey","headers":[{"name":"x","value":"1"},{"name":"y","value":""}]}\n'
ok "an envelope shows tombstones and headers"
run 0 consume t -e --format pretty -p 1 -c 3 && out_has "Z  t/1 @0  a = 1  \[x=1\]" && out_has "(tombstone)"
ok "records are shown for people"
run 0 topic create cells && feed 'a\tb\\c\r\nbell\007\n' 0 produce cells -p 0 && run 0 consume cells -e --format pretty &&
	out_has 'cells/0 @0  a\\tb\\c\\r$' && out_has 'cells/0 @1  0x62656c6c07$'
ok "tabs do not make a text bytes"
feed 'no end' 0 produce t -p 1 && run 0 consume t -p 1 -o -1 -e && out_is 'no end\n'
ok "the last line needs no end"

run 0 topic create big && seq 1 50000 | "$millstream" produce big >"$dir/out" 2>"$dir/err" && err_is_empty
ok "many lines are published"
run 0 consume big -e && seq 1 50000 | cmp -s - "$dir/out"
ok "many lines come back in order"
run 0 consume big -o -3 -e && out_is '49998\n49999\n50000\n'
ok "-N begins before the end"
run 0 consume big -o 49998 -e && out_is '49999\n50000\n' && run 0 consume big -o end -e && out_is ''
ok "an offset and the end are where they are"
run 0 consume 'b*' -o s@0 -c 2 && out_is '1\n2\n' && run 0 consume big -o s@99999999999999 -e && out_is ''
ok "a time is where it is, and -c counts"
run 0 consume big -c 0 && out_is '' && run 0 consume 'nothing.*' -e && err_has "no topic matches"
ok "nothing is asked for and nothing comes"
run 1 consume big -e -o 70000 && err_has "70000"
ok "an offset beyond the end fails"
run 1 consume nope && err_has "no topic 'nope'" && err_has "topic ls"
ok "a topic that is not there is told"
feed 'x\n' 0 produce made.here -p 2 && run 0 consume made.here -e && out_is 'x\n' &&
	run 0 topic info made.here && out_has '^ *2 *0 *1 *1 ' && out_has 'retention.ms = 5000000$'
ok "publishing makes the topic, as the configuration says"
feed 'x\n' 1 produce big -p 7 && err_has "no partition 7" && err_has "topic info big" && run 1 consume big -p 7 && err_has "(-p)"
ok "a partition that is not there is told"
{ head -c 1500000 /dev/zero | tr '\0' x; echo; } >"$dir/long"
"$millstream" produce big <"$dir/long" >"$dir/out" 2>"$dir/err"; [ $? -eq 1 ] && err_has 'max.frame.bytes'
ok "a record that is too large fails and is told"

run 0 consume big -G g -c 5 && out_is '1\n2\n3\n4\n5\n' && run 0 consume big -G g -c 2 && out_is '6\n7\n'
ok "a group goes on where it was"
run 0 consume big -G g -c 1 -o stored -u && out_is '8\n' && run 0 consume big -G g -o 2 -c 1 && out_is '3\n' &&
	run 0 consume big -G g -c 1 && out_is '4\n'
ok "a group begins elsewhere when told so"
begin=$SECONDS
timeout 20 "$millstream" consume big 2>"$dir/err" | head -1 >"$dir/out"
[ $((SECONDS - begin)) -lt 10 ] && out_is '1\n' && err_is_empty
ok "a closed pipe ends it while there is more to write"
begin=$SECONDS
timeout 20 "$millstream" consume big -o -1 2>"$dir/err" | head -1 >"$dir/out"
[ $((SECONDS - begin)) -lt 10 ] && out_is '50000\n' && err_is_empty
ok "a closed pipe ends it while it waits"

mkfifo "$dir/pipe"
# In the background bash has a command ignore SIGINT; env -i does not help, python would: use job control.
set -m
"$millstream" consume big -G ctrlc -u >"$dir/pipe" 2>"$dir/err" &
pid=$!
set +m
exec 5<"$dir/pipe"
seen=0
while [ $seen -lt 50000 ] && read -rt 20 _ <&5; do seen=$((seen + 1)); done
kill -INT $pid
wait $pid; status=$?
exec 5<&-
[ $status -eq 130 ] && [ $seen -eq 50000 ] && err_is_empty
ok "control-C ends it by the signal, quietly"
echo last | "$millstream" produce big && run 0 consume big -G ctrlc -c 1 && out_is 'last\n'
ok "what was written before control-C is committed"

set -m
mkfifo "$dir/input"
"$millstream" produce big <"$dir/input" >"$dir/out" 2>"$dir/err" &
pid=$!
set +m
exec 6>"$dir/input"
echo 'from a pipe' >&6
timeout 20 "$millstream" consume big -o 50001 -c 1 >"$dir/out" && out_is 'from a pipe\n'
ok "a line is published while the input stays open"
kill -INT $pid; wait $pid; status=$?; exec 6>&-
[ $status -eq 130 ] && err_is_empty
ok "control-C ends producing"

run 1 topic rm t && out_is 'Would delete, for good:\nt: 2 partitions, 6 records, 300 B\n' && err_has "Add --yes" && run 0 topic info t
ok "without --yes nothing is deleted"
run 1 topic rm big nope --yes && err_has "no topic 'nope'" && run 1 topic info big nope && err_has "no topic 'nope'" &&
	run 64 topic rm big big --yes && run 0 topic info big && run 64 topic rm '*' --yes
ok "one wrong name deletes nothing, and patterns are refused"
run 0 topic rm t --yes && out_is '' && run 1 topic info t && run 1 topic rm t --yes
ok "with --yes a topic is deleted"

run 64 && err_has "usage: millstream" && run 64 topic && err_has "usage: millstream"
ok "no noun or verb shows the help"
run 64 consme && err_has "did you mean 'consume'" && run 64 topic xyz && run 64 topic creat && err_has "did you mean 'create'"
ok "misspelt nouns and verbs get the nearest"
run 64 topic describe x && err_has "did you mean 'info'" && run 64 group reset-offsets && err_has "did you mean 'seek'" &&
	run 64 bench list && ! err_has "did you mean"
ok "verbs of other tools get ours"
run 64 -s && err_has "needs a value" && run 64 --server && err_has "needs a value"
ok "the server's option wants its value"
run 64 consume x --offsett 1 && err_has "did you mean '--offset'" && run 64 consume x -y && err_has "unknown option '-y'"
ok "misspelt options get the nearest"
run 64 consume && run 64 consume x -c && err_has "needs a value" && run 64 consume x -c -1 && run 64 consume x --exit=1
ok "options want their values"
run 64 consume x -o foo && run 64 consume x -o stored && run 64 consume x -f '%q' && run 64 consume x -f '\q'
ok "wrong values are refused"
run 64 consume x --format flatt && err_has "did you mean 'flat'?" &&
	run 64 consume x --decimal.handling.mode=precis && err_has "did you mean 'precise'?" &&
	run 64 consume x --decimal.handlin.mode=double && err_has "did you mean '--decimal.handling.mode'?" &&
	run 64 consume x --add.fields=op,source.ts_mss &&
	err_has "did you mean 'source.ts_ms'?" && run 64 consume x --format pretty -J && err_has "leave out"
ok "formats and their properties get the nearest"
run 64 consume x -J -f x && err_has "choose one"
ok "a record is written in one way"
run 64 topic create 'a b' && err_has "'a b' is no name of a topic" && feed 'x\n' 64 produce 'a*' && err_has "'a\*' is no name" &&
	run 64 consume 'a/b' && err_has "'a/b' is neither" && run 64 consume a -G '' && err_has "'' is no name of a group" && run 64 topic ls 'a/b' &&
	run 64 topic set 'a b' x=1
ok "names that cannot be are told before anything is asked"
run 64 produce && run 64 produce a b && run 64 produce a -H x && run 64 produce a -K '' && run 64 status now
ok "produce and status want what they take"
run 0 bench publish --count 5000 --partitions 3 --batch 8KiB --json &&
	grep -Eq '^\{"bench":"publish","scenario":"batched","events":5000,"event_bytes":300,"partitions":3,"batch_bytes":8192,"per_s":[0-9]+,"mb_per_s":[0-9.]+\}$' "$dir/out"
ok "batched publishing is measured"
run 0 bench publish --one-at-a-time --count 20 --dir "$dir" --json &&
	grep -Eq '^\{"bench":"publish","scenario":"one at a time","events":20,"event_bytes":300,"per_s":[0-9]+,"p50_us":[0-9]+,"p99_us":[0-9]+,"max_us":[0-9]+,"peer":"write\+fdatasync","peer_per_s":[0-9]+,"ratio":[0-9.]+\}$' "$dir/out"
ok "publishing one by one is measured against a plain file"
run 0 bench consume --count 5000 --size 20 --json &&
	grep -Eq '^\{"bench":"consume","events":5000,"event_bytes":20,"partitions":1,"turns":3,"per_s":[0-9]+,"best_per_s":[0-9]+,"mb_per_s":[0-9.]+\}$' "$dir/out"
ok "reading is measured"
run 0 bench e2e --rate 500 --seconds 1 --json &&
	grep -Eq '^\{"bench":"e2e","events":500,"event_bytes":300,"rate":500,"per_s":[0-9]+,"p50_us":[0-9]+,"p99_us":[0-9]+,"max_us":[0-9]+\}$' "$dir/out"
ok "latency is measured"
run 0 bench e2e --rate 200 --seconds 1 --stalled 3 --json &&
	grep -Eq '^\{"bench":"e2e","scenario":"stalled subscribers","stalled":3,"events":200,"event_bytes":300,"rate":200,"turns":11,"p99_us":[0-9]+,"peer":"none stalled","peer_p99_us":[0-9]+,"ratio":[0-9.]+\}$' "$dir/out"
ok "latency is measured beside stalled subscribers"
set -m
"$millstream" bench e2e --rate 100 --seconds 100 >"$dir/out" 2>"$dir/err" &
pid=$!
set +m
until "$millstream" topic ls -q | grep -q millstream-bench- || ! kill -0 $pid; do :; done
kill -INT $pid; wait $pid; status=$?
[ $status -eq 130 ] && err_is_empty && run 0 topic ls -q && ! out_has millstream-bench-
ok "a benchmark deletes its topic, also after control-C"
run 64 bench && run 64 bench publish x && run 64 bench publish --size 3 && run 64 bench publish --dir /tmp &&
	run 64 bench e2e --rate 0 && run 1 bench publish --one-at-a-time --dir /nowhere --count 1
ok "wrong settings of a benchmark are refused"

run 0 --version && out_has '^millstream [0-9]'
ok "the version is told"

verbs=$("$millstream" --help | sed -n '/--help/,$d; s/^  \([a-z]\{4,\}\) \{1,\}\([a-z0-9]*\) .*/\1 \2/p')
fits=0
printf '1\n2\n' >"$dir/in"
run 0 topic create orders && "$millstream" produce orders <"$dir/in"
PATH=$PWD:$PATH
cp /dev/null "$dir/examples"
while read -r noun verb; do
	# shellcheck disable=SC2086
	run 0 $noun $verb --help || { fits=1; continue; }
	[ "$(wc -l <"$dir/out")" -le 24 ] && [ "$(wc -L <"$dir/out")" -le 100 ] || { echo "# too large: $noun $verb"; fits=1; }
	examples=$(sed -n '/^examples:/,$s/^  //p' "$dir/out")
	[ "$(echo "$examples" | wc -l)" -eq 2 ] || { echo "# not two examples: $noun $verb"; fits=1; }
	case $noun$verb in
	source*|group*) ;;      # in test_command_source.sh and test_command_group.sh
	topic*) echo "$examples" >>"$dir/examples" ;;
	*) { echo "$examples" | cat - "$dir/examples" >"$dir/e2"; mv "$dir/e2" "$dir/examples"; } ;;
	esac
done <<<"$verbs"
[ $fits -eq 0 ] && [ "$(echo "$verbs" | wc -l)" -eq 22 ]
ok "each help fits one screen and has two examples"
run 0 topic create greetings
fine=0
while read -r example; do
	timeout 60 bash -c "set -o pipefail; $example" >"$dir/out" 2>"$dir/err" </dev/null || { echo "# failed: $example"; fine=1; }
done <"$dir/examples"
[ $fine -eq 0 ]
ok "the examples of the help work"

if ls /proc/self/fd >/dev/null 2>&1 && [ -c /dev/full ]; then
	"$millstream" consume orders -e >/dev/full 2>"$dir/err"; [ $? -eq 1 ] && err_has "write the output"
	ok "output that cannot be written fails"
fi
completed=$(bash -c ". '${top_srcdir:-.}/doc/millstream.bash'; COMP_WORDS=(millstream consume --unb); COMP_CWORD=2; _millstream; echo \"\${COMPREPLY[*]}\"
	COMP_WORDS=(millstream consume --dec); COMP_CWORD=2; _millstream; echo \"\${COMPREPLY[*]}\"
	COMP_WORDS=(millstream consume --format d); COMP_CWORD=3; _millstream; echo \"\${COMPREPLY[*]}\"
	COMP_WORDS=(millstream topic r); COMP_CWORD=2; _millstream; echo \"\${COMPREPLY[*]}\"
	COMP_WORDS=(millstream source p); COMP_CWORD=2; _millstream; echo \"\${COMPREPLY[*]}\"
	COMP_WORDS=(millstream source rm --d); COMP_CWORD=3; _millstream; echo \"\${COMPREPLY[*]}\"
	COMP_WORDS=(millstream consume ord); COMP_CWORD=2; _millstream; echo \"\${COMPREPLY[*]}\"")
echo "$completed" >"$dir/out"; out_is '--unbuffered\n--decimal.handling.mode\ndebezium debezium-schema\nrm\npause\n--drop\norders\n'
ok "bash completes options, verbs and topics"

run 0 topic create gap && for value in before damaged behind; do feed "$value-the-gap\\n" 0 produce gap -p 0 || break; done
stop_server
LC_ALL=C sed -i 's/damaged-the-gap/damXged-the-gap/g' "$dir/data/log/data.mdb"
start_server
run 1 consume gap -e && out_is 'before-the-gap\n' && err_has 'gap/0: offsets 1 to before 2 are damaged' && err_has '--skip-gaps'
ok "records that are damaged stop it"
run 0 consume gap -e --skip-gaps -G skipping && out_is 'before-the-gap\nbehind-the-gap\n' && err_has 'offsets 1 to before 2 are damaged' &&
	run 0 consume gap -e -G skipping && out_is ''
ok "damaged records are told and passed when they may be skipped"
feed 'x\n' 0 produce gap -p 0 && run 1 consume gap -o 1 -c 1 && run 0 consume gap -o 1 -c 1 --skip-gaps && out_is 'behind-the-gap\n'
ok "a gap at the start is passed likewise"

set -m
mkfifo "$dir/more"
"$millstream" produce gap -p 0 <"$dir/more" >/dev/null 2>"$dir/err" &
pid=$!
set +m
exec 6>"$dir/more"
echo one >&6
timeout 20 "$millstream" consume gap -p 0 -o 4 -c 1 >"$dir/out" && out_is 'one\n' || echo "# nothing was published"
comes_to_say() { for _ in $(seq 600); do err_has "$1" && return 0; pause; done; return 1; }
kill -STOP "$server"
echo two >&6
comes_to_say 'nothing is stored: ' || echo '# it never says that'
kill -CONT "$server"
comes_to_say ': publishing on$'
ok "a server that stores nothing is told, and that it stores again"
stop_server; status=$?
echo three >&6
comes_to_say 'cannot connect.*trying again'
kill -INT $pid; wait $pid; produced=$?; exec 6>&-
[ $produced -eq 130 ] && err_has 'of 3 records 1 was not acknowledged, and may be stored or not: cannot connect'
ok "a server that goes away while it is published to is told, and what became of the records"
cp "$dir/log" "$dir/out"
[ $status -eq 0 ] && out_has 'msg=stopped$'
ok "the server stops when it is asked to"
run 2 status
ok "a server that has stopped is critical"
end_tests
