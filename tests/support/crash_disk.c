#include "tests/support/crash_disk.h"

#include "tests/support/crash_file.h"
#include "tests/support/crash_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 8 };

struct pending {
	STAILQ_ENTRY(pending) link;
	struct crash_renaming renaming;
};

struct crash_disk {
	const struct recording *recording;
	size_t at;
	struct recording_event event;   /* under way; type 0: none */
	const uint8_t *payload;
	uint64_t next_directory;
	LIST_HEAD(, crash_file) files;
	struct crash_names certain;
	struct crash_names seen;
	STAILQ_HEAD(, pending) pending; /* from the one to the other */
};

static void give_up(const char *what, const char *name)
{
	fprintf(stderr, "crash_disk: %s: %s\n", what, name);
	abort();
}

struct crash_disk *crash_disk_create(const struct recording *recording)
{
	struct crash_disk *disk = calloc(1, sizeof(*disk));

	if (disk == NULL)
		give_up("calloc", strerror(errno));
	disk->recording = recording;
	disk->next_directory = UINT64_MAX;
	LIST_INIT(&disk->files);
	STAILQ_INIT(&disk->pending);
	return disk;
}

static void remove_file(struct crash_file *file)
{
	LIST_REMOVE(file, link);
	crash_file_destroy(file);
}

void crash_disk_destroy(struct crash_disk *disk)
{
	struct pending *pending;

	if (disk == NULL)
		return;
	while (!LIST_EMPTY(&disk->files))
		remove_file(LIST_FIRST(&disk->files));
	while ((pending = STAILQ_FIRST(&disk->pending)) != NULL) {
		STAILQ_REMOVE_HEAD(&disk->pending, link);
		free(pending);
	}
	free(disk);
}

static struct crash_file *find_file(const struct crash_disk *disk, uint64_t inode)
{
	struct crash_file *file;

	LIST_FOREACH(file, &disk->files, link)
		if (file->inode == inode)
			return file;
	return NULL;
}

static struct crash_file *need_file(const struct crash_disk *disk, uint64_t inode)
{
	struct crash_file *file = find_file(disk, inode);

	if (file == NULL)
		give_up("the recording", "does not begin with an empty directory");
	return file;
}

static void add_file(struct crash_disk *disk, uint64_t inode)
{
	struct crash_file *file = find_file(disk, inode);

	if (file != NULL)       /* an inode's number, used again */
		remove_file(file);
	file = crash_file_create(inode);
	LIST_INSERT_HEAD(&disk->files, file, link);
}

static void rename_one(struct crash_disk *disk, const struct crash_name *old,
		       const struct crash_name *new)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (pending == NULL)
		give_up("calloc", strerror(errno));
	if (old != NULL)
		pending->renaming.old = *old;
	if (new != NULL)
		pending->renaming.new = *new;
	crash_names_apply(&disk->seen, &pending->renaming);
	STAILQ_INSERT_TAIL(&disk->pending, pending, link);
}

static bool concerns(const struct crash_renaming *renaming, uint64_t directory)
{
	return (renaming->old.text[0] != '\0' && renaming->old.parent == directory) ||
	       (renaming->new.text[0] != '\0' && renaming->new.parent == directory);
}

static void sync_directory(struct crash_disk *disk, const char *path)
{
	struct crash_name directory = { .inode = CRASH_ROOT };
	struct pending *pending = STAILQ_FIRST(&disk->pending);

	if (path[0] != '\0' && crash_names_find(&disk->seen, path, &directory) != 0)
		give_up("no such directory", path);
	while (pending != NULL) {
		struct pending *next = STAILQ_NEXT(pending, link);
		if (concerns(&pending->renaming, directory.inode)) {
			crash_names_apply(&disk->certain, &pending->renaming);
			STAILQ_REMOVE(&disk->pending, pending, pending, link);
			free(pending);
		}
		pending = next;
	}
}

static void take_path(const struct crash_disk *disk, char out[2 * RECORDING_PATH_BYTES])
{
	if (disk->event.size >= 2 * RECORDING_PATH_BYTES)
		give_up("a path too long", "");
	memcpy(out, disk->payload, disk->event.size);
	out[disk->event.size] = '\0';
}

static void begin_rename(struct crash_disk *disk, const char *old_path, const char *new_path)
{
	struct crash_name old;
	struct crash_name new;

	if (crash_names_find(&disk->seen, old_path, &old) != 0)
		give_up("no such file", old_path);
	crash_names_find(&disk->seen, new_path, &new);
	new.inode = old.inode;
	new.is_directory = old.is_directory;
	rename_one(disk, &old, &new);
}

