/* Runs a fuzz target over every file of the directories given, without an engine: what was once
 * found stays found. Says which file it is at, so that a crash is attributed. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

static uint8_t *read_file(int directory, const char *name, size_t *ret_size)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint8_t *bytes;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    bytes = malloc((size_t)st.st_size + 1);
    if (!bytes || read(fd, bytes, (size_t)st.st_size) != st.st_size)
        return NULL;
    close(fd);
    *ret_size = (size_t)st.st_size;
    return bytes;
}

static int replay_directory(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    int count = 0;

    if (!directory)
        return -errno;
    while ((entry = readdir(directory))) {
        _cleanup_free_ uint8_t *bytes = NULL;
        size_t size;

        if (entry->d_name[0] == '.')
            continue;
        bytes = read_file(dirfd(directory), entry->d_name, &size);
        if (!bytes) {
            closedir(directory);
            return -EIO;
        }
        fprintf(stderr, "%s\n", entry->d_name);
        LLVMFuzzerTestOneInput(bytes, size);
        count++;
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int r = replay_directory(argv[i]);

        if (r < 0) {
            fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
            return 1;
        }
        total += r;
    }
    if (total == 0)
        fprintf(stderr, "no input\n");
    return total == 0;
}
