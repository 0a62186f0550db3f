/* The record of what was there before the first write since boot: a text file, one line per key and
 * device, "KEY VALUE IFINDEX NAME", below a line that says which boot and which network namespace
 * they belong to. */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock.h"

#define COMPACT_FROM (64 * 1024)

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#define _cleanup_close_ _cleanup_(close_fd)

struct text {
    char *bytes; /* owned, NUL-terminated */
    size_t n, size;
};

static void text_done(struct text *text)
{
    free(text->bytes);
}

struct records {
    struct before_record *items;
    size_t count, capacity;
};

static void records_done(struct records *records)
{
    free(records->items);
}

/* The whole file; -ENOENT. */
static int read_text(int fd, struct text *ret)
{
    _cleanup_(text_done) struct text text = {0};

    for (;;) {
        ssize_t n;

        if (text.size - text.n < 4096) {
            size_t size = text.size ? 2 * text.size : 16384;
            char *p = realloc(text.bytes, size + 1);

            if (!p)
                return -ENOMEM;
            text.bytes = p;
            text.size = size;
        }
        n = read(fd, text.bytes + text.n, text.size - text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        text.n += (size_t)n;
    }
    text.bytes[text.n] = '\0';
    *ret = text;
    text = (struct text){0};
    return 0;
}

/* Inode numbers of namespaces are used again: in a foreign one the file may be of a dead one. */
static uint64_t namespace_cookie(const struct paths *paths)
{
    _cleanup_close_ int fd = -1;
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);

    if (!paths->foreign)
        return 0;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
        return 0;
    return cookie;
}

/* The first line of a file that is valid now. */
static void make_header(const struct paths *paths, char *ret, size_t size)
{
    _cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    char boot[64] = "-";
    ssize_t n = fd < 0 ? 0 : read(fd, boot, sizeof(boot) - 1);

    if (n > 0)
        boot[n] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    snprintf(ret, size, "rpfpolicy-before 1 %s %" PRIu64 "\n", boot, namespace_cookie(paths));
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = memchr(digits, c, sizeof(digits) - 1);

    return at ? (int)(at - digits) : -1;
}

/* Undo name_escape(). */
static int unescape_name(const char *s, char *ret, size_t size)
{
    size_t n = 0;

    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '\\') {
            int high, low;

            if (s[1] != 'x' || (high = hex_digit(s[2])) < 0 || (low = hex_digit(s[3])) < 0)
                return -EBADMSG;
            c = (unsigned char)(high << 4 | low);
            s += 3;
        }
        if (n + 1 >= size || c == '\0')
            return -EBADMSG;
        ret[n++] = (char)c;
    }
    ret[n] = '\0';
    return n == 0 ? -EBADMSG : 0;
}

static int parse_record(const char *line, struct before_record *ret)
{
    struct before_record record = {0};
    char key[32];
    int at = 0;

    if (sscanf(line, "%31s %d %d %n", key, &record.value, &record.ifindex, &at) != 3 || at == 0)
        return -EBADMSG;
    if (key_from_name(key, &record.key) < 0 ||
        unescape_name(line + at, record.name, sizeof(record.name)) < 0)
        return -EBADMSG;
    *ret = record;
    return 0;
}

/* Records in the order of the file. *ret_whole is where the last whole line ends; what is after it
 * was cut by a full disk. Lines that cannot be read are passed over. -ESTALE: of another boot. */
static int parse_records(struct text *text, const char *header, struct records *records,
                         size_t *ret_whole)
{
    size_t at = strlen(header);

    if (text->n < at || memcmp(text->bytes, header, at) != 0)
        return -ESTALE;
    for (;;) {
        char *line = text->bytes + at, *end = memchr(line, '\n', text->n - at);
        struct before_record record;

        if (!end)
            break;
        *end = '\0';
        at = (size_t)(end + 1 - text->bytes);
        if (parse_record(line, &record) < 0)
            continue;
        if (grow((void **)&records->items, &records->capacity, records->count, sizeof(record)) < 0)
            return -ENOMEM;
        records->items[records->count++] = record;
    }
    *ret_whole = at;
    return 0;
}

