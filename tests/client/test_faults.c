/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Sessions in which the first, the second, the third ... allocation or system call fails, once or
 * for good, until none does any more. Whatever fails: no crash, no hang, nothing leaks, an error
 * says what happened, each publish that was taken has one outcome, each lent body comes back. */

#include "../unit.h"
#include "faults.h"
#include "server.h"

#include <errno.h>

enum { PUBLISHES = 7, LENT = 3, LARGE = 200000, DELIVERIES = 3, MOST = 4000 };

typedef struct session {
    lev_client *client;
    uint64_t number; /* of the last publish that was taken; they go up by one */
    unsigned outcomes[PUBLISHES + 1];
    bool lent[LENT];
    unsigned released[LENT];
    unsigned confirmed;
    unsigned deliveries;
    unsigned recovered;
    uint32_t patience_ms;
    bool begun;       /* all calls with an answer went well */
    bool ended;       /* an event has said so */
    lev_status worst; /* of all calls */
    int wrong;        /* the first line that found something wrong */
} session;

/* What a program does, and what the broker does about it. */
typedef struct scenario {
    void (*play)(session *s);
    void (*plan)(server *broker, server_publish *p);
    bool recovers;
    unsigned publishes; /* where nothing is in the way */
    unsigned deliveries;
} scenario;

static uint8_t large[LARGE];
static char tokens[LENT];

/* The framework needs memory of its own, so what is found wrong while calls fail is told later. */
#define NEED(s, condition) ((s)->wrong = (s)->wrong == 0 && !(condition) ? __LINE__ : (s)->wrong)

static bool went(session *s, lev_status status) {
    s->worst = status < 0 ? status : s->worst;
    return status == LEV_OK;
}

/* ---- scenarios ------------------------------------------------------------------------------- */

static void take(session *s, int timeout_ms) {
    lev_event e;
    lev_status status = lev_client_next(s->client, &e, timeout_ms);
    bool fine = status == LEV_ERR_TIMEOUT || e.type == LEV_EVENT_CLOSED;
    (void)went(s, fine ? LEV_OK : status);
    if (e.type == LEV_EVENT_OUTCOME) {
        NEED(s, e.first > 0 && e.first <= e.last && e.last <= s->number);
        for (uint64_t i = e.first; i <= e.last; i++) {
            s->outcomes[i]++;
            s->confirmed += e.outcome == LEV_CONFIRMED;
        }
    } else if (e.type == LEV_EVENT_RELEASED) {
        NEED(s, (char *)e.token >= tokens && (char *)e.token < tokens + LENT);
        s->released[(char *)e.token - tokens]++;
    }
    s->deliveries += e.type == LEV_EVENT_DELIVER;
    s->recovered += e.type == LEV_EVENT_RECOVERED;
    s->ended = e.type == LEV_EVENT_FAILED || e.type == LEV_EVENT_CLOSED;
}

static bool open_channel(session *s) {
    return went(s, lev_client_channel_open(s->client, 1, &(lev_channel_open){0}, NULL));
}

static void connect_only(session *s) { s->begun = true; }

static bool publish(session *s, const lev_publication *p) {
    uint64_t number = 0;
    if (!went(s, lev_client_publish(s->client, 1, p, &number))) {
        return false;
    }
    NEED(s, number == s->number + 1);
    s->number = number;
    return true;
}

static void lend(session *s, int i, size_t len) {
    lev_publication p = {.body = {large, len}, .lend = true, .token = &tokens[i]};
    s->lent[i] = publish(s, &p);
}

static void publish_in_pieces(session *s) {
    uint64_t number = 0;
    lev_publication p = {.routing_key = lev_span_of("pieces")};
    if (went(s, lev_client_publish_begin(s->client, 1, &p, 5000, &number))) {
        s->number++;
        NEED(s, number == s->number);
        lev_span half = {large, 2500};
        if (went(s, lev_client_publish_body(s->client, 1, half))) {
            (void)went(s, lev_client_publish_body(s->client, 1, half));
        }
    }
}

/* All ways to publish, more than the window holds at a time. */
static void publish_all_ways(session *s) {
    lev_publication plain = {.routing_key = lev_span_of("plain"), .body = lev_span_of("body")};
    lev_publication none = {.routing_key = lev_span_of("none"), .mandatory = true};
    lev_publication heavy = {.routing_key = lev_span_of("heavy"), .body = {large, LARGE}};
    if (!open_channel(s) ||
        !went(s, lev_client_confirm_select(s->client, 1, &(lev_confirm_select){0}, NULL))) {
        return;
    }
    (void)publish(s, &plain);
    lend(s, 0, LARGE);
    (void)publish(s, &none);
    lend(s, 1, 10);
    (void)publish(s, &heavy);
    lend(s, 2, 20000);
    publish_in_pieces(s);
    for (int i = 0; i < 4 && s->worst == LEV_OK; i++) {
        take(s, 200);
    }
}

