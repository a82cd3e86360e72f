#include "tests/support/recording.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void recording_open(struct recording *out, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *data = NULL;

	if (fd < 0 || fstat(fd, &status) != 0)
		goto fail;
	if (status.st_size > 0) {
		data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			goto fail;
	}
	close(fd);
	*out = (struct recording){ data, (size_t)status.st_size };
	return;
fail:
	perror(path);
	abort();
}

void recording_close(struct recording *recording)
{
	if (recording->size > 0)
		munmap((void *)(uintptr_t)recording->data, recording->size);
	*recording = (struct recording){ 0 };
}

int recording_next(const struct recording *recording, size_t *at, struct recording_event *out,
		   const uint8_t **out_payload)
{
	size_t left = recording->size - *at;

	if (left < sizeof(*out))
		return 0;
	memcpy(out, recording->data + *at, sizeof(*out));
	if (left - sizeof(*out) < out->size)
		return 0;
	*out_payload = recording->data + *at + sizeof(*out);
	*at += sizeof(*out) + out->size;
	return 1;
}
