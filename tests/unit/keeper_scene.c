/* See the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/accepted_hold.h"
#include "agent/store/lock.h"
#include "agent/store/pause.h"
#include "agent/store/policy_load.h"
#include "files.h"
#include "keeper_scene.h"

#define DEVCONF_COUNT 34

static const char *path_of(const struct scene *scene, const char *name, enum key key, char *path,
                           size_t size)
{
    (void)snprintf(path, size, "%s/ipv4/conf/%s/%s", scene->proc, name, key_info(key)->name);
    return path;
}

int scene_value(const struct scene *scene, const char *name, enum key key)
{
    char path[256];
    int fd = open(path_of(scene, name, key, path, sizeof(path)), O_RDONLY | O_CLOEXEC), value;

    assert_true(fd >= 0);
    assert_int_equal(procsys_read_fd(fd, &value), 0);
    close(fd);
    return value;
}

void scene_write(struct scene *scene, const char *name, enum key key, int value)
{
    char path[256], text[16];

    (void)path_of(scene, name, key, path, sizeof(path));
    (void)snprintf(text, sizeof(text), "%d\n", value);
    files_put_text("", path, text);
}

static struct scene_device *find(struct scene *scene, int ifindex)
{
    for (size_t i = 0; i < SCENE_DEVICES; i++)
        if (ifindex && scene->devices[i].ifindex == ifindex)
            return &scene->devices[i];
    return NULL;
}

static struct scene_device *find_name(struct scene *scene, const char *name)
{
    for (size_t i = 0; i < SCENE_DEVICES; i++)
        if (scene->devices[i].ifindex && streq(scene->devices[i].name, name))
            return &scene->devices[i];
    return NULL;
}

struct scene_device *scene_add(struct scene *scene, int ifindex, const char *name)
{
    struct scene_device *device = NULL;

    for (size_t i = 0; i < SCENE_DEVICES && !device; i++)
        if (scene->devices[i].ifindex == 0)
            device = &scene->devices[i];
    assert_non_null(device);
    *device = (struct scene_device){.ifindex = ifindex};
    (void)snprintf(device->name, sizeof(device->name), "%s", name);
    for (enum key key = 0; key < KEY_COUNT; key++)
        scene_write(scene, name, key, scene_value(scene, "default", key));
    return device;
}

/* The kernel's answers. */

static int fake_current_name(struct netlink *nl, int ifindex, char *ret)
{
    const struct scene_device *device = find((struct scene *)nl, ifindex);

    if (!device)
        return -ENODEV;
    (void)snprintf(ret, DEVICE_NAME_MAX + 1, "%s", device->name);
    return 0;
}