static void consume_a_few(session *s) {
    lev_basic_consume consume = {.consumer_tag = lev_span_of("c")};
    if (!open_channel(s) || !went(s, lev_client_basic_consume(s->client, 1, &consume, NULL))) {
        return;
    }
    for (unsigned i = 0; i < DELIVERIES; i++) {
        lev_event e;
        lev_status status = lev_client_next(s->client, &e, 2000);
        if (!went(s, status) || e.type != LEV_EVENT_DELIVER) {
            return;
        }
        s->deliveries++;
        (void)went(s, lev_client_ack(s->client, e.message->delivery, false));
    }
}

static bool confirm_and_consume(session *s) {
    lev_queue_declare declare = {.queue = lev_span_of("q")};
    lev_basic_consume consume = {.queue = lev_span_of("q"), .consumer_tag = lev_span_of("c")};
    return went(s, lev_client_confirm_select(s->client, 1, &(lev_confirm_select){0}, NULL)) &&
           went(s, lev_client_queue_declare(s->client, 1, &declare, NULL)) &&
           went(s, lev_client_basic_consume(s->client, 1, &consume, NULL));
}

static bool publish_is_through(const session *s) {
    return lev_client_unsettled(s->client, 1) == 0 && s->recovered > 0 &&
           s->deliveries >= DELIVERIES;
}

/* The broker is gone at the third of these; what it never confirmed goes again. */
static void publish_through_a_loss(session *s) {
    lev_publication plain = {.routing_key = lev_span_of("plain"), .body = lev_span_of("body")};
    if (!open_channel(s) || !confirm_and_consume(s)) {
        return;
    }
    s->begun = true;
    (void)publish(s, &plain);
    lend(s, 0, LARGE);
    lend(s, 1, 10);
    (void)publish(s, &plain);
    uint64_t until = lev_net_now() + s->patience_ms;
    while (!publish_is_through(s) && !s->ended && lev_net_now() < until) {
        take(s, 100);
    }
}

static void cut_the_first_at_the_third(server *broker, server_publish *p) {
    if (broker->connections == 1 && broker->count == 3) {
        server_cut(broker);
    }
    server_ack(broker, p->channel, p->tag, false);
}

static const scenario only_connect = {.play = connect_only};
static const scenario publish_all = {.play = publish_all_ways, .publishes = PUBLISHES};
static const scenario consume_all = {.play = consume_a_few, .deliveries = DELIVERIES};
static const scenario recover = {.play = publish_through_a_loss,
                                 .plan = cut_the_first_at_the_third,
                                 .recovers = true,
                                 .publishes = 4,
                                 .deliveries = DELIVERIES};

/* ---- one run --------------------------------------------------------------------------------- */

static void finish(session *s) {
    for (int tries = 0; tries < 3 && !s->ended; tries++) {
        (void)went(s, lev_client_close(s->client));
        for (int i = 0; i < 100 && !s->ended; i++) {
            take(s, 0);
        }
    }
}

static void expect_accounted(session *s) {
    NEED(s, s->ended);
    for (uint64_t i = 1; i <= s->number; i++) {
        NEED(s, s->outcomes[i] == 1);
    }
    for (int i = 0; i < LENT; i++) {
        NEED(s, s->released[i] == s->lent[i]);
    }
}

/* Returns whether a session must go on as if nothing had been: nothing failed, or only for now. */
static bool heals(const fault *f) {
    bool again = f != NULL && (f->how == EINTR || f->how == EAGAIN || f->how == FAULT_SHORT);
    bool stream = f != NULL && (f->call == FAULT_RECV || f->call == FAULT_SENDMSG);
    return !fault_fired() || (stream && again) || f->call == FAULT_POLL ||
           (f->call == FAULT_CONNECT && f->how == EINTR);
}

/* Returns whether all must be confirmed in the end, since a recovery comes after what fails. */
static bool recovers(const scenario *sc, const fault *f, const session *s) {
    bool once = f != NULL && !f->on && f->call != FAULT_MEMORY;
    return sc->recovers && s->begun && (heals(f) || once);
}

static lev_client_options options_of(const scenario *sc) {
    return (lev_client_options){.window = 2,
                                .connect_ms = 1000,
                                .handshake_ms = 1000,
                                .call_ms = 1000,
                                .progress_ms = 1000,
                                .recovery = {.on = sc->recovers,
                                             .retransmit = true,
                                             .mark_doubt = true,
                                             .attempts = 3,
                                             .wait_first_ms = 1,
                                             .wait_max_ms = 4}};
}

static void play(session *s, const scenario *sc, const char *uri) {
    lev_client_options options = options_of(sc);
    s->client = lev_client_new(&options);
    if (s->client == NULL) {
        return;
    }
    lev_status status = lev_client_open(s->client, uri);
    if (went(s, status)) {
        sc->play(s);
    } else {
        NEED(s, lev_client_error(s->client)->status != LEV_OK);
        NEED(s, strlen(lev_client_error(s->client)->text) > 0);
    }
    finish(s);
    if (status == LEV_OK) {
        expect_accounted(s);
    }
}

