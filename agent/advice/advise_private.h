/* Shared by the files of advise: all that is read once. */
#pragma once

#include "agent/advice/advise.h"
#include "agent/advice/bystanders.h"
#include "agent/advice/trial_world.h"

#define ADVICE_ROUTES_MAX ((size_t)2 << 20)
#define ADVICE_PEERS_MAX 20000
#define ADVICE_TRIES_MAX 64

struct advising {
    const struct advice_question *question;
    struct fib fib;
    struct world now;
    struct complaint complaint;
    struct complaint_result result; /* now */
    enum cure_to to;
    struct conf_files files;
    struct route_facts facts;
    struct trial_base base;
    struct bystanders *bystanders; /* owned */
};

/* Who, to where, and what of it: fills complaint and to. -EADDRNOTAVAIL: no address could be meant.
 */
int advising_settle(struct advising *advising);

/* What the candidates are made from, when the complaint was judged. */
int advising_ask(const struct advising *advising, struct cure_question *ret);
