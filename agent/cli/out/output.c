/* Where results go: one big buffer before stdout, colour or not, how wide the terminal is, and
 * whether everything arrived. */
#include "agent/cli/out/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "policy/facts/states.h"

#define BUFFER_SIZE (64 * 1024)

static bool want_color(enum color_when color, bool terminal)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    if (color != COLOR_AUTO)
        return color == COLOR_ALWAYS;
    return terminal && !(no && *no) && term && !streq(term, "dumb");
}

static unsigned terminal_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    int n = columns ? atoi(columns) : 0;

    if (n > 0)
        return (unsigned)n;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Instead of stdout's own, since stdio forgets why a write failed. */
static ssize_t write_result(void *cookie, const char *bytes, size_t size)
{
    struct output *out = cookie;
    size_t done = 0;

    while (done < size && out->error == 0) {
        ssize_t n = write(STDOUT_FILENO, bytes + done, size - done);

        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            out->error = -errno;
    }
    return (ssize_t)done;
}

static int close_result(void *cookie)
{
    return close(STDOUT_FILENO);
}

void output_init(struct output *out, enum color_when color)
{
    bool terminal = isatty(STDOUT_FILENO);
    FILE *stream = fopencookie(
        out, "w", (cookie_io_functions_t){.write = write_result, .close = close_result});

    *out = (struct output){.stream = stream ?: stdout, .color = want_color(color, terminal)};
    if (terminal)
        out->width = terminal_width(STDOUT_FILENO);
    out->buffer = malloc(BUFFER_SIZE);
    setvbuf(out->stream, out->buffer, _IOFBF, BUFFER_SIZE);
}

void output_to_messages(struct output *out, enum color_when color)
{
    bool terminal = isatty(STDERR_FILENO);

    *out = (struct output){.stream = stderr, .color = want_color(color, terminal)};
    if (terminal)
        out->width = terminal_width(STDERR_FILENO);
}

int output_finish(struct output *out)
{
    bool failed = ferror(out->stream);

    errno = 0;
    if ((fclose(out->stream) != 0 || failed) && out->error == 0)
        out->error = errno > 0 ? -errno : -EIO;
    free(out->buffer);
    return out->error;
}

/* Of words that are no state, and of those that only a fleet has. */
static enum tone tone_of(const char *word)
{
    static const struct {
        const char *word;
        enum tone tone;
    } words[] = {
        {"heading", TONE_HEADING}, {"warning", TONE_CAUTION}, {"failed", TONE_BAD},
        {"broken", TONE_BAD},      {"unreadable", TONE_BAD},  {"stale", TONE_CAUTION},
        {"removed", TONE_BAD},     {"added", TONE_GOOD},
    };

    for (size_t i = 0; i < ELEMENTSOF(words); i++)
        if (streq(words[i].word, word))
            return words[i].tone;
    return state_tone(word);
}

const char *output_color(const struct output *out, const char *word)
{
    static const char *const sequences[] = {
        [TONE_PLAIN] = "",           [TONE_ALARM] = "\033[1;31m", [TONE_BAD] = "\033[31m",
        [TONE_CAUTION] = "\033[33m", [TONE_GOOD] = "\033[32m",    [TONE_FAINT] = "\033[2m",
        [TONE_HEADING] = "\033[1m",
    };

    return out->color ? sequences[tone_of(word)] : "";
}

const char *output_color_end(const struct output *out)
{
    return out->color ? "\033[0m" : "";
}
