/* What the two files that write the page share. */
#pragma once

#include "agent/report/fleet_view.h"

#define FLEET_PICTURE_MAX 20000 /* hosts that have a cell of their own */

/* Text of any origin as the content of an element or of an attribute in quotes. -ENOMEM. */
int fleet_html_text(FILE *stream, const char *text);

/* One cell per host, coloured by its state; for very many a bar. */
int fleet_html_picture(struct fleet_report *report);
