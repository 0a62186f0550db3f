/* Journal entries with stable message ids; plain lines on standard error elsewhere. Who does not
 * read what is said, be it a journal that waits for its disk or a terminal that was stopped, loses
 * it, and is told how much: the agent is held up for a moment at most. */
#include "agent/daemon/log.h"

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "policy/base/name.h"
#include "policy/base/util.h"

#define WAIT_MS 10 /* as long as process 1 waits for the journal */

static const char *const ids[LOG_EVENT_COUNT] = {
    [LOG_EVENT_PLAIN] = "1b1786f264fb4878b40d4b5a321cfb99",
    [LOG_EVENT_STARTED] = "9f3d025e2c64465087ece5ed3e2ca741",
    [LOG_EVENT_STOPPED] = "00b74b837b9e476299d515d6ee124abc",
    [LOG_EVENT_POLICY] = "400418c3f1814907991b2fd1a8fed88d",
    [LOG_EVENT_NO_POLICY] = "1ec8bca13fb240c5a35c4ada0b89ca34",
    [LOG_EVENT_POLICY_DAMAGED] = "08bd2af6b82d4f3d9bf4e64d7f0cc91c",
    [LOG_EVENT_POLICY_REFUSED] = "e40a7f5a53294a55aa713dcc5f8fc2cb",
    [LOG_EVENT_GIVEN] = "c52e4380d5f1405cbc1e626a3666d928",
    [LOG_EVENT_REPAIRED] = "207c23fa6ffa498e90c40f032de3550c",
    [LOG_EVENT_WRITER] = "98308d380c864771a23f33f504fbb648",
    [LOG_EVENT_WRITER_GONE] = "59886baaa9834b7ba4634be88ffdf87d",
    [LOG_EVENT_WRITE_FAILED] = "db71a76a2f5a4789a033ae44816fb68d",
    [LOG_EVENT_BLOCKED] = "d7b176f3de4747a7a26314f22d9ec5c4",
    [LOG_EVENT_PAUSED] = "f0a733c8f1e04caab2ee4f8ef9f1fd1c",
    [LOG_EVENT_RESUMED] = "baf307f1b4fd4d88b475d911a4e5e332",
    [LOG_EVENT_RESYNC] = "e0b11c9dcd53476b9794df5752f983c6",
    [LOG_EVENT_ROUTING_SET] = "44ee09894ce54498bb39025a2879a018",
    [LOG_EVENT_ROUTING_REPAIRED] = "ad1a652383e248ba96ca367961f6a187",
    [LOG_EVENT_ROUTING_WRITER] = "4fee9bfe4e6c40b991be2903dc7a37df",
    [LOG_EVENT_ROUTING_CONFLICT] = "0032f9ec1c6d4dad8ecf1f88898a674e",
    [LOG_EVENT_ROUTING_FAILED] = "12f966c026db45db97b8afd52ea27567",
};

/* Standard error already goes to the journal under a unit: JOURNAL_STREAM names its device and
 * inode (systemd.exec(5)). Only then the native protocol is used: a person at a terminal reads
 * lines. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

const char *log_hold_text(const char *name, char buf[static LOG_HOLD_SIZE])
{
    char shown[NAME_ESCAPED_SIZE]; /* so that it is a word in every shell: pause knows \xHH */
    _cleanup_free_ char *word = name_quote(name_escape_buf(name, shown, sizeof(shown)));

    snprintf(buf, LOG_HOLD_SIZE, "To hold it: rpfpolicy pause --reason=TEXT %s%s",
             word && streq(word, shown) ? "" : "-- ", word ?: "?");
    return buf;
}

void logger_init(struct logger *logger, bool verbose, unsigned *lost)
{
    logger->journal = stderr_is_journal();
    logger->max_level = verbose ? LOG_DEBUG : LOG_INFO;
    logger->lost = lost;
    logger->probe = logger->journal ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
}

void logger_done(struct logger *logger)
{
    if (logger->probe >= 0)
        close(logger->probe);
    logger->probe = -1;
}

/* sd_journal_sendv() and write() would wait. The socket of the journal may have been made anew, so
 * it is looked up each time. */
