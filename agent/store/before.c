/* The record of what was there before the first write since boot, and of what was written last: a
 * text file, one line per write, "KEY VALUE WROTE IFINDEX NAME ALL", below a line that says which
 * boot and which network namespace they belong to. Of the lines about one key of one device the
 * first tells what was there, the last what was written. ALL is what `all` was then: earlier
 * versions left it out, and their lines are still read. A line that begins with '=' was only noted:
 * nothing was written. */
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/store/before.h"
#include "agent/store/lock.h"
#include "agent/store/state_file.h"

#define COMPACT_FROM (64 * 1024)

struct records {
    struct before_record *items;
    size_t count, capacity;
};

static void records_done(struct records *records)
{
    free(records->items);
}

/* Of whoever writes. */
static bool is_root(void)
{
    return geteuid() == 0;
}

static const char *own_path(const struct paths *paths)
{
    return is_root() ? paths->before : paths->claims;
}

static void make_header(const struct paths *paths, bool root, char ret[static STATE_HEADER_SIZE])
{
    state_header(paths, root ? paths->orders : paths->run, "rpfpolicy-before 2", ret);
}

/* Undo name_escape(). ret has room for a device's name. */
static int unescape_name(const char *s, char *ret)
{
    char name[NAME_ESCAPED_SIZE];
    size_t n = strlen(s);

    if (n >= sizeof(name))
        return -EBADMSG;
    memcpy(name, s, n + 1);
    if (!name_unescape(name) || !name[0] || strlen(name) > DEVICE_NAME_MAX)
        return -EBADMSG;
    strcpy(ret, name);
    return 0;
}

/* Cut ALL off the end of a line, where it is: no name holds a blank. */
static int take_all(char *name, struct before_record *record)
{
    char *blank = strchr(name, ' '), *end;
    long all;

    if (!blank)
        return 0;
    *blank++ = '\0';
    errno = 0;
    all = strtol(blank, &end, 10);
    if (end == blank || *end || errno || all < INT_MIN || all > INT_MAX)
        return -EBADMSG;
    record->all = (int)all;
    record->all_known = true;
    return 0;
}

static int parse_record(char *line, struct before_record *ret)
{
    struct before_record record = {0};
    char key[32];
    int at = 0;

    record.noted = line[0] == '=';
    line += record.noted;
    if (sscanf(line, "%31s %d %d %d %n", key, &record.value, &record.wrote, &record.ifindex, &at) !=
            4 ||
        at == 0 || take_all(line + at, &record) < 0)
        return -EBADMSG;
    if (key_from_name(key, &record.key) < 0 || unescape_name(line + at, record.name) < 0)
        return -EBADMSG;
    record.wrote_earlier = record.wrote;
    *ret = record;
    return 0;
}

/* Lines in the order of the file. What is after the last whole line was cut by a full disk; lines
 * that cannot be read are passed over. -ESTALE: of another boot. */
static int parse_records(struct text *text, const char *header, struct records *records)
{
    size_t at = strlen(header);

    if (text->n < at || memcmp(text->bytes, header, at) != 0)
        return -ESTALE;
    for (;;) {
        char *line = text->bytes + at, *end = memchr(line, '\n', text->n - at);
        struct before_record record;

        if (!end)
            return 0;
        *end = '\0';
        at = (size_t)(end + 1 - text->bytes);
        if (parse_record(line, &record) < 0)
            continue;
        if (grow((void **)&records->items, &records->capacity, records->count, sizeof(record)) < 0)
            return -ENOMEM;
        records->items[records->count++] = record;
    }
}

static int compare(const void *a, const void *b)
{
    const struct before_record *x = *(struct before_record *const *)a;
    const struct before_record *y = *(struct before_record *const *)b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->ifindex != y->ifindex)
        return x->ifindex < y->ifindex ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* As compare(), the earlier one first. */
static int compare_in_order(const void *a, const void *b)
{
    const struct before_record *x = *(struct before_record *const *)a;
    const struct before_record *y = *(struct before_record *const *)b;
    int r = compare(a, b);

    return r != 0 ? r : (x > y) - (x < y);
}

/* Take the marked records out; the order stays. */
static void drop_marked(struct records *records, const bool *marked)
{
    size_t n = 0;

    for (size_t i = 0; i < records->count; i++)
        if (!marked[i])
            records->items[n++] = records->items[i];
    records->count = n;
}

