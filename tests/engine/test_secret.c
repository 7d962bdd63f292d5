/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Secrets leave no trace: not in memory that is freed or moved, not in the engine once they are
 * needed no more, not in an error. The stage looks through all memory of the engine's. */

#include "../unit.h"
#include "stage.h"

static const char secret[] = "geheimnis";

static void start(stage *s) {
    lev_connection_start start = {.version_minor = 9, .mechanisms = sp("PLAIN AMQPLAIN X")};
    stage_says(s, 0, LEV_CONNECTION_START, &start);
    stage_deliver(s);
}

/* Writes what is pending in pieces of at most `most` bytes, `times` often. */
static void write_pieces(stage *s, size_t most, size_t times) {
    lev_span span;
    while (times-- > 0 && lev_engine_pending(s->e, &span, 1) > 0) {
        lev_engine_sent(s->e, span.len < most ? span.len : most, s->now);
    }
}

enum { BY_PLAIN, BY_AMQPLAIN, BY_OWN, BY_ALL, WAYS };

static lev_engine_options login_by(int way) {
    lev_engine_options o = {.user = sp("u"), .password = sp(secret)};
    if (way == BY_PLAIN || way == BY_AMQPLAIN) {
        o.mechanisms = way == BY_PLAIN ? LEV_SASL_PLAIN : LEV_SASL_AMQPLAIN;
    } else {
        o.mechanism = sp("X");
        o.response = sp(secret);
        o.mechanisms = way == BY_ALL ? LEV_SASL_ALL : 0;
    }
    return o;
}

/* The login up to where the broker would say tune. */
static void log_in(stage *s, int way, size_t most) {
    lev_engine_options o = login_by(way);
    s->secret = secret;
    stage_init(s, &o);
    if (s->e == NULL) {
        return;
    }
    write_pieces(s, most, 8);
    EXPECT(stage_holds_secret(s));
    start(s);
    write_pieces(s, most, 100);
    if (way >= BY_OWN) {
        lev_connection_secure secure = {.challenge = sp("?")};
        stage_says(s, 0, LEV_CONNECTION_SECURE, &secure);
        stage_deliver(s);
        (void)lev_engine_respond(s->e, sp(secret));
        write_pieces(s, most, 10);
    }
}

static void open_up(stage *s, int way, size_t most) {
    lev_connection_tune tune = {100, 131072, 0};
    lev_connection_open_ok ok = {0};
    log_in(s, way, most);
    if (s->e != NULL) {
        stage_says(s, 0, LEV_CONNECTION_TUNE, &tune);
        stage_deliver(s);
        stage_says(s, 0, LEV_CONNECTION_OPEN_OK, &ok);
        stage_deliver(s);
    }
}

static void expect_no_trace(stage *s) {
    if (s->e != NULL) {
        EXPECT(!stage_holds_secret(s));
        EXPECT(strstr(lev_engine_error(s->e)->text, secret) == NULL);
    }
    EXPECT(strstr(s->log, secret) == NULL);
    stage_deinit(s);
    EXPECT(!s->leaked);
    EXPECT_EQ(s->balance, 0);
}

/* Pieces of these sizes also leave a part of the login unwritten when the engine must grow. */
static const size_t pieces[] = {1, 2, 3, 7, 1000};

static void forgets_the_login_when_the_connection_is_open(void) {
    for (int way = 0; way < WAYS; way++) {
        for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
            stage s = {0};
            open_up(&s, way, pieces[i]);
            EXPECT_EQ(lev_engine_state(s.e), LEV_STATE_OPEN);
            write_pieces(&s, 5, 1000);
            expect_no_trace(&s);
        }
    }
}

enum { FREED, LOST, REFUSED, TIMED_OUT, VIOLATED, NOT_OFFERED, ENDS };

static void end_login(stage *s, int end) {
    lev_connection_close close = {.reply_code = 403, .reply_text = sp("no")};
    lev_connection_start other = {.version_minor = 9, .mechanisms = sp("OTHER")};
    if (end == LOST) {
        lev_engine_lost(s->e, LEV_ERR_LOST, "gone");
    } else if (end == REFUSED) {
        stage_says(s, 0, LEV_CONNECTION_CLOSE, &close);
    } else if (end == TIMED_OUT) {
        stage_wait(s, 20000);
    } else if (end == VIOLATED) {
        stage_says_bytes(s, "\1\0\1\0\0\0\0\xce", 8);
    } else if (end == NOT_OFFERED) {
        stage_says(s, 0, LEV_CONNECTION_START, &other);
    }
    stage_deliver(s);
}