static void begin_event(struct crash_disk *disk)
{
	char path[2 * RECORDING_PATH_BYTES] = "";
	struct crash_name name;

	if (disk->event.type == RECORDING_WRITE || disk->event.type == RECORDING_TRUNCATE) {
		crash_file_change(need_file(disk, disk->event.file), &disk->event,
				  disk->event.type == RECORDING_WRITE ? disk->payload : NULL);
		return;
	}
	if (disk->event.type == RECORDING_SYNC || disk->event.type == RECORDING_MARK)
		return;
	take_path(disk, path);
	if (disk->event.type == RECORDING_UNKNOWN)
		give_up("cannot follow", path);
	if (disk->event.type == RECORDING_RENAME) {
		begin_rename(disk, path, path + strlen(path) + 1);
		return;
	}
	if (path[0] == '\0')    /* the directory itself was made */
		return;
	int rc = crash_names_find(&disk->seen, path, &name);
	if (disk->event.type == RECORDING_UNLINK) {
		if (rc != 0)
			give_up("no such file", path);
		rename_one(disk, &name, NULL);
		return;
	}
	/* Directories get numbers that no inode has. */
	name.is_directory = disk->event.type == RECORDING_MKDIR;
	name.inode = name.is_directory ? disk->next_directory-- : disk->event.file;
	if (!name.is_directory)
		add_file(disk, name.inode);
	rename_one(disk, NULL, &name);
}

static void end_event(struct crash_disk *disk)
{
	char path[2 * RECORDING_PATH_BYTES];
	const bool has_failed = (disk->event.flags & RECORDING_FAILED) != 0;

	if (disk->event.type == RECORDING_WRITE) {
		if ((disk->event.flags & RECORDING_SYNCED) != 0 && !has_failed)
			crash_file_make_last_certain(need_file(disk, disk->event.file));
	} else if (disk->event.type == RECORDING_SYNC) {
		take_path(disk, path);
		if ((disk->event.flags & RECORDING_DIRECTORY) == 0 && has_failed)
			crash_file_fail_sync(need_file(disk, disk->event.file));
		else if ((disk->event.flags & RECORDING_DIRECTORY) == 0)
			crash_file_sync(need_file(disk, disk->event.file));
		else if (!has_failed)
			sync_directory(disk, path);
	}
}

int crash_disk_follow(struct crash_disk *disk, struct recording_event *out,
		      const uint8_t **out_payload)
{
	struct recording_event event;
	const uint8_t *payload;

	end_event(disk);
	disk->event.type = 0;
	if (!recording_next(disk->recording, &disk->at, &event, &payload))
		return 0;
	disk->event = event;
	disk->payload = payload;
	begin_event(disk);
	if (out != NULL)
		*out = event;
	if (out_payload != NULL)
		*out_payload = payload;
	return 1;
}

/* In one directory, names change in order: that is what a journal does.  The
 * changes of two directories may be written in any order. */
static void choose_names(const struct crash_disk *disk, enum crash_style style,
			 struct random *random, struct crash_names *out)
{
	uint64_t stopped[CRASH_NAMES_MAX];
	int stopped_count = 0;
	struct pending *pending;

	*out = disk->certain;
	if (style == CRASH_LOSE_ALL)
		return;
	STAILQ_FOREACH(pending, &disk->pending, link) {
		bool is_kept = style == CRASH_KEEP_ALL || !random_once_in(random, 4);
		for (int i = 0; i < stopped_count; i++)
			if (concerns(&pending->renaming, stopped[i]))
				is_kept = false;
		if (is_kept) {
			crash_names_apply(out, &pending->renaming);
			continue;
		}
		if (stopped_count + 2 > CRASH_NAMES_MAX)
			give_up("too many names change at once", "");
		if (pending->renaming.old.text[0] != '\0')
			stopped[stopped_count++] = pending->renaming.old.parent;
		if (pending->renaming.new.text[0] != '\0')
			stopped[stopped_count++] = pending->renaming.new.parent;
	}
}

static void write_directory(const struct crash_disk *disk, const struct crash_names *names,
			    uint64_t parent, enum crash_style style, struct random *random,
			    const char *path, int depth)
{
	char below[4096];

	if (depth == DEPTH_MAX)
		give_up("directories too deep", path);
	for (int i = 0; i < names->count; i++) {
		const struct crash_name *name = &names->names[i];
		if (name->parent != parent)
			continue;
		if ((size_t)snprintf(below, sizeof(below), "%s/%s", path, name->text) >= sizeof(below))
			give_up("a path too long", path);
		if (!name->is_directory) {
			crash_file_write(need_file(disk, name->inode), style, random, below);
			continue;
		}
		if (mkdir(below, 0700) != 0)
			give_up(below, strerror(errno));
		write_directory(disk, names, name->inode, style, random, below, depth + 1);
	}
}

static void write_image(const struct crash_disk *disk, enum crash_style style,
			struct random *random, const char *directory)
{
	struct crash_names names;

	choose_names(disk, style, random, &names);
	write_directory(disk, &names, CRASH_ROOT, style, random, directory, 0);
}

const char *crash_disk_write(struct crash_disk *disk, struct random *random, const char *directory)
{
	enum crash_style style = (enum crash_style)random_below(random, CRASH_STYLE_COUNT);

	write_image(disk, style, random, directory);
	return crash_style_words(style);
}

void crash_disk_write_extreme(struct crash_disk *disk, bool keeps_all, const char *directory)
{
	struct random unused = { 0 };

	write_image(disk, keeps_all ? CRASH_KEEP_ALL : CRASH_LOSE_ALL, &unused, directory);
}
