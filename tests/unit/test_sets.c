/* Sets: what a [set NAME] may say, and which devices belong, do not, or may. */
#include "policy_text.h"

#include <linux/if_arp.h>

#include "policy/lang/compile.h"

/* Is the device in the set that these lines describe? */
static int belongs(const char *conditions, const struct device *device)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    char text[400];

    snprintf(text, sizeof(text), "[set s]\n%s\n[rp_filter]\n@s = off\n", conditions);
    _cleanup_policy_ struct policy *policy = policy_of(text, &diags);
    assert_quiet(&diags);
    assert_int_equal(policy->rules[0].pattern.set, BUILTIN_SET_COUNT);
    return set_matches(policy, BUILTIN_SET_COUNT, device);
}

#define ALL_FACTS                                                                                  \
    (FACT_ADDRESSES | FACT_ROUTES | FACT_MASTER_NAME | FACT_DRIVER | FACT_UDEV | FACT_MAC |        \
     FACT_ALTNAMES)

static char *const altnames[] = {(char *)"enp1s0", (char *)"wan", NULL};
static char *const properties[] = {(char *)"ID_BUS=pci", (char *)"ID_BUS_X=usb",
                                   (char *)"ID_EMPTY=", NULL};

static struct device eth0(void)
{
    return (struct device){
        .ifindex = 2,
        .name = "eth0",
        .known = ALL_FACTS,
        .type = ARPHRD_ETHER,
        .kind = "vlan",
        .master = 7,
        .master_name = "br0",
        .driver = "ixgbe",
        .altnames = (char **)altnames,
        .mac = (char *)"52:54:00:ab:cd:ef",
        .properties = (char **)properties,
    };
}

static void each_condition_looks_at_its_fact(void **state)
{
    struct device device = eth0();
    static const struct {
        const char *yes, *no;
    } conditions[] = {
        {"name = eth*", "name = wlan*"},
        {"name = wlan0 eth0", "name = eth"},
        {"altname = wan", "altname = eth0"},
        {"kind = v?an", "kind = veth"},
        {"type = ether", "type = loopback"},
        {"driver = ix*", "driver = e1000e"},
        {"mac = 52:54:00:*", "mac = 52:54:01:*"},
        {"mac = 52:54:00:AB:CD:EF", "mac = 52"},
        {"master = br0", "master = br1"},
        {"property = ID_BUS=pci", "property = ID_BUS=usb"},
        {"property = ID_BUS=usb p[ac]i", "property = ID=pci"},
        {"kind = !veth bridge", "kind = !veth vlan"},
        {"kind = ! veth", "kind = ! vlan"},
        {"property = !ID_BUS=usb", "property = !ID_BUS=pci"},
    };

    for (size_t i = 0; i < ELEMENTSOF(conditions); i++) {
        if (belongs(conditions[i].yes, &device) != 1 || belongs(conditions[i].no, &device) != 0)
            fail_msg("%s / %s", conditions[i].yes, conditions[i].no);
    }
}

static void what_a_device_has_not_is_matched_by_empty_quotes_only(void **state)
{
    struct device device = eth0();
    static const char *const words[] = {"altname", "kind",          "driver",         "mac",
                                        "master",  "permanent-mac", "property = ID_X"};

    device.altnames = NULL;
    device.kind[0] = device.driver[0] = device.master_name[0] = '\0';
    device.mac = NULL;
    for (size_t i = 0; i < ELEMENTSOF(words); i++) {
        char text[120];
        const char *separator = strchr(words[i], '=') ? "=" : " = ";

        snprintf(text, sizeof(text), "%s%s\"\"", words[i], separator);
        assert_int_equal(belongs(text, &device), 1);
        snprintf(text, sizeof(text), "%s%s*", words[i], separator);
        assert_int_equal(belongs(text, &device), 0);
    }
    assert_int_equal(belongs("kind = \"\" veth", &device), 1);
    assert_int_equal(belongs("kind = !*", &device), 1);
    assert_int_equal(belongs("property = ID_EMPTY=\"\"", &device), 1);
}

static void all_conditions_must_hold(void **state)
{
    struct device device = eth0();

    assert_int_equal(belongs("kind = vlan\nname = eth*", &device), 1);
    assert_int_equal(belongs("kind = vlan\nname = wlan*", &device), 0);
    assert_int_equal(belongs("property = ID_BUS=pci\nproperty = ID_BUS_X=usb", &device), 1);
    assert_int_equal(belongs("property = ID_BUS=pci\nproperty = ID_BUS_X=pci", &device), 0);
}

