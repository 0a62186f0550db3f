/* Accepting a policy and loading it again: the same rules with the same origins, and nothing that
 * is broken ever takes the place of what is in force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/store/accepted_hold.h"
#include "agent/store/failed_trial.h"
#include "agent/store/policy_load.h"

#define GOOD "[agent]\nmode = enforce\n\n[rp_filter]\nlxc* = off\n* = strict\n"

struct tree {
    char root[64];
    struct paths paths;
};

static bool refuse_sync;

/* In the place of libc's. */
int fsync(int fd)
{
    struct stat st;

    if (!refuse_sync || fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
        return (int)syscall(SYS_fsync, fd);
    errno = EIO;
    return -1;
}

static void run(const char *format, ...) _printf_(1, 2);
static void run(const char *format, ...)
{
    char command[512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(command, sizeof(command), format, ap);
    va_end(ap);
    assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
    struct tree *tree = calloc(1, sizeof(*tree));

    assert_non_null(tree);
    strcpy(tree->root, "/tmp/rpfpolicy-accepted-XXXXXX");
    assert_non_null(mkdtemp(tree->root));
    assert_int_equal(paths_init(&(struct path_options){.root = tree->root}, &tree->paths), 0);
    umask(022);
    run("mkdir -p %s/etc/rpfpolicy.d", tree->root);
    *state = tree;
    return 0;
}

static int teardown(void **state)
{
    struct tree *tree = *state;

    run("rm -rf %s", tree->root);
    paths_done(&tree->paths);
    free(tree);
    return 0;
}

static void write_bytes(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void write_policy(const struct tree *tree, const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/etc/rpfpolicy.d/%s", tree->root, name);
    write_bytes(path, text, strlen(text));
}

static char *read_bytes(const char *path, size_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *bytes;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    bytes = malloc((size_t)st.st_size + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    bytes[st.st_size] = '\0';
    close(fd);
    *ret_size = (size_t)st.st_size;
    return bytes;
}

/* *ret is set also where only accepting it failed. */
static int accept_policy(const struct tree *tree, struct diags *diags, struct policy **ret)
{
    int r = policy_load(&tree->paths, diags, ret);

    return r < 0 ? r : policy_accept(&tree->paths, (*ret)->hash, 0, diags);
}

static int accept_it(const struct tree *tree)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;

    return accept_policy(tree, &diags, &policy);
}

static void accepted_rules_keep_the_file_and_line_they_were_written_in(void **state)
{
    const struct tree *tree = *state;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *saved = NULL, *loaded = NULL;

    write_policy(tree, "10-a.conf", GOOD);
    write_policy(tree, "20-b c.conf", "[log_martians]\neth0 = yes");
    assert_int_equal(accept_policy(tree, &diags, &saved), 0);
    assert_int_equal(policy_load_accepted(&tree->paths, &diags, &loaded), 0);
    assert_int_equal(loaded->hash, saved->hash);
    assert_int_equal(loaded->agent.mode, MODE_ENFORCE);
    assert_int_equal(loaded->n_rules, 3);
    assert_string_equal(loaded->rules[1].origin.file, "/etc/rpfpolicy.d/10-a.conf");
    assert_int_equal(loaded->rules[1].origin.line, 6);
    assert_string_equal(loaded->rules[2].origin.file, "/etc/rpfpolicy.d/20-b c.conf");
    assert_int_equal(loaded->rules[2].origin.line, 2);
}

/* `eth0 = VALUE`, accepted for good or on trial. */
static void accept_value(const struct tree *tree, const char *value, bool on_trial)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    char text[64];

    snprintf(text, sizeof(text), "[rp_filter]\neth0 = %s\n", value);
    write_policy(tree, "10-a.conf", text);
    assert_int_equal(policy_load(&tree->paths, &diags, &policy), 0);
    assert_int_equal(
        policy_accept(&tree->paths, policy->hash, on_trial ? ACCEPT_ON_TRIAL : 0, &diags), 0);
}

/* NULL: no policy is in force. */
static void expect_in_force(const struct tree *tree, const char *value)
{
    _cleanup_policy_ struct policy *policy = NULL;

    if (!value) {
        assert_int_equal(policy_load_accepted(&tree->paths, NULL, &policy), -ENOENT);
        return;
    }
    assert_int_equal(policy_load_accepted(&tree->paths, NULL, &policy), 0);
    assert_string_equal(policy->rules[0].value_text, value);
}

static int begin_trial(const struct tree *tree, const char *value)
{
    int trial = accepted_hold(&tree->paths);

    assert_true(trial >= 0);
    accept_value(tree, value, true);
    assert_int_equal(accepted_trial_lives(&tree->paths), 1);
    expect_in_force(tree, value);
    return trial;
}

static void expect_nothing_left(const struct tree *tree)
{
    assert_int_equal(access(tree->paths.accepted_before, F_OK), -1);
    assert_int_equal(access(tree->paths.accepted_trial, F_OK), -1);
}

/* Its guardian was killed, or the power failed: the kernel knows of no lock any more. */
static void what_was_never_confirmed_is_not_in_force(void **state)
{
    const struct tree *tree = *state;

    close(begin_trial(tree, "strict"));
    assert_int_equal(accepted_trial_lives(&tree->paths), 0);
    expect_in_force(tree, NULL);
    accept_value(tree, "off", false);
    close(begin_trial(tree, "strict"));
    expect_in_force(tree, "off");
}

/* Also the very policy that was on trial. */
static void what_is_accepted_after_a_trial_stays_in_force(void **state)
{
    static const char *const values[] = {"loose", "strict"};
    const struct tree *tree = *state;

    for (size_t i = 0; i < ELEMENTSOF(values); i++) {
        accept_value(tree, "off", false);
        close(begin_trial(tree, "strict"));
        run("cp %s %s/kept", tree->paths.accepted_before, tree->root);
        accept_value(tree, values[i], false);
        expect_in_force(tree, values[i]);
        expect_nothing_left(tree);
        /* as when the power fails before these are removed */
        run("cp %s/kept %s; >%s", tree->root, tree->paths.accepted_before,
            tree->paths.accepted_trial);
        expect_in_force(tree, values[i]);
    }
}

static void a_trial_after_one_that_is_over_goes_back_to_what_is_in_force(void **state)
{
    const struct tree *tree = *state;
    int trial;

    accept_value(tree, "off", false);
    close(begin_trial(tree, "strict"));
    trial = accepted_hold(&tree->paths);
    assert_true(trial >= 0);
    expect_in_force(tree, "off"); /* not what was on trial before */
    accepted_let_go(&tree->paths);
    close(trial);
    close(begin_trial(tree, "strict"));
    trial = begin_trial(tree, "loose");
    assert_int_equal(accepted_put_back(&tree->paths, "it was not confirmed"), 0);
    expect_in_force(tree, "off");
    accepted_let_go(&tree->paths);
    close(trial);
    expect_in_force(tree, "off");
    expect_nothing_left(tree);
}

/* why: NULL: it is told of none. Else the one that is on disk. */
static void expect_failed(const struct tree *tree, const char *why)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    struct failed_trial failed;
    char hash[17];

    assert_int_equal(accepted_failed(&tree->paths, &failed), why != NULL);
    if (!why)
        return;
    assert_int_equal(policy_load(&tree->paths, &diags, &policy), 0);
    assert_string_equal(failed.hash, policy_hash_text(policy, hash));
    assert_string_equal(failed.why, why);
}

static void put_back(const struct tree *tree, int trial, const char *why)
{
    assert_int_equal(accepted_put_back(&tree->paths, why), 0);
    accepted_let_go(&tree->paths);
    close(trial);
}

static void what_went_back_is_told_until_something_is_accepted(void **state)
{
    static const char lost[] = "the process that watched over it was ended";
    const struct tree *tree = *state;
    int trial;

    expect_failed(tree, NULL);
    trial = begin_trial(tree, "strict");
    expect_failed(tree, NULL);
    close(trial); /* killed */
    expect_failed(tree, lost);
    put_back(tree, accepted_hold(&tree->paths), "of a trial of nothing");
    expect_failed(tree, lost);
    accept_value(tree, "off", false);
    expect_failed(tree, NULL);
    put_back(tree, begin_trial(tree, "strict"), "it was not confirmed");
    expect_failed(tree, "it was not confirmed");
    trial = accepted_hold(&tree->paths);
    expect_failed(tree, NULL); /* while one lives */
    close(trial);
    expect_failed(tree, "it was not confirmed");
    run("cp %s %s/kept", tree->paths.failed_trial, tree->root);
    accept_value(tree, "strict", false);
    expect_failed(tree, NULL);
    /* as when the power fails before it is removed */
    run("cp %s/kept %s", tree->root, tree->paths.failed_trial);
    expect_failed(tree, NULL);
    put_back(tree, begin_trial(tree, "strict"), "it is in force all the same");
    expect_failed(tree, NULL);
    close(begin_trial(tree, "strict"));
    expect_failed(tree, NULL);
    trial = begin_trial(tree, "loose");
    assert_int_equal(policy_keep(&tree->paths), 0);
    close(trial);
    expect_failed(tree, NULL);
}

static void a_record_of_a_failed_trial_that_is_damaged_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        "rpfpolicy-failed-trial 2 0123456789abcdef - 5 why\n",
        "rpfpolicy-failed-trial 1 0123456789abcde - 5 why\n",
        "rpfpolicy-failed-trial 1 0123456789abcdeg - 5 why\n",
        "rpfpolicy-failed-trial 1 0123456789abcdef 0 5 why\n",
        "rpfpolicy-failed-trial 1 0123456789abcdef - why\n",
    };
    struct failed_trial failed;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_false(failed_trial_parse(bad[i], &failed));
    assert_true(
        failed_trial_parse("rpfpolicy-failed-trial 1 0123456789abcdef - 5 why not\n", &failed));
    assert_string_equal(failed.before, "");
    assert_string_equal(failed.why, "why not");
    assert_int_equal(failed.time, 5);
}

