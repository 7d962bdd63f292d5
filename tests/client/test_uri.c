/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* URIs: what each part must come out as, and what is refused in which words. */

#include "../unit.h"

#include <leveret/engine.h>
#include <leveret/uri.h>

typedef struct good {
    const char *text;
    const char *user;
    const char *password;
    const char *host;
    unsigned port;
    const char *vhost;
} good;

/* clang-format off */
static const good goods[] = {
    /* the examples of the RabbitMQ URI Specification, appendix A */
    {"amqp://user:pass@host:10000/vhost",             "user", "pass", "host", 10000, "vhost"},
    {"amqp://user%61:%61pass@ho%61st:10000/v%2fhost", "usera", "apass", "hoast", 10000, "v/host"},
    {"amqp://",              NULL,   NULL,   NULL,   0,     NULL},
    {"amqp://:@/",           "",     "",     NULL,   0,     ""},
    {"amqp://user@",         "user", NULL,   NULL,   0,     NULL},
    {"amqp://user:pass@",    "user", "pass", NULL,   0,     NULL},
    {"amqp://host",          NULL,   NULL,   "host", 0,     NULL},
    {"amqp://:10000",        NULL,   NULL,   NULL,   10000, NULL},
    {"amqp:///vhost",        NULL,   NULL,   NULL,   0,     "vhost"},
    {"amqp://host/",         NULL,   NULL,   "host", 0,     ""},
    {"amqp://host/%2f",      NULL,   NULL,   "host", 0,     "/"},
    {"amqp://[::1]",         NULL,   NULL,   "::1",  0,     NULL},
    /* further ones */
    {"AmQp://Host:5672",     NULL,   NULL,   "Host", 5672,  NULL},
    {"amqp://u@[fe80::1%25eth0]:1/v", "u", NULL, "fe80::1%eth0", 1, "v"},
    {"amqp://[::ffff:127.0.0.1]:65535", NULL, NULL, "::ffff:127.0.0.1", 65535, NULL},
    {"amqp://u:a:b%40%3a%25@h", "u", "a:b@:%", "h",  0,     NULL},
    {"amqp://a+b:c+d@h/+",   "a+b",  "c+d",  "h",    0,     "+"},
    {"amqp://%c3%a4:%C3%A4@h/%01", "\xc3\xa4", "\xc3\xa4", "h", 0, "\x01"},
    {"amqp://h/a:b@c",       NULL,   NULL,   "h",    0,     "a:b@c"},
    {"amqp://h?",            NULL,   NULL,   "h",    0,     NULL},
    {"amqp://@h",            "",     NULL,   "h",    0,     NULL},
    {"amqp://%2Frun%2Fa%20b", NULL,  NULL,   "/run/a b", 0, NULL},
    {"amqp://u:p@%2fs/%2f",  "u",    "p",    "/s",   0,     "/"},
};