static bool has_room(const struct logger *logger, int wait_ms)
{
    static const struct sockaddr_un journal = {.sun_family = AF_UNIX,
                                               .sun_path = "/run/systemd/journal/socket"};
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (logger->journal) {
        fd.fd = logger->probe;
        if (fd.fd < 0 || connect(fd.fd, (const struct sockaddr *)&journal, sizeof(journal)) < 0)
            return true; /* nothing there that could be full */
    }
    return poll(&fd, 1, wait_ms) > 0 && fd.revents & POLLOUT;
}

struct entry {
    struct iovec fields[16];
    int count;
};

/* Append FIELD=value; memory that runs out loses the field, never the entry. */
static void entry_add(struct entry *entry, const char *format, ...) _printf_(2, 3);
static void entry_add(struct entry *entry, const char *format, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0 || entry->count == (int)ELEMENTSOF(entry->fields))
        return;
    entry->fields[entry->count++] = (struct iovec){.iov_base = text, .iov_len = (size_t)n};
}

static void entry_send(struct entry *entry)
{
    (void)sd_journal_sendv(entry->fields, entry->count); /* who cannot log cannot say so */
    for (int i = 0; i < entry->count; i++)
        free(entry->fields[i].iov_base);
}

static void entry_start(struct entry *entry, enum log_event event, int level, const char *message)
{
    entry_add(entry, "MESSAGE=%s", message);
    entry_add(entry, "PRIORITY=%d", level);
    entry_add(entry, "SYSLOG_IDENTIFIER=rpfpolicy-agent");
    entry_add(entry, "MESSAGE_ID=%s", ids[event]);
}

static void send_plain(const struct logger *logger, enum log_event event, int level,
                       const char *text)
{
    struct entry entry = {.count = 0};

    if (!logger->journal) {
        fprintf(stderr, "rpfpolicy-agent: %s\n", text);
        return;
    }
    entry_start(&entry, event, level, text);
    entry_send(&entry);
}

/* Is there anybody who takes another entry? Then first of all what was lost before. What a burst of
 * new devices was given is not waited for, and nobody is waited for twice. */
static bool is_heard(const struct logger *logger, int level)
{
    char text[80];

    if (*logger->lost > 0 && has_room(logger, 0)) {
        snprintf(text, sizeof(text), "Entries that nobody read in time, and which are lost: %u",
                 *logger->lost);
        *logger->lost = 0;
        send_plain(logger, LOG_EVENT_PLAIN, LOG_INFO, text);
    }
    if (has_room(logger, *logger->lost > 0 || level == LOG_DEBUG ? 0 : WAIT_MS))
        return true;
    (*logger->lost)++;
    return false;
}

void log_plain(const struct logger *logger, enum log_event event, int level, const char *format,
               ...)
{
    _cleanup_free_ char *text = NULL;
    va_list ap;
    int n;

    if ((!logger->journal && level > logger->max_level) || !is_heard(logger, level))
        return;
    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0) {
        text = NULL;
        return;
    }
    send_plain(logger, event, level, text);
}

void log_change(const struct logger *logger, const struct log_change *change)
{
    char name[NAME_ESCAPED_SIZE];
    struct entry entry = {.count = 0};

    if ((!logger->journal && change->level > logger->max_level) || !is_heard(logger, change->level))
        return;
    if (!logger->journal) {
        fprintf(stderr, "rpfpolicy-agent: %s\n", change->message);
        return;
    }
    name_escape_buf(change->name, name, sizeof(name));
    entry_start(&entry, change->event, change->level, change->message);
    entry_add(&entry, "SYSCTL=net/ipv4/conf/%s/%s", name, key_info(change->key)->name);
    entry_add(&entry, "OLDVALUE=%d", change->old_value);
    entry_add(&entry, "NEWVALUE=%d", change->new_value);
    entry_add(&entry, "OURVALUE=%d", change->new_value);
    entry_add(&entry, "RPF_DEVICE=%s", name);
    entry_add(&entry, "RPF_IFINDEX=%d", change->ifindex > 0 ? change->ifindex : 0);
    if (change->rule)
        entry_add(&entry, "RPF_RULE=%s:%u", change->rule->origin.file, change->rule->origin.line);
    if (change->cause)
        entry_add(&entry, "RPF_CAUSE=%s", change->cause);
    entry_send(&entry);
}
