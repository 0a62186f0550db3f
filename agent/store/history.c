/* Writing and reading the history. The file is replaced as a whole each time, which is safe against
 * power cuts and bounds it; decisions are rare. Fields of a line are divided by tabs and escaped:
 *
 *   1 TIME WHAT HASH REVISION ORIGIN DETAIL UID LOGINUID SUDO TERMINAL UNIT */
#include "agent/store/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#include "agent/base/file.h"
#include "policy/base/name.h"

#define VERSION "1"
#define FIELDS 12
#define HISTORY_MAX (4U << 20) /* bytes; what is larger is none of ours */

static const struct {
    const char *name, *id, *text;
    int level;
} decisions[DECISION_COUNT] = {
    [DECISION_ACCEPT] = {"accept", "ce58b0a232e542938722c71a02426c35", "Policy accepted",
                         LOG_NOTICE},
    [DECISION_FORCE] = {"force", "ea641c5e93ce4aa8ad434c0615764bbb", "Policy accepted by force",
                        LOG_NOTICE},
    [DECISION_REFUSE] = {"refuse", "213f011c2fb44a938e498b06e1617914", "Refused", LOG_NOTICE},
    [DECISION_PAUSE] = {"pause", "0af2f36758a0448e8fb3ee7a1cff66da", "Paused", LOG_NOTICE},
    [DECISION_RESUME] = {"resume", "a381391fffda4da3a88f1e5716891130", "Resumed", LOG_NOTICE},
    [DECISION_RESTORE] = {"restore", "65cb8422a0434469a75a17f71bb0c2eb",
                          "Going back to former values", LOG_NOTICE},
    [DECISION_ROLLBACK] = {"rollback", "74a5574e3fe94e949225d9a1d7643e28",
                           "Policy on trial taken back", LOG_WARNING},
    [DECISION_CONFIRM] = {"confirm", "1ade9ff01f4747e488bcab60cbe83610",
                          "Policy on trial confirmed", LOG_NOTICE},
};

const char *decision_name(enum decision what)
{
    return decisions[what].name;
}

const char *decision_id(enum decision what)
{
    return decisions[what].id;
}

/* Who */

static int load_of_process(pid_t pid, const char *name, struct text *ret)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return file_load(path, HISTORY_MAX, ret);
}

static int64_t read_login(pid_t pid)
{
    _cleanup_text_ struct text text = {0};
    unsigned long long login;

    if (load_of_process(pid, "loginuid", &text) < 0 || text.n == 0)
        return -1;
    login = strtoull(text.bytes, NULL, 10);
    return login >= UINT32_MAX ? -1 : (int64_t)login;
}

static void put(char ret[static HISTORY_TEXT_SIZE], const char *text, size_t n)
{
    if (n >= HISTORY_TEXT_SIZE)
        n = HISTORY_TEXT_SIZE - 1;
    memcpy(ret, text, n);
    ret[n] = '\0';
}

/* Anybody may set it: a claim. */
static void read_sudo(pid_t pid, char ret[static HISTORY_TEXT_SIZE])
{
    _cleanup_text_ struct text text = {0};

    if (load_of_process(pid, "environ", &text) < 0)
        return;
    for (size_t at = 0; at < text.n; at += strlen(text.bytes + at) + 1) {
        const char *user = startswith(text.bytes + at, "SUDO_USER=");

        if (user)
            put(ret, user, strlen(user));
    }
}

static void read_terminal(pid_t pid, char ret[static HISTORY_TEXT_SIZE])
{
    char path[64], target[HISTORY_TEXT_SIZE];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/fd/0", (int)pid);
    n = readlink(path, target, sizeof(target));
    if (n > 8 && (memcmp(target, "/dev/tty", 8) == 0 || memcmp(target, "/dev/pts", 8) == 0))
        put(ret, target + strlen("/dev/"), (size_t)n - strlen("/dev/"));
}

static void read_unit(pid_t pid, char ret[static HISTORY_TEXT_SIZE])
{
    _cleanup_text_ struct text text = {0};
    const char *unit;

    if (load_of_process(pid, "cgroup", &text) < 0 || text.n == 0)
        return;
    text.bytes[strcspn(text.bytes, "\n")] = '\0';
    unit = strrchr(text.bytes, '/');
    if (unit)
        put(ret, unit + 1, strlen(unit + 1));
}

