/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The tables that commands share. */

#include "options.h"

#include "exits.h"

#define AT(member) offsetof(settings, member)

/* The lines that later options cause are of that format, too. */
static int option_log(const option *o, char *value, void *place) {
    int rc = option_choice(o, value, place);
    if (rc < 0 && *(unsigned *)place == 1) {
        say_json();
    }
    return rc;
}

/* clang-format off */
static const option connection_rows[] = {
    {'u', "url", "URL", option_url, AT(urls), 0, 0,
     "amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://; repeatable: tried in order"},
    {'s', "host", "HOST", option_text, AT(host), 0, 0,
     "the broker's host (localhost)"},
    {0, "port", "PORT", option_number, AT(port), 1, 65535,
     "its port (5672, with amqps:// 5671)"},
    {0, "vhost", "NAME", option_text, AT(vhost), 0, 0,
     "virtual host (/)"},
    {0, "user", "NAME", option_text, AT(user), 0, 0,
     "user (guest)"},
    {0, "password-file", "FILE", option_text, AT(password_file), 0, 0,
     "the first line of FILE is the password; -: of stdin, asked for on a terminal"},
    {0, "password-fd", "N", option_number, AT(password_fd), 0, INT32_MAX,
     "the first line of descriptor N is the password"},
    {0, "sasl", "plain|amqplain|external|anonymous", option_sasl, AT(mechanisms), 0, 0,
     "how to log in; repeatable (plain, amqplain)"},
    {0, "allow-plaintext-auth", NULL, option_flag, AT(plaintext_auth), 0, 0,
     "let the password travel unencrypted to another machine"},
    {0, "cacert", "FILE", option_text, AT(tls.ca_file), 0, 0,
     "with amqps://: PEM file of the CAs to trust, or their folder (the system's)"},
    {0, "cert", "FILE", option_text, AT(tls.cert_file), 0, 0,
     "client certificate, PEM"},
    {0, "key", "FILE", option_text, AT(tls.key_file), 0, 0,
     "its key, PEM (in the certificate's file)"},
    {0, "key-password-file", "FILE", option_text, AT(key_password_file), 0, 0,
     "the first line of FILE opens an encrypted key; -: of stdin"},
    {0, "sni", "NAME", option_text, AT(tls.server_name), 0, 0,
     "the name to expect in the broker's certificate (its host's)"},
    {0, "tls-min", "1.2|1.3", option_tls, AT(tls.version_min), 0, 0,
     "the oldest TLS to accept (1.2)"},
    {0, "keylog", "FILE", option_text, AT(tls.keylog_file), 0, 0,
     "append each session's keys, with which the traffic can be read, to FILE"},
    {0, "insecure", NULL, option_flag, AT(tls.insecure), 0, 0,
     "accept any certificate: what is sent can be read on the way"},
    {0, "heartbeat", "S", option_number, AT(heartbeat), 0, 65535,
     "seconds between heartbeats (30); 0: offer none"},
    {0, "connect-timeout", "S", option_time, AT(connect_ms), 1, INT32_MAX,
     "longest time to reach a host (10)"},
    {0, "timeout", "S", option_time, AT(timeout_ms), 1, INT32_MAX,
     "longest wait for an answer (10), or without progress while blocked or unconfirmed (30)"},
    {0, "name", "NAME", option_text, AT(name), 0, 0,
     "connection name shown by the broker"},
    {0, "trace", NULL, option_flag, AT(trace), 0, 0,
     "print every frame sent and received on stderr, as dump does, without passwords"},
};

static const option retry_rows[] = {
    {0, "retry", "N", option_number, AT(retry), 0, INT32_MAX,
     "after a lost connection try all hosts N times before giving up (no limit); 0: give up at once"},
};

static const option general_rows[] = {
    {'v', "verbose", NULL, option_flag, AT(verbose), 0, 0,
     "say on stderr what happens"},
    {0, "quiet", NULL, option_flag, AT(quiet), 0, 0,
     "only say on stderr what went wrong at the end"},
    {0, "log-format", "text|json", option_log, AT(log_format), 0, 0,
     "lines on stderr as text or as JSON objects (text)"},
    {0, "help", NULL, NULL, 0, 0, 0,
     "print this and exit"},
};

/* `min` is the number of the property, in wire order; 2, the headers, is a row of its command's. */
static const option property_rows[] = {
    {'C', "content-type", "TEXT", option_property, 0, 0, 0,
     "what the body is, such as text/plain"},
    {'E', "content-encoding", "TEXT", option_property, 0, 1, 0,
     "how it is packed, such as gzip"},
    {0, "delivery-mode", "N", option_property, 0, 3, 255,
     "1: transient, 2: persistent"},
    {0, "priority", "N", option_property, 0, 4, 255,
     "0 to 255"},
    {0, "correlation-id", "TEXT", option_property, 0, 5, 0,
     "which request this answers"},
    {'t', "reply-to", "TEXT", option_property, 0, 6, 0,
     "queue for the answer"},
    {0, "expiration", "MS", option_property, 0, 7, 0,
     "milliseconds until the message is dropped"},
    {0, "message-id", "TEXT", option_property, 0, 8, 0,
     "its id"},
    {0, "timestamp", "S", option_property, 0, 9, INT64_MAX,
     "seconds since 1970"},
    {0, "message-type", "TEXT", option_property, 0, 10, 0,
     "what kind of message it is"},
    {0, "user-id", "TEXT", option_property, 0, 11, 0,
     "the user who publishes; the broker checks it"},
    {0, "app-id", "TEXT", option_property, 0, 12, 0,
     "the program that publishes"},
    {0, "cluster-id", "TEXT", option_property, 0, 13, 0,
     "deprecated in AMQP 0-9-1"},
};
/* clang-format on */

const option_table connection_options = OPTION_TABLE("Connection", connection_rows);
const option_table retry_options = OPTION_TABLE("Reconnecting", retry_rows);
const option_table general_options = OPTION_TABLE("General", general_rows);
const option_table property_options = OPTION_TABLE("Properties", property_rows);
