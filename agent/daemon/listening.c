/* When which socket is open. */
#include "agent/daemon/listening.h"

#include <stdlib.h>

#include "agent/daemon/metrics.h"

#define PAUSE (700 * USEC_PER_MSEC)
#define PAUSE_SPREAD 200 /* ms, so that many hosts do not pull together */

/* One kind of messages. */
struct channel {
    struct listening *listening;
    enum watch_kind kind;
    bool wanted;
    struct watch watch; /* of settings: beside that of links */
    sd_event_source *source;
    struct deadline open_again;
};

struct listening {
    struct listening_options options;
    struct channel channels[WATCH_COUNT];
    bool overrun; /* messages were lost: what is queued is of no use */
};

static int on_waiting(sd_event_source *source, int fd, uint32_t events, void *data)
{
    const struct channel *channel = data;

    listening_take(channel->listening, channel->kind);
    return 0;
}

static int join(struct listening *listening)
{
    struct channel *settings = &listening->channels[WATCH_NETCONF];
    struct watch *links = &listening->channels[WATCH_LINK].watch;

    if (!settings->wanted || settings->watch.paused || links->paused || links->beside)
        return 0; /* it comes when the others do */
    return listening->options.kernel->join(links, &settings->watch, WATCH_NETCONF);
}

static int open_channel(struct channel *channel)
{
    const struct listening_options *options = &channel->listening->options;
    int r;

    channel->watch.paused = false;
    if (channel->kind == WATCH_NETCONF)
        return join(channel->listening);
    r = options->kernel->open(&channel->watch, channel->kind, options->receive_buffer);
    if (r >= 0 && loop_event(options->loop))
        r = sd_event_add_io(loop_event(options->loop), &channel->source, watch_fd(&channel->watch),
                            EPOLLIN, on_waiting, channel);
    return r >= 0 && channel->kind == WATCH_LINK ? join(channel->listening) : r;
}

static void close_channel(struct channel *channel)
{
    deadline_clear(&channel->open_again);
    if (channel->kind == WATCH_NETCONF) {
        watch_leave(&channel->listening->channels[WATCH_LINK].watch);
        channel->watch.paused = false;
        return;
    }
    channel->source = sd_event_source_disable_unref(channel->source);
    watch_close(&channel->watch);
}

/* Without a socket the writer is not slowed down, and nothing has to be drained. */
static void pause_channel(struct channel *channel)
{
    const struct listening_options *options = &channel->listening->options;
    uint64_t spread = (uint64_t)(random() % PAUSE_SPREAD) * USEC_PER_MSEC;

    close_channel(channel);
    channel->watch.pauses++;
    channel->watch.paused = true;
    deadline_set(&channel->open_again, loop_now(options->loop) + PAUSE + spread);
    options->changed(options->data);
}

static void on_open_again(void *data)
{
    struct channel *channel = data;
    const struct listening_options *options = &channel->listening->options;

    if (open_channel(channel) < 0)
        pause_channel(channel); /* no memory, no descriptors: again in a moment */
    else
        options->resumed(options->data);
}

static void drain(struct listening *listening, enum watch_kind kind)
{
    const struct listening_options *options = &listening->options;
    struct channel *channel = &listening->channels[kind];
    int r = options->kernel->drain(&channel->watch, loop_taken_up(options->loop), options->message,
                                   options->data);

    if (r < 0) {
        log_plain(options->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                  "The %s messages of the kernel cannot be read: %s. Trying again",
                  watch_name(kind), strerror(-r));
        pause_channel(channel);
        return;
    }
    if (r & WATCH_FLOOD_BESIDE)
        pause_channel(&listening->channels[WATCH_NETCONF]);
    if (r & WATCH_FLOOD) {
        pause_channel(channel);
        return;
    }
    if (r & WATCH_OVERRUN) {
        listening->overrun = true;
        options->lost(options->data);
    }
}

