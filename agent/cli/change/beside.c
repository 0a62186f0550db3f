/* What a plan does beside its writes, in words. Nothing is decided here. */
#include "agent/cli/change/beside.h"

#include <stdio.h>

#include "agent/store/pause.h"

json_t *json_casualties(const struct plan *plan)
{
    json_t *list = json_array();

    for (size_t i = 0; i < plan->n_casualties; i++) {
        const struct pin_casualty *casualty = &plan->casualties[i];
        json_t *object = json_object();

        json_object_set_new(object, "ifindex", json_integer(casualty->ifindex));
        json_set_name(object, "name", casualty->name);
        json_set(object, {"key", json_string(key_info(casualty->key)->name)},
                 {"before", json_integer(casualty->before)},
                 {"after", json_integer(casualty->after)});
        json_array_append_new(list, object);
    }
    return list;
}

static void put_impossible(struct output *out, const struct judge *judge,
                           const struct device *device, const struct key_state *state)
{
    struct row row = {.object = json_object()};

    (void)ROW(&row, {"ifindex", NULL, NUMBER(device ? device->ifindex : state->which)},
              {"name", NULL, NAME(key_owner(device, state))},
              {"key", NULL, TEXT(key_info(state->key)->name)});
    /* Cannot fail in JSON, where the program ends without memory. */
    (void)key_put(&row, &(struct key_row){judge, device, state});
    json_element(out, NULL, row.object);
}

static void put_impossible_specials(struct output *out, const struct session *session, int which)
{
    key_mask keys = report_keys(session->policy);

    for (enum key key = 0; key < KEY_COUNT; key++) {
        struct key_state state;

        if (!(keys & KEY_BIT(key)))
            continue;
        judge_special(session->judge, which, key, &state);
        if (state_info(state.state)->stuck)
            put_impossible(out, session->judge, NULL, &state);
    }
}

void json_impossible(struct output *out, const struct session *session)
{
    json_open(out, "impossible", '[');
    put_impossible_specials(out, session, IFINDEX_ALL);
    put_impossible_specials(out, session, IFINDEX_DEFAULT);
    for (size_t i = 0; i < session->live.count; i++) {
        const struct device *device = &session->live.devices[i];
        struct key_state states[KEY_COUNT];
        enum state worst;
        unsigned n = device->ipv4 ? judge_device(session->judge, device, states, &worst) : 0;

        for (unsigned k = 0; k < n; k++)
            if (state_info(states[k].state)->stuck)
                put_impossible(out, session->judge, device, &states[k]);
    }
    json_close(out, ']');
}

static void print_casualty(FILE *stream, const struct pin_casualty *casualty)
{
    char before[12], after[12];

    fprintf(stream, "note: `all` changes %s, which no rule speaks of: %s %s -> %s\n",
            NAME_SHOWN(casualty->name), key_info(casualty->key)->name,
            key_value_format(casualty->key, casualty->before, before, sizeof(before)),
            key_value_format(casualty->key, casualty->after, after, sizeof(after)));
}

/* Devices that would be written if it were not for this pause. */
static unsigned count_held(const struct session *session, const struct pause *pause, uint64_t now)
{
    unsigned n = 0;

    for (size_t i = 0; i < session->live.count; i++) {
        const struct device *device = &session->live.devices[i];
        struct key_state states[KEY_COUNT];
        enum state worst;
        unsigned keys;
        bool held = false;

        if (!device->paused || pauses_find(&session->pauses, device->name, now) != pause)
            continue;
        keys = judge_device(session->judge, device, states, &worst);
        for (unsigned k = 0; k < keys; k++)
            held |= states[k].state == STATE_PAUSED && states[k].wanted_known &&
                    states[k].wanted != states[k].effective && plan_rule_writes(states[k].rule);
        n += held;
    }
    return n;
}