static void what_is_confirmed_stays_in_force(void **state)
{
    const struct tree *tree = *state;
    int trial;

    assert_int_equal(policy_keep(&tree->paths), -ESTALE);
    accept_value(tree, "off", false);
    assert_int_equal(policy_keep(&tree->paths), -ESTALE);
    trial = begin_trial(tree, "strict");
    assert_int_equal(policy_keep(&tree->paths), 0);
    close(trial); /* killed right then */
    expect_in_force(tree, "strict");
    accepted_let_go(&tree->paths);
    expect_in_force(tree, "strict");
    expect_nothing_left(tree);
}

/* The directory cannot be synced: what is there is told, and that it may be gone again. */
static void what_is_not_safely_on_the_disk_is_in_force_all_the_same(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    const struct tree *tree = *state;
    int trial;

    accept_value(tree, "off", false);
    trial = begin_trial(tree, "strict");
    refuse_sync = true;
    assert_int_equal(policy_keep(&tree->paths), EIO);
    close(trial);
    expect_in_force(tree, "strict");
    write_policy(tree, "10-a.conf", GOOD);
    assert_int_equal(accept_policy(tree, &diags, &policy), EIO);
    expect_in_force(tree, "off"); /* of GOOD */
    assert_true(accepted_hold(&tree->paths) < 0);
    refuse_sync = false;
    trial = begin_trial(tree, "loose");
    refuse_sync = true;
    assert_int_equal(accepted_put_back(&tree->paths, "it was not confirmed"), EIO);
    close(trial);
    expect_in_force(tree, "off");
    refuse_sync = false;
}

