/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Handlers without a broker: what an exit code means, what a handler finds in its environment, and
 * pipes that never make us wait. */

#include "../../tools/child.h"
#include "../../tools/environment.h"
#include "../../tools/handler.h"
#include "../unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- verdicts ------------------------------------------------------------------------------- */

static void expect_verdict(int code, unsigned on_failure, verdict wanted) {
    verdict v = handler_verdict(code, on_failure);
    EXPECT_EQ(v.kind, wanted.kind);
    EXPECT_EQ(v.failed, wanted.failed);
    EXPECT_EQ(v.stop, wanted.stop);
}

static void codes_with_a_meaning_of_their_own(void) {
    for (unsigned policy = ON_FAILURE_REQUEUE; policy <= ON_FAILURE_STOP; policy++) {
        expect_verdict(0, policy, (verdict){VERDICT_ACK, false, false});
        expect_verdict(65, policy, (verdict){VERDICT_REJECT, false, false});
        expect_verdict(75, policy, (verdict){VERDICT_REQUEUE, true, false});
    }
}

static void other_codes_follow_on_failure(void) {
    static const int codes[] = {1, 2, 64, 66, 126, 127, 137, 255};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        expect_verdict(codes[i], ON_FAILURE_REQUEUE, (verdict){VERDICT_REQUEUE, true, false});
        expect_verdict(codes[i], ON_FAILURE_REJECT, (verdict){VERDICT_REJECT, true, false});
        expect_verdict(codes[i], ON_FAILURE_STOP, (verdict){VERDICT_REQUEUE, true, true});
    }
}

static void pauses_grow_to_a_limit(void) {
    EXPECT_EQ(handler_pause(0), 0);
    EXPECT_EQ(handler_pause(1), 100);
    EXPECT_EQ(handler_pause(2), 200);
    EXPECT_EQ(handler_pause(7), 6400);
    EXPECT_EQ(handler_pause(8), 10000);
    EXPECT_EQ(handler_pause(UINT64_MAX), 10000);
}

/* ---- environment ---------------------------------------------------------------------------- */

static const char *find(char **env, const char *name) {
    size_t length = strlen(name);
    for (; *env != NULL; env++) {
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=') {
            return *env + length + 1;
        }
    }
    return "(none)";
}

static void environment_of_a_message(void) {
    char *from[] = {"PATH=/bin", "AMQP_URL=amqp://u:secret@h", "AMQP_PASSWORD=secret",
                    "AMQP_REPLY_TO=stale", "AMQP_OTHER=kept", NULL};
    lev_message m = {.exchange = lev_span_of("ex"), .routing_key = lev_span_of("a.b")};
    m.redelivered = true;
    m.properties.present = LEV_HAS_MESSAGE_ID | LEV_HAS_CORRELATION_ID;
    m.properties.message_id = lev_span_of("id");
    m.properties.correlation_id = (lev_span){(const uint8_t *)"a\0b", 3};
    char **env = environment_new(from, &m, "q", UINT64_MAX);
    EXPECT_STR(find(env, "PATH"), "/bin");
    EXPECT_STR(find(env, "AMQP_OTHER"), "kept");
    EXPECT_STR(find(env, "AMQP_URL"), "(none)");
    EXPECT_STR(find(env, "AMQP_PASSWORD"), "(none)");
    EXPECT_STR(find(env, "AMQP_EXCHANGE"), "ex");
    EXPECT_STR(find(env, "AMQP_ROUTING_KEY"), "a.b");
    EXPECT_STR(find(env, "AMQP_QUEUE"), "q");
    EXPECT_STR(find(env, "AMQP_TAG"), "18446744073709551615");
    EXPECT_STR(find(env, "AMQP_REDELIVERED"), "true");
    EXPECT_STR(find(env, "AMQP_MESSAGE_ID"), "id");
    EXPECT_STR(find(env, "AMQP_CORRELATION_ID"), "(none)");
    EXPECT_STR(find(env, "AMQP_REPLY_TO"), "(none)");
    EXPECT_STR(find(env, "AMQP_CONTENT_TYPE"), "(none)");
    free(env);
}

static void environment_without_a_message(void) {
    char *from[] = {"A=1", "AMQP_URL=x", "AMQP_TAG=stale", NULL};
    char **env = environment_new(from, NULL, NULL, 0);
    EXPECT_STR(env[0], "A=1");
    EXPECT(env[1] == NULL);
    free(env);
}

/* ---- processes ------------------------------------------------------------------------------ */

/* Runs the child to its end, at most ten seconds, and returns its exit code. */
static int run_out(child *c, buffer *out) {
    int code = -1;
    for (int i = 0; i < 10000 && !child_ended(c, &code); i++) {
        uint8_t room[4096];
        struct pollfd fds[CHILD_PIPES_MAX];
        size_t n;
        feed_pump(&c->in);
        feed_pump(&c->notes);
        poll(fds, (nfds_t)child_watch(c, fds), 1);
        while ((n = child_read(c, room, sizeof room)) > 0) {
            buffer_put(out, (lev_span){room, n});
        }
        if (c->out < 0) {
            usleep(1000);
        }
    }
    uint8_t room[4096];
    size_t n;
    while ((n = child_read(c, room, sizeof room)) > 0) {
        buffer_put(out, (lev_span){room, n});
    }
    return code;
}

