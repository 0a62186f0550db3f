/* Members of a report's objects: there, of the type that they must have, and within their bounds;
 * or a sentence that says which is not. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "agent/report/fleet_private.h"

int fleet_complain(struct fleet *fleet, const char *format, ...)
{
    va_list ap;

    if (fleet->fault[0])
        return -EBADMSG;
    va_start(ap, format);
    vsnprintf(fleet->fault, sizeof(fleet->fault), format, ap);
    va_end(ap);
    return -EBADMSG;
}

static const char *type_text(json_type type)
{
    switch (type) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a whole number";
    default:
        return "true or false";
    }
}

static bool is_type(const json_t *value, json_type type)
{
    return type == JSON_TRUE ? json_is_boolean(value) : json_typeof(value) == type;
}

int fleet_member_or_null(struct fleet *fleet, const json_t *object, const char *name,
                         json_type type, const json_t **ret)
{
    const json_t *value = json_object_get(object, name);

    if (value && !json_is_null(value) && !is_type(value, type))
        return fleet_complain(fleet, "'%s' is not %s", name, type_text(type));
    *ret = json_is_null(value) ? NULL : value;
    return 0;
}

int fleet_member(struct fleet *fleet, const json_t *object, const char *name, json_type type,
                 const json_t **ret)
{
    const json_t *value = json_object_get(object, name);

    if (!value)
        return fleet_complain(fleet, "'%s' is missing", name);
    if (!is_type(value, type))
        return fleet_complain(fleet, "'%s' is not %s", name, type_text(type));
    *ret = value;
    return 0;
}

int fleet_string(struct fleet *fleet, const json_t *object, const char *name, const char **ret)
{
    const json_t *value;
    int r = fleet_member(fleet, object, name, JSON_STRING, &value);

    return r < 0 ? r : fleet_intern(fleet, json_string_value(value), ret);
}

int fleet_string_or_null(struct fleet *fleet, const json_t *object, const char *name,
                         const char **ret)
{
    const json_t *value;
    int r = fleet_member_or_null(fleet, object, name, JSON_STRING, &value);

    return r < 0 ? r : fleet_intern(fleet, json_string_value(value), ret);
}

int fleet_number(struct fleet *fleet, const json_t *object, const char *name, unsigned *ret)
{
    const json_t *value;
    int r = fleet_member(fleet, object, name, JSON_INTEGER, &value);

    if (r < 0)
        return r;
    if (json_integer_value(value) < 0 || json_integer_value(value) > INT_MAX)
        return fleet_complain(fleet, "'%s' is out of range", name);
    *ret = (unsigned)json_integer_value(value);
    return 0;
}
