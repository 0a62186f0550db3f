/* The accepted policy: the last one that was validated and put into force, kept as one file with
 * the bytes and the origins of the files it came from.
 *
 *   rpfpolicy-accepted 1 <hash, 16 hex digits> <number of files>\n
 *   file <bytes> <escaped path>\n<that many bytes>\n          once per file
 *
 * What an apply that awaits its confirmation accepts begins with rpfpolicy-on-trial in its place:
 * accepted_hold.h. */
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/base/file.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/failed_trial.h"
#include "agent/store/policy_load.h"
#include "agent/store/policy_read.h"
#include "policy/base/name.h"
#include "policy/base/text.h"

#define ACCEPTED_MAX (64U << 20)

/* What is left to read of the accepted file. */
struct cursor {
    const char *p;
    size_t n;
};

/* Take the bytes `word` off the front. */
static bool take_word(struct cursor *c, const char *word)
{
    size_t n = strlen(word);

    if (c->n < n || memcmp(c->p, word, n) != 0)
        return false;
    c->p += n;
    c->n -= n;
    return true;
}

/* Take a decimal number that ends with `end`: no sign, no leading zero, at most ACCEPTED_MAX. */
static bool take_number(struct cursor *c, char end, size_t *ret)
{
    size_t value = 0, i = 0;

    for (; i < c->n && c->p[i] >= '0' && c->p[i] <= '9'; i++) {
        value = value * 10 + (size_t)(c->p[i] - '0');
        if (value > ACCEPTED_MAX || (i > 0 && c->p[0] == '0'))
            return false;
    }
    if (i == 0 || i == c->n || c->p[i] != end)
        return false;
    c->p += i + 1;
    c->n -= i + 1;
    *ret = value;
    return true;
}

static bool take_hash(struct cursor *c, uint64_t *ret)
{
    char digits[17] = "";

    if (c->n < 17 || c->p[16] != ' ')
        return false;
    memcpy(digits, c->p, 16);
    if (strspn(digits, "0123456789abcdef") != 16)
        return false;
    *ret = strtoull(digits, NULL, 16);
    c->p += 17;
    c->n -= 17;
    return true;
}

/* Take the rest of the line as an escaped path. -EBADMSG, -ENOMEM. */
static int take_path(struct cursor *c, char **ret)
{
    const char *end = memchr(c->p, '\n', c->n);
    size_t n = end ? (size_t)(end - c->p) : 0;
    _cleanup_free_ char *path = NULL;

    if (n == 0)
        return -EBADMSG;
    path = strndup(c->p, n);
    if (!path)
        return -ENOMEM;
    if (strlen(path) != n || !name_unescape(path)) /* a path holds no NUL */
        return -EBADMSG;
    c->p += n + 1;
    c->n -= n + 1;
    *ret = TAKE_PTR(path);
    return 0;
}

/* One `file` entry into the policy. */
static int take_file(struct cursor *c, struct policy *policy, struct diags *diags)
{
    _cleanup_free_ char *path = NULL;
    size_t size;
    int r;

    if (!take_word(c, "file ") || !take_number(c, ' ', &size))
        return -EBADMSG;
    r = take_path(c, &path);
    if (r < 0)
        return r;
    if (c->n < size + 1 || c->p[size] != '\n')
        return -EBADMSG;
    r = policy_add_file(policy, path, c->p, size, diags);
    c->p += size + 1;
    c->n -= size + 1;
    return r;
}

/* Built-in sets of a later version are the one thing that is found only when all files are read. */
static void find_unknown_sets(const struct policy *policy, struct diags *diags)
{
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];

        if (rule->pattern.kind == PATTERN_SET && rule->pattern.set < 0)
            diags_add(diags, DIAG_ERROR, rule->origin.file, rule->origin.line,
                      "this version does not know the set");
    }
}

/* diags is not NULL here. */
static int parse_accepted(struct cursor c, const char *device, struct diags *diags,
                          struct policy **ret)
{
    _cleanup_policy_ struct policy *policy = policy_new_for(device);
    uint64_t hash;
    size_t count;
    int r;