static int fake_open_key(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                         enum key key)
{
    struct scene *scene = (struct scene *)nl;
    const struct scene_device *device = find(scene, ifindex);
    char path[256];
    int fd;

    if (!device)
        return -ENODEV;
    if (device->nameless || !streq(device->name, name))
        return -ESTALE;
    fd = open(path_of(scene, name, key, path, sizeof(path)), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int fake_read_device(const struct procsys *p, struct netlink *nl, int ifindex,
                            const char *name, enum key key, int *ret)
{
    int fd = fake_open_key(p, nl, ifindex, name, key), r;

    if (fd < 0)
        return fd;
    r = procsys_read_fd(fd, ret);
    close(fd);
    return r;
}

static int by_ifindex(const void *a, const void *b)
{
    const struct device *x = a, *y = b;

    return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static void read_live(struct scene *scene, struct live *ret)
{
    struct live live = {.all_writable = true, .devconf_inherit = -1};

    live.devices = calloc(SCENE_DEVICES, sizeof(*live.devices));
    assert_non_null(live.devices);
    for (enum key key = 0; key < KEY_COUNT; key++) {
        live.all[key] = scene_value(scene, "all", key);
        live.def[key] = scene_value(scene, "default", key);
    }
    for (size_t i = 0; i < SCENE_DEVICES; i++) {
        const struct scene_device *from = &scene->devices[i];
        struct device *device = &live.devices[live.count];

        if (from->ifindex == 0)
            continue;
        *device = (struct device){.ifindex = from->ifindex,
                                  .ipv4 = true,
                                  .numbered = from->numbered,
                                  .uplink = from->uplink,
                                  .flags = from->down ? 0 : IFF_UP,
                                  .known = FACT_ADDRESSES | FACT_ROUTES};
        memcpy(device->name, from->name, sizeof(device->name));
        for (enum key key = 0; key < KEY_COUNT; key++)
            device->conf[key] = scene_value(scene, from->name, key);
        live.count++;
    }
    qsort(live.devices, live.count, sizeof(*live.devices), by_ifindex);
    *ret = live;
}

static int fake_read(struct netlink *nl, const struct picture_options *options, struct live *ret)
{
    struct scene *scene = (struct scene *)nl;
    int r = scene->read_error;

    scene->reads++;
    scene->fake.now += scene->cost;
    scene->read_error = 0;
    if (r == 0)
        read_live(scene, ret);
    return r;
}

struct buffer {
    _Alignas(struct nlmsghdr) char bytes[1024];
};

static struct nlmsghdr *put_values(struct buffer *buffer, uint16_t type, int ifindex, int rp_filter,
                                   bool forwarding)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer->bytes);
    struct netconfmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

    message->nlmsg_type = type;
    header->ncm_family = AF_INET;
    mnl_attr_put_u32(message, NETCONFA_IFINDEX, (uint32_t)ifindex);
    if (rp_filter >= 0)
        mnl_attr_put_u32(message, NETCONFA_RP_FILTER, (uint32_t)rp_filter);
    if (forwarding)
        mnl_attr_put_u32(message, NETCONFA_FORWARDING, 0);
    return message;
}

static int fake_dump(struct netlink *nl, struct nlmsghdr *request, netlink_message_t fn,
                     void (*reset)(void *data), void *data)
{
    struct scene *scene = (struct scene *)nl;

    assert_int_equal(request->nlmsg_type, RTM_GETNETCONF);
    scene->dumps++;
    for (size_t i = 0; i < SCENE_DEVICES; i++) {
        const struct scene_device *device = &scene->devices[i];
        struct buffer buffer = {0};

        if (device->ifindex)
            assert_int_equal(fn(put_values(&buffer, RTM_NEWNETCONF, device->ifindex,
                                           scene_value(scene, device->name, KEY_RP_FILTER), true),
                                data),
                             MNL_CB_OK);
    }
    return 0;
}

static int fake_carry_out(const struct change_request *request, struct change_outcome *ret)
{
    struct scene *scene =
        (struct scene *)((char *)(uintptr_t)request->paths - offsetof(struct scene, paths));
    _cleanup_(live_done) struct live live = {0};
    _cleanup_plan_ struct plan plan = {0};
    int fd = lock_acquire(request->paths, 0), r;

    *ret = (struct change_outcome){0};
    if (fd < 0)
        return fd;
    read_live(scene, &live);
    paused_mark(scene->paused, &live);
    r = request->by.complete(&live, request->data);
    if (r == 0)
        r = plan_make(request->by.policy, &live, 0, &plan);
    for (size_t i = 0; r == 0 && i < plan.count; i++) {
        const struct write *write = &plan.writes[i];
        struct change_report report = {.change = write, .result = CHANGE_DONE};

        scene_write(scene, write->name, write->key, write->new_value);
        request->listener->report(&report, request->data);
    }
    scene->plans += r == 0;
    lock_release(fd);
    return r;
}

static const struct keeper_kernel fake_kernel = {.read = fake_read,
                                                 .dump = fake_dump,
                                                 .carry_out = fake_carry_out,
                                                 .current_name = fake_current_name,
                                                 .read_special = procsys_read_special,
                                                 .read_device = fake_read_device,
                                                 .open_key = fake_open_key};

/* The agent around it. */

static void on_nothing(void *data)
{
}

static void on_udev_finished(int ifindex, struct udev_device *device, void *data)
{
}

static bool can_write(void *data)
{
    return true;
}

static void on_replaced(void *data)
{
    struct scene *scene = data;

    keeper_begin(scene->keeper);
    ways_begin(scene->ways);
}

static void on_follow(const struct watch_routes *routes, void *data)
{
}

static struct live *devices(void *data)
{
    return keeper_live(((struct scene *)data)->keeper);
}

static void on_read_again(const char *reason, void *data)
{
    struct scene *scene = data;

    scene->read_again++;
    scene->reason = reason ?: scene->reason;
    if (scene->reader)
        reader_schedule(scene->reader, reason);
}

static void on_special_moved(const char *reason, bool waits, void *data)
{
    struct scene *scene = data;

    scene->special_moved++;
    scene->reason = reason;
    scene->waits = waits;
    if (scene->reader)
        reader_special_moved(scene->reader, reason, waits);
}

static void on_written(void *data)
{
    struct scene *scene = data;

    scene->written++;
    if (scene->reader)
        reader_look_again(scene->reader);
}

static void make_lower_parts(struct scene *scene)
{
    struct presence_options presence = {
        .paths = &scene->paths, .logger = &scene->logger, .lost = on_nothing};
    struct in_force_options in_force = {.paths = &scene->paths,
                                        .loop = scene->fake.loop,
                                        .logger = &scene->logger,
                                        .can_write = can_write,
                                        .replaced = on_replaced,
                                        .changed = on_nothing,
                                        .data = scene};
    struct paused_options paused = {.paths = &scene->paths,
                                    .loop = scene->fake.loop,
                                    .logger = &scene->logger,
                                    .changed = on_nothing,
                                    .time_is_up = on_nothing};
    struct udev_watch_options udev = {
        .loop = scene->fake.loop, .foreign = true, .finished = on_udev_finished};
    const char *where;

    assert_int_equal(presence_new(&presence, &scene->presence, &where), 0);
    assert_int_equal(in_force_new(&in_force, &scene->in_force), 0);
    assert_int_equal(paused_new(&paused, &scene->paused), 0);
    assert_int_equal(udev_watch_new(&udev, &scene->udev), 0);
    scene->writing = (struct writing){.presence = scene->presence,
                                      .in_force = scene->in_force,
                                      .paused = scene->paused,
                                      .read_again = on_read_again,
                                      .data = scene};
}

/* No route and no rule is there, and no policy here asks for any. */
static int read_no_ways(struct netlink *nl, unsigned what, struct route_facts *facts)
{
    return 0;
}

static const struct ways_kernel without_ways = {.read_again = read_no_ways};

static void make_upper_parts(struct scene *scene)
{
    struct ways_options ways = {.paths = &scene->paths,
                                .nl = &scene->nl,
                                .kernel = &without_ways,
                                .loop = scene->fake.loop,
                                .logger = &scene->logger,
                                .in_force = scene->in_force,
                                .paused = scene->paused,
                                .writing = &scene->writing,
                                .devices = devices,
                                .follow = on_follow,
                                .read_again = on_read_again,
                                .changed = on_nothing,
                                .data = scene};
    struct keeper_options options = {.paths = &scene->paths,
                                     .nl = &scene->nl,
                                     .kernel = &fake_kernel,
                                     .loop = scene->fake.loop,
                                     .logger = &scene->logger,
                                     .in_force = scene->in_force,
                                     .paused = scene->paused,
                                     .writing = &scene->writing,
                                     .udev = scene->udev,
                                     .read_again = on_read_again,
                                     .special_moved = on_special_moved,
                                     .written = on_written,
                                     .changed = on_nothing,
                                     .data = scene};
    const char *where;

    assert_int_equal(ways_new(&ways, &scene->ways), 0);
    options.ways = scene->ways;
    assert_int_equal(keeper_new(&options, &scene->keeper, &where), 0);
}

static void on_message(const struct nlmsghdr *message, void *data)
{
}

static void on_policy_changed(void *data)
{
    struct scene *scene = data;

    scene->policy_changed++;
    reader_take_over(scene->reader);
}

void scene_make_reader(struct scene *scene)
{
    struct listening_options listening = {.loop = scene->fake.loop,
                                          .logger = &scene->logger,
                                          .message = on_message,
                                          .taken = on_nothing,
                                          .lost = on_nothing,
                                          .resumed = on_nothing,
                                          .changed = on_nothing};
    struct reader_options options = {.loop = scene->fake.loop,
                                     .logger = &scene->logger,
                                     .in_force = scene->in_force,
                                     .paused = scene->paused,
                                     .ways = scene->ways,
                                     .keeper = scene->keeper,
                                     .policy_changed = on_policy_changed,
                                     .data = scene};

    assert_int_equal(listening_new(&listening, &scene->listening), 0);
    options.listening = scene->listening;
    assert_int_equal(reader_new(&options, &scene->reader), 0);
}

struct scene *scene_new(void)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    umask(022);
    scene->root = files_root_new();
    assert_true(asprintf(&scene->proc, "%s/net", scene->root) > 0);
    for (enum key key = 0; key < KEY_COUNT; key++) {
        scene_write(scene, "all", key, 0);
        scene_write(scene, "default", key, 0);
    }
    assert_int_equal(
        paths_init(&(struct path_options){.root = scene->root, .proc_sys_net = scene->proc},
                   &scene->paths),
        0);
    scene->logger.max_level = -1;
    assert_int_equal(fake_clock_begin(&scene->fake), 0);
    make_lower_parts(scene);
    make_upper_parts(scene);
    return scene;
}

