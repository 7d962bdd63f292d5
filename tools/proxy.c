/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret proxy: each client that connects gets a connection of its own to the target, a relay
 * between both, and all of it is printed as it passes. After each wait every relay does what it
 * can: finding nothing to do costs a system call or two. */

#include "command.h"
#include "emit.h"
#include "exits.h"
#include "guard.h"
#include "loop.h"
#include "relay.h"
#include "say.h"
#include "signals.h"
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROXY_MOST = 256, PROXY_BACKLOG = 64, PROXY_TARGET_MS = 10000 };

typedef struct proxy_settings {
    settings common;
    fault_settings faults;
    bool jsonl;
    bool hexdump;
    bool show_secrets;
    const char *pcap;
} proxy_settings;

static int option_rate(const option *o, char *value, void *place) {
    char *end;
    double rate = strtod(value, &end);
    *(double *)place = rate;
    return end != value && *end == '\0' && rate >= 0 && rate <= 1
               ? -1
               : option_refuse(o, value, "a number from 0 to 1");
}

/* clang-format off */
#define AT(member) offsetof(proxy_settings, member)
static const option proxy_rows[] = {
    {0, "hexdump", NULL, option_flag, AT(hexdump), 0, 0,
     "print offsets, bytes, and what each of them means"},
    {0, "jsonl", NULL, option_flag, AT(jsonl), 0, 0,
     "print a JSON object a frame: for encode"},
    {0, "pcap", "FILE", option_text, AT(pcap), 0, 0,
     "write what passes into FILE, too, for Wireshark; passwords are in it"},
    {0, "show-secrets", NULL, option_flag, AT(show_secrets), 0, 0,
     "print passwords, too, instead of ***"},
    {0, "cacert", "FILE", option_text, AT(common.tls.ca_file), 0, 0,
     "with a target of amqps://: PEM file of the CAs to trust, or their folder (the system's)"},
    {0, "insecure", NULL, option_flag, AT(common.tls.insecure), 0, 0,
     "accept any certificate of the target"},
};
static const option fault_rows[] = {
    {0, "delay", "MS", option_number, AT(faults.delay_ms), 0, 3600000,
     "pass everything on so many milliseconds later"},
    {0, "split", "N", option_number, AT(faults.split), 1, UINT32_MAX,
     "write at most N bytes at once"},
    {0, "drop-heartbeats", NULL, option_flag, AT(faults.drop_heartbeats), 0, 0,
     "print heartbeats, but do not pass them on"},
    {0, "cut-after", "BYTES", option_number, AT(faults.cut_after), 1, INT64_MAX,
     "reset each connection after so many bytes, both ways together"},
    {0, "flip-bits", "RATE", option_rate, AT(faults.flip_rate), 0, 0,
     "turn a bit in this part of the bytes, 0 to 1"},
    {0, "seed", "N", option_number, AT(faults.seed), 0, UINT64_MAX,
     "which bits are turned: the same ones for the same seed (0)"},
};
/* clang-format on */

static const option_table proxy_options = OPTION_TABLE("Options", proxy_rows);
static const option_table fault_options = OPTION_TABLE("Faults", fault_rows);

typedef struct proxy {
    const proxy_settings *settings;
    url_list urls; /* LISTEN and TARGET, as they were given */
    target target;
    lev_tls *tls; /* towards the target, or NULL */
    guard *guard; /* towards clients, or NULL */
    int listener;
    int capture; /* the file of packets, or -1 */
    uint64_t connections;
    relay *relays[PROXY_MOST];
    size_t count;
    relay_view view;
} proxy;

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help proxy", text);
}

/* Takes an argument apart, which may be HOST:PORT, or a URL. A port 0, which no URL has, is taken
 * out of it. */
