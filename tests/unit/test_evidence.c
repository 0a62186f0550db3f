/* When the agent looks for who would be cut, by a clock that stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/daemon/evidence.h"
#include "agent/peers/observed.h"
#include "fake_clock.h"
#include "policy_text.h"

struct fixture {
    struct paths paths;
    struct logger logger;
    struct fake_clock fake;
    struct netlink nl;
    struct policy policy;
    struct rights rights;
    struct evidence_options options;
    unsigned amended, looked;
    int amend_error;
};

static int on_amend(struct live *live, void *data)
{
    struct fixture *fixture = data;

    fixture->amended++;
    return fixture->amend_error;
}

static void on_looked(void *data)
{
    ((struct fixture *)data)->looked++;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    assert_int_equal(paths_init(&(struct path_options){0}, &fixture->paths), 0);
    assert_int_equal(netlink_open(&fixture->nl), 0);
    assert_int_equal(fake_clock_begin(&fixture->fake), 0);
    fixture->logger.max_level = -1;
    fixture->options = (struct evidence_options){.paths = &fixture->paths,
                                                 .loop = fixture->fake.loop,
                                                 .logger = &fixture->logger,
                                                 .nl = &fixture->nl,
                                                 .rights = &fixture->rights,
                                                 .amend = on_amend,
                                                 .looked = on_looked,
                                                 .data = fixture};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    loop_free(fixture->fake.loop);
    netlink_close(&fixture->nl);
    paths_done(&fixture->paths);
    free(fixture);
    return 0;
}

static void without_rules_that_are_only_observed_nothing_is_looked_for(void **state)
{
    struct fixture *fixture = *state;
    struct evidence *evidence = NULL;
    json_t *json;

    assert_int_equal(evidence_new(&fixture->options, NULL, &evidence), 0);
    assert_null(evidence);
    assert_int_equal(evidence_new(&fixture->options, &fixture->policy, &evidence), 0);
    assert_null(evidence);
    json = evidence_json(evidence);
    assert_true(json_is_null(json));
    json_decref(json);
    evidence_free(evidence);
}

static void it_looks_soon_and_then_now_and_then_also_after_a_failure(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    static const char text[] = "[agent]\nmode = observe\n[rp_filter]\n* = strict\n";
    struct evidence *evidence = NULL;

    policy = policy_of(text, &diags);
    assert_int_equal(evidence_new(&fixture->options, policy, &evidence), 0);
    assert_non_null(evidence);
    assert_int_equal(fixture->looked, 0);
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    assert_int_equal(fixture->looked, 1);
    assert_int_equal(fixture->amended, 1);
    fixture->amend_error = -ENOMEM;
    fake_clock_pass(&fixture->fake, 10 * USEC_PER_SEC - 1);
    assert_int_equal(fixture->looked, 1);
    fake_clock_pass(&fixture->fake, 1);
    assert_int_equal(fixture->looked, 2);
    assert_int_equal(evidence_observed(evidence)->looks, 1);
    fixture->amend_error = 0;
    fake_clock_pass(&fixture->fake, 10 * USEC_PER_SEC);
    assert_int_equal(evidence_observed(evidence)->looks, 2);
    evidence_free(evidence);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_rules_that_are_only_observed_nothing_is_looked_for),
        TEST(it_looks_soon_and_then_now_and_then_also_after_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