static void print_pauses(FILE *stream, const struct session *session)
{
    uint64_t now = pauses_now();

    for (size_t i = 0; i < session->pauses.count; i++) {
        const struct pause *pause = &session->pauses.items[i];
        unsigned held = count_held(session, pause, now);
        char left[32], number[16];

        fprintf(stream, "note: paused, %s, by %s: %s (%s); %s %s would be written otherwise\n",
                pause_left_text(pause, now, left), NAME_SHOWN(pause->who),
                NAME_SHOWN(pause_text(pause)), NAME_SHOWN(pause->reason), count_text(held, number),
                PLURAL(held, "device"));
    }
}

static void print_impossible(FILE *stream, const struct session *session, const char *name,
                             const struct device *device, const struct key_state *state)
{
    char text[JUDGE_TEXT_SIZE];

    fprintf(stream, "note: %s of %s: %s\n", key_info(state->key)->name, NAME_SHOWN(name),
            judge_text(session->judge, device, state, text));
}

/* As check has it: where `all` or `default` is not the reason, the first device's stands for all.
 */
static void print_impossible_devices(FILE *stream, const struct session *session, key_mask said)
{
    for (size_t i = 0; i < session->live.count; i++) {
        const struct device *device = &session->live.devices[i];
        struct key_state states[KEY_COUNT];
        enum state worst;
        unsigned n = device->ipv4 ? judge_device(session->judge, device, states, &worst) : 0;

        for (unsigned k = 0; k < n; k++) {
            if (!state_info(states[k].state)->stuck || (said & KEY_BIT(states[k].key)))
                continue;
            said |= KEY_BIT(states[k].key);
            print_impossible(stream, session, device->name, device, &states[k]);
        }
    }
}

void notes_print(FILE *stream, const struct session *session, const struct plan *plan)
{
    static const struct {
        int which;
        const char *name;
    } specials[] = {{IFINDEX_ALL, "all"}, {IFINDEX_DEFAULT, "default"}};
    key_mask keys = report_keys(session->policy), said = 0;

    for (size_t i = 0; i < plan->n_casualties; i++)
        print_casualty(stream, &plan->casualties[i]);
    print_pauses(stream, session);
    for (unsigned i = 0; i < ELEMENTSOF(specials); i++)
        for (enum key key = 0; key < KEY_COUNT; key++) {
            struct key_state state;

            if (!(keys & KEY_BIT(key)))
                continue;
            judge_special(session->judge, specials[i].which, key, &state);
            if (!state_info(state.state)->stuck)
                continue;
            said |= KEY_BIT(key);
            print_impossible(stream, session, specials[i].name, NULL, &state);
        }
    print_impossible_devices(stream, session, said);
}

static void count_key(const struct key_state *state, struct keys_left *left)
{
    if (state_info(state->state)->concern != CONCERN_NOW)
        return;
    if (plan_rule_writes(state->rule))
        left->written++;
    else
        left->observed++;
}

static void count_special(const struct session *session, int which, struct keys_left *left)
{
    struct key_state state;

    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (!(session->policy->keys & KEY_BIT(key)))
            continue;
        judge_special(session->judge, which, key, &state);
        count_key(&state, left);
    }
}

struct keys_left keys_left(const struct session *session)
{
    struct keys_left left = {0};

    count_special(session, IFINDEX_ALL, &left);
    count_special(session, IFINDEX_DEFAULT, &left);
    for (size_t i = 0; i < session->live.count; i++) {
        struct key_state states[KEY_COUNT];
        enum state worst;
        unsigned count = judge_device(session->judge, &session->live.devices[i], states, &worst);

        for (unsigned k = 0; k < count; k++)
            count_key(&states[k], &left);
    }
    return left;
}

int plan_status(const struct session *session, const struct plan *plan,
                const struct reports *reports)
{
    return plan->count > 0 || keys_left(session).written > 0 || reports_are_wrong(reports)
               ? EXIT_DRIFT
               : EXIT_OK;
}
