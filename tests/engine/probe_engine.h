/* An engine for tests, to show what it takes to have one: this folder and its row. Its "kernel" is
 * a directory: the file `NAME-way` is a way, `NAME-value` holds what decides. Each thing that it
 * does is a line of the file `log` there, so that the order over several engines can be seen. */
#pragma once

#include "agent/engines/engine.h"

/* While `NAME-refused` is there no way can be added; while `NAME-barred` is, it is not to be had,
 * and its device waits; while `NAME-unread` is, it cannot tell. */

/* Two rows, so that they can be seen beside each other; both live in probe_directory. */
extern const struct engine engine_probe_a, engine_probe_b;

/* What the policy wants: in place of a section of the language. */
struct probe_wish {
    int value;
    bool way;                /* there shall be a file `way` */
    bool way_fails;          /* it cannot be added */
    int error[3];            /* fails as a whole in the phases, by their order */
    enum change_result last; /* of the value: CHANGE_DONE, CHANGE_FAILED … */
};
extern struct probe_wish probe_wish_a, probe_wish_b;
extern char probe_directory[64];
extern char probe_device[DEVICE_NAME_MAX + 1]; /* that the way is for; "" for none */
