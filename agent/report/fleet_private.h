/* What the files of this library share: the record of hosts and texts, and the reader that fills
 * it. */
#pragma once

#include <jansson.h>

#include "agent/report/fleet.h"
#include "agent/report/pieces.h"
#include "policy/base/util.h"

/* What is said of the keys of a device, in the exact bytes of a report: the same bytes, which most
 * devices of a fleet share, need not be parsed again. */
struct verdict {
    char *text;
    size_t n;
    enum state worst;
    size_t n_findings;
    const struct fleet_finding *findings[];
};

#define VERDICTS_SIZE_MAX (8 * 1024 * 1024)
#define UNREADABLE_MAX 8 /* reports per source that are listed one by one */

struct fleet {
    void *strings, *findings, *exceptions, *by_identity; /* tsearch(3) */
    struct fleet_host **hosts;
    size_t n_hosts, hosts_capacity;
    unsigned long superseded;
    struct fleet_exception **all_exceptions;
    size_t n_exceptions, exceptions_capacity;
    /* the source that is being read */
    struct pieces *pieces;
    const char *source;
    unsigned long reports, unreadable;
    /* the report that is being read */
    struct fleet_host *host;
    size_t groups_capacity, exceptions_size;
    bool in_lines;   /* as one object per line, of which the first was seen */
    char *words;     /* strings in a list `devices`, which a line about an exception has */
    char fault[256]; /* what is wrong with it; "" */
    void *verdicts;
    const struct verdict *last;
    size_t verdicts_size;
};

/* The one copy of a text that lives as long as the fleet. NULL gives NULL. */
int fleet_intern(struct fleet *fleet, const char *text, const char **ret);

/* The one object that is equal to this one, whose strings are interned. */
int fleet_finding(struct fleet *fleet, const struct fleet_finding *finding,
                  const struct fleet_finding **ret);
int fleet_exception(struct fleet *fleet, const struct fleet_exception *exception,
                    struct fleet_exception **ret);

struct fleet_host *fleet_host_free(struct fleet_host *host);

/* Take a report, complete or unreadable; of two reports of one host the later one. */
int fleet_add_host(struct fleet *fleet, struct fleet_host *host);
int fleet_add_unreadable(struct fleet *fleet, const char *name, const char *why);

/* Count what is found of a device (name is not interned) for the host that is being read. */
int fleet_count(struct fleet *fleet, const struct fleet_finding *finding, const char *name);
/* The same of all or default, which is no device. */
int fleet_count_special(struct fleet *fleet, const struct fleet_finding *finding, const char *name);
/* Make equal groups one. */
void fleet_merge_groups(struct fleet_host *host);

void fleet_forget_verdicts(struct fleet *fleet);

/* -- from JSON: what is wrong is put into fleet->fault, -EBADMSG -- */

#define FLEET_WORDS_SIZE 65536

/* One element of `devices`: text that is not parsed yet, or an object. */
int fleet_read_device(struct fleet *fleet, const char *text, size_t n);
int fleet_read_device_json(struct fleet *fleet, const json_t *device);
/* `keys` of a device, or one of all or default. Owned. */
int fleet_read_verdict(struct fleet *fleet, const json_t *keys, struct verdict **ret);
/* A whole report but for its devices, into fleet->host. */
int fleet_read_head(struct fleet *fleet, const json_t *head);
int fleet_read_exception(struct fleet *fleet, const json_t *exception, const char *devices);
/* Are these as many devices as were read? */
int fleet_read_summary(struct fleet *fleet, const json_t *summary);

/* Remember what is wrong, unless something was before. -EBADMSG. */
int fleet_complain(struct fleet *fleet, const char *format, ...) _printf_(2, 3);

/* Members of an object. NULL is for one that may be missing or null and is; else complaint. */
int fleet_member(struct fleet *fleet, const json_t *object, const char *name, json_type type,
                 const json_t **ret);
int fleet_member_or_null(struct fleet *fleet, const json_t *object, const char *name,
                         json_type type, const json_t **ret);
/* Interned. */
int fleet_string(struct fleet *fleet, const json_t *object, const char *name, const char **ret);
int fleet_string_or_null(struct fleet *fleet, const json_t *object, const char *name,
                         const char **ret);
int fleet_number(struct fleet *fleet, const json_t *object, const char *name, unsigned *ret);
