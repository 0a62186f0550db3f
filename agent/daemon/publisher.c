/* When status and metrics are written, and how. */
#include "agent/daemon/publisher.h"

#include <systemd/sd-daemon.h>

#include "agent/base/file.h"

#define INTERVAL USEC_PER_SEC
#define HEARTBEAT (30 * USEC_PER_SEC)

struct publisher {
    struct publisher_options options;
    struct deadline due;
    bool failed; /* said once */
};

static int write_status(const struct publisher *publisher, const char *state)
{
    const struct publisher_options *options = &publisher->options;
    json_t *status = options->status(state, options->data);
    _cleanup_free_ char *path = NULL, *text = NULL;

    text = status ? json_dumps(status, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
    json_decref(status);
    if (!text)
        return -ENOMEM;
    if (asprintf(&path, "%s/status.json", options->paths->run) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return file_put(path, text, strlen(text), NULL);
}

/* NULL where memory is short. */
static char *text_of(void (*print)(FILE *out, void *data), void *data)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    print(out, data);
    if (fclose(out) == EOF) {
        free(text);
        return NULL;
    }
    return text;
}

static int write_metrics(const struct publisher *publisher)
{
    const struct publisher_options *options = &publisher->options;
    const char *path = options->metrics_file(options->data);
    _cleanup_free_ char *text = path ? text_of(options->metrics, options->data) : NULL;

    if (!path)
        return 0;
    return text ? file_put(path, text, strlen(text), NULL) : -ENOMEM;
}

int publisher_write(struct publisher *publisher, const char *state)
{
    _cleanup_free_ char *summary = text_of(publisher->options.summary, publisher->options.data);
    int r = write_status(publisher, state);

    gather(&r, write_metrics(publisher));
    if (summary)
        (void)sd_notifyf(false, "STATUS=%s", summary); /* without a manager nobody waits for it */
    return r;
}

static void on_due(void *data)
{
    struct publisher *publisher = data;
    const struct publisher_options *options = &publisher->options;
    int r;

    if (presence_check(options->presence) < 0)
        return;
    r = publisher_write(publisher, "running");
    if (r < 0 && !publisher->failed)
        log_plain(options->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "Status and metrics could not be written: %s", strerror(-r));
    publisher->failed = r < 0;
    presence_tell_again(options->presence);
    deadline_set(&publisher->due, loop_now(options->loop) + HEARTBEAT);
}

void publisher_changed(struct publisher *publisher)
{
    deadline_set_by(&publisher->due, loop_now(publisher->options.loop) + INTERVAL);
}

int publisher_new(const struct publisher_options *options, struct publisher **ret)
{
    struct publisher *publisher = calloc(1, sizeof(*publisher));

    if (!publisher)
        return -ENOMEM;
    publisher->options = *options;
    deadline_init(&publisher->due, options->loop, on_due, publisher);
    publisher->due.priority = SD_EVENT_PRIORITY_IDLE; /* nobody waits for it */
    *ret = publisher;
    return 0;
}

struct publisher *publisher_free(struct publisher *publisher)
{
    if (!publisher)
        return NULL;
    deadline_done(&publisher->due);
    free(publisher);
    return NULL;
}