static int read_records(int fd, const char *header, struct records *records, size_t *ret_whole)
{
    _cleanup_(text_done) struct text text = {0};
    int r = read_text(fd, &text);

    return r < 0 ? r : parse_records(&text, header, records, ret_whole);
}

static int compare(const void *a, const void *b)
{
    const struct before_record *x = *(const struct before_record *const *)a;
    const struct before_record *y = *(const struct before_record *const *)b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->ifindex != y->ifindex)
        return x->ifindex < y->ifindex ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* As compare(), the earlier one first. */
static int compare_in_order(const void *a, const void *b)
{
    const struct before_record *x = *(const struct before_record *const *)a;
    const struct before_record *y = *(const struct before_record *const *)b;
    int r = compare(a, b);

    return r != 0 ? r : (x > y) - (x < y);
}

/* Take the marked records out; the order stays. The first *old are those of the file. */
static void drop_marked(struct records *records, const bool *marked, size_t *old)
{
    size_t n = 0, kept_old = 0;

    for (size_t i = 0; i < records->count; i++) {
        if (marked[i])
            continue;
        kept_old += i < *old;
        records->items[n++] = records->items[i];
    }
    records->count = n;
    *old = kept_old;
}

/* Leave only the first record per key and device. */
static int drop_repeated(struct records *records, size_t *old)
{
    _cleanup_free_ const struct before_record **sorted = NULL;
    _cleanup_free_ bool *repeated = NULL;

    if (records->count == 0)
        return 0;
    sorted = calloc(records->count, sizeof(*sorted));
    repeated = calloc(records->count, sizeof(*repeated));
    if (!sorted || !repeated)
        return -ENOMEM;
    for (size_t i = 0; i < records->count; i++)
        sorted[i] = &records->items[i];
    qsort(sorted, records->count, sizeof(*sorted), compare_in_order);
    for (size_t i = 1; i < records->count; i++)
        repeated[sorted[i] - records->items] = compare(&sorted[i - 1], &sorted[i]) == 0;
    drop_marked(records, repeated, old);
    return 0;
}

static int drop_gone_devices(struct records *records, size_t *old)
{
    _cleanup_free_ bool *gone = calloc(records->count, sizeof(*gone));
    char name[IFNAMSIZ];

    if (!gone)
        return -ENOMEM;
    for (size_t i = 0; i < records->count; i++)
        gone[i] = records->items[i].ifindex > 0 &&
                  !if_indextoname((unsigned)records->items[i].ifindex, name) && errno == ENXIO;
    drop_marked(records, gone, old);
    return 0;
}

static int format_records(const char *header, const struct before_record *records, size_t n,
                          struct text *ret)
{
    FILE *f = open_memstream(&ret->bytes, &ret->n);
    char name[NAME_ESCAPED_SIZE];

    if (!f)
        return -ENOMEM;
    fputs(header, f);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%s %d %d %s\n", key_info(records[i].key)->name, records[i].value,
                records[i].ifindex, name_escape_buf(records[i].name, name, sizeof(name)));
    return fclose(f) == 0 ? 0 : -ENOMEM;
}

