/* The limit on route cache flushes, over processes: not too often, and the last one never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/change/flush.h"
#include "agent/store/lock.h"
#include "sandbox.h"

#define MS UINT64_C(1000)

static struct sandbox sandbox;

struct place {
    char run[96], flushed[128];
    struct paths paths;
    struct procsys procsys;
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    if (!place)
        return -1;
    snprintf(place->run, sizeof(place->run), "%s/run-XXXXXX", sandbox.directory);
    if (!mkdtemp(place->run))
        return -1;
    snprintf(place->flushed, sizeof(place->flushed), "%s/flushed", place->run);
    place->paths =
        (struct paths){.run = place->run, .orders = place->run, .flushed = place->flushed};
    *state = place;
    return procsys_open("/proc/sys/net", &place->procsys);
}

static int remove_place(void **state)
{
    struct place *place = *state;

    procsys_close(&place->procsys);
    free(place);
    return 0;
}

static uint64_t now_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t last_flush(const struct place *place)
{
    char text[64];

    assert_int_equal(file_read(place->flushed, text, sizeof(text)), 0);
    return strtoull(text, NULL, 10);
}

static bool request(struct place *place, uint64_t interval)
{
    bool flushed;

    assert_int_equal(flush_at_most_once_in(&place->paths, &place->procsys, interval, &flushed), 0);
    return flushed;
}

static void the_first_request_flushes_at_once(void **state)
{
    struct place *place = *state;
    uint64_t before = now_usec();
    bool flushed = false;

    assert_int_equal(flush_request(&place->paths, &place->procsys, &flushed), 0);
    assert_true(flushed);
    assert_true(last_flush(place) >= before);
}

static void the_second_waits_for_its_time(void **state)
{
    struct place *place = *state;
    uint64_t first;

    assert_true(request(place, 200 * MS));
    first = last_flush(place);
    assert_true(request(place, 200 * MS));
    assert_true(last_flush(place) >= first + 200 * MS);
}

static void a_time_of_another_boot_does_not_count(void **state)
{
    struct place *place = *state;
    uint64_t before = now_usec();
    FILE *f = fopen(place->flushed, "we");

    assert_non_null(f);
    fprintf(f, "%020" PRIu64 "\n", before + 1000000 * MS);
    fclose(f);
    assert_true(request(place, 1000000 * MS));
    assert_true(last_flush(place) < before + 1000000 * MS);
}

/* While one waits to do the next flush, everyone else can go home. */
static void only_one_process_waits(void **state)
{
    struct place *place = *state;
    uint64_t start, first;
    int gate[2];
    char byte;
    pid_t pid;

    assert_true(request(place, 3000 * MS));
    first = last_flush(place);
    assert_int_equal(pipe(gate), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        bool flushed = false;
        int r = flush_at_most_once_in(&place->paths, &place->procsys, 3000 * MS, &flushed);

        _exit(write(gate[1], &byte, 1) == 1 && r == 0 && flushed ? 0 : 1);
    }
    /* It waits as soon as the second lock is taken. */
    for (;;) {
        char pending[160];
        int fd;

        snprintf(pending, sizeof(pending), "%s.pending", place->flushed);
        fd = lock_file(pending, 0);
        if (fd == -EBUSY)
            break;
        assert_true(fd >= 0);
        lock_release(fd);
        sched_yield();
    }
    start = now_usec();
    assert_false(request(place, 3000 * MS));
    assert_int_equal(last_flush(place), first); /* so this one did not wait for the flush */
    assert_int_equal(read(gate[0], &byte, 1), 1);
    assert_true(last_flush(place) > start); /* and the flush that came covers it */
    assert_true(last_flush(place) >= first + 3000 * MS);
    {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    close(gate[0]);
    close(gate[1]);
}

/* Who holds them keeps others from flushing, or lets them believe that he will. */
static void others_cannot_open_the_locks(void **state)
{
    struct place *place = *state;
    struct stat st;
    int fd;

    fd = open(place->flushed, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0666), 0);
    lock_release(lock_file(place->flushed, 0));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    close(fd);
}

#define PROCESSES 4
#define REQUESTS 100

/* Whoever asked last, a flush came after it; and they never came closer than the interval. */
static void under_a_storm_of_requests_the_last_one_is_not_lost(void **state)
{
    struct place *place = *state;
    uint64_t *last_asked =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t begin = now_usec(), elapsed, flushes = 0;
    pid_t pids[PROCESSES];

    assert_true(last_asked != MAP_FAILED);
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] != 0)
            continue;
        for (int k = 0; k < REQUESTS; k++) {
            bool flushed = false;

            last_asked[i] = now_usec();
            if (flush_at_most_once_in(&place->paths, &place->procsys, 3 * MS, &flushed) < 0)
                _exit(1);
            last_asked[PROCESSES + i] += flushed;
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    elapsed = now_usec() - begin;
    for (int i = 0; i < PROCESSES; i++) {
        assert_true(last_flush(place) >= last_asked[i]);
        flushes += last_asked[PROCESSES + i];
    }
    assert_true(flushes > 0);
    assert_true(flushes <= elapsed / (3 * MS) + 1);
    munmap(last_asked, 4096);
}

static void a_flush_that_fails_is_said_and_not_counted(void **state)
{
    struct place *place = *state;
    bool flushed;

    run("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys");
    procsys_close(&place->procsys);
    assert_int_equal(procsys_open("/proc/sys/net", &place->procsys), 0);
    assert_int_equal(flush_request(&place->paths, &place->procsys, &flushed), -EROFS);
    procsys_close(&place->procsys);
    run("umount /proc/sys");
    assert_int_equal(procsys_open("/proc/sys/net", &place->procsys), 0);
    assert_true(request(place, 1000000 * MS));
}

/* Who may write the file says each time that the last flush was a moment ago. */
static void a_time_that_is_rewritten_again_and_again_is_not_waited_for(void **state)
{
    struct place *place = *state;
    pid_t pid;

    assert_true(request(place, 1000 * MS));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open(place->flushed, O_WRONLY | O_CLOEXEC);

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            char text[32];
            int n = snprintf(text, sizeof(text), "%020" PRIu64 "\n", now_usec() - 500 * MS);

            if (pwrite(fd, text, (size_t)n, 0) != n)
                _exit(1);
        }
    }
    alarm(60);
    assert_true(request(place, 1000 * MS));
    alarm(0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_request_flushes_at_once),
        TEST(the_second_waits_for_its_time),
        TEST(a_time_of_another_boot_does_not_count),
        TEST(only_one_process_waits),
        TEST(others_cannot_open_the_locks),
        TEST(under_a_storm_of_requests_the_last_one_is_not_lost),
        TEST(a_time_that_is_rewritten_again_and_again_is_not_waited_for),
        TEST(a_flush_that_fails_is_said_and_not_counted),
    };

    sandbox_enter(&sandbox);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
