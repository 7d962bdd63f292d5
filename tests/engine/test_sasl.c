/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Which mechanism a login uses, what it says, and how much it may say. */

#include "../unit.h"
#include "stage.h"

enum { E = LEV_SASL_EXTERNAL, P = LEV_SASL_PLAIN, A = LEV_SASL_AMQPLAIN, N = LEV_SASL_ANONYMOUS };

/* The broker offers mechanisms and names itself; either name may be NULL. */
static void offer(stage *s, const char *mechanisms, const char *product, const char *version) {
    uint8_t table[512];
    lev_writer w = lev_writer_init(table, sizeof table);
    if (product != NULL) {
        lev_table_put_string(&w, "product", product);
    }
    if (version != NULL) {
        lev_table_put_string(&w, "version", version);
    }
    lev_connection_start start = {.version_minor = 9,
                                  .server_properties = lev_writer_span(&w),
                                  .mechanisms = sp(mechanisms),
                                  .locales = sp("en_US")};
    stage_says(s, 0, LEV_CONNECTION_START, &start);
    stage_deliver(s);
}

/* Expects a refusal of which the broker hears nothing, after LEV_EVENT_START told its offer. */
static void expect_refusal(stage *s, lev_status status, const char *text) {
    lev_method m;
    lev_frame frame;
    EXPECT_STR(lev_status_name(lev_engine_error(s->e)->status), lev_status_name(status));
    EXPECT_STR(lev_engine_error(s->e)->text, text);
    EXPECT(stage_logged(s, "start ch=0 connection.start\nfailed"));
    EXPECT(!stage_sent(s, &frame, &m));
    EXPECT(s->sent_len == 0 || s->sent_len == LEV_PROTOCOL_HEADER_SIZE);
}

static void uses_the_strongest_of_what_is_asked_for_and_offered(void) {
    static const struct {
        unsigned asked;
        const char *own;
        const char *offered;
        const char *used;
    } rows[] = {
        {0, "", "PLAIN", "PLAIN"},
        {0, "", "AMQPLAIN PLAIN", "PLAIN"},
        {0, "", "AMQPLAIN", "AMQPLAIN"},
        {0, "", "AMQPLAIN XPLAIN PLAINER", "AMQPLAIN"},
        {0, "", "ANONYMOUS EXTERNAL AMQPLAIN", "AMQPLAIN"},
        {E | P | A | N, "", "ANONYMOUS AMQPLAIN PLAIN EXTERNAL", "EXTERNAL"},
        {E | P | A | N, "X", "ANONYMOUS AMQPLAIN PLAIN X", "X"},
        {E | P | A | N, "X", "ANONYMOUS AMQPLAIN PLAIN EXTERNAL X", "EXTERNAL"},
        {P | A | N, "", "ANONYMOUS AMQPLAIN PLAIN EXTERNAL", "PLAIN"},
        {A | N, "", "ANONYMOUS AMQPLAIN PLAIN EXTERNAL", "AMQPLAIN"},
        {N, "", "ANONYMOUS AMQPLAIN PLAIN EXTERNAL", "ANONYMOUS"},
        {P | N, "", "ANONYMOUS AMQPLAIN", "ANONYMOUS"},
        {A, "", "PLAIN  AMQPLAIN", "AMQPLAIN"},
        {0, "SCRAM-SHA-256", "PLAIN SCRAM-SHA-256-PLUS SCRAM-SHA-256", "SCRAM-SHA-256"},
        {P, "SCRAM-SHA-256", "PLAIN SCRAM-SHA-512", "PLAIN"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stage s = {0};
        lev_method m;
        stage_init(
            &s, &(lev_engine_options){.mechanisms = rows[i].asked, .mechanism = sp(rows[i].own)});
        offer(&s, rows[i].offered, NULL, NULL);
        EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_START_OK, &m));
        lev_span used = m.as.connection_start_ok.mechanism;
        EXPECT_BYTES(used.ptr, used.len, rows[i].used, strlen(rows[i].used));
        EXPECT_EQ(lev_engine_state(s.e), LEV_STATE_AWAIT_TUNE);
        stage_deinit(&s);
    }
}

