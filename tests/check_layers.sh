#!/bin/sh
# Fails when a folder includes a header of a folder or of a foreign library that
# it may not know, or includes without the full path from the root.
cd "${top_srcdir:-.}" || exit 99

may_include='
protocol:protocol
storage:storage storage:protocol
capture:capture capture:protocol
client:client client:protocol
server:server server:capture server:client server:storage server:protocol'

# Only capture.c joins capture/ to storage/.
may_include_by_file='capture/capture.c:storage'

# A foreign header (what its name starts with) and the only folder that may include it.
foreign='
msgpack:protocol
lmdb.h:storage
libpq-fe.h:capture postgresql:capture mysql:capture mariadb:capture mongoc:capture bson:capture
uv.h:server confuse.h:server microhttpd.h:server jansson.h:server'

folders=
for folder in protocol storage capture client server; do
	[ ! -d "$folder" ] || folders="$folders $folder"
done

# shellcheck disable=SC2086
found=$(find $folders -name '*.[ch]' -exec grep -Hn '^[ 	]*#[ 	]*include' {} + |
	awk -v may_include="$may_include" -v by_file="$may_include_by_file" -v foreign="$foreign" '
	BEGIN {
		n = split(may_include " " by_file, pair, /[ \n]+/)
		for (i = 1; i <= n; i++)
			allowed[pair[i]] = 1
		n = split(foreign, pair, /[ \n]+/)
		for (i = 1; i <= n; i++)
			if (split(pair[i], part, ":") == 2)
				home[part[1]] = part[2]
	}
	{
		file = $0; sub(/:.*/, "", file)
		folder = file; sub(/\/.*/, "", folder)
		header = $0; sub(/^[^<"]*[<"]/, "", header); sub(/[>"].*/, "", header)
		total++
		if ($0 ~ /include[ \t]*"/) {
			target = header; sub(/\/.*/, "", target)
			if (header !~ /\//)
				print "# without its folder: " $0
			else if (!((folder ":" target) in allowed) && !((file ":" target) in allowed))
				print "# includes upward: " $0
			next
		}
		for (prefix in home)
			if (index(header, prefix) == 1 && home[prefix] != folder)
				print "# belongs in " home[prefix] "/: " $0
	}
	END { if (total == 0) print "# no includes were found at all" }')

echo 1..1
if [ -z "$found" ]; then
	echo "ok 1 - includes follow the layers"
else
	echo "$found"
	echo "not ok 1 - includes follow the layers"
	exit 1
fi