static void describe_policy(const struct policy *policy, struct history_record *record)
{
    _cleanup_text_ struct text files = {0};

    policy_hash_text(policy, record->hash);
    if (policy->agent.revision)
        put(record->revision, policy->agent.revision, strlen(policy->agent.revision));
    for (size_t i = 0; i < policy->n_files; i++)
        text_add(&files, "%s%s", i > 0 ? " " : "", policy->files[i]);
    put(record->origin, files.bytes ?: "", files.bytes ? files.n : 0);
}

void history_describe(enum decision what, pid_t pid, uid_t uid, const struct policy *policy,
                      const char *detail, struct history_record *ret)
{
    *ret =
        (struct history_record){.time = time(NULL), .what = what, .uid = pid == 0 ? getuid() : uid};
    if (policy)
        describe_policy(policy, ret);
    put(ret->detail, detail, strlen(detail));
    if (pid == 0)
        pid = getpid();
    ret->login = read_login(pid);
    read_sudo(pid, ret->sudo);
    read_terminal(pid, ret->terminal);
    read_unit(pid, ret->unit);
}

/* The journal */

static void send_field(struct text *entry, const char *name, const char *value)
{
    _cleanup_free_ char *escaped = name_escape(value);

    if (escaped && *escaped)
        text_add(entry, "%s=%s\n", name, escaped);
}

/* systemd.io/JOURNAL_NATIVE_PROTOCOL; syslog(3) would keep neither message id nor fields. */
static int send_entry(const struct text *entry)
{
    static const struct sockaddr_un journal = {.sun_family = AF_UNIX,
                                               .sun_path = "/run/systemd/journal/socket"};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (entry->failed)
        return -ENOMEM;
    if (fd < 0 || sendto(fd, entry->bytes, entry->n, MSG_NOSIGNAL,
                         (const struct sockaddr *)&journal, sizeof(journal)) < 0)
        return -errno;
    return 0;
}

void history_tell(const struct history_record *record)
{
    _cleanup_text_ struct text entry = {0}, message = {0};
    char shown[HISTORY_TEXT_SIZE];

    text_add(&message, "%s", decisions[record->what].text);
    if (record->detail[0])
        text_add(&message, ": %s", name_escape_buf(record->detail, shown, sizeof(shown)));
    if (record->hash[0])
        text_add(&message, " (%s)", record->hash);
    text_add(&entry, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=rpfpolicy\nMESSAGE_ID=%s\n",
             message.bytes ?: "", decisions[record->what].level, decisions[record->what].id);
    text_add(&entry, "RPF_DECISION=%s\nRPF_UID=%" PRId64 "\n", decisions[record->what].name,
             record->uid);
    if (record->login >= 0)
        text_add(&entry, "RPF_LOGINUID=%" PRId64 "\n", record->login);
    send_field(&entry, "RPF_POLICY", record->hash);
    send_field(&entry, "RPF_REVISION", record->revision);
    send_field(&entry, "RPF_ORIGIN", record->origin);
    send_field(&entry, "RPF_SUDO_USER", record->sudo);
    send_field(&entry, "RPF_TERMINAL", record->terminal);
    if (send_entry(&entry) >= 0)
        return;
    openlog("rpfpolicy", LOG_PID, LOG_DAEMON);
    syslog(decisions[record->what].level, "%s", message.bytes ?: "");
}

/* The file */

static void add_field(struct text *line, const char *value)
{
    _cleanup_free_ char *escaped = name_escape(value);

    if (!escaped)
        line->failed = true;
    else
        text_add(line, "\t%s", escaped);
}

static void format_record(const struct history_record *record, struct text *ret)
{
    text_add(ret, VERSION "\t%" PRId64 "\t%s\t%s", record->time, decisions[record->what].name,
             record->hash);
    add_field(ret, record->revision);
    add_field(ret, record->origin);
    add_field(ret, record->detail);
    text_add(ret, "\t%" PRId64 "\t%" PRId64, record->uid, record->login);
    add_field(ret, record->sudo);
    add_field(ret, record->terminal);
    add_field(ret, record->unit);
    text_put(ret, "\n");
}

