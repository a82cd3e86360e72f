#include "tests/support/malloc_shim.h"

#include <dlfcn.h>
#include <string.h>

void malloc_shim_arm(bool is_armed)
{
	void *symbol = dlsym(RTLD_DEFAULT, MALLOC_SHIM_ARM);
	malloc_shim_arm_function *arm;

	if (symbol == NULL)
		return;
	memcpy(&arm, &symbol, sizeof(arm));
	arm(is_armed);
}
