/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a core file of a program would hold: after the login the password once where the client may
 * need it again and nowhere otherwise, and nowhere after lev_client_free. The client runs in a
 * process of its own, for the peer's memory holds what it received. There the password stands
 * veiled, and so it is looked for. */

#include "../unit.h"
#include "peer.h"
#include "tap.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define MEMORY_READ 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#undef MEMORY_READ
#endif
#endif

#ifdef MEMORY_READ

enum { SIZE = 64, FOUND = 40 }; /* free overwrites the beginning of a block */

/* Byte i of the password, in letters. */
static uint8_t veiled(size_t i) { return (uint8_t)(0x80 | ('a' + i * 7 % 26)); }

static void unveil(char *text) {
    for (size_t i = 0; i < SIZE; i++) {
        text[i] = (char)(veiled(i) & 0x7f);
    }
    text[SIZE] = '\0';
}

static void wipe(char *text, size_t size) {
    volatile char *p = text;
    for (size_t i = 0; i < size; i++) {
        p[i] = 0;
    }
}

/* Counts the end of the password in memory from `at` to `end`. */
static int count_in(const volatile uint8_t *at, const volatile uint8_t *end) {
    int count = 0;
    for (; at + FOUND <= end; at++) {
        size_t i = 0;
        while (i < FOUND && (at[i] | 0x80) == veiled(SIZE - FOUND + i) && at[i] < 0x80) {
            i++;
        }
        count += i == FOUND ? 1 : 0;
    }
    return count;
}

/* Counts it in all memory that can be written. */
static int count_all(void) {
    char line[512];
    unsigned long from;
    unsigned long to;
    char mode[8];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && memcmp(mode, "rw", 2) == 0) {
            count += count_in((const volatile uint8_t *)from, (const volatile uint8_t *)to);
        }
    }
    if (maps == NULL) {
        return -1;
    }
    fclose(maps);
    return count;
}

static uint32_t renew(void *context, lev_writer *secret) {
    char text[SIZE + 1];
    (void)context;
    unveil(text);
    lev_writer_text(secret, text);
    wipe(text, sizeof text);
    return 0;
}

typedef struct way {
    bool in_uri;
    bool recovers;
    bool renews;
    int after_login; /* sightings */
} way;

/* In a process of its own: returns what was wrong, 0: nothing. */
static int live(const way *w, const char *at) {
    char uri[200] = "amqp://";
    char secret[SIZE + 1];
    lev_event event;
    lev_client_options o = {.user = "u", .recovery.on = w->recovers};
    tap_off = true;
    unveil(secret);
    if (w->in_uri) {
        snprintf(uri, sizeof uri, "amqp://u:%s@%s", secret, at + 7);
    } else {
        snprintf(uri, sizeof uri, "%s", at);
        o.password = secret;
    }
    o.refresh = w->renews ? renew : NULL;
    lev_client *c = lev_client_new(&o);
    lev_status status = lev_client_open(c, uri);
    wipe(secret, sizeof secret);
    wipe(uri, sizeof uri);
    lev_client_next(c, &event, w->renews ? 200 : 10);
    int after_login = count_all();
    lev_client_free(c);
    int after_free = count_all();
    fprintf(stderr, "status %d, after the login %d, after free %d\n", status, after_login,
            after_free);
    return status != LEV_OK ? 1 : after_login != w->after_login ? 2 : after_free != 0 ? 3 : 0;
}

static void log_in(peer *p) {
    lev_frame frame;
    peer_login(p, 0);
    peer_forgive(p);
    while (peer_take(p, &frame)) {
        peer_send_method(p, 0, LEV_CONNECTION_UPDATE_SECRET_OK,
                         &(lev_connection_update_secret_ok){0});
    }
}

static void keep_it(const way *w) {
    peer *p = peer_start(log_in);
    int wrong = -1;
    pid_t child = fork();
    if (child == 0) {
        _exit(live(w, p->uri));
    }
    EXPECT_EQ(waitpid(child, &wrong, 0), child);
    EXPECT_EQ(wrong, 0);
    peer_end(p);
}

static void finds_what_is_there(void) {
    char text[SIZE + 1];
    int before = count_all();
    unveil(text);
    EXPECT_EQ(before, 0);
    EXPECT_EQ(count_all(), 1);
    wipe(text, sizeof text);
    EXPECT_EQ(count_all(), 0);
}

static void forgets_the_password_after_the_login(void) {
    keep_it(&(way){.after_login = 0});
    keep_it(&(way){.in_uri = true, .after_login = 0});
}

static void keeps_one_copy_to_come_back(void) {
    keep_it(&(way){.recovers = true, .after_login = 1});
    keep_it(&(way){.recovers = true, .in_uri = true, .after_login = 1});
}

static void keeps_one_copy_of_what_is_renewed(void) {
    keep_it(&(way){.renews = true, .after_login = 1});
}

UNIT_MAIN("core", CASE(finds_what_is_there), CASE(forgets_the_password_after_the_login),
          CASE(keeps_one_copy_to_come_back), CASE(keeps_one_copy_of_what_is_renewed))

#else

int main(void) {
    puts("skipped: memory cannot be read in this build");
    return 77;
}

#endif
