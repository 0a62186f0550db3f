/* The keeper of values over a kernel that is a directory of files and a clock that stands still. */
#pragma once

#include "agent/daemon/reader.h"
#include "fake_clock.h"

#define SCENE_DEVICES 8

struct scene_device {
    int ifindex; /* 0: none */
    char name[DEVICE_NAME_MAX + 1];
    bool nameless; /* its directory is not there yet */
    bool numbered, uplink, down;
};

struct scene {
    struct netlink nl; /* stands for the scene where the kernel is asked: the first member */
    char *root, *proc;
    struct paths paths;
    struct logger logger;
    struct fake_clock fake;
    struct in_force *in_force;
    struct paused *paused;
    struct presence *presence;
    struct writing writing;
    struct udev_watch *udev;
    struct ways *ways;
    struct keeper *keeper;
    struct listening *listening; /* without sockets */
    struct reader *reader;       /* NULL until scene_make_reader() */
    struct scene_device devices[SCENE_DEVICES];

    int read_error; /* of the next reading */
    uint64_t cost;  /* of one */
    unsigned reads, dumps, plans;
    unsigned read_again, special_moved, written; /* what the keeper asked for */
    bool waits;                                  /* the latest time that `all` or `default` moved */
    const char *reason;                          /* the latest one that was not routine */
    unsigned policy_changed;
};

struct scene *scene_new(void);
void scene_free(struct scene *scene);

/* From now on what the keeper asks for is done. */
void scene_make_reader(struct scene *scene);

/* The file alone, as long as nobody looks at it. */
void scene_replace_policy(struct scene *scene, const char *text);
/* Put into force, without reading anything. */
void scene_accept(struct scene *scene, const char *text);
/* Read everything and put it right, as reader.c does. */
void scene_read(struct scene *scene);
void scene_pause(struct scene *scene, const char *name); /* NULL: nothing any more */

/* The kernel's values; `all` and `default` are devices, too. */
int scene_value(const struct scene *scene, const char *name, enum key key);
void scene_write(struct scene *scene, const char *name, enum key key, int value); /* silently */

/* A device with the values of `default`, silently. */
struct scene_device *scene_add(struct scene *scene, int ifindex, const char *name);

/* What the kernel says: of a link with the values that it has, or of settings. */
void scene_tell_link(struct scene *scene, uint16_t type, const struct scene_device *device);
void scene_tell_value(struct scene *scene, uint16_t type, int ifindex, int rp_filter,
                      bool forwarding);

/* Somebody writes rp_filter, and the kernel says so. */
void scene_somebody_writes(struct scene *scene, const char *name, int rp_filter);

/* Of how many keys it is told that somebody keeps writing them back. */
size_t scene_conflicts(const struct scene *scene);