static void sends_no_login_where_nothing_asked_for_is_offered(void) {
    static const struct {
        unsigned asked;
        const char *own;
        const char *offered;
        const char *text;
    } rows[] = {
        {0, "", "EXTERNAL ANONYMOUS",
         "the broker offers none of the mechanisms asked for (PLAIN, AMQPLAIN); it offers: "
         "EXTERNAL ANONYMOUS"},
        {0, "", "",
         "the broker offers none of the mechanisms asked for (PLAIN, AMQPLAIN); it "
         "offers: none"},
        {0, "", "PLAIN\tAMQPLAIN",
         "the broker offers none of the mechanisms asked for (PLAIN, AMQPLAIN); it offers: "
         "PLAIN\\tAMQPLAIN"},
        {E, "", "PLAIN AMQPLAIN ANONYMOUS",
         "the broker offers none of the mechanisms asked for (EXTERNAL); it offers: PLAIN AMQPLAIN "
         "ANONYMOUS"},
        {P, "", "AMQPLAIN ANONYMOUS EXTERNAL plain",
         "the broker offers none of the mechanisms asked for (PLAIN); it offers: AMQPLAIN "
         "ANONYMOUS EXTERNAL plain"},
        {N, "", "PLAIN",
         "the broker offers none of the mechanisms asked for (ANONYMOUS); it offers: PLAIN"},
        {0, "SCRAM-SHA-512", "PLAIN SCRAM-SHA-51 SCRAM-SHA-5120",
         "the broker offers none of the mechanisms asked for (SCRAM-SHA-512); it offers: PLAIN "
         "SCRAM-SHA-51 SCRAM-SHA-5120"},
        {E, "X\\", "PLAIN",
         "the broker offers none of the mechanisms asked for (EXTERNAL, X\\\\); it offers: PLAIN"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stage s = {0};
        stage_init(
            &s, &(lev_engine_options){.mechanisms = rows[i].asked, .mechanism = sp(rows[i].own)});
        offer(&s, rows[i].offered, "RabbitMQ", "4.1.0");
        expect_refusal(&s, LEV_ERR_UNSUPPORTED, rows[i].text);
        stage_deinit(&s);
    }
}

/* Expects the response that a login with these options sends, by the only mechanism asked for. */
static void expect_response(lev_engine_options options, const char *offered, const void *bytes,
                            size_t len) {
    stage s = {0};
    lev_method m;
    stage_init(&s, &options);
    offer(&s, offered, NULL, NULL);
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_START_OK, &m));
    lev_span response = m.as.connection_start_ok.response;
    EXPECT_BYTES(response.ptr, response.len, bytes, len);
    stage_deinit(&s);
}

static void says_what_each_mechanism_says(void) {
    static const lev_span nul = {(const uint8_t *)"a\0b", 3};
    expect_response((lev_engine_options){0}, "PLAIN", "\0guest\0guest", 12);
    expect_response((lev_engine_options){.user = sp("u")}, "PLAIN", "\0u\0", 3);
    expect_response((lev_engine_options){.user = sp("u"), .password = sp("pw")}, "PLAIN", "\0u\0pw",
                    5);
    expect_response((lev_engine_options){.user = sp("u"), .password = sp("pw")}, "AMQPLAIN",
                    "\5LOGINS\0\0\0\1u\10PASSWORDS\0\0\0\2pw", 28);
    expect_response((lev_engine_options){.mechanisms = A, .user = nul, .password = nul},
                    "PLAIN AMQPLAIN", "\5LOGINS\0\0\0\3a\0b\10PASSWORDS\0\0\0\3a\0b", 31);
    expect_response((lev_engine_options){.mechanisms = E, .user = sp("u"), .password = sp("pw")},
                    "EXTERNAL", "", 0);
    expect_response((lev_engine_options){.mechanisms = N, .user = sp("u"), .password = sp("pw")},
                    "ANONYMOUS", "", 0);
    expect_response((lev_engine_options){.mechanism = sp("X"), .response = nul}, "X", "a\0b", 3);
    expect_response((lev_engine_options){.mechanism = sp("X")}, "X", "", 0);
}