static char *proxy_url(const char *text, bool *any_port) {
    const char *scheme = text != NULL && strstr(text, "://") == NULL ? "amqp://" : "";
    size_t room = text != NULL ? strlen(scheme) + strlen(text) + 1 : 0;
    char *url = malloc(room);
    *any_port = false;
    if (text == NULL || url == NULL) {
        free(url);
        return NULL;
    }
    snprintf(url, room, "%s%s", scheme, text);
    char *end = url + strcspn(url, ":") + 3;
    end += strcspn(end, "/?");
    *any_port = end - url > 2 && end[-1] == '0' && end[-2] == ':';
    if (*any_port) {
        memmove(end - 2, end, strlen(end) + 1);
    }
    return url;
}

static int proxy_bind(proxy *p, const char *host, uint16_t port) {
    struct addrinfo wish = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char service[8];
    int on = 1;
    snprintf(service, sizeof service, "%u", port);
    int error = getaddrinfo(host, service, &wish, &found);
    if (error != 0) {
        return say_and(EXIT_CONNECT, "cannot listen on %s: %s", host, gai_strerror(error));
    }
    p->listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool good = p->listener >= 0 && bind(p->listener, found->ai_addr, found->ai_addrlen) == 0 &&
                listen(p->listener, PROXY_BACKLOG) == 0;
    error = errno;
    freeaddrinfo(found);
    return good ? EXIT_DONE
                : say_and(EXIT_CONNECT, "cannot listen on %s:%u: %s", host, port, strerror(error));
}

static void proxy_announce(const proxy *p) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[64] = "?";
    char port[8] = "?";
    getsockname(p->listener, (struct sockaddr *)&address, &size);
    getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    say("listening on %s port %s, for %s", host, port, p->target.uri);
}

static int proxy_listen(proxy *p) {
    bool any_port;
    lev_uri u = {.tls = false};
    char *url = proxy_url(p->urls.items[0], &any_port);
    lev_status status = url != NULL ? lev_uri_init(&u, url) : LEV_ERR_MEMORY;
    const char *host = u.host != NULL && u.host[0] != '\0' ? u.host : "127.0.0.1";
    uint16_t port = any_port ? 0 : u.port != 0 ? u.port : u.tls ? 5671 : 5672;
    int rc = EXIT_DONE;
    if (status != LEV_OK) {
        rc = status == LEV_ERR_MEMORY ? say_and(EXIT_INTERNAL, "out of memory")
                                      : say_and(EXIT_USAGE, "where to listen: %s", u.fault);
    } else if (host[0] == '/') {
        rc = misuse("a proxy listens on TCP: give HOST:PORT");
    } else if (u.tls && u.certfile == NULL) {
        rc = misuse("to listen with TLS give amqps://HOST:PORT?certfile=FILE&keyfile=FILE");
    } else if (u.tls) {
        p->guard = guard_new(u.certfile, u.keyfile, u.key_password);
        rc = p->guard != NULL ? EXIT_DONE : EXIT_CONFIG;
    }
    if (rc == EXIT_DONE) {
        rc = proxy_bind(p, host, port);
    }
    lev_uri_deinit(&u);
    free(url);
    return rc;
}

static int proxy_aim(proxy *p) {
    bool any_port;
    lev_error error;
    secrets none = {NULL, NULL};
    char *url = proxy_url(p->urls.items[1], &any_port);
    int rc = url == NULL ? say_and(EXIT_INTERNAL, "out of memory")
             : any_port  ? misuse("the target needs a port")
                         : target_init(&p->target, &p->settings->common, url, &none);
    free(url);
    if (rc == EXIT_DONE && p->target.parts.tls) {
        p->tls = lev_tls_new(&p->target.options.tls, &error);
        rc = p->tls != NULL ? EXIT_DONE : say_and(EXIT_CONFIG, "%s", error.text);
    }
    return rc;
}