static int write_whole(int fd, const struct text *text)
{
    size_t at = 0;

    while (at < text->n) {
        ssize_t n = write(fd, text->bytes + at, text->n - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        at += (size_t)n;
    }
    return 0;
}

/* A new file takes the old one's place in one step, so that a reader never sees half of it. */
static int replace_file(const struct paths *paths, const struct text *text)
{
    _cleanup_close_ int fd = -1;
    char path[PATH_MAX];
    int r;

    if (snprintf(path, sizeof(path), "%s.new", paths->before) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    (void)unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -errno;
    run_file_give(paths, fd);
    r = write_whole(fd, text);
    if (r >= 0 && rename(path, paths->before) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(path);
    return r;
}

/* Add lines after the last whole one. On failure the file ends there again. */
static int append_lines(int fd, size_t whole, const struct text *text)
{
    int r;

    if (ftruncate(fd, (off_t)whole) < 0)
        return -errno;
    if (lseek(fd, (off_t)whole, SEEK_SET) < 0)
        return -errno;
    r = write_whole(fd, text);
    if (r < 0)
        (void)!ftruncate(fd, (off_t)whole);
    return r;
}

/* Each time the file doubles, devices that are gone are dropped from it: on a container host they
 * come and go by the thousand in one uptime. */
static bool grew_past_a_power_of_two(size_t from, size_t to)
{
    size_t limit = COMPACT_FROM;

    while (limit <= from)
        limit *= 2;
    return to >= limit;
}

int before_append(const struct paths *paths, const struct before_record *records, size_t n)
{
    _cleanup_(records_done) struct records all = {0};
    _cleanup_(text_done) struct text text = {0};
    _cleanup_close_ int fd = -1;
    size_t whole = 0, old;
    char header[128];
    int r;

    r = run_directory_make(paths);
    if (r < 0)
        return r;
    make_header(paths, header, sizeof(header));
    fd = open(paths->before, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    r = fd < 0 ? -errno : read_records(fd, header, &all, &whole);
    if (r < 0 && r != -ENOENT && r != -ESTALE)
        return r;
    old = all.count;
    for (size_t i = 0; i < n; i++) {
        if (grow((void **)&all.items, &all.capacity, all.count, sizeof(*records)) < 0)
            return -ENOMEM;
        all.items[all.count++] = records[i];
    }
    r = drop_repeated(&all, &old);
    if (r < 0 || (all.count == old && whole > 0))
        return r;
    r = format_records(whole > 0 ? "" : header, all.items + old, all.count - old, &text);
    if (r < 0)
        return r;
    if (whole == 0)
        return replace_file(paths, &text);
    if (!grew_past_a_power_of_two(whole, whole + text.n))
        return append_lines(fd, whole, &text);
    text_done(&text);
    text = (struct text){0};
    r = drop_gone_devices(&all, &old);
    if (r < 0)
        return r;
    r = format_records(header, all.items, all.count, &text);
    return r < 0 ? r : replace_file(paths, &text);
}

void before_log_close(struct before_log *log)
{
    close_fd(&log->fd);
    log->fd = -1;
}

/* Still the file at its place, and not yet so large that gone devices should be dropped. */
static bool may_go_on(const struct before_log *log, const struct paths *paths, size_t more)
{
    struct stat ours, theirs;

    return log->fd >= 0 && fstat(log->fd, &ours) == 0 && stat(paths->before, &theirs) == 0 &&
           ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev &&
           !grew_past_a_power_of_two((size_t)ours.st_size, (size_t)ours.st_size + more);
}

int before_log_add(struct before_log *log, const struct paths *paths,
                   const struct before_record *record)
{
    _cleanup_(text_done) struct text text = {0};
    off_t end;
    int r;

    r = format_records("", record, 1, &text);
    if (r < 0)
        return r;
    if (may_go_on(log, paths, text.n)) {
        end = lseek(log->fd, 0, SEEK_END);
        return end < 0 ? -errno : append_lines(log->fd, (size_t)end, &text);
    }
    before_log_close(log);
    r = before_append(paths, record, 1);
    if (r >= 0) /* of this boot and whole, since it was just added to */
        log->fd = open(paths->before, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return r;
}

int before_read(const struct paths *paths, struct before_record **ret, size_t *ret_count)
{
    _cleanup_(records_done) struct records records = {0};
    _cleanup_close_ int fd = open(paths->before, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char header[128];
    size_t whole, old = 0;
    int r;

    if (fd < 0)
        return -errno;
    make_header(paths, header, sizeof(header));
    r = read_records(fd, header, &records, &whole);
    if (r >= 0)
        r = drop_repeated(&records, &old);
    if (r < 0)
        return r == -ESTALE ? -ENOENT : r;
    *ret = TAKE_PTR(records.items);
    *ret_count = records.count;
    return 0;
}