    if (!policy)
        return -ENOMEM;
    if ((!take_word(&c, ACCEPTED_MAGIC) && !take_word(&c, ACCEPTED_TRIAL_MAGIC)) ||
        !take_hash(&c, &hash) || !take_number(&c, '\n', &count))
        return -EBADMSG;
    for (; count > 0; count--) {
        r = take_file(&c, policy, diags);
        if (r < 0)
            return r;
    }
    /* Before the lines are judged: after damage what they say is of no interest. */
    if (c.n > 0 || policy->hash != hash)
        return -EBADMSG;
    /* Without diags: these bytes were judged when they were accepted, and judging them again would
     * cost the udev hook more than all the rest of reading them. */
    r = policy_finish(policy, NULL);
    if (r < 0)
        return r;
    find_unknown_sets(policy, diags);
    /* Accepted by a version that knew other words. */
    if (diags_failed(diags))
        return -EBADMSG;
    *ret = TAKE_PTR(policy);
    return 0;
}

int policy_parse_accepted(const char *bytes, size_t n, const char *device, struct diags *diags,
                          struct policy **ret)
{
    _cleanup_diags_ struct diags own = DIAGS_INIT;

    return parse_accepted((struct cursor){bytes, n}, device, diags ?: &own, ret);
}

/* One of the two files. */
static int read_file(int fd, const char *path, struct diags *diags, struct text *ret)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)ACCEPTED_MAX ||
        (st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH))) {
        diags_add(diags, DIAG_ERROR, path, 0,
                  "others than root may write this file, or it is none");
        return -EBADMSG;
    }
    return file_load_fd(fd, ACCEPTED_MAX, ret);
}

static bool is_still(const char *path, int fd)
{
    struct stat st, now;

    return fstat(fd, &st) == 0 && stat(path, &now) == 0 && st.st_dev == now.st_dev &&
           st.st_ino == now.st_ino;
}

/* What was in force before a trial that is over. */
static int read_before(const struct paths *paths, struct diags *diags, struct text *ret)
{
    _cleanup_close_ int fd = file_open(paths->accepted_before);
    _cleanup_text_ struct text text = {0};
    int r;

    if (fd < 0)
        return fd == -ENOENT ? -EBADMSG : fd;
    r = read_file(fd, paths->accepted_before, diags, &text);
    if (r < 0)
        return r;
    if (text.n == 0)
        return -ENOENT; /* nothing was accepted then */
    *ret = text;
    text = (struct text){0};
    return 0;
}

/* Whether a trial lives is asked while its file is there, from before that until after it: nobody
 * begins one with a file that is there. -EAGAIN: there is another one by now. */
static int read_in_force_once(const struct paths *paths, struct diags *diags,
                              struct accepted_stamp *ret_stamp, struct text *ret)
{
    _cleanup_close_ int fd = file_open(paths->accepted);
    _cleanup_text_ struct text text = {0};
    struct stat st;
    int r, lives;

    *ret_stamp = (struct accepted_stamp){0};
    if (fd != -ENOENT && (fd < 0 ? stat(paths->accepted, &st) : fstat(fd, &st)) >= 0)
        *ret_stamp = accepted_stamp_of(&st);
    if (fd < 0)
        return fd;
    r = read_file(fd, paths->accepted, diags, &text);
    if (r < 0)
        return r;
    if (accepted_is_on_trial(text.bytes, text.n)) {
        lives = accepted_trial_lives(paths);
        if (lives == 0) {
            text_done(&text);
            r = read_before(paths, diags, &text);
        }
        if (!is_still(paths->accepted, fd))
            return -EAGAIN;
        if (r < 0 || lives < 0)
            return r < 0 ? r : lives;
        ret_stamp->on_trial = lives;
    }
    *ret = text;
    text = (struct text){0};
    return 0;
}

/* Which policy is in force is told here and nowhere else. */
int policy_load_stamped(const struct paths *paths, const char *device, struct diags *diags,
                        struct accepted_stamp *ret_stamp, struct policy **ret)
{
    _cleanup_text_ struct text text = {0};
    int r;

    do
        r = read_in_force_once(paths, diags, ret_stamp, &text);
    while (r == -EAGAIN);
    if (r >= 0)
        r = policy_parse_accepted(text.bytes, text.n, device, diags, ret);
    if (r == -EBADMSG && diags && !diags_failed(diags))
        diags_add(diags, DIAG_ERROR, paths->accepted, 0,
                  "the accepted policy is damaged; accept it again");
    return r;
}