static const struct {
    const char *text;
    lev_status status;
    const char *fault;
} bads[] = {
    {"",                        LEV_ERR_URI, "neither amqp:// nor amqps:// at offset 0"},
    {"localhost",               LEV_ERR_URI, "neither amqp:// nor amqps:// at offset 0"},
    {"amqp:/h",                 LEV_ERR_URI, "neither amqp:// nor amqps:// at offset 0"},
    {"amqp:\x0f\x0fh",          LEV_ERR_URI, "neither amqp:// nor amqps:// at offset 0"},
    {"http://h",                LEV_ERR_URI, "neither amqp:// nor amqps:// at offset 0"},
    {"amqp://h%4",              LEV_ERR_URI, "'%' without two hexadecimal digits at offset 8"},
    {"amqp://u:p%4@h",          LEV_ERR_URI, "'%' without two hexadecimal digits at offset 10"},
    {"amqp://u:p%g0@h",         LEV_ERR_URI, "'%' without two hexadecimal digits at offset 10"},
    {"amqp://h/a%0g",           LEV_ERR_URI, "'%' without two hexadecimal digits at offset 10"},
    {"amqp://u:p%00@h",         LEV_ERR_URI, "%00 is not allowed, at offset 10"},
    {"amqp://u:p ss@h",         LEV_ERR_URI, "a character that must be percent-encoded at offset 10"},
    {"amqp://h/\xc3\xa4",       LEV_ERR_URI, "a character that must be percent-encoded at offset 9"},
    {"amqp://u:p@ss@h",         LEV_ERR_URI, "a second '@' (as part of a password it is written %40) at offset 13"},
    {"amqp://u:pa/ss@h",        LEV_ERR_URI, "the port is not a number from 1 to 65535 at offset 9"},
    {"amqp://u:pa#ss@h",        LEV_ERR_URI, "the port is not a number from 1 to 65535 at offset 9"},
    {"amqp://h:",               LEV_ERR_URI, "the port is not a number from 1 to 65535 at offset 9"},
    {"amqp://h:0",              LEV_ERR_URI, "the port is not a number from 1 to 65535 at offset 9"},
    {"amqp://h:65536",          LEV_ERR_URI, "the port is not a number from 1 to 65535 at offset 9"},
    {"amqp://h:4294967297",     LEV_ERR_URI, "the port is not a number from 1 to 65535 at offset 9"},
    {"amqp://h:+1",             LEV_ERR_URI, "the port is not a number from 1 to 65535 at offset 9"},
    {"amqp://%2Fs:5672",        LEV_ERR_URI, "a port behind the path of a unix socket at offset 11"},
    {"amqp://::1",              LEV_ERR_URI, "a second ':' (an IPv6 address stands in brackets) at offset 8"},
    {"amqp://[::1",             LEV_ERR_URI, "'[' without ']' at offset 7"},
    {"amqp://[::1]5672",        LEV_ERR_URI, "neither a port nor a path behind ']' at offset 12"},
    {"amqp://[host]",           LEV_ERR_URI, "not an IPv6 address at offset 8"},
    {"amqp://[]",               LEV_ERR_URI, "not an IPv6 address at offset 8"},
    {"amqp://[::1%25]",         LEV_ERR_URI, "not an IPv6 address at offset 8"},
    {"amqp://[::1%41b]",        LEV_ERR_URI, "not an IPv6 address at offset 8"},
    {"amqp://h/a/b",            LEV_ERR_URI, "a second path segment (as part of a virtual host '/' is written %2F) at offset 10"},
    {"amqp://h//",              LEV_ERR_URI, "a second path segment (as part of a virtual host '/' is written %2F) at offset 9"},
    {"amqp://h/v#x",            LEV_ERR_URI, "a fragment ('#' is written %23) at offset 10"},
    {"amqp://h?heartbeat=5#x",  LEV_ERR_URI, "a fragment ('#' is written %23) at offset 20"},
    {"amqp://h?heartbeat",      LEV_ERR_URI, "a parameter without '=' at offset 9"},
    {"amqp://h?heartbeat=5&&",  LEV_ERR_URI, "a parameter without '=' at offset 21"},
    {"amqp://h?colour=red",     LEV_ERR_URI, "parameter colour is unknown, at offset 9"},
    {"amqp://h?Heartbeat=1",    LEV_ERR_URI, "parameter Heartbeat is unknown, at offset 9"},
    {"amqp://u:p?ss=x@h",       LEV_ERR_URI, "the port is not a number from 1 to 65535 at offset 9"},
    {"amqp://u:1?ss=x@h",       LEV_ERR_URI, "parameter is unknown, at offset 11"},
    {"amqp://h?heartbeat=",     LEV_ERR_URI, "parameter heartbeat is not a number from 0 to 65535, at offset 9"},
    {"amqp://h?heartbeat=-1",   LEV_ERR_URI, "parameter heartbeat is not a number from 0 to 65535, at offset 9"},
    {"amqp://h?heartbeat=65536", LEV_ERR_URI, "parameter heartbeat is not a number from 0 to 65535, at offset 9"},
    {"amqp://h?heartbeat=18446744073709551617", LEV_ERR_URI, "parameter heartbeat is not a number from 0 to 65535, at offset 9"},
    {"amqp://h?connection_timeout=0", LEV_ERR_URI, "parameter connection_timeout is not a number from 1 to 2147483647, at offset 9"},
    {"amqp://h?channel_max=0",  LEV_ERR_URI, "parameter channel_max is not a number from 1 to 65535, at offset 9"},
    {"amqp://h?frame_max=4096", LEV_ERR_URI, "parameter frame_max is not a number from 8192 to 4294967295, at offset 9"},
    {"amqp://h?heartbeat=5&heartbeat=5", LEV_ERR_URI, "parameter heartbeat comes twice, again at offset 21"},
    {"amqp://h?heartbeat=5&verify=verify_peer", LEV_ERR_URI, "parameter verify needs amqps://, at offset 21"},
    {"amqp://h?password=geheim",  LEV_ERR_URI, "parameter password needs amqps://, at offset 9"},
    {"amqps://h?verify=x",        LEV_ERR_URI, "parameter verify is neither verify_peer nor verify_none, at offset 10"},
    {"amqps://h?depth=256",       LEV_ERR_URI, "parameter depth is not a number from 0 to 255, at offset 10"},
    {"amqps://h?depth=",          LEV_ERR_URI, "parameter depth is not a number from 0 to 255, at offset 10"},
    {"amqps://h?cacertfile=",     LEV_ERR_URI, "parameter cacertfile is empty, at offset 10"},
    {"amqps://h?password=geheim&password=geheim", LEV_ERR_URI, "parameter password comes twice, again at offset 26"},
    {"amqps://h?fail_if_no_peer_cert=1", LEV_ERR_URI, "parameter fail_if_no_peer_cert is neither true nor false, at offset 10"},
    {"amqp://h?auth_mechanism=",  LEV_ERR_UNSUPPORTED, "parameter auth_mechanism is not plain, amqplain, external or anonymous, at offset 9"},
    {"amqp://h?auth_mechanism=plain&auth_mechanism=scram", LEV_ERR_UNSUPPORTED, "parameter auth_mechanism is not plain, amqplain, external or anonymous, at offset 30"},
};
/* clang-format on */

