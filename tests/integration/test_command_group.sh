#!/bin/bash
# millstream group, and what status says of groups: against millstreamd, with members that
# come, read, and go.

# shellcheck source=tests/support/command_fixture.sh
. "${top_srcdir:-.}/tests/support/command_fixture.sh" || exit 99

members=()
end_members() { for member in "${members[@]}"; do kill "$member" 2>/dev/null; wait "$member" 2>/dev/null; done; members=(); }
trap 'end_members; clean_up' EXIT

publish()       # publish COUNT PARTITION
{
	seq "$1" | "$millstream" produce orders -p "$2" 2>"$dir/err"
}

member()        # member GROUP PARTITION
{
	"$millstream" consume orders -G "$1" -p "$2" >>"$dir/read" 2>/dev/null </dev/null &
	members+=($!)
}

configure ''
start_server

run 0 group ls && out_is '' && err_has 'no group yet'
ok "no groups are told as such"
run 0 status && ! out_has GROUP && run 0 status --json && out_has '"groups":\[\]'
ok "and not at all by status"
run 1 group info billing && err_has "there is no group 'billing'" && run 1 group rm billing &&
	run 1 group rm billing --yes && err_has "there is no group 'billing'"
ok "a group that is not there is told"

run 0 topic create orders -p 3
publish 5 0 && publish 3 1
member billing 0
member billing 1
becomes '"name":"billing","members":2,"partitions":2,"lag":0,' group ls --json
ok "two members read and commit"
run 0 group info billing && out_has '^billing  2 members, lag 0$' &&
	out_has '^TOPIC *PARTITION *COMMITTED *END *LAG *MEMBER$' &&
	[ "$(grep -cE '^orders +0 +5 +5 +0  millstream/[^ ]+ \(127\.0\.0\.1:[0-9]+\)$' "$dir/out")" -eq 1 ] &&
	[ "$(grep -cE '^orders +1 +3 +3 +0  millstream/[^ ]+ \(127\.0\.0\.1:[0-9]+\)$' "$dir/out")" -eq 1 ]
ok "who has which partition is a table"
run 0 group info billing --json && sed -E 's/:[0-9]{3,}"/:1"/g; s/"(id|committed_us)":[0-9]+/"\1":1/g; s/\[[0-9]+\]/[1]/g; s#millstream/[^"]*#me#g' "$dir/out" >"$dir/masked" &&
	mv "$dir/masked" "$dir/out" && out_is '{"name":"billing","member_list":[{"id":1,"client":"me","address":"127.0.0.1:1","partitions":1},{"id":1,"client":"me","address":"127.0.0.1:1","partitions":1}],"partition_list":[{"topic":"orders","partition":0,"committed":5,"end":5,"lag":0,"committed_us":1,"members":1,"member_ids":[1]},{"topic":"orders","partition":1,"committed":3,"end":3,"lag":0,"committed_us":1,"members":1,"member_ids":[1]}],"lag":0}\n'
ok "and told to programs"
run 0 group ls && out_has '^GROUP *MEMBERS *PARTITIONS *LAG *LAST COMMIT$' && out_has '^billing *2 *2 *0  20' &&
	run 0 group ls -q && out_is 'billing\n'
ok "groups are a table, or names"
run 1 group rm billing --yes && err_has "remove 'billing': group 'billing' has 2 members" && run 1 group rm billing &&
	err_has "has members" && err_has '  millstream/.* (127.0.0.1:'
ok "a group with members is not removed"

end_members
becomes '"name":"billing","members":0,' group ls --json && run 0 group info billing && out_has '^billing  0 members, lag 0$' &&
	out_has '^orders  *0  *5  *5  *0  -$'
ok "members that go are gone"
publish 20 0 && run 0 group info billing && out_has '^billing  0 members, lag 20$' && out_has '^orders  *0  *5  *25  *20  -$' &&
	run 0 status && out_has '^billing *0 *2 *20  ' && run 0 status --json &&
	out_has '"groups":\[{"name":"billing","members":0,"partitions":2,"lag":20,"committed_us":[0-9]*}\]}$'
ok "without them the lag grows, and status says so"
"$millstream" consume 'none.*' -G new 2>/dev/null &
members+=($!)
becomes '^new  *1  *0  *-  -$' group ls && run 0 group info new && out_has '^new  1 member$' &&
	out_has '^millstream/.* (127.0.0.1:.*) follows nothing yet$'
ok "a group that has committed nothing has no lag"
end_members
becomes '^billing$' group ls -q && ! out_has new
ok "and without members it is no more"