void listening_take(struct listening *listening, enum watch_kind kind)
{
    (void)loop_take_up(listening->options.loop); /* the time is noted, not needed here */
    drain(listening, kind);
    listening->options.taken(listening->options.data);
}

int listening_to(struct listening *listening, unsigned kinds)
{
    int result = 0;

    kinds |= 1U << WATCH_LINK | 1U << WATCH_NETCONF;
    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++) {
        struct channel *channel = &listening->channels[kind];
        bool was = channel->wanted;
        int r = 0;

        channel->wanted = kinds & 1U << kind;
        if (channel->wanted && !was)
            r = open_channel(channel);
        else if (!channel->wanted && was)
            close_channel(channel);
        if (r < 0)
            pause_channel(channel);
        gather(&result, r);
    }
    return result;
}

void listening_follow_routes(struct listening *listening, const struct watch_routes *routes)
{
    /* Where the filter cannot be set, the one before goes on: a reading tells the rest. */
    (void)watch_follow_routes(&listening->channels[WATCH_ROUTE].watch, routes);
    /* Where the filter cannot be set, the one before goes on: a reading tells the rest. */
    (void)watch_follow_routes(&listening->channels[WATCH_ROUTE6].watch, routes);
}

void listening_discard(struct listening *listening)
{
    if (!listening->overrun)
        return;
    listening->overrun = false;
    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++)
        /* What stays is read like any other message. */
        (void)watch_discard(&listening->channels[kind].watch);
}

int listening_new(const struct listening_options *options, struct listening **ret)
{
    static const struct listening_kernel kernel = {
        .open = watch_open, .join = watch_join, .drain = watch_drain};
    struct listening *listening = calloc(1, sizeof(*listening));

    if (!listening)
        return -ENOMEM;
    listening->options = *options;
    if (!options->kernel)
        listening->options.kernel = &kernel;
    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++) {
        struct channel *channel = &listening->channels[kind];

        channel->listening = listening;
        channel->kind = kind;
        deadline_init(&channel->open_again, options->loop, on_open_again, channel);
    }
    *ret = listening;
    return 0;
}

struct listening *listening_free(struct listening *listening)
{
    if (!listening)
        return NULL;
    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++) {
        close_channel(&listening->channels[kind]);
        deadline_done(&listening->channels[kind].open_again);
    }
    free(listening);
    return NULL;
}

/* Settings come through the socket of links, and are not read either while that is closed. */
static bool is_paused(const struct listening *listening, enum watch_kind kind)
{
    return listening->channels[kind].watch.paused ||
           (kind == WATCH_NETCONF && listening->channels[WATCH_LINK].watch.paused);
}

json_t *listening_json(const struct listening *listening)
{
    json_t *sockets = json_object();

    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++) {
        const struct channel *channel = &listening->channels[kind];
        const struct watch *watch = &channel->watch;

        if (channel->wanted)
            json_object_set_new(
                sockets, watch_name(kind),
                json_pack("{s:I, s:I, s:I, s:b}", "messages", (json_int_t)watch->messages,
                          "overruns", (json_int_t)watch->overruns, "pauses",
                          (json_int_t)watch->pauses, "paused", is_paused(listening, kind)));
    }
    return sockets;
}

void listening_metrics(FILE *out, const struct listening *listening)
{
    metrics_family(out, "rpfpolicy_agent_overruns_total", "counter",
                   "Times that kernel messages were lost and everything was read again.");
    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++)
        fprintf(out, "rpfpolicy_agent_overruns_total{socket=\"%s\"} %llu\n", watch_name(kind),
                (unsigned long long)listening->channels[kind].watch.overruns);
    metrics_family(out, "rpfpolicy_agent_pauses_total", "counter",
                   "Times that a flood of kernel messages was sat out.");
    for (enum watch_kind kind = 0; kind < WATCH_COUNT; kind++)
        fprintf(out, "rpfpolicy_agent_pauses_total{socket=\"%s\"} %llu\n", watch_name(kind),
                (unsigned long long)listening->channels[kind].watch.pauses);
}
