/* Preloaded into a program: the allocation whose number is in FAIL_MALLOC fails, as when memory
 * runs out for a moment. Those of libseccomp are left out: it does not survive that. */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool fails(const void *caller)
{
    static unsigned long number, failing;
    const char *text;
    Dl_info info;

    if (number > 0 && dladdr(caller, &info) && strstr(info.dli_fname, "/libseccomp"))
        return false;
    if (number++ == 0) {
        text = getenv("FAIL_MALLOC");
        failing = text ? strtoul(text, NULL, 10) : 0;
    }
    if (number != failing)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
