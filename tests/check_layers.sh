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

# Only the thread and the writer join capture/ to storage/.
may_include_by_file='
capture/capture.c:storage capture/capture_thread.c:storage
capture/ledger.c:storage capture/ledger.h:storage
capture/writer.c:storage capture/writer_internal.h:storage capture/writer_table.c:storage'

# Foreign headers, by what their names start with, and who may include them.  What
# msgpack-c writes may be written anywhere; what it reads only protocol/ reads.
foreign='
msgpack:protocol
msgpack/pack.h:storage msgpack/pack.h:capture msgpack/pack.h:client msgpack/pack.h:server
msgpack/sbuffer.h:storage msgpack/sbuffer.h:capture msgpack/sbuffer.h:client msgpack/sbuffer.h:server
lmdb.h:storage
libpq-fe.h:capture postgresql:capture pcre2.h:capture mysql:capture mariadb:capture mongoc:capture bson:capture
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
			if (split(pair[i], part, ":") == 2) {
				prefixes[part[1]]
				welcome[part[1], part[2]]
			}
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
		is_foreign = is_welcome = 0
		for (prefix in prefixes)
			if (index(header, prefix) == 1) {
				is_foreign = 1
				if ((prefix, folder) in welcome)
					is_welcome = 1
			}
		if (is_foreign && !is_welcome)
			print "# a library of another folder: " $0
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