/* An `all` that we had written by then does not tell what there would have been without us. */
static void look_through_all(struct records *records)
{
    const struct before_record *first[KEY_COUNT] = {0};
    int wrote[KEY_COUNT], earlier[KEY_COUNT];

    for (size_t i = 0; i < records->count; i++) {
        struct before_record *record = &records->items[i];
        enum key key = record->key;

        if (record->ifindex != IFINDEX_ALL) {
            if (first[key] && (record->all == wrote[key] || record->all == earlier[key]))
                record->all = first[key]->value;
            continue;
        }
        if (!first[key] || wrote[key] != record->wrote)
            earlier[key] = first[key] ? wrote[key] : record->wrote;
        wrote[key] = record->wrote;
        first[key] = first[key] ?: record;
    }
}

/* Behind all others, so that what was looked through is not once more when it is read again. */
static void move_all_to_the_end(struct records *records)
{
    struct before_record all[KEY_COUNT];
    size_t n_all = 0, n = 0;

    for (size_t i = 0; i < records->count; i++) {
        if (records->items[i].ifindex == IFINDEX_ALL && n_all < KEY_COUNT)
            all[n_all++] = records->items[i];
        else
            records->items[n++] = records->items[i];
    }
    for (size_t i = 0; i < n_all; i++)
        records->items[n + i] = all[i];
}

/* One record per key and device: the first says what was there, the last two what was written. */
static int merge(struct records *records)
{
    _cleanup_free_ struct before_record **sorted = NULL;
    _cleanup_free_ bool *merged = NULL;
    struct before_record *first;

    if (records->count == 0)
        return 0;
    sorted = calloc(records->count, sizeof(*sorted));
    merged = calloc(records->count, sizeof(*merged));
    if (!sorted || !merged)
        return -ENOMEM;
    look_through_all(records);
    for (size_t i = 0; i < records->count; i++)
        sorted[i] = &records->items[i];
    qsort(sorted, records->count, sizeof(*sorted), compare_in_order);
    first = sorted[0];
    for (size_t i = 1; i < records->count; i++) {
        if (compare(&first, &sorted[i]) != 0) {
            first = sorted[i];
            continue;
        }
        merged[sorted[i] - records->items] = true;
        if (sorted[i]->noted)
            continue;
        if (first->noted)
            first->wrote = first->wrote_earlier = sorted[i]->wrote;
        first->noted = false;
        if (sorted[i]->wrote == first->wrote)
            continue;
        first->wrote_earlier = first->wrote;
        first->wrote = sorted[i]->wrote;
    }
    drop_marked(records, merged);
    move_all_to_the_end(records);
    return 0;
}

int before_merge(struct before_record *items, size_t *count)
{
    struct records records = {.items = items, .count = *count, .capacity = *count};
    int r = merge(&records);

    if (r >= 0)
        *count = records.count;
    return r;
}

static int drop_gone_devices(struct records *records)
{
    _cleanup_free_ bool *gone = calloc(records->count + 1, sizeof(*gone));
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (!gone)
        return -ENOMEM;
    if (fd < 0)
        return -errno;
    for (size_t i = 0; i < records->count; i++) {
        /* if_indextoname(3) would make a socket for each of thousands. */
        struct ifreq request = {.ifr_ifindex = records->items[i].ifindex};

        gone[i] = records->items[i].ifindex > 0 && ioctl(fd, SIOCGIFNAME, &request) < 0 &&
                  (errno == ENXIO || errno == ENODEV);
    }
    drop_marked(records, gone);
    return 0;
}

static void format_record(struct text *text, const struct before_record *record, int wrote)
{
    char name[NAME_ESCAPED_SIZE], all[16] = "";

    if (record->all_known)
        snprintf(all, sizeof(all), " %d", record->all);
    text_add(text, "%s%s %d %d %d %s%s\n", record->noted ? "=" : "", key_info(record->key)->name,
             record->value, wrote, record->ifindex,
             name_escape_buf(record->name, name, sizeof(name)), all);
}

static int format_records(const char *header, const struct before_record *records, size_t n,
                          bool earlier, struct text *ret)
{
    text_put(ret, header);
    for (size_t i = 0; i < n; i++) {
        if (earlier && records[i].wrote_earlier != records[i].wrote)
            format_record(ret, &records[i], records[i].wrote_earlier);
        format_record(ret, &records[i], records[i].wrote);
    }
    return ret->failed ? -ENOMEM : 0;
}