static bool take_number(const char *field, int64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoll(field, &end, 10);
    return end != field && !*end && !errno && *ret >= -1;
}

static bool take_text(char *field, char ret[static HISTORY_TEXT_SIZE])
{
    if (!name_unescape(field) || strlen(field) >= HISTORY_TEXT_SIZE)
        return false;
    put(ret, field, strlen(field));
    return true;
}

static bool take_decision(const char *field, enum decision *ret)
{
    for (enum decision what = 0; what < DECISION_COUNT; what++)
        if (streq(field, decisions[what].name)) {
            *ret = what;
            return true;
        }
    return false;
}

/* Takes the line apart. */
static bool parse_record(char *line, struct history_record *ret)
{
    char *fields[FIELDS];
    size_t n = 0;

    *ret = (struct history_record){0};
    for (char *field = line; field && n < FIELDS; n++) {
        fields[n] = field;
        field = strchr(field, '\t');
        if (field)
            *field++ = '\0';
        if ((n == FIELDS - 1) != !field)
            return false;
    }
    if (n != FIELDS || !streq(fields[0], VERSION) || !take_number(fields[1], &ret->time) ||
        !take_decision(fields[2], &ret->what) ||
        strspn(fields[3], "0123456789abcdef") != strlen(fields[3]) ||
        strlen(fields[3]) >= sizeof(ret->hash))
        return false;
    strcpy(ret->hash, fields[3]);
    return take_text(fields[4], ret->revision) && take_text(fields[5], ret->origin) &&
           take_text(fields[6], ret->detail) && take_number(fields[7], &ret->uid) &&
           take_number(fields[8], &ret->login) && take_text(fields[9], ret->sudo) &&
           take_text(fields[10], ret->terminal) && take_text(fields[11], ret->unit);
}

/* Where the last n whole lines begin. *ret_end: where they end. */
static size_t find_last(const struct text *text, size_t n, size_t *ret_end)
{
    size_t end = text->n, at;

    while (end > 0 && text->bytes[end - 1] != '\n') /* torn */
        end--;
    at = end;
    for (size_t lines = 0; at > 0; at--)
        if (text->bytes[at - 1] == '\n' && lines++ == n)
            break;
    *ret_end = end;
    return at;
}

int history_add(const struct paths *paths, const struct history_record *record)
{
    _cleanup_text_ struct text was = {0}, now = {0};
    size_t at, end;
    int r;

    history_tell(record);
    r = file_load(paths->history, HISTORY_MAX, &was);
    if (r < 0 && r != -ENOENT && r != -EBADMSG && r != -EFBIG && r != -ELOOP)
        return r;
    at = find_last(&was, HISTORY_RECORDS - 1, &end);
    if (end > at)
        text_put_bytes(&now, was.bytes + at, end - at);
    format_record(record, &now);
    if (now.failed)
        return -ENOMEM;
    file_replace_clean(paths->history, NULL);
    r = file_replace(paths->root, paths->history + strlen(paths->root), now.bytes, now.n);
    return r < 0 ? r : 0;
}

int history_read(const struct paths *paths, struct history *ret)
{
    _cleanup_text_ struct text text = {0};
    _cleanup_history_ struct history history = {0};
    int r = file_load(paths->history, HISTORY_MAX, &text);

    if (r < 0 && r != -ENOENT)
        return r;
    for (size_t at = 0; at < text.n;) {
        char *line = text.bytes + at, *end = memchr(line, '\n', text.n - at);

        if (!end)
            break;
        *end = '\0';
        at = (size_t)(end + 1 - text.bytes);
        r = grow((void **)&history.records, &history.capacity, history.count,
                 sizeof(*history.records));
        if (r < 0)
            return r;
        if (strlen(line) == (size_t)(end - line))
            history.count += parse_record(line, &history.records[history.count]);
    }
    *ret = history;
    history = (struct history){0};
    return 0;
}

void history_done(struct history *history)
{
    free(history->records);
    *history = (struct history){0};
}
