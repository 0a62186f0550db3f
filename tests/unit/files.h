/* A directory of its own for tests that read files: made below /tmp, removed with all in it. */
#pragma once

#include <stddef.h>

/* New and empty; owned. Fails the test when it cannot be made. */
char *files_root_new(void);
void files_root_remove(char *root);

/* Write root + path, with the directories above it. */
void files_put(const char *root, const char *path, const char *bytes, size_t n);
void files_put_text(const char *root, const char *path, const char *text);