static void sends_no_nul_with_plain(void) {
    static const lev_span nul = {(const uint8_t *)"a\0b", 3};
    for (int i = 0; i < 3; i++) {
        stage s = {0};
        stage_init(&s, &(lev_engine_options){.mechanisms = i == 2 ? 0 : P | N,
                                             .user = i == 0 ? sp("u") : nul,
                                             .password = i == 0 ? nul : sp("p")});
        offer(&s, "PLAIN AMQPLAIN ANONYMOUS", NULL, NULL);
        expect_refusal(&s, LEV_ERR_UNSUPPORTED,
                       "PLAIN cannot carry a user name or password with a NUL in it; AMQPLAIN can");
        stage_deinit(&s);
    }
}

static void refuses_options_that_no_login_can_have(void) {
    static uint8_t bytes[LEV_SECRET_MAX + 1];
    lev_span most = {bytes, LEV_SECRET_MAX};
    lev_span more = {bytes, LEV_SECRET_MAX + 1};
    memset(bytes, 'x', sizeof bytes);
    const struct {
        lev_engine_options options;
        bool good;
    } rows[] = {
        {{.user = most, .password = most, .mechanism = sp("X"), .response = most}, true},
        {{.user = more}, false},
        {{.password = more}, false},
        {{.response = more}, false},
        {{.mechanism = more}, false},
        {{.mechanism = {bytes, 64}}, true},
        {{.mechanism = {bytes, 65}}, false},
        {{.mechanism = sp("A B")}, false},
        {{.mechanism = sp("A\n")}, false},
        {{.mechanism = sp("\xc3\xa4")}, false},
        {{.mechanism = sp("!~")}, true},
        {{.mechanism = sp("\x7f")}, false},
        {{.mechanisms = LEV_SASL_ALL}, true},
        {{.mechanisms = LEV_SASL_ALL + 1}, false},
        {{.vhost = {bytes, 255}, .connection_name = {bytes, 255}}, true},
        {{.vhost = {bytes, 256}}, false},
        {{.connection_name = {bytes, 256}}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stage s = {0};
        stage_init(&s, &rows[i].options);
        EXPECT_EQ(s.e != NULL, rows[i].good);
        stage_deinit(&s);
        EXPECT_EQ(s.balance, 0);
    }
}

/* Returns the size of the start-ok frame for a password of `len` bytes, 0 where it was refused with
 * the text that `size`, `limit` and `broker` make. */
static size_t start_ok(unsigned mechanism, size_t len, const char *const broker[2], size_t size) {
    static uint8_t password[LEV_SECRET_MAX];
    stage s = {0};
    lev_frame frame;
    lev_method m;
    memset(password, 'p', sizeof password);
    stage_init(&s, &(lev_engine_options){.mechanisms = mechanism,
                                         .user = sp("u"),
                                         .password = {password, len},
                                         .connection_name = sp("me")});
    offer(&s, "PLAIN AMQPLAIN", broker[0], broker[1]);
    bool sent = stage_sent(&s, &frame, &m);
    if (!sent) {
        char text[300];
        bool told = broker[0] != NULL && broker[1] != NULL;
        snprintf(text, sizeof text,
                 "the login is too long, a frame of %zu bytes where the broker takes at most %d: "
                 "%s%s%s",
                 size, size > 8192 ? 8192 : 4096, told ? broker[0] : "it does not tell its version",
                 told ? " " : "", told ? broker[1] : "");
        expect_refusal(&s, LEV_ERR_LIMIT, text);
    } else {
        EXPECT_EQ(m.id, LEV_CONNECTION_START_OK);
        EXPECT_EQ(m.as.connection_start_ok.response.len, len + (mechanism == P ? 3 : 26));
    }
    stage_deinit(&s);
    return sent ? frame.payload.len + LEV_FRAME_OVERHEAD : 0;
}

static void sends_no_login_larger_than_the_broker_takes(void) {
    static const struct {
        const char *broker[2];
        size_t limit;
    } rows[] = {
        {{"RabbitMQ", "3.10.8"}, 4096},     {{"RabbitMQ", "3.13.7"}, 4096},
        {{"RabbitMQ", "4.0.9"}, 4096},      {{"RabbitMQ", "4.1.0"}, 8192},
        {{"RabbitMQ", "4.1.0-rc.1"}, 8192}, {{"RabbitMQ", "4.10"}, 8192},
        {{"RabbitMQ", "5.0.0"}, 8192},      {{"RabbitMQ", "41.0.0"}, 8192},
        {{"RabbitMQ", "10.0"}, 8192},       {{"RabbitMQ", "4"}, 4096},
        {{"RabbitMQ", "x4.1"}, 4096},       {{"LavinMQ", "4.1.0"}, 4096},
        {{"RabbitMQ2", "4.1.0"}, 4096},     {{NULL, "4.1.0"}, 4096},
        {{"RabbitMQ", NULL}, 4096},         {{NULL, NULL}, 4096},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *broker[] = {rows[i].broker[0], rows[i].broker[1]};
        for (unsigned mechanism = P; mechanism <= A; mechanism *= 2) {
            size_t around = start_ok(mechanism, 0, broker, 0);
            EXPECT(around > 200 && around < 500);
            size_t most = rows[i].limit - around;
            EXPECT_EQ(start_ok(mechanism, most, broker, 0), rows[i].limit);
            EXPECT_EQ(start_ok(mechanism, most + 1, broker, rows[i].limit + 1), 0);
        }
    }
}

static void names_every_broker_that_refuses_its_login_within_bounds(void) {
    static uint8_t password[9000];
    static char product[201];
    memset(product, '\x01', 200);
    memset(password, 'p', sizeof password);
    stage s = {0};
    stage_init(&s, &(lev_engine_options){.user = sp("u"), .password = {password, 9000}});
    offer(&s, "PLAIN", product, "1");
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_LIMIT);
    EXPECT(strstr(lev_engine_error(s.e)->text, "at most 4096: \\x01\\x01\\x01") != NULL);
    EXPECT(strlen(lev_engine_error(s.e)->text) < LEV_ERROR_TEXT);
    stage_deinit(&s);
    stage_init(&s, &(lev_engine_options){.user = sp("u"), .password = {password, 9000}});
    offer(&s, "PLAIN", "RabbitMQ", "");
    EXPECT(strstr(lev_engine_error(s.e)->text, "4096: it does not tell its version") != NULL);
    stage_deinit(&s);
}

