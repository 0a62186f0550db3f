/* One line for the boot, one for the time and the text. */
#include "agent/store/trial_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/state_file.h"

#define KIND "rpfpolicy-trial 1"
#define SIZE (STATE_HEADER_SIZE + TRIAL_TEXT_MAX + 64)

void trial_record_write(const struct paths *paths, const char *text)
{
    char header[STATE_HEADER_SIZE], bytes[SIZE];
    int n;

    state_header(paths, paths->orders, KIND, header);
    n = snprintf(bytes, sizeof(bytes), "%s%" PRId64 " %.*s\n", header, (int64_t)time(NULL),
                 TRIAL_TEXT_MAX - 1, text);
    /* Without it status tells less of the trial. */
    (void)file_replace(paths->root, paths->trial + strlen(paths->root), bytes, (size_t)n);
}

void trial_record_remove(const struct paths *paths)
{
    (void)unlink(paths->trial); /* one that nobody holds a trial to is passed over */
}

bool trial_record_read(const struct paths *paths, struct trial_record *ret)
{
    _cleanup_text_ struct text text = {0};
    char header[STATE_HEADER_SIZE];
    struct trial_record record = {0};
    const char *rest;
    int end = 0;

    if (file_load(paths->trial, SIZE, &text) < 0 || text.n == 0)
        return false;
    state_header(paths, paths->orders, KIND, header);
    rest = startswith(text.bytes, header);
    if (!rest || sscanf(rest, "%" SCNd64 " %n", &record.since, &end) != 1 || end == 0 ||
        accepted_trial_lives(paths) == 0)
        return false;
    rest += end;
    snprintf(record.text, sizeof(record.text), "%.*s", (int)strcspn(rest, "\n"), rest);
    *ret = record;
    return true;
}