static void expect_text(const char *what, const char *have, const char *want) {
    if (have == NULL || want == NULL) {
        EXPECT(have == want);
        return;
    }
    if (strcmp(have, want) != 0) {
        fprintf(stderr, "%s\n", what);
    }
    EXPECT_STR(have, want);
}

static void takes_a_uri_apart(void) {
    for (size_t i = 0; i < sizeof goods / sizeof goods[0]; i++) {
        const good *g = &goods[i];
        lev_uri u;
        EXPECT_EQ(lev_uri_init(&u, g->text), LEV_OK);
        expect_text(g->text, u.user, g->user);
        expect_text(g->text, u.password, g->password);
        expect_text(g->text, u.host, g->host);
        expect_text(g->text, u.vhost, g->vhost);
        EXPECT_EQ(u.port, g->port);
        EXPECT(!u.tls);
        EXPECT_STR(u.fault, "");
        lev_uri_deinit(&u);
    }
}

static void says_what_is_wrong_and_where(void) {
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        lev_uri u;
        lev_status status = lev_uri_init(&u, bads[i].text);
        expect_text(bads[i].text, u.fault, bads[i].fault);
        EXPECT_EQ(status, bads[i].status);
        lev_uri_deinit(&u);
    }
}

static void knows_its_parameters(void) {
    lev_uri u;
    EXPECT_EQ(lev_uri_init(&u, "amqps://h/v?heartbeat=0&connection_timeout=2147483647&"
                               "channel_max=65535&frame%5fmax=4294967295"),
              LEV_OK);
    EXPECT(u.tls);
    EXPECT(u.heartbeat_set);
    EXPECT_EQ(u.heartbeat, 0);
    EXPECT_EQ(u.connection_timeout, 2147483647);
    EXPECT_EQ(u.channel_max, 65535);
    EXPECT_EQ(u.frame_max, 4294967295);
    lev_uri_deinit(&u);
    EXPECT_EQ(lev_uri_init(&u, "amqp://h?frame_max=8192"), LEV_OK);
    EXPECT(!u.heartbeat_set);
    EXPECT_EQ(u.connection_timeout, 0);
    EXPECT_EQ(u.frame_max, 8192);
    EXPECT_EQ(u.mechanisms, 0);
    lev_uri_deinit(&u);
    EXPECT_EQ(lev_uri_init(&u, "amqp://h?auth_mechanism=PLAIN&heartbeat=5&auth_mechanism=amqplain&"
                               "auth_mechanism=plain"),
              LEV_OK);
    EXPECT_EQ(u.mechanisms, LEV_SASL_PLAIN | LEV_SASL_AMQPLAIN);
    EXPECT_EQ(u.heartbeat, 5);
    lev_uri_deinit(&u);
}

