/* One device of a report. Most are laid out as `check` does it and say of their keys, byte by byte,
 * what another device said before: those are recognised, all the others parsed. */
#include <search.h>
#include <stdio.h>

#include "agent/report/fleet_private.h"

static int compare_verdicts(const void *a, const void *b)
{
    const struct verdict *x = a, *y = b;

    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return memcmp(x->text, y->text, x->n);
}

static void free_verdict(void *item)
{
    struct verdict *verdict = item;

    free(verdict->text);
    free(verdict);
}

void fleet_forget_verdicts(struct fleet *fleet)
{
    tdestroy(fleet->verdicts, free_verdict);
    fleet->verdicts = NULL;
    fleet->last = NULL;
    fleet->verdicts_size = 0;
}

static const struct verdict *find_verdict(struct fleet *fleet, const char *text, size_t n)
{
    const struct verdict wanted = {.text = (char *)text, .n = n};
    struct verdict **found;

    if (fleet->last && compare_verdicts(fleet->last, &wanted) == 0)
        return fleet->last;
    found = tfind(&wanted, &fleet->verdicts, compare_verdicts);
    if (found)
        fleet->last = *found;
    return found ? *found : NULL;
}

/* Takes the verdict. */
static int keep_verdict(struct fleet *fleet, struct verdict *verdict, const char *text, size_t n)
{
    if (fleet->verdicts_size + n > VERDICTS_SIZE_MAX)
        fleet_forget_verdicts(fleet);
    verdict->text = malloc(n);
    verdict->n = n;
    if (verdict->text)
        memcpy(verdict->text, text, n);
    if (!verdict->text || !tsearch(verdict, &fleet->verdicts, compare_verdicts)) {
        free_verdict(verdict);
        return -ENOMEM;
    }
    fleet->verdicts_size += n + sizeof(*verdict);
    return 0;
}

static int count_device(struct fleet *fleet, const struct verdict *verdict, const char *name)
{
    struct fleet_host *host = fleet->host;
    int r = 0;

    host->devices++;
    host->counts[verdict->worst]++;
    if (verdict->worst < host->worst)
        host->worst = verdict->worst;
    for (size_t i = 0; r == 0 && i < verdict->n_findings; i++)
        r = fleet_count(fleet, verdict->findings[i], name);
    return r;
}

/* -- the layout of `check`: {"ifindex": N, "name": "NAME", "keys": [...]} -- */

struct layout {
    char name[64];
    const char *keys; /* within the text */
    size_t n;
};

static bool take(const char **text, const char *end, const char *literal)
{
    size_t n = strlen(literal);

    if ((size_t)(end - *text) < n || memcmp(*text, literal, n) != 0)
        return false;
    *text += n;
    return true;
}

static bool read_layout(const char *text, size_t n, struct layout *ret)
{
    const char *end = text + n;
    size_t digits = 0, length = 0;

    if (!take(&text, end, "{\"ifindex\": "))
        return false;
    for (; text < end && *text >= '0' && *text <= '9'; text++)
        digits++;
    if (digits == 0 || digits > 9 || (digits > 1 && text[-(ptrdiff_t)digits] == '0') ||
        !take(&text, end, ", \"name\": \""))
        return false;
    for (; text < end && *text >= 0x20 && *text <= 0x7e && *text != '"' && *text != '\\'; text++) {
        if (length == sizeof(ret->name) - 1)
            return false;
        ret->name[length++] = *text;
    }
    ret->name[length] = '\0';
    if (length == 0 || !take(&text, end, "\", \"keys\": [") || text + 2 > end || end[-1] != '}')
        return false;
    ret->keys = text - 1;
    ret->n = (size_t)(end - ret->keys) - 1;
    return true;
}

/* -- any layout -- */

/* The name is that of the object: there are far too many to keep them all. */
static int read_name_and_keys(struct fleet *fleet, const json_t *device, const char **ret_name,
                              struct verdict **ret)
{
    const json_t *name, *keys;
    unsigned ifindex;
    int r;

    if (!json_is_object(device))
        return fleet_complain(fleet, "a device is not an object");
    r = fleet_number(fleet, device, "ifindex", &ifindex);
    if (r == 0)
        r = fleet_member(fleet, device, "name", JSON_STRING, &name);
    if (r == 0)
        r = fleet_member(fleet, device, "keys", JSON_ARRAY, &keys);
    if (r < 0)
        return r;
    *ret_name = json_string_value(name);
    return fleet_read_verdict(fleet, keys, ret);
}

int fleet_read_device_json(struct fleet *fleet, const json_t *device)
{
    struct verdict *verdict = NULL;
    const char *name;
    int r = read_name_and_keys(fleet, device, &name, &verdict);

    if (r == 0)
        r = count_device(fleet, verdict, name);
    free(verdict);
    return r;
}

static int parse(struct fleet *fleet, const char *text, size_t n, json_t **ret)
{
    json_error_t error;

    *ret = json_loadb(text, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    return *ret ? 0 : fleet_complain(fleet, "a device is not JSON: %s", error.text);
}

/* Nothing but an array can stand in these bytes: with what is before them they are an object. */
static int read_new_keys(struct fleet *fleet, const json_t *device, const struct layout *layout)
{
    struct verdict *verdict = NULL;
    const char *name;
    int r = read_name_and_keys(fleet, device, &name, &verdict);

    if (r == 0)
        r = count_device(fleet, verdict, name);
    if (r == 0 && json_object_size(device) == 3)
        return keep_verdict(fleet, verdict, layout->keys, layout->n);
    free(verdict);
    return r;
}

int fleet_read_device(struct fleet *fleet, const char *text, size_t n)
{
    const struct verdict *verdict = NULL;
    struct layout layout;
    bool plain = read_layout(text, n, &layout);
    json_t *device;
    int r;

    if (plain)
        verdict = find_verdict(fleet, layout.keys, layout.n);
    if (verdict)
        return count_device(fleet, verdict, layout.name);
    r = parse(fleet, text, n, &device);
    if (r < 0)
        return r;
    r = plain ? read_new_keys(fleet, device, &layout) : fleet_read_device_json(fleet, device);
    json_decref(device);
    return r;
}
