/* Comparing two texts by diff(1), as systemd-delta does. Texts and result are files without a name,
 * so that nobody waits for anybody. */
#include "agent/cli/policy/text_diff.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "agent/base/file.h"
#include "policy/base/name.h"

#define RESULT_MAX (4 * 1024 * 1024)

/* What it ended with: 0 or 1. */
static int run_diff(const char *old_name, int old, const char *new_name, int new, int result)
{
    char paths[2][32];
    const char *const command[] = {"diff",    "-u",     "--text", "--label", old_name,
                                   "--label", new_name, paths[0], paths[1],  NULL};
    const char *const environment[] = {"LC_ALL=C", NULL};
    posix_spawn_file_actions_t actions;
    int r = posix_spawn_file_actions_init(&actions), status;
    pid_t pid;

    if (r != 0)
        return -r;
    snprintf(paths[0], sizeof(paths[0]), "/proc/self/fd/%d", old);
    snprintf(paths[1], sizeof(paths[1]), "/proc/self/fd/%d", new);
    r = posix_spawn_file_actions_adddup2(&actions, result, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn(&pid, DIFF_PROGRAM, &actions, NULL, (char *const *)command,
                        (char *const *)environment);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return -r;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) <= 1 ? WEXITSTATUS(status) : -EIO;
}

int text_diff_print(struct output *out, const char *old_name, const char *old_text,
                    const char *new_name, const char *new_text)
{
    _cleanup_close_ int old = memfd_create("old", 0), new = memfd_create("new", 0);
    _cleanup_close_ int result = memfd_create("result", MFD_CLOEXEC);
    _cleanup_text_ struct text text = {0};
    int r;

    if (old < 0 || new < 0 || result < 0)
        return -errno;
    r = file_write_fd(old, old_text, strlen(old_text));
    if (r == 0)
        r = file_write_fd(new, new_text, strlen(new_text));
    if (r == 0)
        r = run_diff(NAME_SHOWN(old_name), old, NAME_SHOWN(new_name), new, result);
    if (r <= 0)
        return r;
    if (lseek(result, 0, SEEK_SET) < 0)
        return -errno;
    r = file_load_fd(result, RESULT_MAX, &text);
    for (const char *line = text.bytes, *end; r >= 0 && (end = strchr(line, '\n'));
         line = end + 1) {
        bool remark = *line == '\\'; /* of diff: there is no newline at the end */
        _cleanup_free_ char *shown = name_escape_n(line + remark, (size_t)(end - line) - remark);

        if (!shown)
            return -ENOMEM;
        fprintf(out->stream, "%s%s\n", remark ? "\\" : "", shown);
    }
    return r < 0 ? r : 1;
}