/* Returns whether anything failed. */
static bool run(const scenario *sc, const fault *f) {
    server *broker = server_start(sc->plan);
    bool hopeless = f != NULL && f->on && f->call == FAULT_MEMORY;
    session s = {.worst = LEV_OK, .patience_ms = hopeless ? 100 : 3000};
    broker->deliveries = DELIVERIES;
    fault_arm(f);
    play(&s, sc, broker->uri);
    lev_client_free(s.client);
    fault_disarm();
    EXPECT_EQ(s.wrong, 0);
    EXPECT_EQ(fault_blocks(), 0);
    EXPECT_EQ(fault_sockets(), 0);
    if (heals(f)) {
        EXPECT_EQ(s.worst, LEV_OK);
        EXPECT_EQ(s.number, sc->publishes);
        EXPECT(s.deliveries >= sc->deliveries);
    }
    if (recovers(sc, f, &s)) {
        EXPECT(s.recovered > 0);
        EXPECT_EQ(s.number, sc->publishes);
        EXPECT_EQ(s.confirmed, sc->publishes);
    }
    server_end(broker);
    free(broker);
    return fault_fired();
}

/* Lets one call after another fail. Returns how many there are. */
static unsigned sweep(const scenario *sc, fault f) {
    while (f.at < MOST && run(sc, &f)) {
        f.at++;
    }
    EXPECT(f.at > 0 && f.at < MOST);
    return f.at;
}

static void sweep_once_and_for_good(const scenario *sc, fault_call call, int how) {
    (void)sweep(sc, (fault){.call = call, .how = how});
    (void)sweep(sc, (fault){.call = call, .how = how, .on = true});
}

static void all_goes_well(void) {
    EXPECT(!run(&only_connect, NULL));
    EXPECT(!run(&publish_all, NULL));
    EXPECT(!run(&consume_all, NULL));
    EXPECT(!run(&recover, NULL));
}

static void sweep_all(fault_call call, int how) {
    sweep_once_and_for_good(&only_connect, call, how);
    sweep_once_and_for_good(&publish_all, call, how);
    sweep_once_and_for_good(&consume_all, call, how);
    sweep_once_and_for_good(&recover, call, how);
}

static void sweep_all_once(fault_call call, int how) {
    (void)sweep(&only_connect, (fault){.call = call, .how = how});
    (void)sweep(&publish_all, (fault){.call = call, .how = how});
    (void)sweep(&consume_all, (fault){.call = call, .how = how});
    (void)sweep(&recover, (fault){.call = call, .how = how});
}

static void memory_fails(void) { sweep_all(FAULT_MEMORY, 0); }

static void connecting_fails(void) {
    static const int reasons[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    static const int refusals[] = {ECONNREFUSED, ENETUNREACH, EAGAIN, EADDRNOTAVAIL, ENOMEM};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        sweep_once_and_for_good(&only_connect, FAULT_SOCKET, reasons[i]);
        sweep_once_and_for_good(&recover, FAULT_SOCKET, reasons[i]);
    }
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        sweep_once_and_for_good(&only_connect, FAULT_CONNECT, refusals[i]);
        sweep_once_and_for_good(&recover, FAULT_CONNECT, refusals[i]);
    }
    sweep_once_and_for_good(&only_connect, FAULT_CONNECT, EINTR);
    sweep_once_and_for_good(&only_connect, FAULT_GETSOCKOPT, ENOMEM);
}

static void reading_fails(void) {
    static const int ends[] = {ECONNRESET, ETIMEDOUT, ENOMEM, EBADF, FAULT_END};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        sweep_all(FAULT_RECV, ends[i]);
    }
    sweep_all_once(FAULT_RECV, EINTR);
    sweep_all_once(FAULT_RECV, EAGAIN);
    sweep_all(FAULT_RECV, FAULT_SHORT);
}

static void writing_fails(void) {
    static const int ends[] = {EPIPE, ECONNRESET, ENOMEM, ENOBUFS};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        sweep_all(FAULT_SENDMSG, ends[i]);
    }
    sweep_all_once(FAULT_SENDMSG, EINTR);
    sweep_all_once(FAULT_SENDMSG, EAGAIN);
    (void)sweep(&consume_all, (fault){.call = FAULT_SENDMSG, .how = FAULT_SHORT, .on = true});
    sweep_all_once(FAULT_SENDMSG, FAULT_SHORT);
}

static void polling_fails(void) {
    sweep_all_once(FAULT_POLL, EINTR);
    sweep_all_once(FAULT_POLL, EAGAIN);
    sweep_all_once(FAULT_POLL, ENOMEM);
}

UNIT_MAIN("faults", CASE(all_goes_well), CASE(memory_fails), CASE(connecting_fails),
          CASE(reading_fails), CASE(writing_fails), CASE(polling_fails))
