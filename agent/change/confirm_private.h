/* What guardian and its partners say to each other: packets over sockets of one kind. */
#pragma once

#include "agent/change/confirm.h"
#include "agent/engines/engine.h"

enum confirm_word {
    /* to the guardian */
    WORD_WRITE, /* `record` is about to be written */
    WORD_START, /* all is written */
    WORD_KEEP,
    WORD_PUT_BACK,
    WORD_ASK,
    WORD_PROBE, /* nothing is answered: that it can be sent tells that the guardian still listens */
    /* from the guardian */
    WORD_READY, /* `error`: not */
    WORD_STATE, /* `left`, `waiting`; `error`: it could not be kept, and waits on */
    WORD_RESULT,
};

struct confirm_packet {
    enum confirm_word word;
    int error;
    int exposed;     /* with WORD_READY: as in struct confirm */
    bool waiting;    /* the time runs */
    uint32_t failed; /* with WORD_READY: probes that do not count */
    uint64_t left;
    unsigned engine; /* of the record: which one of the list */
    unsigned char record[ENGINE_RECORD_MAX];
    struct confirm_result result;
};

struct guardian_options {
    const struct paths *paths;
    const struct engine *const *engines;
    const struct confirm_terms *terms;
    int parent; /* the socket to the one who applies */
    void (*ended)(const struct confirm_result *result, void *data);
    void *data;
};

/* The guardian's life; returns when it is over. */
void guardian_run(const struct guardian_options *options);

/* The socket ORDERS/confirm: bound and listening, or connected. -ECONNREFUSED: nobody listens;
 * -EKEYREJECTED: somebody else than root. */
int confirm_socket(const struct paths *paths, bool listening);

/* To our own guardian. -EOWNERDEAD: it is gone; -ECANCELED: it has decided to put everything back.
 */
int confirm_tell(int fd, const struct confirm_packet *packet);

/* Is a process of root, or of this user, at the other end? */
bool confirm_is_trusted(int fd);

/* Wait no longer for anything on it. */
void confirm_limit(int fd, unsigned seconds);

/* One packet; the second gives -EPIPE at the end. */
int confirm_send(int fd, const struct confirm_packet *packet);
int confirm_receive_packet(int fd, struct confirm_packet *ret);
