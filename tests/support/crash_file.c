/* How it works: going through the changes from the newest back, a sector that a
 * change is chosen to have written also gets everything older that wrote there,
 * as the page cache would have had it.  Then the chosen sectors are put on top of
 * the certain bytes, from the oldest on. */
#include "tests/support/crash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR_BYTES = 512 };

struct crash_change {
	STAILQ_ENTRY(crash_change) link;
	const uint8_t *data;    /* NULL: a new size, in offset */
	uint64_t offset;
	uint64_t size;
	bool is_certain;        /* it was synced by itself */
	bool is_doomed;         /* a sync of it failed */
};

static void give_up(const char *what, const char *name)
{
	fprintf(stderr, "crash_file: %s: %s\n", what, name);
	abort();
}

static void *zeroed(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		give_up("calloc", strerror(errno));
	return memory;
}

struct crash_file *crash_file_create(uint64_t inode)
{
	struct crash_file *file = zeroed(sizeof(*file));

	file->inode = inode;
	STAILQ_INIT(&file->changes);
	return file;
}

static void forget_changes(struct crash_file *file)
{
	struct crash_change *change;

	while ((change = STAILQ_FIRST(&file->changes)) != NULL) {
		STAILQ_REMOVE_HEAD(&file->changes, link);
		free(change);
	}
}

void crash_file_destroy(struct crash_file *file)
{
	forget_changes(file);
	free(file->bytes);
	free(file);
}

void crash_file_change(struct crash_file *file, const struct recording_event *event,
		       const uint8_t *data)
{
	struct crash_change *change = zeroed(sizeof(*change));

	change->data = data;
	change->offset = event->offset;
	change->size = event->size;
	STAILQ_INSERT_TAIL(&file->changes, change, link);
	file->last = change;
	if (data == NULL)
		file->seen_size = change->offset;
	else if (change->offset + change->size > file->seen_size)
		file->seen_size = change->offset + change->size;
}

void crash_file_make_last_certain(struct crash_file *file)
{
	file->last->is_certain = true;
}

void crash_file_fail_sync(struct crash_file *file)
{
	struct crash_change *change;

	STAILQ_FOREACH(change, &file->changes, link)
		change->is_doomed = !change->is_certain;
}

const char *crash_style_words(enum crash_style style)
{
	static const char *const words[] = {
		[CRASH_LOSE_ALL] = "all unsynced lost",
		[CRASH_KEEP_ALL] = "all there",
		[CRASH_SECTORS] = "sectors at random",
		[CRASH_WRITES] = "writes at random",
		[CRASH_LOSE_ONE] = "one write lost",
		[CRASH_KEEP_ONE] = "one write there",
		[CRASH_LOSE_SECTOR] = "one sector lost",
		[CRASH_CUT] = "cut off in the middle",
		[CRASH_LAST] = "the last writes alone",
	};
	return words[style];
}

/* What a file holds. */
struct content {
	uint8_t *bytes;
	size_t byte_count;
	size_t capacity;
	uint64_t size;
};

static void set_size(struct content *content, uint64_t size)
{
	if (content->byte_count > size)
		content->byte_count = size;
	content->size = size;
}

static void put_bytes(struct content *content, uint64_t offset, const uint8_t *data, size_t size)
{
	size_t end = offset + size;

	if (end > content->capacity) {
		content->capacity = end + end / 2;
		content->bytes = realloc(content->bytes, content->capacity);
		if (content->bytes == NULL)
			give_up("realloc", strerror(errno));
	}
	if (end > content->byte_count) {
		memset(content->bytes + content->byte_count, 0, end - content->byte_count);
		content->byte_count = end;
	}
	memcpy(content->bytes + offset, data, size);
	if (end > content->size)
		content->size = end;
}

struct choice {
	enum crash_style style;
	struct random *random;
	size_t special;         /* the number of the one that is lost, kept, torn … */
	uint64_t special_sector;
	bool is_kept;           /* the change at hand, by CRASH_WRITES */
};

static void choose_change(struct choice *choice, const struct crash_change *change)
{
	if (choice->style == CRASH_WRITES)
		choice->is_kept = random_once_in(choice->random, 2);
	if (choice->style == CRASH_LOSE_SECTOR && change->size > 0)
		choice->special_sector = (change->offset + random_below(choice->random, change->size)) /
					 SECTOR_BYTES;
}

static bool choose_sector(const struct choice *choice, const struct crash_change *change,
			  size_t number, uint64_t sector)
{
	if (change->is_certain)
		return true;
	switch (choice->style) {
	case CRASH_KEEP_ALL:
		return true;
	case CRASH_SECTORS:
		return random_once_in(choice->random, 2);
	case CRASH_WRITES:
		return choice->is_kept;
	case CRASH_LOSE_ONE:
		return number != choice->special;
	case CRASH_KEEP_ONE:
		return number == choice->special;
	case CRASH_LOSE_SECTOR:
		return number != choice->special || sector != choice->special_sector;
	case CRASH_CUT:
		return number < choice->special ||
		       (number == choice->special && random_once_in(choice->random, 2));
	case CRASH_LAST:
		return number >= choice->special;
	case CRASH_NOT_DOOMED:
		return !change->is_doomed;
	default:
		return false;
	}
}