static void knows_mechanisms_by_name(void) {
    EXPECT_EQ(lev_sasl_named(sp("plain")), LEV_SASL_PLAIN);
    EXPECT_EQ(lev_sasl_named(sp("PLAIN")), LEV_SASL_PLAIN);
    EXPECT_EQ(lev_sasl_named(sp("amqPlain")), LEV_SASL_AMQPLAIN);
    EXPECT_EQ(lev_sasl_named(sp("external")), LEV_SASL_EXTERNAL);
    EXPECT_EQ(lev_sasl_named(sp("anonymous")), LEV_SASL_ANONYMOUS);
    EXPECT_EQ(lev_sasl_named(sp("")), 0);
    EXPECT_EQ(lev_sasl_named(sp("plai")), 0);
    EXPECT_EQ(lev_sasl_named(sp("plainx")), 0);
    EXPECT_EQ(lev_sasl_named(sp("PLAIN ")), 0);
    EXPECT_EQ(LEV_SASL_ALL, E | P | A | N);
}

UNIT_MAIN("sasl", CASE(uses_the_strongest_of_what_is_asked_for_and_offered),
          CASE(sends_no_login_where_nothing_asked_for_is_offered),
          CASE(says_what_each_mechanism_says), CASE(sends_no_nul_with_plain),
          CASE(refuses_options_that_no_login_can_have),
          CASE(sends_no_login_larger_than_the_broker_takes),
          CASE(names_every_broker_that_refuses_its_login_within_bounds),
          CASE(knows_mechanisms_by_name))
