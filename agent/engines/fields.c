/* Named values: added one by one, freed as a whole. */
#include "agent/engines/fields.h"

#include <stdlib.h>
#include <string.h>

static struct field *add(struct fields *fields, const char *name, enum field_kind kind)
{
    struct field *field;

    if (grow((void **)&fields->items, &fields->capacity, fields->count, sizeof(*fields->items)) <
        0) {
        fields->failed = true;
        return NULL;
    }
    field = &fields->items[fields->count++];
    *field = (struct field){.name = name, .kind = kind};
    return field;
}

void field_number(struct fields *fields, const char *name, long long number)
{
    struct field *field = add(fields, name, FIELD_NUMBER);

    if (field)
        field->number = number;
}

void field_take(struct fields *fields, const char *name, char *text)
{
    struct field *field = text ? add(fields, name, FIELD_TEXT) : NULL;

    if (field)
        field->text = text;
    else
        free(text);
    fields->failed |= !field;
}

void field_text(struct fields *fields, const char *name, const char *text)
{
    if (text)
        field_take(fields, name, strdup(text));
    else
        (void)add(fields, name, FIELD_NULL); /* fields_failed() tells of it */
}

/* Without memory what was to be inside comes into the outer one, which counts as failed. */
static struct fields *nest(struct fields *fields, const char *name, enum field_kind kind)
{
    struct fields *inside = calloc(1, sizeof(*inside));
    struct field *field = inside ? add(fields, name, kind) : NULL;

    if (!field) {
        free(inside);
        fields->failed = true;
        return fields;
    }
    return field->inside = inside;
}

struct fields *field_object(struct fields *fields, const char *name)
{
    return nest(fields, name, FIELD_OBJECT);
}

struct fields *field_list(struct fields *fields, const char *name)
{
    return nest(fields, name, FIELD_LIST);
}

bool fields_failed(const struct fields *fields)
{
    bool failed = fields->failed;

    for (size_t i = 0; i < fields->count && !failed; i++)
        failed = fields->items[i].inside && fields_failed(fields->items[i].inside);
    return failed;
}

void fields_done(struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        free(fields->items[i].text);
        if (fields->items[i].inside)
            fields_done(fields->items[i].inside);
        free(fields->items[i].inside);
    }
    free(fields->items);
    *fields = (struct fields){0};
}
