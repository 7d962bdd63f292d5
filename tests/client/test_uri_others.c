/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What others say a URI means: appendix A of the RabbitMQ URI Specification, and the cases of the
 * tests of RabbitMQ's Erlang and Java clients, rabbitmq-c, streadway/amqp and amqp091-go, pika,
 * amqplib and uri-amqp for Ruby. Their defaults are filled in here, as they do. Where one of them
 * reads a URI otherwise, `but` says how, and the row has what the specification says. */

#include "../unit.h"

#include <leveret/uri.h>

typedef struct reading {
    const char *text;
    const char *user;
    const char *password;
    const char *host;
    unsigned port;
    const char *vhost;
    const char *but;
} reading;

/* clang-format off */
static const reading readings[] = {
    /* appendix A; all have these */
    {"amqp://user:pass@host:10000/vhost", "user", "pass", "host", 10000, "vhost", ""},
    {"amqp://user%61:%61pass@ho%61st:10000/v%2fhost", "usera", "apass", "hoast", 10000, "v/host", "Java: no %61 in a host"},
    {"amqp://",              "guest", "guest", "localhost", 5672, "/",     "Erlang: a direct connection"},
    {"amqp://:@/",           "",      "",      "localhost", 5672, "",      "Go, pika: vhost /"},
    {"amqp://user@",         "user",  "",      "localhost", 5672, "/",     "C, Go: password guest, whoever the user is"},
    {"amqp://user:pass@",    "user",  "pass",  "localhost", 5672, "/",     ""},
    {"amqp://host",          "guest", "guest", "host",      5672, "/",     ""},
    {"amqp://:10000",        "guest", "guest", "localhost", 10000, "/",    ""},
    {"amqp:///vhost",        "guest", "guest", "localhost", 5672, "vhost", ""},
    {"amqp://host/",         "guest", "guest", "host",      5672, "",      "Go, pika: vhost /"},
    {"amqp://host/%2f",      "guest", "guest", "host",      5672, "/",     ""},
    {"amqp://[::1]",         "guest", "guest", "::1",       5672, "/",     "Java, Ruby: with the brackets"},
    /* Erlang, C, Java */
    {"aMQp://user%61:%61pass@ho%61st:10000/v%2fhost", "usera", "apass", "hoast", 10000, "v/host", ""},
    {"aMQps://user%61:%61pass@host:10000/v%2fhost", "usera", "apass", "host", 10000, "v/host", ""},
    {"amqp://:@host/",       "",      "",      "host",      5672, "",      ""},
    {"amqp://user:pass@localhost", "user", "pass", "localhost", 5672, "/", ""},
    {"amqp://localhost:10000", "guest", "guest", "localhost", 10000, "/",  ""},
    {"amqp://host:100",      "guest", "guest", "host",      100,  "/",     ""},
    {"amqp://[::1]:100",     "guest", "guest", "::1",       100,  "/",     ""},
    {"amqp://host/blah",     "guest", "guest", "host",      5672, "blah",  ""},
    {"amqp://host:100/blah", "guest", "guest", "host",      100,  "blah",  ""},
    {"amqp://:100/blah",     "guest", "guest", "localhost", 100,  "blah",  ""},
    {"amqp://[::1]/blah",    "guest", "guest", "::1",       5672, "blah",  ""},
    {"amqp://[::1]:100/blah", "guest", "guest", "::1",      100,  "blah",  ""},
    {"amqp://user:pass@host", "user", "pass",  "host",      5672, "/",     ""},
    {"amqp://user:pass@host:100", "user", "pass", "host",   100,  "/",     ""},
    {"amqp://user:pass@:100", "user", "pass",  "localhost", 100,  "/",     ""},
    {"amqp://user:pass@[::1]", "user", "pass", "::1",       5672, "/",     ""},
    {"amqp://user:pass@[::1]:100", "user", "pass", "::1",   100,  "/",     ""},
    {"amqps://user:pass@host:10000/vhost", "user", "pass", "host", 10000, "vhost", ""},
    {"amqps://",             "guest", "guest", "localhost", 5671, "/",     ""},
    {"amqps://:@/",          "",      "",      "localhost", 5671, "",      ""},
    {"amqps://user@",        "user",  "",      "localhost", 5671, "/",     "C: password guest"},
    {"amqps://host/%2f",     "guest", "guest", "host",      5671, "/",     ""},
    {"amqps://[::1]",        "guest", "guest", "::1",       5671, "/",     ""},
    {"amqps:///vhost",       "guest", "guest", "localhost", 5671, "vhost", ""},
    /* Go */
    {"amqp://guest:pass@",   "guest", "pass",  "localhost", 5672, "/",     ""},
    {"amqp://host/%2F%2F",   "guest", "guest", "host",      5672, "//",    ""},
    {"amqp://host/%2Fslash%2F", "guest", "guest", "host",   5672, "/slash/", ""},
    {"amqp://192.168.1.1:1000/", "guest", "guest", "192.168.1.1", 1000, "", "Go: vhost /"},
    {"amqps:///",            "guest", "guest", "localhost", 5671, "",      "Go: vhost /"},
    {"amqps://host:1000/",   "guest", "guest", "host",      1000, "",      "Go: vhost /"},
    {"amqp://bob:dobbs@foo.bar:5678/private", "bob", "dobbs", "foo.bar", 5678, "private", ""},
    {"amqps://foo.bar/",     "guest", "guest", "foo.bar",   5671, "",      "Go: vhost /"},
    /* pika, amqplib */
    {"amqp://:@myserver.mycompany.com", "", "", "myserver.mycompany.com", 5672, "/", ""},
    {"amqp://%40%40%40%40:%2F%2F%2F%2F@myserver.mycompany.com", "@@@@", "////", "myserver.mycompany.com", 5672, "/", ""},
    {"amqp://myserver.mycompany.com/%2F", "guest", "guest", "myserver.mycompany.com", 5672, "/", ""},
    {"amqp://myserver.mycompany.com?frame_max=8192", "guest", "guest", "myserver.mycompany.com", 5672, "/", ""},
    {"amqps://:password@localhost", "", "password", "localhost", 5671, "/", ""},
    {"amqps://username:@localhost", "username", "", "localhost", 5671, "/", ""},
    {"amqp://user%3Aname:pass%3Aword@localhost", "user:name", "pass:word", "localhost", 5672, "/", ""},
};

