/* Loads the program of drops.bpf.c and reads what it counted. The kernel's numbers of the reasons
 * change from version to version and are looked up by name in its type information. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/drops/drops.h"
#include "drops.skel.h"

struct drops_bpf {
    struct drops_program *program;
    struct drop_key *keys;     /* owned, room for DROP_FLOWS_MAX */
    struct drop_value *values; /* likewise */
};

/* enum skb_drop_reason of include/net/dropreason-core.h */
static const char *const kernel_names[REASON_COUNT] = {
    [REASON_RP_FILTER] = "SKB_DROP_REASON_IP_RPFILTER",
    [REASON_LOCAL_SOURCE] = "SKB_DROP_REASON_IP_LOCAL_SOURCE",
    [REASON_INVALID_SOURCE] = "SKB_DROP_REASON_IP_INVALID_SOURCE",
    [REASON_LOCALNET] = "SKB_DROP_REASON_IP_LOCALNET",
};

static void take_number(struct drop_settings *settings, const char *name, uint32_t number)
{
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (streq(name, kernel_names[i]))
            settings->reasons[i] = number;
}

static int find_numbers(struct drop_settings *settings)
{
    struct btf *btf = btf__load_vmlinux_btf();
    const struct btf_type *type;
    int id, r = -EOPNOTSUPP;

    if (!btf)
        return errno > 0 ? -errno : -EOPNOTSUPP;
    id = btf__find_by_name_kind(btf, "skb_drop_reason", BTF_KIND_ENUM);
    type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
    for (unsigned i = 0; type && i < btf_vlen(type); i++) {
        const struct btf_enum *value = &btf_enum(type)[i];

        take_number(settings, btf__name_by_offset(btf, value->name_off), (uint32_t)value->val);
    }
    btf__free(btf);
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (settings->reasons[i])
            r = 0;
    return r;
}

static int fill_settings(struct drop_settings *settings, int ifindex)
{
    struct stat st;

    if (stat("/proc/self/ns/net", &st) < 0)
        return -errno;
    settings->namespace = (__u32)st.st_ino;
    settings->ifindex = (__u32)ifindex;
    return find_numbers(settings);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
    return 0;
}

struct drops_bpf *drops_bpf_free(struct drops_bpf *bpf)
{
    if (bpf) {
        drops_program__destroy(bpf->program);
        free(bpf->keys);
        free(bpf->values);
    }
    free(bpf);
    return NULL;
}

static int load(struct drops_bpf *bpf, int ifindex)
{
    int r;

    bpf->keys = calloc(DROP_FLOWS_MAX, sizeof(*bpf->keys));
    bpf->values = calloc(DROP_FLOWS_MAX, sizeof(*bpf->values));
    if (!bpf->keys || !bpf->values)
        return -ENOMEM;
    bpf->program = drops_program__open();
    if (!bpf->program)
        return errno > 0 ? -errno : -ENOMEM;
    r = fill_settings(&bpf->program->rodata->settings, ifindex);
    if (r == 0)
        r = drops_program__load(bpf->program);
    return r < 0 ? r : drops_program__attach(bpf->program);
}

int drops_bpf_open(int ifindex, struct drops_bpf **ret)
{
    struct drops_bpf *bpf = calloc(1, sizeof(*bpf));
    int r;

    if (!bpf)
        return -ENOMEM;
    libbpf_set_print(quiet);
    r = load(bpf, ifindex);
    if (r < 0) {
        drops_bpf_free(bpf);
        return r;
    }
    *ret = bpf;
    return 0;
}

bool drops_bpf_knows(const struct drops_bpf *bpf, enum drop_reason reason)
{
    return bpf->program->rodata->settings.reasons[reason] > 0;
}

static int give(const struct drop_key *key, const struct drop_value *value, drop_t fn, void *data)
{
    struct drop drop = {
        .ifindex = (int)key->ifindex,
        .source.s_addr = key->source,
        .destination.s_addr = key->destination,
        .reason = (enum drop_reason)key->reason,
        .packets = value->packets,
        .sample = value->sample,
    };

    memcpy(drop.device, value->device, sizeof(drop.device));
    drop.device[sizeof(drop.device) - 1] = 0;
    if (!drop.device[0])
        (void)if_indextoname(key->ifindex, drop.device); /* gone: "" */
    return fn(&drop, data);
}

/* Read and empty one map. */
static int drain(struct drops_bpf *bpf, const struct bpf_map *map, drop_t fn, void *data)
{
    __u32 batch, count = DROP_FLOWS_MAX;
    int r = bpf_map_lookup_and_delete_batch(bpf_map__fd(map), NULL, &batch, bpf->keys, bpf->values,
                                            &count, NULL);

    if (r < 0 && r != -ENOENT) /* there is no more */
        return r;
    r = 0;
    for (__u32 i = 0; r == 0 && i < count; i++)
        r = give(&bpf->keys[i], &bpf->values[i], fn, data);
    return r;
}

/* The one that is not written to. */
static const struct bpf_map *resting(const struct drops_bpf *bpf)
{
    const struct drops_program *program = bpf->program;

    return program->bss->odd ? program->maps.flows_even : program->maps.flows_odd;
}

int drops_bpf_read(struct drops_bpf *bpf, drop_t fn, void *data)
{
    int r = drain(bpf, resting(bpf), fn, data);

    /* It has rested since the last call, so that nobody was still writing to it. */
    bpf->program->bss->odd ^= 1;
    return r;
}

int drops_bpf_finish(struct drops_bpf *bpf, drop_t fn, void *data)
{
    int r;

    drops_program__detach(bpf->program);
    r = drops_bpf_read(bpf, fn, data);
    gather(&r, drops_bpf_read(bpf, fn, data));
    return r;
}

int drops_bpf_unlisted(const struct drops_bpf *bpf, uint64_t ret[static REASON_COUNT])
{
    int fd = bpf_map__fd(bpf->program->maps.unlisted), n = libbpf_num_possible_cpus();
    _cleanup_free_ __u64 *values = n > 0 ? calloc((size_t)n, sizeof(*values)) : NULL;

    if (!values)
        return n < 0 ? n : -ENOMEM;
    for (__u32 reason = 0; reason < REASON_COUNT; reason++) {
        int r = bpf_map_lookup_elem(fd, &reason, values);

        if (r < 0)
            return r;
        ret[reason] = 0;
        for (int i = 0; i < n; i++)
            ret[reason] += values[i];
    }
    return 0;
}