static void log_in_and_end(int way, int end, size_t piece) {
    stage s = {0};
    log_in(&s, way, piece);
    end_login(&s, end);
    if (end == FREED) {
        lev_engine_free(s.e);
        s.e = NULL;
    } else {
        EXPECT(lev_engine_error(s.e)->status != LEV_OK);
        write_pieces(&s, 1000, 10); /* the last words */
    }
    expect_no_trace(&s);
}

static void forgets_it_however_the_login_ends(void) {
    for (int way = 0; way < WAYS; way++) {
        for (int end = 0; end < ENDS; end++) {
            for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
                log_in_and_end(way, end, pieces[i]);
            }
        }
    }
}

static void forgets_it_where_it_never_began(void) {
    for (int end = 0; end < ENDS; end++) {
        stage s = {.secret = secret};
        lev_engine_options o = login_by(BY_ALL);
        stage_init(&s, &o);
        end_login(&s, end);
        if (end == FREED) {
            lev_engine_free(s.e);
            s.e = NULL;
        }
        expect_no_trace(&s);
    }
    stage s = {.secret = secret};
    lev_engine_options o = login_by(BY_ALL);
    o.frame_max = 1;
    stage_init(&s, &o);
    EXPECT(s.e == NULL);
    expect_no_trace(&s);
    o.frame_max = 0;
    o.mechanisms = 1000;
    stage_init(&s, &o);
    EXPECT(s.e == NULL);
    expect_no_trace(&s);
}

static void forgets_a_login_that_was_too_long(void) {
    static char password[10000];
    stage s = {.secret = secret};
    for (size_t i = 0; i < sizeof password; i++) {
        password[i] = secret[i % (sizeof secret - 1)];
    }
    lev_engine_options o = {.user = sp("u"), .password = {(const uint8_t *)password, 10000}};
    stage_init(&s, &o);
    start(&s);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_LIMIT);
    expect_no_trace(&s);
}

static void forgets_a_challenges_answer_that_was_too_long(void) {
    static uint8_t answer[5000];
    stage s = {.secret = "geheimnis"};
    log_in(&s, BY_OWN, 1000);
    lev_connection_secure secure = {.challenge = sp("?")};
    stage_says(&s, 0, LEV_CONNECTION_SECURE, &secure);
    stage_deliver(&s);
    memcpy(answer, secret, sizeof secret - 1);
    EXPECT_EQ(lev_engine_respond(s.e, (lev_span){answer, sizeof answer}), LEV_ERR_LIMIT);
    EXPECT_EQ(lev_engine_respond(s.e, sp("")), LEV_OK);
    lev_connection_tune tune = {100, 131072, 0};
    lev_connection_open_ok ok = {0};
    stage_says(&s, 0, LEV_CONNECTION_TUNE, &tune);
    stage_says(&s, 0, LEV_CONNECTION_OPEN_OK, &ok);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_state(s.e), LEV_STATE_OPEN);
    expect_no_trace(&s);
}

static lev_status update(stage *s, lev_span with) {
    return lev_engine_connection_update_secret(
        s->e, 0, &(lev_connection_update_secret){.new_secret = with, .reason = sp("r")}, NULL);
}

static void forgets_a_new_secret_as_it_is_written(void) {
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        static const uint8_t body[3000];
        stage s = {.secret = secret};
        lev_publication m = {.body = {body, sizeof body}};
        stage_open_channel(&s, NULL);
        EXPECT_EQ(lev_engine_publish(s.e, 1, &m, NULL), LEV_OK);
        write_pieces(&s, 2900, 1);
        EXPECT_EQ(update(&s, sp(secret)), LEV_OK);
        EXPECT(stage_holds_secret(&s));
        EXPECT_EQ(lev_engine_publish(s.e, 1, &m, NULL), LEV_OK);
        EXPECT_EQ(update(&s, sp(secret)), LEV_OK);
        write_pieces(&s, pieces[i], 4000 / pieces[i]);
        for (int k = 0; k < 5; k++) { /* the buffer moves and grows */
            EXPECT_EQ(lev_engine_publish(s.e, 1, &m, NULL), LEV_OK);
            write_pieces(&s, pieces[i], 2000 / pieces[i]);
        }
        write_pieces(&s, 1 << 20, 10);
        EXPECT_EQ(lev_engine_queued(s.e), 0);
        EXPECT(!stage_holds_secret(&s));
        EXPECT_EQ(update(&s, sp(secret)), LEV_OK);
        lev_engine_lost(s.e, LEV_ERR_LOST, "gone");
        stage_events(&s);
        expect_no_trace(&s);
    }
}