void scene_free(struct scene *scene)
{
    reader_free(scene->reader);
    listening_free(scene->listening);
    keeper_free(scene->keeper);
    ways_free(scene->ways);
    udev_watch_free(scene->udev);
    paused_free(scene->paused);
    in_force_free(scene->in_force);
    presence_free(scene->presence);
    loop_free(scene->fake.loop);
    paths_done(&scene->paths);
    files_root_remove(scene->root);
    free(scene->proc);
    free(scene);
}

void scene_replace_policy(struct scene *scene, const char *text)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;

    files_put_text(scene->root, "/etc/rpfpolicy.d/10-test.conf", text);
    assert_int_equal(policy_load(&scene->paths, &diags, &policy), 0);
    assert_int_equal(policy_accept(&scene->paths, policy->hash, 0, &diags), 0);
}

void scene_accept(struct scene *scene, const char *text)
{
    scene_replace_policy(scene, text);
    assert_int_equal(in_force_take(scene->in_force), 1);
}

void scene_read(struct scene *scene)
{
    struct live live = {0};

    (void)loop_take_up(scene->fake.loop);
    for (unsigned pass = 0; pass < 2; pass++) {
        live_done(&live);
        assert_int_equal(keeper_read(scene->keeper, &live), 0);
        keeper_aim(scene->keeper, &live, false);
        if (!keeper_specials_drift(scene->keeper) || keeper_put_specials_right(scene->keeper) == 0)
            break;
    }
    assert_int_equal(keeper_take(scene->keeper, &live), 0);
    keeper_enforce_all(scene->keeper, "full read");
}