static void what_goes_back_does_not_replace_what_is_newer(void **state)
{
    const struct tree *tree = *state;
    int trial;

    accept_value(tree, "off", false);
    trial = begin_trial(tree, "strict");
    run("sed 's/on-trial/accepted/' %s >%s/new; mv %s/new %s", tree->paths.accepted, tree->root,
        tree->root, tree->paths.accepted);
    assert_int_equal(accepted_put_back(&tree->paths, "it was not confirmed"), -ESTALE);
    expect_in_force(tree, "strict");
    close(trial);
    trial = accepted_hold(&tree->paths); /* and where nothing was tried, there is nothing to do */
    assert_int_equal(accepted_put_back(&tree->paths, "it was not confirmed"), 0);
    expect_in_force(tree, "strict");
    close(trial);
}

/* Should it be lost, nothing else is taken in its place. */
static void a_trial_without_what_was_before_is_damage(void **state)
{
    const struct tree *tree = *state;
    _cleanup_policy_ struct policy *policy = NULL;

    accept_value(tree, "off", false);
    close(begin_trial(tree, "strict"));
    assert_int_equal(unlink(tree->paths.accepted_before), 0);
    assert_int_equal(policy_load_accepted(&tree->paths, NULL, &policy), -EBADMSG);
    accept_value(tree, "off", false);
    expect_in_force(tree, "off");
}