static void forgets_a_new_secret_that_it_refuses(void) {
    static uint8_t large[131072];
    static const uint8_t body[100];
    lev_publication m = {.body = {body, sizeof body}};
    lev_connection_update_secret fields = {.new_secret = sp(secret)};
    stage s = {.secret = secret};
    memcpy(large, secret, sizeof secret - 1);
    stage_init(&s, NULL);
    EXPECT_EQ(update(&s, sp(secret)), LEV_ERR_MISUSE);
    stage_deinit(&s);
    stage_open_channel(&s, &(lev_engine_options){.high_water = 100});
    EXPECT_EQ(lev_engine_connection_update_secret(s.e, 1, &fields, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(update(&s, (lev_span){large, sizeof large}), LEV_ERR_LIMIT);
    EXPECT(!stage_holds_secret(&s));
    fields.reason = (lev_span){large, 256};
    EXPECT_EQ(lev_engine_connection_update_secret(s.e, 0, &fields, NULL), LEV_ERR_LIMIT);
    EXPECT(!stage_holds_secret(&s));
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &m, NULL), LEV_OK);
    EXPECT_EQ(update(&s, sp(secret)), LEV_AGAIN);
    expect_no_trace(&s);
}

static void says_that_the_broker_refused_the_new_secret(void) {
    static const struct {
        lev_connection_close close;
        bool asked;
        lev_status status;
    } rows[] = {
        {{.reply_code = 530, .class_id = 10, .method_id = 70}, true, LEV_ERR_REFUSED},
        {{.reply_code = 530}, true, LEV_ERR_REFUSED},
        {{.reply_code = 403}, true, LEV_ERR_REFUSED},
        {{.reply_code = 530}, false, LEV_ERR_CLOSED},
        {{.reply_code = 320}, true, LEV_ERR_CLOSED},
        {{.reply_code = 530, .class_id = 60, .method_id = 20}, true, LEV_ERR_CLOSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lev_connection_close close = rows[i].close;
        stage s = {.secret = secret};
        close.reply_text = sp("new secret");
        stage_open(&s, NULL);
        if (rows[i].asked) {
            EXPECT_EQ(update(&s, sp(secret)), LEV_OK);
            stage_flush(&s);
        }
        stage_says(&s, 0, LEV_CONNECTION_CLOSE, &close);
        stage_deliver(&s);
        EXPECT_EQ(lev_engine_error(s.e)->status, rows[i].status);
        bool refused = rows[i].status == LEV_ERR_REFUSED;
        EXPECT(!refused || stage_logged(&s, "the broker refused the new secret: "));
        expect_no_trace(&s);
    }
}

static void forgets_them_in_every_shortage_of_memory(void) {
    for (int from_then_on = 0; from_then_on < 2; from_then_on++) {
        bool fired = true;
        for (unsigned long n = 1; fired; n++) {
            stage s = {.fail_at = n, .fail_on = from_then_on != 0};
            open_up(&s, BY_ALL, 7);
            if (s.e != NULL && lev_engine_error(s.e)->status == LEV_OK) {
                static uint8_t large[9000];
                memcpy(large, secret, sizeof secret - 1);
                (void)update(&s, (lev_span){large, sizeof large});
                write_pieces(&s, 100, 200);
            }
            fired = s.allocations >= n;
            EXPECT(fired || n > 3);
            expect_no_trace(&s);
        }
    }
}

UNIT_MAIN("secret", CASE(forgets_the_login_when_the_connection_is_open),
          CASE(forgets_it_however_the_login_ends), CASE(forgets_it_where_it_never_began),
          CASE(forgets_a_login_that_was_too_long),
          CASE(forgets_a_challenges_answer_that_was_too_long),
          CASE(forgets_a_new_secret_as_it_is_written), CASE(forgets_a_new_secret_that_it_refuses),
          CASE(says_that_the_broker_refused_the_new_secret),
          CASE(forgets_them_in_every_shortage_of_memory))