static void knows_the_parameters_of_tls(void) {
    lev_uri u;
    EXPECT_EQ(lev_uri_init(&u, "amqps://h?cacertfile=%2fca.pem&certfile=/c.pem&keyfile=/k%20.pem&"
                               "password=a%26b&verify=verify_none&server_name_indication=n&"
                               "depth=0&fail_if_no_peer_cert=true"),
              LEV_OK);
    EXPECT_STR(u.cacertfile, "/ca.pem");
    EXPECT_STR(u.certfile, "/c.pem");
    EXPECT_STR(u.keyfile, "/k .pem");
    EXPECT_STR(u.key_password, "a&b");
    EXPECT_STR(u.server_name, "n");
    EXPECT(u.verify_none);
    EXPECT(u.depth_set);
    EXPECT_EQ(u.depth, 0);
    lev_uri_deinit(&u);
    EXPECT(u.key_password == NULL && u.cacertfile == NULL);
    EXPECT_EQ(lev_uri_init(&u, "amqps://h?verify=verify_peer&depth=255"), LEV_OK);
    EXPECT(!u.verify_none);
    EXPECT_EQ(u.depth, 255);
    EXPECT(u.cacertfile == NULL && u.key_password == NULL);
    lev_uri_deinit(&u);
}

static void refuses_a_host_of_more_than_255_bytes(void) {
    char text[300] = "amqp://";
    lev_uri u;
    memset(text + 7, 'h', 255);
    EXPECT_EQ(lev_uri_init(&u, text), LEV_OK);
    lev_uri_deinit(&u);
    text[7 + 255] = 'h';
    EXPECT_EQ(lev_uri_init(&u, text), LEV_ERR_URI);
    EXPECT_STR(u.fault, "the host name is too long at offset 7");
    lev_uri_deinit(&u);
}

/* clang-format off */
static const struct {
    const char *text;
    const char *shown;
} redactions[] = {
    {"amqp://user:secret@host/v",        "amqp://user:***@host/v"},
    {"amqp://user:@host",                "amqp://user:***@host"},
    {"amqp://host:5672/v",               "amqp://host:5672/v"},
    {"amqp://user@host:5672",            "amqp://user@host:5672"},
    {"amqp://[::1]:5672/v?heartbeat=5",  "amqp://[::1]:5672/v?heartbeat=5"},
    {"amqp://u:sec@ret@host",            "amqp://u:***@host"},
    {"amqp://u:sec/ret@host",            "amqp://u:***@host"},
    {"amqp://u:sec?ret@host",            "amqp://u:***@host"},
    {"amqp://u:sec:ret@host:1",          "amqp://u:***@host:1"},
    {"amqp://user:secret",               "amqp://user:***"},
    {"amqp://user:123456",               "amqp://user:***"},
    {"amqp://user:sec/ret",              "amqp://user:***"},
    {"user:secret@host",                 "user:***@host"},
    {"user:sec//ret@host",               "user:***@host"},
    {"user://secret@host",               "user:***@host"},
    {"amqp:user:secret@host",            "amqp:user:***@host"},
    {"http://u:secret@host",             "http:***@host"},
    {"amqps://h?a=1&password=x&b=2",     "amqps://h?a=1&password=***&b=2"},
    {"amqps://h?PASSWORD=x:y@z",         "amqps://h?PASSWORD=***"},
    {"amqps://u:p@h?password=x@y&b",     "amqps://u:***&b"},
    {"amqp://u:s\n@h\n\x80",             "amqp://u:***@h??"},
    {"",                                 ""},
    {"@",                                "@"},
    {":",                                ":"},
};
/* clang-format on */

static void hides_all_that_may_be_a_password(void) {
    char shown[100];
    for (size_t i = 0; i < sizeof redactions / sizeof redactions[0]; i++) {
        lev_uri_redact(redactions[i].text, shown, sizeof shown);
        expect_text(redactions[i].text, shown, redactions[i].shown);
    }
}

static void cuts_what_it_shows_at_the_size(void) {
    char shown[8] = "xxxxxxx";
    lev_uri_redact("amqp://user:secret@host", shown, 0);
    EXPECT_STR(shown, "xxxxxxx");
    lev_uri_redact("amqp://user:secret@host", shown, 1);
    EXPECT_STR(shown, "");
    lev_uri_redact("amqp://user:secret@host", shown, sizeof shown);
    EXPECT_STR(shown, "amqp://");
}

UNIT_MAIN("uri", CASE(takes_a_uri_apart), CASE(says_what_is_wrong_and_where),
          CASE(knows_its_parameters), CASE(knows_the_parameters_of_tls),
          CASE(refuses_a_host_of_more_than_255_bytes), CASE(hides_all_that_may_be_a_password),
          CASE(cuts_what_it_shows_at_the_size))