/* What none of them takes, or, where `but` says so, only some. */
static const struct {
    const char *text;
    const char *but;
} refusals[] = {
    {"http://www.rabbitmq.com",   "pika: as amqp"},
    {"https://www.rabbitmq.com",  "pika: as amqps"},
    {"blurble",                   ""},
    {"//",                        "pika: as amqp"},
    {"amqp://foo:bar:baz",        ""},
    {"amqp://foo[::1]",           ""},
    {"amqp://foo:[::1]",          ""},
    {"amqp://[::1]foo",           ""},
    {"amqp://foo:1000xyz",        ""},
    {"amqp://foo:1000000",        ""},
    {"amqp://foo/bar/baz",        "pika: vhost bar/baz"},
    {"amqp:///vhost/hurricane",   ""},
    {"amqp://h/%2F/",             "pika: vhost /"},
    {"amqp://foo%1",              ""},
    {"amqp://foo%1x",             ""},
    {"amqp://foo%xy",             ""},
    {"amqps://foo%xy",            ""},
    {"amqp://admin:PASSWORD@rabbitmq-service/ -http_port=8080", ""},
    {"amqp://h?heartbeat=NOT%20A%20NUMBER", ""},
    {"amqp://h?locale=en_US",     "pika, amqplib: known; no broker has another locale"},
    {"amqp://host?verify=true",   ""},
    {"amqp://host?fail_if_no_peer_cert=true", ""},
    {"amqp://host?cacertfile=/examples/tls/cacert.pem", ""},
    {"amqp://host?certfile=/examples/tls/client_cert.pem", ""},
    {"amqp://host?keyfile=/examples/tls/client_key.pem", ""},
};
/* clang-format on */

enum {
    READINGS = sizeof readings / sizeof readings[0],
    REFUSALS = sizeof refusals / sizeof refusals[0]
};

static const char *or_else(const char *part, const char *otherwise) {
    return part != NULL ? part : otherwise;
}

/* The defaults are those of the client's settings; the password guest is the user guest's alone. */
static void reads_what_others_read(void) {
    for (size_t i = 0; i < READINGS; i++) {
        const reading *row = &readings[i];
        lev_uri uri;
        printf("%s\n", row->text);
        EXPECT_EQ(lev_uri_init(&uri, row->text), LEV_OK);
        const char *user = or_else(uri.user, "guest");
        EXPECT_STR(user, row->user);
        EXPECT_STR(or_else(uri.password, strcmp(user, "guest") == 0 ? "guest" : ""), row->password);
        EXPECT_STR(or_else(uri.host, "localhost"), row->host);
        EXPECT_EQ(uri.port != 0 ? uri.port : uri.tls ? 5671 : 5672, row->port);
        EXPECT_STR(or_else(uri.vhost, "/"), row->vhost);
        lev_uri_deinit(&uri);
    }
}

static void refuses_what_others_refuse(void) {
    for (size_t i = 0; i < REFUSALS; i++) {
        lev_uri uri;
        printf("%s\n", refusals[i].text);
        EXPECT_EQ(lev_uri_init(&uri, refusals[i].text), LEV_ERR_URI);
        lev_uri_deinit(&uri);
    }
}

static void reads_their_parameters(void) {
    lev_uri uri;
    EXPECT_EQ(lev_uri_init(&uri, "amqp://user:pass@host/vhost?heartbeat=10&connection_timeout=100&"
                                 "channel_max=1000"),
              LEV_OK);
    EXPECT_EQ(uri.heartbeat, 10);
    EXPECT_EQ(uri.connection_timeout, 100);
    EXPECT_EQ(uri.channel_max, 1000);
    lev_uri_deinit(&uri);
    EXPECT_EQ(
        lev_uri_init(
            &uri,
            "amqps://host/%2f?cacertfile=/path/to/cacertfile.pem&certfile=/path/to/certfile.pem"
            "&password=topsecret&depth=5&verify=verify_peer&fail_if_no_peer_cert=true"),
        LEV_OK);
    EXPECT_STR(uri.cacertfile, "/path/to/cacertfile.pem");
    EXPECT_STR(uri.certfile, "/path/to/certfile.pem");
    EXPECT_STR(uri.key_password, "topsecret");
    EXPECT_EQ(uri.depth, 5);
    EXPECT(!uri.verify_none);
    lev_uri_deinit(&uri);
}

UNIT_MAIN("uri of others", CASE(reads_what_others_read), CASE(refuses_what_others_refuse),
          CASE(reads_their_parameters))
