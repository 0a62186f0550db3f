/* What the exit status of every program that is typed means. */
#pragma once

/* Exit status, the same for every verb. EXIT_ERROR wins over the others. */
enum exit_status {
    EXIT_OK = 0,
    EXIT_ERROR = 1,  /* usage, bad policy, no policy found, no permission */
    EXIT_DRIFT = 2,  /* drift or impossible found, or something to do */
    EXIT_WRITES = 4, /* some write failed */
};