/* Who may read may also lock: that is no guardian, and keeps none from its work. */
static void a_reader_with_a_lock_is_no_guardian(void **state)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    const struct tree *tree = *state;
    int reader;

    accept_value(tree, "off", false);
    close(begin_trial(tree, "strict"));
    reader = open(tree->paths.accepted_trial, O_RDONLY | O_CLOEXEC);
    assert_true(reader >= 0);
    assert_int_equal(fcntl(reader, F_OFD_SETLK, &lock), 0);
    assert_int_equal(accepted_trial_lives(&tree->paths), 0);
    expect_in_force(tree, "off");
    close(begin_trial(tree, "loose"));
    close(reader);
}

static void expect_there(const struct tree *tree, const char *name, bool there)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/var/lib/rpfpolicy/%s", tree->root, name);
    if ((faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) != there)
        fail_msg("%s is %s", name, there ? "gone" : "still there");
}

/* Killed in the middle of it; what is not its own stays, and so does what goes back after a trial.
 */
static void what_an_accept_left_that_was_killed_goes_with_the_next(void **state)
{
    static const char *const stay[] = {"accepted.conf.Others",  "accepted.conf.Linked",
                                       "accepted.conf.Symlnk",  "accepted.conf.Direct",
                                       "accepted.conf.a-b_cd",  "accepted.conf.short",
                                       "accepted.conf.toolong", "accepted.conf.before"};
    const struct tree *tree = *state;
    int trial;

    accept_value(tree, "off", false);
    trial = accepted_hold(&tree->paths);
    assert_true(trial >= 0);
    run("cd %s/var/lib/rpfpolicy && touch accepted.conf.aB3dE6 accepted.conf.before.Zz09aA "
        "accepted.conf.Others accepted.conf.a-b_cd accepted.conf.short accepted.conf.toolong && "
        "chown 1234 accepted.conf.Others && touch one && ln one accepted.conf.Linked && "
        "ln -s one accepted.conf.Symlnk && mkdir accepted.conf.Direct",
        tree->root);
    run("mkdir -p %s && touch %s.Zz09aA", tree->paths.orders, tree->paths.trial);
    accept_value(tree, "strict", true);
    accept_value(tree, "loose", true); /* now the one of before has no second name */
    expect_there(tree, "accepted.conf.aB3dE6", false);
    expect_there(tree, "accepted.conf.before.Zz09aA", false);
    run("test ! -e %s.Zz09aA", tree->paths.trial);
    for (size_t i = 0; i < ELEMENTSOF(stay); i++)
        expect_there(tree, stay[i], true);
    close(trial);
    expect_in_force(tree, "off");
}

static void nothing_accepted_and_no_policy_are_told_apart_from_errors(void **state)
{
    const struct tree *tree = *state;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;

    assert_int_equal(policy_load_accepted(&tree->paths, NULL, &policy), -ENOENT);
    assert_int_equal(policy_load(&tree->paths, &diags, &policy), -ENOENT);
    assert_int_equal(accept_it(tree), -ENOENT);
    assert_null(policy);
    assert_int_equal(diags.errors, 0);
}

