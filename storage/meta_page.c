#include "storage/meta_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLAG_META       0x08
#define MAGIC           0xbeefc0deu
#define FORMAT          1
#define PAGE_BYTES_MIN  512
#define PAGE_BYTES_MAX  65536

struct meta_page {
	uint64_t number;
	uint16_t flags;
	uint32_t magic;
	uint32_t version;
	uint32_t page_bytes;
	uint64_t last_page;
};

static void decode(const uint8_t *bytes, struct meta_page *out)
{
	memcpy(&out->number, bytes, sizeof(out->number));
	memcpy(&out->flags, bytes + 10, sizeof(out->flags));
	memcpy(&out->magic, bytes + 16, sizeof(out->magic));
	memcpy(&out->version, bytes + 20, sizeof(out->version));
	memcpy(&out->page_bytes, bytes + 40, sizeof(out->page_bytes));
	memcpy(&out->last_page, bytes + 136, sizeof(out->last_page));
}

static bool is_page_size(uint32_t bytes)
{
	return bytes >= PAGE_BYTES_MIN && bytes <= PAGE_BYTES_MAX && (bytes & (bytes - 1)) == 0;
}

/* What is wrong with a page; NULL: nothing that can be seen. */
static const char *fault_of(const struct meta_page *page, uint64_t number, uint64_t pages_max)
{
	if (page->magic != MAGIC)
		return "does not begin as LMDB's do";
	if (page->number != number || page->flags != FLAG_META)
		return "has a wrong number or wrong flags";
	if (page->version != FORMAT)
		return "has another version than the other one";
	if (page->last_page < 1 || page->last_page >= pages_max)
		return "counts more pages than there can be";
	return NULL;
}

static int read_page(int fd, off_t at, struct meta_page *out, bool *is_there)
{
	uint8_t bytes[META_PAGE_BYTES];
	ssize_t size = pread(fd, bytes, sizeof(bytes), at);
	if (size < 0)
		return -1;
	*is_there = size == sizeof(bytes);
	if (*is_there)
		decode(bytes, out);
	return 0;
}

/* The second lies where the first says that it ends: unless that is damaged. */
static int read_pages(int fd, struct meta_page out[2], bool is_there[2])
{
	off_t usual_bytes = sysconf(_SC_PAGESIZE);
	if (read_page(fd, 0, &out[0], &is_there[0]) != 0 ||
	    read_page(fd, usual_bytes, &out[1], &is_there[1]) != 0)
		return -1;
	if ((is_there[1] && out[1].magic == MAGIC) || !is_there[0] || !is_page_size(out[0].page_bytes))
		return 0;
	return read_page(fd, out[0].page_bytes, &out[1], &is_there[1]);
}

static int damaged(const char *path, int number, const char *fault, struct error *err)
{
	return error_set(err, ERROR_CORRUPT,
			 "'%s' is damaged: its %s page %s; put a whole copy in its place", path,
			 number == 0 ? "first" : "second", fault);
}

static int check(const char *path, const struct meta_page pages[2], uint64_t bytes_max,
		 struct error *err)
{
	if (pages[0].magic == MAGIC && pages[1].magic == MAGIC &&
	    pages[0].version == pages[1].version && pages[0].version != FORMAT)
		return error_set(err, ERROR_FORMAT_VERSION,
				 "'%s' was written by an LMDB with format %u, this one reads %d", path,
				 pages[0].version, FORMAT);
	for (int n = 0; n < 2; n++)
		if (!is_page_size(pages[n].page_bytes))
			return damaged(path, n, "has an impossible page size", err);
	for (int n = 0; n < 2; n++) {
		const char *fault = fault_of(&pages[n], (uint64_t)n, bytes_max / pages[n].page_bytes);
		if (fault != NULL)
			return damaged(path, n, fault, err);
	}
	if (pages[0].page_bytes != pages[1].page_bytes)
		return error_set(err, ERROR_CORRUPT,
				 "'%s' is damaged: its first and second page differ in page size; put a whole copy "
				 "in its place",
				 path);
	return 0;
}

int meta_pages_check(const char *path, uint64_t map_bytes, struct error *err)
{
	struct meta_page pages[2];
	bool is_there[2];
	struct stat file;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &file) != 0 || read_pages(fd, pages, is_there) != 0) {
		error_set(err, errno == EACCES ? ERROR_DENIED : ERROR_IO, "read '%s': %s", path,
			  strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	if (!is_there[0] || !is_there[1])
		return error_set(err, ERROR_CORRUPT,
				 "'%s' was cut off: it has %lld bytes; put a whole copy in its place", path,
				 (long long)file.st_size);
	/* Free pages at the end may never have been written. */
	return check(path, pages, (uint64_t)file.st_size + map_bytes, err);
}