static uint64_t first_sector(const struct crash_change *change)
{
	return change->offset / SECTOR_BYTES;
}

static size_t sector_count(const struct crash_change *change)
{
	if (change->data == NULL || change->size == 0)
		return 1;
	return (change->offset + change->size - 1) / SECTOR_BYTES - first_sector(change) + 1;
}

/* For each change, in order, a byte a sector: is it there? */
static uint8_t *choose(const struct crash_file *file, struct choice *choice)
{
	size_t change_count = 0;
	size_t total = 0;
	size_t end = 0;
	size_t n = 0;
	struct crash_change *change;

	STAILQ_FOREACH(change, &file->changes, link) {
		change_count++;
		total += sector_count(change);
		if (first_sector(change) + sector_count(change) > end)
			end = first_sector(change) + sector_count(change);
	}
	struct crash_change **changes = zeroed((change_count + 1) * sizeof(struct crash_change *));
	uint8_t *is_newer_there = zeroed(end + 1);
	uint8_t *chosen = zeroed(total + 1);
	STAILQ_FOREACH(change, &file->changes, link)
		changes[n++] = change;
	choice->special = random_below(choice->random, change_count + 1);

	size_t place = total;
	while (n-- > 0) {
		bool is_write = changes[n]->data != NULL;
		place -= sector_count(changes[n]);
		choose_change(choice, changes[n]);
		for (size_t i = 0; i < sector_count(changes[n]); i++) {
			uint64_t sector = first_sector(changes[n]) + i;
			chosen[place + i] = choose_sector(choice, changes[n], n, sector) ||
					    (is_write && is_newer_there[sector]);
			if (is_write && chosen[place + i])
				is_newer_there[sector] = 1;
		}
	}
	free(is_newer_there);
	free(changes);
	return chosen;
}

static void put_change(struct content *content, const struct crash_change *change,
		       const uint8_t *chosen)
{
	const uint64_t end = change->offset + change->size;
	uint64_t at = change->offset;

	if (change->data == NULL) {
		if (chosen[0])
			set_size(content, change->offset);
		return;
	}
	while (at < end) {
		const uint64_t from = at;
		const uint8_t is_there = chosen[at / SECTOR_BYTES - first_sector(change)];
		while (at < end && chosen[at / SECTOR_BYTES - first_sector(change)] == is_there)
			at = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
		if (at > end)
			at = end;
		if (is_there)
			put_bytes(content, from, change->data + (from - change->offset), at - from);
	}
}

/* On top of the file's certain bytes, which content holds. */
static void put_changes(struct content *content, const struct crash_file *file,
			struct choice *choice)
{
	uint8_t *chosen = choose(file, choice);
	const uint8_t *at = chosen;
	struct crash_change *change;

	STAILQ_FOREACH(change, &file->changes, link) {
		put_change(content, change, at);
		at += sector_count(change);
	}
	free(chosen);
}

void crash_file_sync(struct crash_file *file)
{
	struct random unused = { 0 };
	struct choice choice = { .style = CRASH_NOT_DOOMED, .random = &unused };
	struct content content = { file->bytes, file->byte_count, file->byte_count, file->size };

	put_changes(&content, file, &choice);
	if (content.size < file->seen_size)
		content.size = file->seen_size;
	file->bytes = content.bytes;
	file->byte_count = content.byte_count;
	file->size = content.size;
	forget_changes(file);
}

static void write_content(const struct content *content, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t done = 0;

	if (fd < 0)
		give_up(path, strerror(errno));
	while (done < content->byte_count) {
		ssize_t size = pwrite(fd, content->bytes + done, content->byte_count - done, (off_t)done);
		if (size <= 0)
			give_up(path, strerror(errno));
		done += (size_t)size;
	}
	if (ftruncate(fd, (off_t)content->size) != 0 || close(fd) != 0)
		give_up(path, strerror(errno));
}

void crash_file_write(const struct crash_file *file, enum crash_style style,
		      struct random *random, const char *path)
{
	struct choice choice = { .style = style, .random = random };
	struct content content = { 0 };

	if (file->byte_count > 0)
		put_bytes(&content, 0, file->bytes, file->byte_count);
	content.size = file->size;
	put_changes(&content, file, &choice);
	/* The size may have been written where the bytes were not. */
	if (content.size < file->seen_size &&
	    (style == CRASH_KEEP_ALL || (style != CRASH_LOSE_ALL && random_once_in(random, 4))))
		content.size = file->seen_size;
	write_content(&content, path);
	free(content.bytes);
}