/* Add lines at the end, where a whole line ends. On failure the file ends there again. */
static int append_lines(int fd, off_t end, const struct text *text)
{
    int r = 0;

    for (size_t at = 0; r >= 0 && at < text->n;) {
        ssize_t written = pwrite(fd, text->bytes + at, text->n - at, end + (off_t)at);

        if (written > 0)
            at += (size_t)written;
        else if (written == 0 || errno != EINTR)
            r = written < 0 ? -errno : -EIO;
    }
    if (r < 0)
        (void)!ftruncate(fd, end);
    return r;
}

/* Each time the file doubles it is written anew without what is no longer needed: on a container
 * host devices come and go by the thousand in one uptime. */
static bool grew_past_a_power_of_two(size_t from, size_t to)
{
    size_t limit = COMPACT_FROM;

    while (limit <= from)
        limit *= 2;
    return to >= limit;
}

/* Where the last whole line of a file of this boot ends. 1: *ret_end; 0: the file has to be written
 * anew, since it is of another boot, has no end of line, or is not there. */
static int find_end(int fd, const char *header, off_t *ret_end)
{
    char first[STATE_HEADER_SIZE], last;
    size_t n = strlen(header);
    struct stat st;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size < (off_t)n || pread(fd, first, n, 0) != (ssize_t)n ||
        memcmp(first, header, n) != 0 || pread(fd, &last, 1, st.st_size - 1) != 1 || last != '\n')
        return 0;
    *ret_end = st.st_size;
    return 1;
}

static int read_lines(int fd, const char *header, struct records *records)
{
    _cleanup_text_ struct text text = {0};
    int r = file_load_fd(fd, STATE_MAX, &text);

    if (r >= 0)
        r = parse_records(&text, header, records);
    return r == -ESTALE || r == -EFBIG ? 0 : r; /* none that is ours */
}

/* Write the file anew: what it holds and the new ones, merged, without devices that are gone. */
static int rewrite(const struct paths *paths, int fd, const char *header,
                   const struct before_record *records, size_t n)
{
    _cleanup_text_ struct text text = {0};
    _cleanup_(records_done) struct records all = {0};
    int r = 0;

    if (fd >= 0 && lseek(fd, 0, SEEK_SET) == 0)
        r = read_lines(fd, header, &all);
    if (r >= 0)
        r = drop_gone_devices(&all);
    for (size_t i = 0; r >= 0 && i < n; i++) {
        r = grow((void **)&all.items, &all.capacity, all.count, sizeof(*records));
        if (r >= 0) {
            all.items[all.count] = records[i];
            all.items[all.count].wrote_earlier = records[i].wrote;
            all.count++;
        }
    }
    if (r >= 0)
        r = merge(&all);
    if (r >= 0)
        r = format_records(header, all.items, all.count, true, &text);
    return r < 0 ? r : file_put(own_path(paths), text.bytes, text.n, NULL);
}

/* What is no ordinary file is none of ours, and replaced: the agent's user may write there, and
 * root shall not wait for a FIFO. -1 and errno. */