static void a_broken_policy_leaves_the_accepted_one_in_force(void **state)
{
    const struct tree *tree = *state;
    _cleanup_free_ char *before = NULL, *after = NULL;
    size_t n_before, n_after;

    write_policy(tree, "10-a.conf", GOOD);
    assert_int_equal(accept_it(tree), 0);
    before = read_bytes(tree->paths.accepted, &n_before);
    write_policy(tree, "20-b.conf", "[rp_filter]\neth0 = sideways\n");
    assert_int_equal(accept_it(tree), -EBADMSG);
    after = read_bytes(tree->paths.accepted, &n_after);
    assert_int_equal(n_after, n_before);
    assert_memory_equal(after, before, n_before);
}

static void a_file_that_others_may_write_is_refused(void **state)
{
    const struct tree *tree = *state;

    write_policy(tree, "10-a.conf", GOOD);
    run("chmod 0666 %s/etc/rpfpolicy.d/10-a.conf", tree->root);
    assert_int_equal(accept_it(tree), -EBADMSG);
    assert_int_equal(access(tree->paths.accepted, F_OK), -1);
}

static void an_accepted_file_that_others_may_write_is_refused(void **state)
{
    const struct tree *tree = *state;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;

    write_policy(tree, "10-a.conf", GOOD);
    assert_int_equal(accept_it(tree), 0);
    assert_int_equal(chmod(tree->paths.accepted, 0664), 0);
    assert_int_equal(policy_load_accepted(&tree->paths, &diags, &policy), -EBADMSG);
    assert_true(diags_failed(&diags));
    assert_null(policy);
}