static int proxy_capture(proxy *p) {
    const char *file = p->settings->pcap;
    if (file == NULL) {
        return EXIT_DONE;
    }
    p->capture = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (p->capture < 0) {
        return say_and(EXIT_CREATE, "cannot create %s: %s; check --pcap", file, strerror(errno));
    }
    p->view.captures = true;
    pcap_put_head(&p->view.capture);
    if (!p->settings->common.quiet) {
        say("%s gets all bytes as they are, passwords included", file);
    }
    return EXIT_DONE;
}

static bool proxy_join(proxy *p, relay *r, int fd) {
    const lev_uri *u = &p->target.parts;
    const char *host = u->host != NULL && u->host[0] != '\0' ? u->host : "localhost";
    uint16_t port = u->port != 0 ? u->port : u->tls ? 5671 : 5672;
    bool joined = wire_accept(&r->client, fd, p->guard);
    r->target.fd = -1;
    joined = joined && wire_connect(&r->target, host, port, p->tls, PROXY_TARGET_MS);
    relay_init(r, &p->view, p->connections++);
    return joined;
}

static void proxy_accept(proxy *p) {
    while (p->count < PROXY_MOST) {
        int fd = accept(p->listener, NULL, NULL);
        relay *r = fd >= 0 ? calloc(1, sizeof *r) : NULL;
        if (fd < 0) {
            return;
        }
        if (r == NULL) {
            close(fd);
            return;
        }
        p->relays[p->count++] = r;
        if (!proxy_join(p, r, fd)) {
            say("#%" PRIu64 ": out of memory", r->number);
            relay_deinit(r);
            free(r);
            p->count--;
        }
    }
}

/* Waits until there is something to do. Returns false when stdout is closed. */
static bool proxy_wait(const proxy *p) {
    struct pollfd fds[2 * PROXY_MOST + 1];
    loop_watch watch = {.input = -1, .output = STDOUT_FILENO, .timeout_ms = -1, .more = fds};
    bool room = p->count < PROXY_MOST;
    fds[watch.more_count++] = (struct pollfd){.fd = room ? p->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < p->count; i++) {
        loop_within(&watch, relay_poll(p->relays[i], fds + watch.more_count));
        watch.more_count += 2;
    }
    return (loop_wait(NULL, &watch) & LOOP_HANGUP) == 0;
}

static int proxy_keep(proxy *p) {
    buffer *b = &p->view.capture;
    size_t done = 0;
    while (done < b->len) {
        ssize_t n = write(p->capture, b->ptr + done, b->len - done);
        if (n < 0 && errno != EINTR) {
            return say_and(EXIT_OUTPUT, "cannot write to %s: %s", p->settings->pcap,
                           strerror(errno));
        }
        done += n > 0 ? (size_t)n : 0;
    }
    b->len = 0;
    return b->failed ? say_and(EXIT_INTERNAL, "out of memory") : EXIT_DONE;
}

static int proxy_turn(proxy *p) {
    size_t left = 0;
    proxy_accept(p);
    for (size_t i = 0; i < p->count; i++) {
        relay *r = p->relays[i];
        if (relay_work(r, &p->view)) {
            p->relays[left++] = r;
        } else {
            relay_deinit(r);
            free(r);
        }
    }
    p->count = left;
    int rc = emit(&p->view.shown);
    return rc == EXIT_DONE ? proxy_keep(p) : rc;
}

static int proxy_loop(proxy *p) {
    int rc = proxy_keep(p);
    signals_defer();
    proxy_announce(p);
    while (rc == EXIT_DONE && signals_caught() == 0) {
        rc = proxy_wait(p) ? proxy_turn(p) : EXIT_PIPE;
    }
    return rc == EXIT_DONE ? EXIT_SIGNAL + signals_caught() : rc;
}

static void proxy_deinit(proxy *p) {
    for (size_t i = 0; i < p->count; i++) {
        relay_deinit(p->relays[i]);
        free(p->relays[i]);
    }
    buffer_deinit(&p->view.shown);
    buffer_deinit(&p->view.capture);
    lev_tls_free(p->tls);
    guard_free(p->guard);
    target_deinit(&p->target);
    if (p->listener >= 0) {
        close(p->listener);
    }
    if (p->capture >= 0) {
        close(p->capture);
    }
    for (size_t i = 0; i < p->urls.count; i++) {
        explicit_bzero(p->urls.items[i], strlen(p->urls.items[i]));
        free(p->urls.items[i]);
    }
}