void scene_pause(struct scene *scene, const char *name)
{
    _cleanup_pauses_ struct pauses pauses = {0};
    struct pause pause = {.since = 1, .date = 2};

    if (name) {
        assert_int_equal(pause_set_name(&pause, name), 0);
        pause.who = strdup("alice");
        pause.reason = strdup("tests");
        assert_int_equal(pauses_add(&pauses, &pause), 0);
    }
    assert_int_equal(pauses_write(&scene->paths, &pauses), 0);
    assert_int_equal(paused_take(scene->paused), 1);
}

/* Messages. */

static void take(struct scene *scene, const struct nlmsghdr *message)
{
    (void)loop_take_up(scene->fake.loop);
    keeper_on_message(scene->keeper, message);
}

void scene_tell_link(struct scene *scene, uint16_t type, const struct scene_device *device)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
    struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
    uint32_t numbers[DEVCONF_COUNT] = {0};
    struct nlattr *spec, *inet;

    message->nlmsg_type = type;
    header->ifi_index = device->ifindex;
    header->ifi_flags = device->down ? 0 : IFF_UP;
    mnl_attr_put_strz(message, IFLA_IFNAME, device->name);
    for (enum key key = 0; key < KEY_COUNT && type == RTM_NEWLINK; key++)
        numbers[key_info(key)->devconf - 1] = (uint32_t)scene_value(scene, device->name, key);
    spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    inet = mnl_attr_nest_start(message, AF_INET);
    mnl_attr_put(message, IFLA_INET_CONF, sizeof(numbers), numbers);
    mnl_attr_nest_end(message, inet);
    mnl_attr_nest_end(message, spec);
    take(scene, message);
}

void scene_tell_value(struct scene *scene, uint16_t type, int ifindex, int rp_filter,
                      bool forwarding)
{
    struct buffer buffer = {0};

    take(scene, put_values(&buffer, type, ifindex, rp_filter, forwarding));
}

void scene_somebody_writes(struct scene *scene, const char *name, int rp_filter)
{
    const struct scene_device *device = find_name(scene, name);
    int ifindex = streq(name, "all") ? IFINDEX_ALL : streq(name, "default") ? IFINDEX_DEFAULT : 0;

    assert_true(ifindex || device);
    scene_write(scene, name, KEY_RP_FILTER, rp_filter);
    scene_tell_value(scene, RTM_NEWNETCONF, ifindex ?: device->ifindex, rp_filter, false);
}

size_t scene_conflicts(const struct scene *scene)
{
    json_t *list = keeper_conflicts_json(scene->keeper);
    size_t n = json_array_size(list);

    json_decref(list);
    return n;
}
