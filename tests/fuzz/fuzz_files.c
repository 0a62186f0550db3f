/* The readers of the files that programs keep for each other, and of those of other programs:
 * pauses, former values, history, an accepted policy on trial, what is told of a trial and of one
 * that failed, leases, traces of others. Input: one byte that picks the reader, then what is in the
 * file; in several files, divided as in fuzz.h. */
#include <jansson.h>

#include "agent/store/accepted_hold.h"
#include "agent/store/before.h"
#include "agent/store/failed_trial.h"
#include "agent/store/held.h"
#include "agent/store/history.h"
#include "agent/store/pause.h"
#include "agent/store/policy_load.h"
#include "agent/store/state_file.h"
#include "agent/system/leases.h"
#include "agent/system/meddlers.h"
#include "agent/system/networkd.h"
#include "tree.h"

/* As written by a program of ours: else a name may be longer when it is escaped. */
static bool is_printable(const struct part *part)
{
    for (size_t i = 0; i < part->n; i++)
        if (part->bytes[i] != '\n' && (part->bytes[i] < 0x20 || part->bytes[i] > 0x7e))
            return false;
    return true;
}

/* What was read and is written reads as the same. */
static void read_pauses(const struct part *part)
{
    _cleanup_pauses_ struct pauses pauses = {0}, again = {0};
    _cleanup_free_ char *text = NULL, *same = NULL;
    char header[STATE_HEADER_SIZE];
    int r;

    state_header(&paths, paths.orders, "rpfpolicy-paused 1", header);
    put(paths.paused, header, part);
    r = pauses_read(&paths, &pauses);
    require(r == 0 || r == -EBADMSG);
    if (r < 0 || !is_printable(part))
        return;
    text = pauses_format(&pauses);
    require(text && pauses_parse(text, &again) == 0);
    same = pauses_format(&again);
    require(same && streq(text, same));
    (void)pauses_find(&pauses, "eth0", pauses_now());
}

/* One record per key and device, each of a key and with a name. */
static void read_before(const struct part *part)
{
    _cleanup_free_ struct before_record *records = NULL;
    char header[STATE_HEADER_SIZE];
    size_t count = 0;
    int r;

    state_header(&paths, paths.run, "rpfpolicy-before 1", header);
    put(paths.before, header, part);
    r = before_read(&paths, &records, &count);
    require(r == 0 || r == -ENOENT);
    for (size_t i = 0; i < count; i++) {
        const struct before_record *record = &records[i];

        require(record->key < KEY_COUNT);
        require(record->name[0] && strlen(record->name) <= DEVICE_NAME_MAX);
        for (size_t j = 0; j < i; j++)
            require(record->key != records[j].key || record->ifindex != records[j].ifindex ||
                    !streq(record->name, records[j].name));
    }
}

static void require_text(const char text[static HISTORY_TEXT_SIZE])
{
    require(memchr(text, '\0', HISTORY_TEXT_SIZE));
}

static void read_history(const struct part *part)
{
    _cleanup_history_ struct history history = {0};
    size_t lines = 0;

    put(paths.history, "", part);
    require(history_read(&paths, &history) == 0);
    for (size_t i = 0; i < part->n; i++)
        lines += part->bytes[i] == '\n';
    require(history.count <= lines);
    for (size_t i = 0; i < history.count; i++) {
        const struct history_record *record = &history.records[i];

        require(record->what < DECISION_COUNT && decision_name(record->what));
        require(strspn(record->hash, "0123456789abcdef") == strlen(record->hash));
        require(record->time >= -1 && record->uid >= -1 && record->login >= -1);
        require_text(record->revision);
        require_text(record->origin);
        require_text(record->detail);
        require_text(record->sudo);
        require_text(record->terminal);
        require_text(record->unit);
    }
}

/* The trial is over: what was before is in force, and nothing else. */
static void read_trial(const struct part *accepted, const struct part *before)
{
    _cleanup_policy_ struct policy *policy = NULL, *was = NULL;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    int r, parsed;

    put(paths.accepted, "", accepted);
    put(paths.accepted_before, "", before);
    r = policy_load_accepted(&paths, &diags, &policy);
    require_diags(&diags);
    require(r == 0 || r == -EBADMSG || r == -ENOENT);
    require(r != -EBADMSG || diags_failed(&diags));
    if (!accepted_is_on_trial(accepted->bytes, accepted->n)) {
        require(r != -ENOENT);
        return;
    }
    require((r == -ENOENT) == (before->n == 0));
    parsed = policy_parse_accepted(before->bytes, before->n, NULL, NULL, &was);
    require(before->n == 0 || parsed == r);
    require(r < 0 || policy->hash == was->hash);
}

