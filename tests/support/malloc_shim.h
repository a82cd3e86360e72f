#ifndef TESTS_SUPPORT_MALLOC_SHIM_H
#define TESTS_SUPPORT_MALLOC_SHIM_H

#include <stdbool.h>

/* libmalloc_shim.so, a library for LD_PRELOAD: it counts a program's allocations,
 * those of LMDB and the C library with them, and makes one fail.  Told what to do
 * by the environment:
 *
 *   MILLSTREAM_MALLOC_FAIL=N       the N-th (from 1) fails; 0: none
 *   MILLSTREAM_MALLOC_COUNT=/file  at exit: how many there were
 *
 * In the program: only what is allocated between the two calls counts, in all
 * threads.  Nothing happens where the library is not loaded.  (fail_malloc.h fails
 * what a test program itself allocates, and needs no second process.) */
void malloc_shim_arm(bool is_armed);

/* What the program finds it by. */
#define MALLOC_SHIM_ARM "millstream_malloc_shim_arm"
typedef void malloc_shim_arm_function(bool is_armed);

#endif
