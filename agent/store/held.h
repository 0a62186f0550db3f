/* A file that its owner holds while it lives, by a lock of an open file description: that ends with
 * the process, however it ends, and is seen in other PID namespaces, too. */
#pragma once

#include <stdbool.h>

/* Does the owner live? Only a write lock counts: a read lock anybody can have who may read. */
bool file_is_held(int fd);

/* Hold a new file of this name, readable by all; it takes the place of one that is there. Whoever
 * may read a file can keep a write lock away for ever, so it is locked before anybody else can open
 * it. Returns a descriptor: it is held while that is open. */
int file_hold_new(const char *path);