static void without_the_fact_the_answer_is_not_known(void **state)
{
    struct device device = eth0();
    static const char *const words[] = {"altname = wan",  "driver = *",        "mac = *",
                                        "master = br0",   "permanent-mac = *", "property = A=b",
                                        "driver = !ixgbe"};

    device.known = 0;
    for (size_t i = 0; i < ELEMENTSOF(words); i++) {
        char text[200];

        assert_int_equal(belongs(words[i], &device), -1);
        snprintf(text, sizeof(text), "%s\nkind = vlan", words[i]);
        assert_int_equal(belongs(text, &device), -1);
        snprintf(text, sizeof(text), "%s\nkind = veth", words[i]); /* decided by the kind */
        assert_int_equal(belongs(text, &device), 0);
    }
    device.master = 0; /* no master is known without a look */
    device.master_name[0] = '\0';
    assert_int_equal(belongs("master = br0", &device), 0);
    assert_int_equal(belongs("master = \"\"", &device), 1);
}

static void of_an_unseen_device_only_the_name_is_known(void **state)
{
    static const char *const others[] = {"kind = veth", "type = ether",       "driver = virtio_net",
                                         "mac = 52:*",  "master = \"\"",      "altname = *",
                                         "kind = !tun", "property = COLOUR=*"};
    struct device device = {.name = "eth0", .unseen = true, .known = FACT_ADDRESSES | FACT_ROUTES};

    assert_int_equal(belongs("name = eth*", &device), 1);
    assert_int_equal(belongs("name = lxc*", &device), 0);
    for (size_t i = 0; i < ELEMENTSOF(others); i++) {
        char text[128];

        assert_int_equal(belongs(others[i], &device), -1);
        snprintf(text, sizeof(text), "%s\nname = lxc*", others[i]); /* decided by the name */
        assert_int_equal(belongs(text, &device), 0);
    }
}

static int builtin(enum builtin_set set, const struct device *device)
{
    _cleanup_policy_ struct policy *policy = policy_start();

    return set_matches(policy, (int)set, device);
}

static void the_built_in_sets_are_what_they_say(void **state)
{
    struct device device = eth0();

    device.bus_parent = true;
    assert_int_equal(builtin(BUILTIN_SET_PHYSICAL, &device), 0); /* it has a kind */
    device.kind[0] = '\0';
    assert_int_equal(builtin(BUILTIN_SET_PHYSICAL, &device), 1);
    device.unseen = true;
    assert_int_equal(builtin(BUILTIN_SET_PHYSICAL, &device), -1); /* it may be */
    device.bus_parent = false;
    assert_int_equal(builtin(BUILTIN_SET_PHYSICAL, &device), 0);
    device.unseen = false;
    assert_int_equal(builtin(BUILTIN_SET_PHYSICAL, &device), 0);

    assert_int_equal(builtin(BUILTIN_SET_UPLINK, &device), 0);
    device.uplink = true;
    assert_int_equal(builtin(BUILTIN_SET_UPLINK, &device), 1);
    device.known &= ~(uint32_t)FACT_ROUTES;
    assert_int_equal(builtin(BUILTIN_SET_UPLINK, &device), -1);

    assert_int_equal(builtin(BUILTIN_SET_UNNUMBERED, &device), 1);
    device.numbered = true;
    assert_int_equal(builtin(BUILTIN_SET_UNNUMBERED, &device), 0);
    device.known &= ~(uint32_t)FACT_ADDRESSES;
    assert_int_equal(builtin(BUILTIN_SET_UNNUMBERED, &device), -1);
}

static void lo_belongs_to_no_set(void **state)
{
    struct device lo = {.name = "lo", .type = ARPHRD_LOOPBACK};

    assert_int_equal(belongs("name = lo", &lo), 0);
    assert_int_equal(belongs("type = loopback", &lo), 0);
    assert_int_equal(builtin(BUILTIN_SET_UNNUMBERED, &lo), 0);
}

static void only_the_facts_of_sets_in_use_are_asked_for(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_of("[set used]\n"
                                                       "driver = ixgbe\n"
                                                       "mac = 52:*\n"
                                                       "[set unused]\n"
                                                       "property = A=b\n"
                                                       "[rp_filter]\n"
                                                       "@used = loose\n"
                                                       "@physical = strict\n",
                                                       &diags);

    assert_quiet(&diags);
    assert_int_equal(policy->facts, FACT_DRIVER | FACT_MAC);
    assert_int_equal(set_facts(policy, BUILTIN_SET_COUNT + 1), FACT_UDEV);
    assert_int_equal(set_facts(policy, BUILTIN_SET_UPLINK), FACT_ROUTES);
    assert_int_equal(set_facts(policy, -1), 0);
}

