/* Writing and reading the line. */
#include "agent/store/failed_trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/file.h"

#define KIND "rpfpolicy-failed-trial 1 "
#define NONE "-" /* in the place of the hash of before */
#define SIZE (sizeof(KIND) + 64 + TRIAL_TEXT_MAX)

int failed_trial_write(const struct paths *paths, const struct failed_trial *failed)
{
    char line[SIZE];
    int n = snprintf(line, sizeof(line), KIND "%s %s %" PRId64 " %s\n", failed->hash,
                     *failed->before ? failed->before : NONE, failed->time, failed->why);

    return file_replace(paths->root, paths->failed_trial + strlen(paths->root), line, (size_t)n);
}

void failed_trial_remove(const struct paths *paths)
{
    (void)unlink(
        paths->failed_trial); /* one of another policy than that of before counts as none */
}

static bool is_hash(const char *text)
{
    return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}

bool failed_trial_parse(const char *line, struct failed_trial *ret)
{
    struct failed_trial failed = {0};
    const char *rest = startswith(line, KIND);
    int end = 0;

    if (!rest ||
        sscanf(rest, "%16s %16s %" SCNd64 " %n", failed.hash, failed.before, &failed.time, &end) !=
            3 ||
        end == 0 || !is_hash(failed.hash))
        return false;
    if (streq(failed.before, NONE))
        failed.before[0] = '\0';
    else if (!is_hash(failed.before))
        return false;
    snprintf(failed.why, sizeof(failed.why), "%.*s", (int)strcspn(rest + end, "\n"), rest + end);
    *ret = failed;
    return true;
}

bool failed_trial_load(const struct paths *paths, struct failed_trial *ret)
{
    _cleanup_text_ struct text text = {0};

    return file_load(paths->failed_trial, SIZE, &text) >= 0 && text.n > 0 &&
           failed_trial_parse(text.bytes, ret);
}