int policy_load_accepted_for(const struct paths *paths, const char *device, struct diags *diags,
                             struct policy **ret)
{
    struct accepted_stamp stamp;

    return policy_load_stamped(paths, device, diags, &stamp, ret);
}

int policy_load_accepted(const struct paths *paths, struct diags *diags, struct policy **ret)
{
    return policy_load_accepted_for(paths, NULL, diags, ret);
}

static int write_accepted(struct text *out, const struct conf_files *files,
                          const struct policy *policy, bool on_trial)
{
    char hash[17];

    text_add(out, "%s%s %zu\n", on_trial ? ACCEPTED_TRIAL_MAGIC : ACCEPTED_MAGIC,
             policy_hash_text(policy, hash), files->count);
    for (size_t i = 0; i < files->count; i++) {
        const struct conf_file *file = &files->files[i];
        _cleanup_free_ char *path = name_escape(file->path);

        if (!path)
            return -ENOMEM;
        text_add(out, "file %zu %s\n", file->n, path);
        text_put_bytes(out, file->bytes, file->n);
        text_put(out, "\n");
    }
    return out->failed ? -ENOMEM : 0;
}

/* Under the lock. accepted.conf.before has a name like a temporary file of accepted.conf. */
static void clean(const struct paths *paths)
{
    file_replace_clean(paths->accepted, strrchr(paths->accepted_before, '/') + 1);
    file_replace_clean(paths->accepted_before, NULL);
    file_replace_clean(paths->trial, NULL);
    file_replace_clean(paths->failed_trial, NULL);
}

static int replace_accepted(const struct paths *paths, const struct conf_files *files,
                            const struct policy *policy, bool on_trial)
{
    _cleanup_text_ struct text text = {0};
    int r = write_accepted(&text, files, policy, on_trial);

    clean(paths);
    if (r >= 0)
        r = file_replace(paths->root, paths->accepted + strlen(paths->root), text.bytes, text.n);
    if (r >= 0)
        failed_trial_remove(paths);
    /* Of a trial that is over: its guardian was killed, or the system went down. */
    if (r >= 0 && !on_trial)
        accepted_let_go(paths);
    return r;
}

int policy_keep(const struct paths *paths)
{
    _cleanup_text_ struct text text = {0};
    _cleanup_close_ int fd = file_open(paths->accepted);
    int r;

    if (fd < 0)
        return fd == -ENOENT ? -ESTALE : fd;
    r = read_file(fd, paths->accepted, NULL, &text);
    if (r < 0)
        return r;
    if (!accepted_is_on_trial(text.bytes, text.n))
        return -ESTALE;
    _Static_assert(sizeof(ACCEPTED_MAGIC) == sizeof(ACCEPTED_TRIAL_MAGIC), "in its place");
    memcpy(text.bytes, ACCEPTED_MAGIC, strlen(ACCEPTED_MAGIC));
    return file_replace(paths->root, paths->accepted + strlen(paths->root), text.bytes, text.n);
}

/* -ENODATA. What cannot be used is nothing to be kept. */
static int refuse_to_disarm(const struct paths *paths, const struct policy *policy)
{
    _cleanup_policy_ struct policy *in_force = NULL;
    int r = policy_load_accepted(paths, NULL, &in_force);

    if (r < 0)
        return r == -ENOENT || r == -EBADMSG ? 0 : r;
    return policy_disarms(in_force, policy) ? -ENODATA : 0;
}

int policy_accept(const struct paths *paths, uint64_t hash, unsigned flags, struct diags *diags)
{
    _cleanup_conf_files_ struct conf_files files = {};
    _cleanup_policy_ struct policy *policy = NULL;
    size_t total = 0;
    int r = policy_load_files(paths, diags, &files, &policy);

    if (r < 0)
        return r;
    if (policy->hash != hash)
        return -ESTALE;
    r = flags & ACCEPT_FORCED ? 0 : refuse_to_disarm(paths, policy);
    if (r < 0)
        return r;
    for (size_t i = 0; i < files.count; i++)
        total += files.files[i].n + 4 * PATH_MAX + 64;
    if (total > ACCEPTED_MAX)
        return -EFBIG;
    return replace_accepted(paths, &files, policy, flags & ACCEPT_ON_TRIAL);
}