static void wrong_sets_are_refused(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *words;
    } bad[] = {
        {"[set s]\n", 1, "[set s] has no condition"},
        {"[set physical]\nkind = veth\n", 1, "@physical is built in"},
        {"[set a/b]\nkind = veth\n", 1, "cannot be used as a name"},
        {"[set s]\nkind = veth\nkind = bridge\n", 3, "stands twice in [set s]; alternatives"},
        {"[set s]\nkind = veth\n[set s]\nkind = veth\n", 3, "stated twice, first in p.conf:1"},
        {"[set s]\nkinds = veth\n", 2, "did you mean 'kind'?"},
        {"[set s]\ngroup = veth\n", 2, "known here are name, altname, kind, type, driver, mac"},
        {"[set s]\nkind =\n", 2, "'kind' is empty; write \"\" for"},
        {"[set s]\nkind = !\n", 2, "'kind' is empty"},
        {"[set s]\nkind = veth !vlan\n", 2, "'!' negates the whole list"},
        {"[set s]\nkind = v[eth\n", 2, "is not closed"},
        {"[set s]\nkind = veth\\\n", 2, "is not closed"},
        {"[set s]\nproperty = ID_BUS\n", 2, "is not of the form KEY=VALUE"},
        {"[set s]\nproperty = =pci\n", 2, "is not of the form KEY=VALUE"},
        {"[set s]\nproperty = ID_BUS =pci\n", 2, "is not of the form KEY=VALUE"},
        {"[set s]\nproperty = ID_BUS=\n", 2, "is empty"},
        {"[set s]\nproperty = ID_BUS=!pci\n", 2, "right after the first '='"},
        {"[set s]\nproperty = ID_BUS=\"pci\"\n", 2, "quotes would be part of the value"},
        {"[set s]\nkind = \"veth\"\n", 2, "quotes would be part of the value"},
        {"[set s]\nkind = veth, bridge\n", 2, "separated by blanks"},
        {"[set s]\nname = eth0,eth1\n", 2, "separated by blanks"},
        {"[set s]\nname = eth1..3\n", 2, "'eth1..3': there are no ranges in a [set]"},
        {"[set s]\nname = lxc* @other\n", 2, "a set is not made of sets"},
        {"[set s]\nmaster = br/0\n", 2, "no device name contains '/'"},
        {"[set s]\nname = enp0s31f6-and-more\n", 2, "at most 15 bytes"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_refused(bad[i].text, bad[i].line, bad[i].words);
}

static void a_condition_takes_what_can_be_meant(void **state)
{
    static const char *const good[] = {
        "kind = \"\" veth",     "name = [a-z]th[0-9][0-9]*",       "property = ID_MODEL=a,b",
        "property = X=@a/b..c", "altname = a/b..c@d-that-is-long", "mac = 02:00:*",
    };

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        _cleanup_diags_ struct diags diags = DIAGS_INIT;
        char text[120];

        snprintf(text, sizeof(text), "[set s]\n%s\n[rp_filter]\n@s = off\n", good[i]);
        policy_free(policy_of(text, &diags));
        assert_quiet(&diags);
    }
}

static void a_condition_that_may_be_unknown_does_not_make_a_set_of_everything(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    policy_free(policy_of("[set s]\n-group = 5\n", &diags));
    assert_said(&diags, DIAG_WARNING, "p.conf", 2, "'group' in [set] is not known");
    assert_said(&diags, DIAG_ERROR, "p.conf", 1, "has no condition");
}

static void a_set_may_be_used_before_it_is_stated_and_from_another_file(void **state)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = policy_start();

    policy_add(policy, "10.conf", "[rp_filter]\n@b = off\n@a = off\n", &diags);
    policy_add(policy, "20.conf", "[set a]\nkind = veth\n[set b]\nkind = vlan\n", &diags);
    assert_int_equal(policy_finish(policy, &diags), 0);
    assert_quiet(&diags);
    assert_int_equal(policy->rules[0].pattern.set, BUILTIN_SET_COUNT + 1);
    assert_int_equal(policy->rules[1].pattern.set, BUILTIN_SET_COUNT);
}

static void types_have_the_words_of_ip_link(void **state)
{
    char buf[8];

    assert_string_equal(device_type_name(ARPHRD_ETHER, buf, sizeof(buf)), "ether");
    assert_string_equal(device_type_name(ARPHRD_TUNNEL, buf, sizeof(buf)), "ipip");
    assert_string_equal(device_type_name(ARPHRD_NONE, buf, sizeof(buf)), "none");
    assert_string_equal(device_type_name(65000, buf, sizeof(buf)), "65000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_looks_at_its_fact),
        cmocka_unit_test(what_a_device_has_not_is_matched_by_empty_quotes_only),
        cmocka_unit_test(all_conditions_must_hold),
        cmocka_unit_test(without_the_fact_the_answer_is_not_known),
        cmocka_unit_test(of_an_unseen_device_only_the_name_is_known),
        cmocka_unit_test(the_built_in_sets_are_what_they_say),
        cmocka_unit_test(lo_belongs_to_no_set),
        cmocka_unit_test(only_the_facts_of_sets_in_use_are_asked_for),
        cmocka_unit_test(wrong_sets_are_refused),
        cmocka_unit_test(a_condition_takes_what_can_be_meant),
        cmocka_unit_test(a_condition_that_may_be_unknown_does_not_make_a_set_of_everything),
        cmocka_unit_test(a_set_may_be_used_before_it_is_stated_and_from_another_file),
        cmocka_unit_test(types_have_the_words_of_ip_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
