/* Which names are of a family, and what each is good for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/facts/families.h"

static void a_family_is_known_by_its_prefix_where_it_is_of_use(void **state)
{
    assert_int_equal(family_prefix("lxc4f2", FAMILY_RANDOM), 3);
    assert_int_equal(family_prefix("lxc4f2", FAMILY_GLOB), 3);
    assert_int_equal(family_prefix("lxc4f2", FAMILY_GROUP), 3);
    assert_int_equal(family_prefix("tunl0", FAMILY_RANDOM), 4);
    assert_int_equal(family_prefix("tunl0", FAMILY_GLOB), 3);
    assert_int_equal(family_prefix("dummy0", FAMILY_GLOB), 0);
    assert_int_equal(family_prefix("dummy0", FAMILY_GROUP), 5);
    assert_int_equal(family_prefix("eth0", FAMILY_RANDOM | FAMILY_GLOB | FAMILY_GROUP), 0);
    assert_int_equal(family_prefix("", FAMILY_GROUP), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_is_known_by_its_prefix_where_it_is_of_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
