/* In the place of bpf.c where the program is built without BPF. */
#include "agent/drops/drops.h"

int drops_bpf_open(int ifindex, struct drops_bpf **ret)
{
    return -ENOSYS;
}

struct drops_bpf *drops_bpf_free(struct drops_bpf *bpf)
{
    return NULL;
}

bool drops_bpf_knows(const struct drops_bpf *bpf, enum drop_reason reason)
{
    return false;
}

int drops_bpf_read(struct drops_bpf *bpf, drop_t fn, void *data)
{
    return -ENOSYS;
}

int drops_bpf_finish(struct drops_bpf *bpf, drop_t fn, void *data)
{
    return -ENOSYS;
}

int drops_bpf_unlisted(const struct drops_bpf *bpf, uint64_t ret[static REASON_COUNT])
{
    return -ENOSYS;
}