static void require_line(const char text[static TRIAL_TEXT_MAX])
{
    const char *end = memchr(text, '\0', TRIAL_TEXT_MAX);

    require(end && !memchr(text, '\n', (size_t)(end - text)));
}

/* While a trial lives, as its guardian shows; a moment later nothing is told of it. */
static void read_trial_record(const struct part *part)
{
    struct trial_record record = {.since = -1};
    char header[STATE_HEADER_SIZE];
    int guardian;

    put(paths.accepted_trial, "", part); /* left by another one */
    guardian = file_hold_new(paths.accepted_trial);
    require(guardian >= 0);
    state_header(&paths, paths.orders, "rpfpolicy-trial 1", header);
    put(paths.trial, header, part);
    if (trial_record_read(&paths, &record))
        require_line(record.text);
    else
        require(record.since == -1);
    (void)close(guardian); /* it was opened to be held */
    require(!trial_record_read(&paths, &record));
}

static void require_hash(const char hash[static 17])
{
    require(strlen(hash) == 16 && strspn(hash, "0123456789abcdef") == 16);
}

/* What was read and is written reads as the same. */
static void read_failed_trial(const struct part *part)
{
    struct failed_trial failed = {.time = -1}, again = {0};

    put(paths.failed_trial, "rpfpolicy-failed-trial 1 ", part);
    if (!failed_trial_load(&paths, &failed)) {
        require(failed.time == -1 && !failed.hash[0]);
        return;
    }
    require_hash(failed.hash);
    if (*failed.before)
        require_hash(failed.before);
    require_line(failed.why);
    require(failed_trial_write(&paths, &failed) == 0);
    require(failed_trial_load(&paths, &again));
    require(streq(failed.hash, again.hash) && streq(failed.before, again.before) &&
            failed.time == again.time && streq(failed.why, again.why));
}

static void facts_free(struct route_facts *facts)
{
    for (size_t i = 0; i < facts->n_meddlers; i++) {
        free(facts->meddlers[i].name);
        free(facts->meddlers[i].evidence);
        free(facts->meddlers[i].cure);
    }
    free(facts->meddlers);
    free(facts->leases);
}

/* As of systemd-networkd, NetworkManager, its configuration, a network file, a CNI's. */
static void read_others(const struct part *part, unsigned which)
{
    static const char *const files[] = {
        "/run/systemd/netif/leases/2", "/run/NetworkManager/devices/2",
        "/etc/systemd/networkd.conf", "/run/systemd/network/10-netplan-eth0.network",
        "/etc/cni/net.d/10-aws.conflist"};
    static const char text[] = "[routing]\neth0 = auto\n";
    struct device device = {.ifindex = 2, .name = "eth0", .ipv4 = true};
    struct live live = {.devices = &device, .count = 1};
    _cleanup_policy_ struct policy *policy = policy_new();
    struct route_facts facts = {0};

    require(policy && policy_add_file(policy, "p", text, sizeof(text) - 1, NULL) == 0);
    require(policy_finish(policy, NULL) == 0);
    put_below(files[which % ELEMENTSOF(files)], part);
    require(leases_read(&paths, policy, &live, NULL, &facts) == 0);
    require(meddlers_read(&paths, policy, &live, &facts) == 0);
    require(facts.n_leases <= 1);
    for (size_t i = 0; i < facts.n_meddlers; i++)
        require(facts.meddlers[i].name && facts.meddlers[i].evidence);
    facts_free(&facts);
}

static void read_answer(const struct part *part)
{
    json_t *interface = json_loadb(part->bytes, part->n, JSON_DECODE_INT_AS_REAL, NULL);
    struct ip ip = {0};
    int r;

    if (!interface)
        return;
    r = networkd_lease_gateway(interface, &ip);
    require(r == 1 || r == 0 || r == -EBADMSG);
    require(r != 1 || ip.family == AF_INET);
    json_decref(interface);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct part part = {0}, second = {0};

    if (size == 0)
        return 0;
    tree_begin();
    part = part_copy(data + 1, size - 1);
    switch (data[0]) {
    case 'p':
        read_pauses(&part);
        break;
    case 'b':
        read_before(&part);
        break;
    case 'h':
        read_history(&part);
        break;
    case 'j':
        read_answer(&part);
        break;
    case 'r':
        read_trial_record(&part);
        break;
    case 'x':
        read_failed_trial(&part);
        break;
    case 't':
        part_done(&part);
        part = part_copy(NULL, 0);
        data++;
        size--;
        if (part_next(&data, &size, &second)) {
            part_done(&part);
            part = second;
        }
        second = part_copy(data, size);
        read_trial(&part, &second);
        part_done(&second);
        break;
    default:
        read_others(&part, data[0]);
    }
    part_done(&part);
    return 0;
}