static int proxy_run(settings *common) {
    const proxy_settings *s = (const proxy_settings *)common;
    proxy p = {.settings = s, .listener = -1, .capture = -1, .view.faults = s->faults};
    int rc = -1;
    p.view.printer = (printer){.form = s->jsonl     ? PRINT_JSONL
                                       : s->hexdump ? PRINT_HEXDUMP
                                                    : PRINT_TEXT,
                               .redact = !s->show_secrets};
    p.view.tells_ends = common->verbose;
    for (size_t i = 0; i < common->arg_count && rc < 0; i++) {
        rc = option_url(NULL, common->args[i], &p.urls);
    }
    if (rc < 0 && (p.urls.count != 2 || (s->jsonl && s->hexdump))) {
        rc = misuse(p.urls.count != 2 ? "give where to listen, and the target"
                                      : "--hexdump and --jsonl exclude each other");
    }
    rc = rc < 0 ? proxy_aim(&p) : rc;
    rc = rc == EXIT_DONE ? proxy_listen(&p) : rc;
    rc = rc == EXIT_DONE ? proxy_capture(&p) : rc;
    rc = rc == EXIT_DONE ? proxy_loop(&p) : rc;
    proxy_deinit(&p);
    return rc;
}

static const proxy_settings proxy_default = {.common = SETTINGS_DEFAULTS};

const command proxy_command = {
    .name = "proxy",
    .usage = "[OPTION...] LISTEN TARGET",
    .summary = "show what a client and a broker say to each other",
    .about =
        "Listens at LISTEN and passes each connection on to TARGET, byte by byte, and prints all "
        "that passes: its connection (#0, #1 ...), who says it, and the frame, as dump does. "
        "Secrets are left out unless --show-secrets is given.\n"
        "\n"
        "LISTEN and TARGET are HOST:PORT, or a URL. Without a host LISTEN is this machine only "
        "(127.0.0.1), with 0.0.0.0 all that can reach it; port 0 is any that is free, which is "
        "told on stderr. With amqps://HOST:PORT?certfile=FILE&keyfile=FILE it speaks TLS with "
        "the clients; a TARGET of amqps:// is verified, and takes the parameters that the URL of "
        "a broker may have (certfile, server_name_indication ...). Users and passwords are the "
        "clients' own: nobody logs in here.\n"
        "\n"
        "The options for faults make a network, or a peer, that is worse than real ones: to see "
        "whether a client survives it. What is printed is what comes in; what --pcap gets is what "
        "goes out, with turned bits.",
    .examples = "leveret proxy :5673 localhost:5672\n"
                "leveret proxy --jsonl :5673 amqps://broker.example > session.jsonl\n"
                "leveret proxy --pcap session.pcap :5673 localhost:5672\n"
                "leveret proxy --cut-after 10000 --delay 50 :5673 localhost:5672",
    .exits = {{EXIT_USAGE, "wrong usage; nothing was listened on"},
              {EXIT_CONNECT, "cannot listen there"},
              {EXIT_INTERNAL, NULL},
              {EXIT_CREATE, "the file of --pcap cannot be created"},
              {EXIT_OUTPUT, NULL},
              {EXIT_CONFIG, "a certificate or key that cannot be used"},
              {EXIT_STOPPED, "stopped by SIGINT or SIGTERM, which is how it ends"},
              {EXIT_PIPE, "stdout was closed"}},
    .options = {{&proxy_options, 0}, {&fault_options, 0}, {&general_options, 0}},
    .size = sizeof(proxy_settings),
    .defaults = &proxy_default,
    .run = proxy_run,
};