static int open_ours(const struct paths *paths)
{
    int fd = open(own_path(paths), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
        return fd;
    (void)close(fd);
    errno = ENOENT;
    return -1;
}

/* Mostly a few bytes at the end of the file, whatever its size: the helper does it for each device.
 */
int before_append(const struct paths *paths, const struct before_record *records, size_t n)
{
    _cleanup_text_ struct text text = {0};
    char header[STATE_HEADER_SIZE];
    _cleanup_close_ int fd = -1;
    off_t end = 0;
    int r;

    make_header(paths, is_root(), header);
    fd = open_ours(paths);
    r = find_end(fd, header, &end);
    if (r < 0)
        return r;
    if (r == 0) {
        r = is_root() ? directory_make(paths->orders) : run_directory_make(paths);
        return r < 0 ? r : rewrite(paths, fd, header, records, n);
    }
    r = format_records("", records, n, false, &text);
    if (r < 0)
        return r;
    if (grew_past_a_power_of_two((size_t)end, (size_t)end + text.n))
        return rewrite(paths, fd, header, records, n);
    return append_lines(fd, end, &text);
}

#define TIDY_FROM 16384 /* bytes; a smaller file is no burden */

void before_log_close(struct before_log *log)
{
    close_fd(&log->fd);
    log->fd = -1;
}

/* Nobody has put another file in its place (then ours has no name left) or added to it. */
static bool is_as_we_left_it(const struct before_log *log)
{
    struct stat st;

    return log->fd >= 0 && fstat(log->fd, &st) == 0 && st.st_nlink > 0 && st.st_size == log->end;
}

static void open_log(struct before_log *log, const struct paths *paths)
{
    struct stat st;

    log->fd = open_ours(paths);
    if (log->fd >= 0 && fstat(log->fd, &st) == 0)
        log->end = st.st_size;
    else
        before_log_close(log);
}

int before_log_add(struct before_log *log, const struct paths *paths,
                   const struct before_record *record)
{
    _cleanup_text_ struct text text = {0};
    int r;

    if (is_as_we_left_it(log)) {
        r = format_records("", record, 1, false, &text);
        if (r >= 0)
            r = append_lines(log->fd, log->end, &text);
        if (r >= 0)
            log->end += (off_t)text.n;
        return r;
    }
    before_log_close(log);
    r = before_append(paths, record, 1);
    if (r >= 0) /* of this boot and whole, since it was just added to */
        open_log(log, paths);
    return r;
}

int before_log_tidy(struct before_log *log, const struct paths *paths)
{
    char header[STATE_HEADER_SIZE];
    int r;

    if (!is_as_we_left_it(log) || log->end < TIDY_FROM || log->end / 2 < log->tidy_end)
        return 0;
    make_header(paths, is_root(), header);
    r = rewrite(paths, log->fd, header, NULL, 0);
    before_log_close(log);
    if (r >= 0)
        open_log(log, paths);
    log->tidy_end = log->end;
    return r;
}

bool before_is_ours(const struct before_record *record, int now)
{
    return now == record->wrote || now == record->wrote_earlier ||
           (record->claimed_write && (now == record->claimed || now == record->claimed_earlier));
}

static int read_file(const struct paths *paths, bool root, struct records *ret)
{
    _cleanup_text_ struct text text = {0};
    char header[STATE_HEADER_SIZE];
    int r = file_load(root ? paths->before : paths->claims, STATE_MAX, &text);

    make_header(paths, root, header);
    if (r >= 0)
        r = parse_records(&text, header, ret);
    /* None of ours. A link and a socket are, too: the agent's user may put them there. */
    return r == -ESTALE || r == -EBADMSG || r == -EFBIG || r == -ENOENT || r == -ELOOP ||
                   r == -ENXIO
               ? 0
               : r;
}

/* Records by key and device, whatever that was called, the earlier one first. */
struct known {
    const struct before_record **items;
    size_t count;
};

static void known_done(struct known *known)
{
    free(known->items);
}

static int compare_place(const struct before_record *x, enum key key, int ifindex)
{
    if (x->key != key)
        return x->key < key ? -1 : 1;
    return (x->ifindex > ifindex) - (x->ifindex < ifindex);
}

static int compare_known(const void *a, const void *b)
{
    const struct before_record *x = *(const struct before_record *const *)a;
    const struct before_record *y = *(const struct before_record *const *)b;

    return compare_place(x, y->key, y->ifindex) ?: (x > y) - (x < y);
}

/* The records stay where they are as long as it is used. */
static int know(const struct records *records, struct known *ret)
{
    ret->items = calloc(records->count + 1, sizeof(*ret->items));
    if (!ret->items)
        return -ENOMEM;
    for (size_t i = 0; i < records->count; i++)
        ret->items[ret->count++] = &records->items[i];
    qsort(ret->items, ret->count, sizeof(*ret->items), compare_known);
    return 0;
}

/* The first one; known->count: none. */
static size_t find_known(const struct known *known, enum key key, int ifindex)
{
    size_t n = known->count;
    size_t place = SORTED_PLACE(n, i, compare_place(known->items[i], key, ifindex) < 0);

    return place < n && compare_place(known->items[place], key, ifindex) == 0 ? place : n;
}

static const struct before_record *known_record(const struct known *known, enum key key,
                                                int ifindex)
{
    size_t i = find_known(known, key, ifindex);

    return i < known->count ? known->items[i] : NULL;
}

/* What root makes of a claim. False: nothing. A device that was called otherwise when root saw it
 * had the value that root saw. */
static bool weigh_claim(const struct known *known, struct before_record *claim)
{
    const struct before_record *root = known_record(known, claim->key, claim->ifindex);
    const struct before_record *all = known_record(known, claim->key, IFINDEX_ALL);
    struct before_record record = *claim;

    if (!all)
        return false;
    record.claimed_write = true;
    record.claimed = claim->wrote;
    record.claimed_earlier = claim->wrote_earlier;
    record.value = root ? root->value : claim->value;
    record.all = root && root->all_known ? root->all : all->value;
    record.all_known = true;
    record.wrote = root && !root->noted ? root->wrote : claim->wrote;
    record.wrote_earlier = root && !root->noted ? root->wrote_earlier : claim->wrote;
    record.noted = false;
    record.claimed_value = !root;
    if (!root &&
        (claim->ifindex <= 0 || claim->value < 0 || claim->value > key_info(claim->key)->max))
        return false;
    *claim = record;
    return true;
}

/* Where root's record of the device by this name is; NULL: nowhere. */
static struct before_record *find_same(const struct known *known, struct records *root,
                                       const struct before_record *claim)
{
    for (size_t i = find_known(known, claim->key, claim->ifindex);
         i < known->count && compare_place(known->items[i], claim->key, claim->ifindex) == 0; i++)
        if (streq(known->items[i]->name, claim->name))
            return &root->items[known->items[i] - root->items];
    return NULL;
}

/* Who may write without leaving a word of it: an agent that is another user's. */
static bool may_hide(const struct paths *paths)
{
    struct stat st;

    return stat(paths->run, &st) == 0 && st.st_uid != 0;
}

/* Claims take the place of root's records of the same device and name. */
static int weigh_claims(struct records *root, struct records *claims)
{
    _cleanup_(known_done) struct known known = {0};
    size_t kept = 0;
    int r = know(root, &known);

    if (r < 0)
        return r;
    for (size_t i = 0; i < claims->count; i++) {
        struct before_record *claim = &claims->items[i];
        struct before_record *same = find_same(&known, root, claim);

        if (!weigh_claim(&known, claim))
            continue;
        if (same)
            *same = *claim;
        else
            claims->items[kept++] = *claim;
    }
    for (size_t i = 0; r >= 0 && i < kept; i++) {
        r = grow((void **)&root->items, &root->capacity, root->count, sizeof(*root->items));
        if (r >= 0)
            root->items[root->count++] = claims->items[i];
    }
    return r;
}

/* Where nobody may hide a write, what was only noted was not written. */
static int drop_noted(const struct paths *paths, struct records *records)
{
    _cleanup_free_ bool *dropped = calloc(records->count + 1, sizeof(*dropped));

    if (!dropped)
        return -ENOMEM;
    for (size_t i = 0; i < records->count; i++)
        dropped[i] = records->items[i].noted && !may_hide(paths);
    drop_marked(records, dropped);
    move_all_to_the_end(records);
    return 0;
}

/* Those of others stand behind root's: what was there first tells root. */
static int read_both(const struct paths *paths, struct records *ret)
{
    _cleanup_(records_done) struct records claims = {0};
    int r = read_file(paths, true, ret);

    if (r >= 0)
        r = read_file(paths, false, is_root() ? &claims : ret);
    if (r >= 0)
        r = merge(ret);
    if (r >= 0)
        r = merge(&claims);
    return r < 0 ? r : weigh_claims(ret, &claims);
}

int before_read(const struct paths *paths, struct before_record **ret, size_t *ret_count)
{
    _cleanup_(records_done) struct records records = {0};
    int r = read_both(paths, &records);

    if (r >= 0)
        r = drop_noted(paths, &records);
    if (r < 0 || records.count == 0)
        return r < 0 ? r : -ENOENT;
    *ret = TAKE_PTR(records.items);
    *ret_count = records.count;
    return 0;
}

int before_read_noted(const struct paths *paths, bool claims, struct before_record **ret,
                      size_t *ret_count)
{
    _cleanup_(records_done) struct records records = {0};
    int r = claims ? read_both(paths, &records) : read_file(paths, true, &records);

    if (r >= 0 && !claims)
        r = merge(&records);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(records.items);
    *ret_count = records.count;
    return 0;
}
