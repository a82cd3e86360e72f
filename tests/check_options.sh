#!/bin/sh
# Holds what "millstreamd --options" says against the manual and the sample
# configuration: the same options, limits, defaults, and whether a reload changes them.
doc=${top_srcdir:-.}/doc
program=./millstreamd
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

number=0
failed=0

# result NAME FILE-OF-COMPLAINTS
result()
{
	number=$((number + 1))
	if [ -s "$2" ]; then
		failed=1
		sed 's/^/# /' "$2"
		echo "not ok $number - $1"
	else
		echo "ok $number - $1"
	fi
}

echo 1..5

# One line an option: name|limits|default|restart or reload.
"$program" --options --json >"$work/json" || echo "millstreamd --options --json failed" >"$work/said"
sed -n 's/^{"name":"\([^"]*\)".*"limits":"\([^"]*\)","default":"\([^"]*\)".*"needs_restart":\(true\|false\).*/\1|\2|\3|\4/p' \
	"$work/json" | sed 's/true$/restart/; s/false$/reload/' >"$work/options"
sed -n 's/^{"block":"topic","name":"\([^"]*\)","default":"\([^"]*\)".*/\1|\2/p' "$work/json" >"$work/topic_options"
# Of a source: status|name|limits|default; the limits and the default of what works alone.
sed -n 's/^{"block":"source","status":"\([^"]*\)".*"name":"\([^"]*\)".*"limits":"\([^"]*\)","default":"\([^"]*\)".*/\1|\2|\3|\4/p' \
	"$work/json" >"$work/properties"
sed '/^works|/!s/^\([^|]*|[^|]*\)|.*/\1/' "$work/properties" >"$work/source_options"
[ "$(cat "$work/options" "$work/topic_options" "$work/source_options" | wc -l)" -eq "$(wc -l <"$work/json")" ] ||
	echo "not every line of --options --json was understood" >>"$work/said"
[ -s "$work/options" ] && [ -s "$work/topic_options" ] && [ -s "$work/source_options" ] ||
	echo "there are no options" >>"$work/said"
"$program" --options | sed -n 's/^\([a-z][A-Za-z._*]*\) = \(.*\)/\1|\2/p' >"$work/people"
{
	cut -d'|' -f1,3 "$work/options"
	cat "$work/topic_options"
	sed -n '/^alias|/!s/^[^|]*|\([^|]*\)|[^|]*|/\1|/p' "$work/properties"
} | diff - "$work/people" >>"$work/said"
result "--options says the same to people and programs" "$work/said"

# The same, read from the manual.
awk '
	BEGIN {
		status["Without effect"] = "no effect"
		status["Said elsewhere"] = "elsewhere"
		status["Not implemented yet"] = "not yet"
		status["Older names"] = "alias"
	}
	function tell() {
		if (name == "")
			return
		if (section == "OPTIONS")
			print name "|" limits "|" value "|" change > options
		else if (section == "TOPICS")
			print name "|" value > topics
		else if (part == "Properties")
			print "works|" name "|" limits "|" value > sources
		else if (section == "SOURCES")
			print (part in status ? status[part] : tolower(part)) "|" name > sources
	}
	/^\.Sh / || /^\.Ss / || /^\.It / || /^\.El/ { tell(); name = limits = value = change = "" }
	/^\.Sh / { section = $2; part = "" }
	/^\.Ss / { part = substr($0, 5) }
	/^\.It Cm / { name = $3 }
	/^Limits: .*\.$/ { limits = substr($0, 9, length($0) - 9) }
	/^Default: .*\.$/ { value = substr($0, 10, length($0) - 10) }
	/^A change needs a restart\.$/ { change = "restart" }
	/^A reload changes it\.$/ { change = "reload" }' \
	options="$work/manual" topics="$work/manual_topics" sources="$work/manual_sources" "$doc/millstream.conf.5"
touch "$work/manual" "$work/manual_topics" "$work/manual_sources"
{
	diff "$work/options" "$work/manual"
	diff "$work/topic_options" "$work/manual_topics"
	sort "$work/source_options" >"$work/sorted"
	sort "$work/manual_sources" | diff "$work/sorted" -
} >"$work/said"
result "millstream.conf(5) has every option with its limits and its default" "$work/said"

# And from the sample.  Texts have no limits there.
awk '
	/^#/ { comment = comment " " $0 }
	/^$/ { comment = "" }
	/^#[a-z][a-z.]* = / {
		name = substr($1, 2)
		value = $0
		sub(/^[^=]*= /, "", value)
		gsub(/"/, "", value)
		limits = ""
		if (match(comment, /Takes [^#]*\. #/))
			limits = substr(comment, RSTART + 6, RLENGTH - 9)
		print name "|" limits "|" value "|" (comment ~ /\(restart\)/ ? "restart" : "reload")
		comment = ""
	}' "$doc/millstream.conf.example" >"$work/sample"
awk '
	/^#topic / { inside = 1; next }
	/^#}/ { inside = 0 }
	inside { print substr($1, 2) ($1 == "#" ? $2 : "") "|" $NF }' "$doc/millstream.conf.example" >"$work/sample_topics"
# Of a source each property that works once, also behind a second "#", with its default if it has one.
awk '
	/^#source / { inside = 1; next }
	/^#}/ { inside = 0 }
	inside && sub(/^#\t#?/, "") && /^[a-z][A-Za-z._]* = / {
		name = $1
		sub(/^[^=]*= /, "")
		gsub(/"/, "")
		print name "|" $0
	}' "$doc/millstream.conf.example" | sort >"$work/sample_sources"
grep '^works|' "$work/properties" | grep -v '^works|script\.file|' | cut -d'|' -f2,4 | sort >"$work/source_defaults"
{
	sed 's/|\(ADDRESS:PORT\|PATH\)|/||/' "$work/options" | diff - "$work/sample"
	sed 's/|num\.partitions$/|1/' "$work/topic_options" | diff - "$work/sample_topics"
	cut -d'|' -f1 "$work/source_defaults" >"$work/names"
	cut -d'|' -f1 "$work/sample_sources" | diff "$work/names" -
	grep -v '|$' "$work/source_defaults" | grep -v -x -F -f "$work/sample_sources" |
		sed 's/$/ is a default that the sample does not have/'
} >"$work/said"
result "millstream.conf.example has every option with its limits and its default" "$work/said"

: >"$work/said"
"$program" -t -c "$doc/millstream.conf.example" >"$work/output" 2>&1 || cat "$work/output" >>"$work/said"
sed 's/^#\([a-z	}]\)/\1/' "$doc/millstream.conf.example" >"$work/all.conf"
"$program" -t -c "$work/all.conf" >"$work/output" 2>&1 || cat "$work/output" >>"$work/said"
[ "$(grep -c '^[a-z]' "$work/all.conf")" -gt "$(wc -l <"$work/options")" ] ||
	echo "the sample has fewer lines than there are options" >>"$work/said"
result "the sample is right as it stands, and with every line switched on" "$work/said"

"$program" --help | grep -o -e '--[a-z][a-z-]*' | sort -u >"$work/help"
sed -n 's/^\.It .*/&/p' "$doc/millstreamd.8" | grep -o -e 'Fl -[a-z][a-z-]*' | sed 's/^Fl /-/' | sort -u |
	diff "$work/help" - >"$work/said"
result "millstreamd(8) has every argument of --help" "$work/said"
exit $failed
