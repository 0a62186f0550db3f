/* Pauses in ORDERS/paused: a text file that is replaced as a whole. */
#include "agent/store/pause.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/file.h"
#include "agent/store/state_file.h"

#define KIND "rpfpolicy-paused 1"

uint64_t pauses_now(void)
{
    return clock_usec(CLOCK_BOOTTIME);
}

static void drop_those_over(struct pauses *pauses)
{
    uint64_t now = pauses_now();

    for (size_t i = pauses->count; i-- > 0;)
        if (pause_is_over(&pauses->items[i], now))
            pauses_remove(pauses, i);
}

static int parse(const struct paths *paths, const struct text *text, struct pauses *ret)
{
    char header[STATE_HEADER_SIZE];
    size_t n;
    int r;

    state_header(paths, paths->orders, KIND, header);
    n = strlen(header);
    if (text->n < n || memcmp(text->bytes, header, n) != 0) {
        /* Of another boot, or not one of ours. */
        if (!startswith(text->bytes, KIND " ") || !memchr(text->bytes, '\n', text->n))
            return -EBADMSG;
        *ret = (struct pauses){0};
        return 0;
    }
    if (strlen(text->bytes) != text->n)
        return -EBADMSG;
    r = pauses_parse(text->bytes + n, ret);
    if (r == 0)
        drop_those_over(ret);
    return r;
}

int pauses_read(const struct paths *paths, struct pauses *ret)
{
    _cleanup_text_ struct text text = {0};
    int r = file_load(paths->paused, STATE_MAX, &text);

    if (r == -ENOENT) {
        *ret = (struct pauses){0};
        return 0;
    }
    return r < 0 ? r : parse(paths, &text, ret);
}

int pauses_write(const struct paths *paths, const struct pauses *pauses)
{
    _cleanup_free_ char *lines = NULL;
    _cleanup_text_ struct text text = {0};
    char header[STATE_HEADER_SIZE];
    int r;

    if (pauses->count == 0)
        return unlink(paths->paused) < 0 && errno != ENOENT ? -errno : 0;
    lines = pauses_format(pauses);
    state_header(paths, paths->orders, KIND, header);
    if (lines)
        text_add(&text, "%s%s", header, lines);
    if (!lines || text.failed)
        return -ENOMEM;
    r = directory_make(paths->orders);
    return r < 0 ? r : file_put(paths->paused, text.bytes, text.n, NULL);
}