static int run_shell(const char *script, size_t body, size_t notes, buffer *out, unsigned pipes) {
    char *argv[] = {"sh", "-c", (char *)script, NULL};
    child c = child_init();
    static const uint8_t zeros[1000];
    for (size_t i = 0; i < body; i += sizeof zeros) {
        buffer_put(&c.in.data, (lev_span){zeros, sizeof zeros});
    }
    for (size_t i = 0; i < notes; i += sizeof zeros) {
        buffer_put(&c.notes.data, (lev_span){zeros, sizeof zeros});
    }
    c.in.last = c.notes.last = true;
    EXPECT_EQ(child_start(&c, argv, environ, CHILD_NOTES | pipes), 0);
    int code = run_out(&c, out);
    EXPECT_EQ(c.pid, 0);
    child_deinit(&c);
    return code;
}

static void expect_output(const char *script, unsigned pipes, int code, const char *text) {
    buffer out = {0};
    EXPECT_EQ(run_shell(script, 3000, 2000, &out, pipes), code);
    buffer_byte(&out, 0);
    EXPECT_STR((char *)out.ptr, text);
    buffer_deinit(&out);
}

static void pipes_lead_where_they_should(void) {
    expect_output("wc -c", CHILD_STDOUT, 0, "3000\n");
    expect_output("wc -c <&3", CHILD_STDOUT, 0, "2000\n");
    expect_output("wc -c >&4; exit 9", CHILD_LINES, 9, "3000\n");
    expect_output("wc -c <&3 >&4", CHILD_LINES, 0, "2000\n");
}

static void what_is_not_read_is_not_waited_for(void) {
    signal(SIGPIPE, SIG_IGN);
    buffer out = {0};
    EXPECT_EQ(run_shell("exit 7", 1000000, 1000000, &out, 0), 7);
    EXPECT_EQ(run_shell("exec <&- 3<&-; sleep 0.1; exit 8", 1000000, 1000000, &out, 0), 8);
    EXPECT_EQ(run_shell("sleep 0.1; exit 9", 1000000, 1000000, &out, 0), 9);
    EXPECT_EQ(run_shell("cat <&3 >/dev/null; cat >/dev/null", 1000000, 1000000, &out, 0), 0);
    EXPECT_EQ(out.len, 0);
}

static void low_numbers_that_are_free_are_no_trap(void) {
    int zero = dup(0);
    int highest = dup(0);
    for (int fd = 3; fd <= highest; fd++) {
        close(fd); /* so that the pipes' own ends would be 3 and 4 */
    }
    (void)zero;
    expect_output("wc -c <&3 >&4; wc -c >&4", CHILD_LINES, 0, "2000\n3000\n");
}

static void a_signal_goes_to_all_it_started(void) {
    char *argv[] = {"sh", "-c", "sleep 30; exit 3", NULL};
    child c = child_init();
    buffer out = {0};
    c.in.last = true;
    EXPECT_EQ(child_start(&c, argv, environ, CHILD_STDOUT), 0);
    usleep(100000);
    child_signal(&c, SIGTERM);
    EXPECT_EQ(run_out(&c, &out), 128 + SIGTERM);
    for (int i = 0; i < 1000 && c.out >= 0; i++) { /* sleep held the pipe, too */
        uint8_t room[1];
        child_read(&c, room, 1);
        usleep(1000);
    }
    EXPECT_EQ(c.out, -1);
    child_deinit(&c);
}

static int fault_of(const char *name) {
    char *argv[] = {(char *)name, NULL};
    child c = child_init();
    int fault = child_start(&c, argv, environ, CHILD_NOTES | CHILD_STDOUT);
    EXPECT_EQ(c.pid, 0);
    EXPECT_EQ(c.in.fd, -1);
    EXPECT_EQ(c.out, -1);
    child_deinit(&c);
    return fault;
}

static void what_cannot_be_run_is_told(void) {
    int before = dup(0);
    close(before);
    EXPECT_EQ(fault_of("/nonexistent"), ENOENT);
    EXPECT_EQ(fault_of("leveret-no-such-command"), ENOENT);
    EXPECT_EQ(fault_of("/etc/passwd"), EACCES);
    int after = dup(0);
    close(after);
    EXPECT_EQ(before, after);
}

UNIT_MAIN("handler", CASE(codes_with_a_meaning_of_their_own), CASE(other_codes_follow_on_failure),
          CASE(pauses_grow_to_a_limit), CASE(environment_of_a_message),
          CASE(environment_without_a_message), CASE(pipes_lead_where_they_should),
          CASE(what_is_not_read_is_not_waited_for), CASE(low_numbers_that_are_free_are_no_trap),
          CASE(a_signal_goes_to_all_it_started), CASE(what_cannot_be_run_is_told))