static void all_may_read_what_is_accepted_and_nothing_else_is_left_behind(void **state)
{
    const struct tree *tree = *state;
    _cleanup_free_ char *directory = strdup(tree->paths.accepted);
    struct dirent *entry;
    unsigned files = 0;
    struct stat st;
    mode_t mask;
    DIR *d;

    write_policy(tree, "10-a.conf", GOOD);
    mask = umask(077);
    assert_int_equal(accept_it(tree), 0);
    assert_int_equal(accept_it(tree), 0);
    umask(mask);
    assert_int_equal(stat(tree->paths.accepted, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    *strrchr(directory, '/') = '\0';
    assert_int_equal(stat(directory, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    d = opendir(directory);
    assert_non_null(d);
    while ((entry = readdir(d)))
        files += entry->d_name[0] != '.';
    closedir(d);
    assert_int_equal(files, 1);
}

static void dev_null_is_a_policy_that_says_that_nothing_is_wanted(void **state)
{
    struct tree *tree = *state;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *null = NULL, *loaded = NULL;

    tree->paths.policy = strdup("/dev/null");
    assert_int_equal(accept_policy(tree, &diags, &null), 0);
    assert_int_equal(diags.count, 0);
    assert_int_equal(null->n_rules, 0);
    assert_int_equal(policy_load_accepted(&tree->paths, &diags, &loaded), 0);
    assert_int_equal(loaded->n_rules, 0);
    assert_int_equal(loaded->agent.mode, MODE_OBSERVE);
    assert_string_equal(loaded->files[0], "/dev/null");
}

static void files_that_are_all_masked_are_no_policy(void **state)
{
    const struct tree *tree = *state;
    char path[256];

    snprintf(path, sizeof(path), "%s/etc/rpfpolicy.d/10-a.conf", tree->root);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(accept_it(tree), -ENOENT);
}

static void no_rules_take_the_place_of_enforced_ones_by_force_alone(void **state)
{
    const struct tree *tree = *state;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *rules = NULL, *empty = NULL, *none = NULL, *kept = NULL,
                                   *replaced = NULL;

    write_policy(tree, "10-a.conf", "[agent]\nmode = enforce\n[rp_filter]\n* = strict\n");
    assert_int_equal(accept_policy(tree, &diags, &rules), 0);
    write_policy(tree, "10-a.conf", "");
    assert_int_equal(accept_policy(tree, &diags, &empty), -EBADMSG);
    diags_done(&diags);
    write_policy(tree, "10-a.conf", "[agent]\nmode = observe\n");
    assert_int_equal(accept_policy(tree, &diags, &none), -ENODATA);
    assert_int_equal(policy_load_accepted(&tree->paths, NULL, &kept), 0);
    assert_int_equal(kept->hash, rules->hash);
    assert_int_equal(policy_accept(&tree->paths, none->hash, ACCEPT_FORCED, &diags), 0);
    assert_int_equal(policy_load_accepted(&tree->paths, NULL, &replaced), 0);
    assert_int_equal(replaced->hash, none->hash);
}

/* As an older version accepted it: an upgrade changes nothing of what is in force. */
static void an_accepted_policy_without_a_rule_is_still_read(void **state)
{
    static const char text[] = "[agent]\nmode = enforce\n";
    _cleanup_policy_ struct policy *policy = policy_new(), *read = NULL;
    char bytes[200], hash[17];

    assert_non_null(policy);
    assert_int_equal(policy_add_file(policy, "/p.conf", text, strlen(text), NULL), 0);
    snprintf(bytes, sizeof(bytes), "rpfpolicy-accepted 1 %s 1\nfile %zu /p.conf\n%s\n",
             policy_hash_text(policy, hash), strlen(text), text);
    assert_int_equal(policy_parse_accepted(bytes, strlen(bytes), NULL, NULL, &read), 0);
}

static void a_named_policy_is_the_only_one_and_its_bytes_are_kept_as_they_are(void **state)
{
    struct tree *tree = *state;
    static const char text[] = "[rp_filter]\n* = strict ; no newline at the end, \x80\xff";
    char path[256];
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;

    write_policy(tree, "10-a.conf", "this is not a policy\n");
    snprintf(path, sizeof(path), "%s/\x01\\ \n.conf", tree->root);
    write_bytes(path, text, sizeof(text) - 1);
    tree->paths.policy = strdup(path);
    assert_int_equal(accept_it(tree), 0);
    assert_int_equal(policy_load_accepted(&tree->paths, &diags, &policy), 0);
    assert_string_equal(policy->files[0], path);
    assert_int_equal(policy->n_rules, 1);
}

/* Every single byte matters: changed, missing or added. */
static void any_damage_is_noticed(void **state)
{
    const struct tree *tree = *state;
    _cleanup_free_ char *bytes = NULL;
    struct policy *policy = NULL;
    size_t n;

    write_policy(tree, "10-a.conf", GOOD);
    write_policy(tree, "20-b.conf", "[log_martians]\neth0 = yes\n");
    assert_int_equal(accept_it(tree), 0);
    bytes = read_bytes(tree->paths.accepted, &n);
    assert_int_equal(policy_parse_accepted(bytes, n, NULL, NULL, &policy), 0);
    policy = policy_free(policy);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(policy_parse_accepted(bytes, i, NULL, NULL, &policy), -EBADMSG);
        bytes[i] ^= 1;
        assert_int_equal(policy_parse_accepted(bytes, n, NULL, NULL, &policy), -EBADMSG);
        bytes[i] ^= 1;
    }
    assert_int_equal(policy_parse_accepted(bytes, n + 1, NULL, NULL, &policy), -EBADMSG);
    assert_null(policy);
}

static void sizes_and_paths_that_no_one_wrote_are_refused(void **state)
{
    static const char *const damaged[] = {
        "",
        "rpfpolicy-accepted 2 cbf29ce484222325 0\n",
        "rpfpolicy-accepted 1 cbf29ce484222325 -1\n",
        "rpfpolicy-accepted 1 cbf29ce484222325 00\n",
        "rpfpolicy-accepted 1 cbf29ce484222325 18446744073709551617\n",
        "rpfpolicy-accepted 1 cbf29ce484222325 1\nfile 99999999999999999999 /a\n\n",
        "rpfpolicy-accepted 1 cbf29ce484222325 1\nfile 18446744073709551615 /a\n\n",
        "rpfpolicy-accepted 1 cbf29ce484222325 1\nfile 10 /a\n\n",
        "rpfpolicy-accepted 1 cbf29ce484222325 1\nfile 0 \n\n",
        "rpfpolicy-accepted 1 cbf29ce484222325 1\nfile 0 /a\\x00b\n\n",
        "rpfpolicy-accepted 1 cbf29ce484222325 1\nfile 0 /a\\x6\n\n",
        "rpfpolicy-accepted 1 cbf29ce484222325 1\nfile 0 /a\\\n\n",
    };
    struct policy *policy = NULL;

    for (size_t i = 0; i < ELEMENTSOF(damaged); i++)
        assert_int_equal(policy_parse_accepted(damaged[i], strlen(damaged[i]), NULL, NULL, &policy),
                         -EBADMSG);
    assert_null(policy);
}

/* FNV-1a with a NUL after each part, as policy.hash is made, to state what only another version
 * could have accepted. */
static uint64_t hash_of(const char *path, const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i <= strlen(path); i++)
        hash = (hash ^ (unsigned char)path[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i <= strlen(text); i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void words_that_only_another_version_knows_are_refused_with_their_line(void **state)
{
    static const char *const texts[] = {
        "[rp_filter]\n@tunnel = off\n",
        "[rp_filter]\neth0 = feasible\n",
        "[agent]\nmode = gentle\n",
    };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_diags_ struct diags diags = DIAGS_INIT;
        struct policy *policy = NULL;
        char bytes[256];
        int n = snprintf(bytes, sizeof(bytes), "rpfpolicy-accepted 1 %016llx 1\nfile %zu /a\n%s\n",
                         (unsigned long long)hash_of("/a", texts[i]), strlen(texts[i]), texts[i]);

        assert_int_equal(policy_parse_accepted(bytes, (size_t)n, NULL, &diags, &policy), -EBADMSG);
        assert_int_equal(diags.errors, 1);
        assert_string_equal(diags.items[0].file, "/a");
        assert_int_equal(diags.items[0].line, 2);
        assert_null(policy);
    }
}

int main(void)
{
    if (geteuid() != 0) {
        /* A policy file has to belong to root. */
        fprintf(stderr, "skipped: needs root\n");
        return streq(getenv("CI") ?: "", "true") ? 1 : 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(accepted_rules_keep_the_file_and_line_they_were_written_in),
        TEST(what_an_accept_left_that_was_killed_goes_with_the_next),
        TEST(nothing_accepted_and_no_policy_are_told_apart_from_errors),
        TEST(what_was_never_confirmed_is_not_in_force),
        TEST(what_is_accepted_after_a_trial_stays_in_force),
        TEST(a_trial_after_one_that_is_over_goes_back_to_what_is_in_force),
        TEST(what_went_back_is_told_until_something_is_accepted),
        TEST(a_record_of_a_failed_trial_that_is_damaged_is_none),
        TEST(what_is_confirmed_stays_in_force),
        TEST(what_is_not_safely_on_the_disk_is_in_force_all_the_same),
        TEST(what_goes_back_does_not_replace_what_is_newer),
        TEST(a_trial_without_what_was_before_is_damage),
        TEST(a_reader_with_a_lock_is_no_guardian),
        TEST(a_broken_policy_leaves_the_accepted_one_in_force),
        TEST(a_file_that_others_may_write_is_refused),
        TEST(an_accepted_file_that_others_may_write_is_refused),
        TEST(all_may_read_what_is_accepted_and_nothing_else_is_left_behind),
        TEST(dev_null_is_a_policy_that_says_that_nothing_is_wanted),
        TEST(files_that_are_all_masked_are_no_policy),
        TEST(no_rules_take_the_place_of_enforced_ones_by_force_alone),
        TEST(an_accepted_policy_without_a_rule_is_still_read),
        TEST(a_named_policy_is_the_only_one_and_its_bytes_are_kept_as_they_are),
        TEST(any_damage_is_noticed),
        TEST(words_that_only_another_version_knows_are_refused_with_their_line),
        TEST(sizes_and_paths_that_no_one_wrote_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
