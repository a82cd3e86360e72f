# bash completion for millstream

_millstream()
{
	local cur prev noun='' verb='' words='' i
	local nouns='status consume produce topic source group bench'
	local properties='--decimal.handling.mode --time.precision.mode --binary.handling.mode
		--interval.handling.mode --unavailable.value.placeholder --delete.tombstone.handling.mode
		--delete.handling.mode --drop.tombstones --add.fields --add.fields.prefix'
	COMPREPLY=()
	cur=${COMP_WORDS[COMP_CWORD]}
	prev=${COMP_WORDS[COMP_CWORD-1]}
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s|--server) i=$((i + 1)) ;;
		-*) ;;
		*)
			if [[ -z $noun ]]; then noun=${COMP_WORDS[i]}
			elif [[ -z $verb ]]; then verb=${COMP_WORDS[i]}
			fi ;;
		esac
	done
	case $prev in
	-s|--server) return ;;
	--format) words='debezium debezium-schema flat pretty raw' ;;
	--decimal.handling.mode) words='precise double string' ;;
	--time.precision.mode)
		words='adaptive adaptive_time_microseconds connect isostring microseconds nanoseconds' ;;
	--binary.handling.mode) words='bytes base64 base64-url-safe hex' ;;
	--interval.handling.mode) words='numeric string' ;;
	--delete.tombstone.handling.mode)
		words='tombstone drop rewrite rewrite-with-tombstone delete-to-tombstone' ;;
	--delete.handling.mode) words='none drop rewrite' ;;
	--drop.tombstones) words='true false' ;;
	--add.fields|--add.fields.prefix|--unavailable.value.placeholder) return ;;
	-o|--offset)
		[[ $noun == consume ]] &&
			mapfile -t COMPREPLY < <(compgen -W 'beginning end stored' -- "$cur")
		return ;;
	esac
	if [[ -n $words ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi
	if [[ -z $noun ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$nouns --server --help --version" -- "$cur")
	elif [[ $cur == -* ]]; then
		local options
		[[ $noun == topic || $noun == source || $noun == group || $noun == bench ]] || verb=''
		# shellcheck disable=SC2086
		options=$("${COMP_WORDS[0]}" $noun $verb --help 2>/dev/null |
			sed -n 's/^ \{2,6\}\(-., \)\{0,1\}\(--[a-z.-]*\).*/\2/p')
		[[ $noun == consume ]] && options+=" $properties"
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif [[ $noun == topic && -z $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'ls info create set rm' -- "$cur")
	elif [[ $noun == source && -z $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'ls info pause resume restart reset rm' -- "$cur")
	elif [[ $noun == source ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" source ls -q 2>/dev/null)" -- "$cur")
	elif [[ $noun == group && -z $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'ls info seek rm' -- "$cur")
	elif [[ $noun == group ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" group ls -q 2>/dev/null)" -- "$cur")
	elif [[ $noun == bench && -z $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'publish consume e2e' -- "$cur")
	elif [[ $noun == consume || $noun == produce || $verb =~ ^(info|set|rm|ls)$ ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" topic ls -q 2>/dev/null)" -- "$cur")
	fi
}
complete -F _millstream millstream