member moving 0
becomes '"name":"moving","members":1,"partitions":1,' group ls --json
run 1 group seek moving orders -o end --yes && err_has "group 'moving' has 1 member, which would not move"
ok "a group with members is not moved"
end_members
run 1 group seek billing 'ord*' -o end && out_has '^Would have group billing go on at:$' &&
	out_has '^  TOPIC *PARTITION *COMMITTED *NEW *END$' && out_has '^  orders *0 *5 *25 *25$' &&
	out_has '^  orders *2 *- *0 *0$' && err_has 'Nothing is changed. Add --yes.' && run 0 group info billing && out_has 'lag 20$'
ok "what seek would do is told, and not done"
run 0 group seek billing orders -o -4 -p 0 --yes && out_is '' && err_is_empty && run 0 group info billing &&
	out_has '^orders  *0  *21  *25  *4 ' && out_has '^orders  *1  *3  *3  *0 '
ok "a partition is moved to so many before the end"
run 0 group seek billing orders -o s@0 --yes && run 0 group info billing && out_has 'lag 28$' &&
	run 0 group seek billing orders -o end --yes && run 0 group info billing && out_has 'lag 0$' &&
	run 0 group seek billing orders -o s@32503680000000 --yes && run 0 group info billing && out_has 'lag 0$' &&
	run 0 group seek billing orders -o beginning --yes && run 0 group info billing && out_has 'lag 28$'
ok "all are moved to a time, the end or the beginning"
run 0 group seek billing orders -p 0 -o 7 --yes && run 0 consume orders -G billing -p 0 -e && [ "$(wc -l <"$dir/out")" -eq 18 ]
ok "the group reads on from there"
run 1 group seek billing orders -o 4 --yes && err_has "topic 'orders', partition 1 has the offsets 0 to 3, not 4" &&
	run 0 group info billing && out_has '^orders  *0  *25  *25  *0 '
ok "an offset that is not in the log is refused, and nothing moves"
run 1 group seek billing orders nothing -o end && err_has "no topic 'nothing'" && run 1 group seek billing 'no*' -o end &&
	run 1 group seek billing orders -p 3 -o end && err_has 'with a partition 3' && run 64 group seek && run 64 group seek billing &&
	run 64 group seek billing orders && err_has 'where to' && run 64 group seek billing orders -o soon && err_has "'soon' is none of" &&
	run 64 group seek billing orders -o end -p 1024
ok "seek wants a group, a topic and a place"
run 0 group seek billing orders -o 0 --yes && run 0 group seek billing orders -p 0 -o 5 --yes

run 1 group rm billing && out_has '^Would forget what group billing has committed:$' && out_has '^  orders  *0  *5  *25  *20' &&
	err_has 'Nothing is removed. Add --yes.' && run 0 group info billing
ok "what rm would do is told, and not done"
run 0 group rm billing --yes && out_is '' && err_is_empty && run 1 group info billing && run 0 consume orders -G billing -e &&
	[ "$(wc -l <"$dir/out")" -eq 28 ]
ok "a group that is removed begins anew"
for n in $(seq 25); do
	run 0 consume orders -G "many-$n" -c 1 -e
done
run 0 status && [ "$(grep -c '^many-\|^billing ' "$dir/out")" -eq 20 ] && out_has '^and 7 more: millstream group ls$'
ok "status keeps to one screen"
run 64 group && run 64 group info && run 64 group info a b && run 64 group rm && run 64 group ls x && run 64 group inf a &&
	err_has "did you mean 'info'" && run 64 group info a/b && err_has "'a/b' is no name of a group"
ok "group verbs want their arguments"

long=$(printf 'x%.0s' $(seq 240))
for n in 1 2 3 4 5; do "$millstream" topic create "$long.$n" -p 1024 || break; done
echo one | "$millstream" produce "$long.1"
run 0 consume "$long.*" -G wide -e && out_is 'one\n' && err_is_empty && run 0 consume "$long.*" -G wide -e && out_is '' &&
	run 0 group info wide && [ "$(wc -l <"$dir/out")" -eq 5122 ]
ok "more offsets are committed than a request has room for"

run 0 topic create brief.a && run 0 topic create brief.b && echo one | "$millstream" produce brief.b
: >"$dir/read"
"$millstream" consume 'brief.*' -G brief >"$dir/read" 2>"$dir/told" </dev/null &
members+=($!)
becomes '"name":"brief","members":1,"partitions":2,' group ls --json && run 0 topic rm brief.a --yes &&
	echo two | "$millstream" produce brief.b && becomes '"name":"brief","members":1,"partitions":1,"lag":0' group ls --json
ok "a group goes on committing when one of its topics is deleted"
end_members

PATH=$PWD:$PATH
run 0 consume orders -G old -e -c 1
examples_work group ls info seek rm && [ "$(wc -l <"$dir/examples")" -eq 8 ]
ok "the examples of the help work"

end_tests
