/* A private network and mount namespace for a test program, with a temporary directory, so that
 * nothing outside is touched. */
#pragma once

#include <stddef.h>

struct sandbox {
    char directory[64]; /* a tmpfs of its own, gone with the namespace */
};

/* Enter it. Where that is not permitted the program ends with 77 (skipped) and says so, or fails
 * when the environment has CI=true. */
void sandbox_enter(struct sandbox *ret);

/* Run a shell command; the test fails when the command does. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ifindex of a device; the test fails when it is not there. */
int index_of(const char *name);

/* Write and read a setting as a person would. name is a device, all or default. */
void conf_write(const char *name, const char *key, int value);
int conf_read(const char *name, const char *key);

/* Read a whole file into buf as a string; a negative errno when that fails. */
int file_read(const char *path, char *buf, size_t size);
