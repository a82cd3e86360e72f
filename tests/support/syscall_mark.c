#include "tests/support/syscall_shim.h"

#include <dlfcn.h>
#include <string.h>

void syscall_shim_mark(const void *data, size_t size)
{
	void *symbol = dlsym(RTLD_DEFAULT, SYSCALL_SHIM_MARK);
	syscall_shim_mark_function *mark;

	if (symbol == NULL)
		return;
	memcpy(&mark, &symbol, sizeof(mark));
	mark(data, size);
}
