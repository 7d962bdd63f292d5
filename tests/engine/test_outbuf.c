/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The outbound queue: what is pending, in which order, and when lent bodies come back. */

#include "../../src/engine/outbuf.h"
#include "../unit.h"
#include "stage.h"

#include <stdlib.h>
#include <string.h>

static void *plain_resize(void *context, void *ptr, size_t size) {
    (void)context;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

static const lev_allocator plain = {plain_resize, NULL};

static void put(lev_outbuf *b, const char *text) {
    (void)lev_outbuf_grow(b, &plain, strlen(text));
    lev_writer w = lev_outbuf_writer(b);
    lev_writer_bytes(&w, sp(text));
    lev_outbuf_commit(b, &w);
}

static void lend(lev_outbuf *b, const char *text, void *token) {
    (void)lev_outbuf_expect_loans(b, &plain, 1);
    lev_outbuf_lend(b, sp(text), token, token != NULL);
}

/* Drains in writes of `step` bytes and returns all of it. */
static const char *drain(lev_outbuf *b, size_t step) {
    static char all[256];
    size_t len = 0;
    lev_span spans[3];
    while (lev_outbuf_pending(b, spans, 3) > 0) {
        size_t n = spans[0].len < step ? spans[0].len : step;
        memcpy(all + len, spans[0].ptr, n);
        len += n;
        lev_outbuf_sent(b, n);
    }
    all[len] = '\0';
    return all;
}

static void keeps_the_order_of_own_and_lent_bytes_at_any_write_size(void) {
    for (size_t step = 1; step < 20; step++) {
        lev_outbuf b = {0};
        int token;
        put(&b, "head1");
        lend(&b, "LENT-ONE", NULL);
        put(&b, "end1head2");
        lend(&b, "LENT-TWO", &token);
        put(&b, "end2");
        EXPECT_EQ(b.queued, 34);
        EXPECT_STR(drain(&b, step), "head1LENT-ONEend1head2LENT-TWOend2");
        EXPECT_EQ(b.queued, 0);
        EXPECT_EQ(b.sent, 34);
        lev_outbuf_deinit(&b, &plain);
    }
}

static void offers_everything_in_as_few_spans_as_there_are_pieces(void) {
    lev_outbuf b = {0};
    int token;
    lev_span spans[8];
    put(&b, "a");
    put(&b, "b");
    lend(&b, "C", &token);
    put(&b, "d");
    EXPECT_EQ(lev_outbuf_pending(&b, spans, 8), 3);
    EXPECT_BYTES(spans[0].ptr, spans[0].len, "ab", 2);
    EXPECT_BYTES(spans[1].ptr, spans[1].len, "C", 1);
    EXPECT_BYTES(spans[2].ptr, spans[2].len, "d", 1);
    EXPECT_EQ(lev_outbuf_pending(&b, spans, 2), 2);
    lev_outbuf_deinit(&b, &plain);
}

static void gives_a_lent_body_back_only_after_its_last_byte(void) {
    lev_outbuf b = {0};
    int one;
    void *token = NULL;
    put(&b, "h");
    lend(&b, "body", &one);
    lev_outbuf_sent(&b, 4);
    EXPECT(!lev_outbuf_take_released(&b, &token));
    EXPECT(lev_outbuf_has_loans(&b));
    lev_outbuf_sent(&b, 1);
    EXPECT(lev_outbuf_take_released(&b, &token));
    EXPECT(token == &one);
    EXPECT(!lev_outbuf_take_released(&b, &token));
    lev_outbuf_deinit(&b, &plain);
}

static void gives_lent_bodies_back_when_all_is_dropped(void) {
    lev_outbuf b = {0};
    int one;
    void *token = NULL;
    lend(&b, "body", &one);
    put(&b, "rest");
    lev_outbuf_discard(&b);
    EXPECT_EQ(b.queued, 0);
    EXPECT(lev_outbuf_take_released(&b, &token));
    EXPECT(token == &one);
    lev_outbuf_deinit(&b, &plain);
}

static void wipes_what_was_written_while_it_is_secret(void) {
    lev_outbuf b = {0};
    lev_outbuf_begin_secret(&b);
    put(&b, "secret");
    lev_outbuf_end_secret(&b);
    const uint8_t *at = b.data;
    lev_outbuf_sent(&b, 6);
    for (size_t i = 0; i < 6; i++) {
        EXPECT_EQ(at[i], 0);
    }
    lev_outbuf_deinit(&b, &plain);
}

static void leaves_no_copy_of_a_secret_that_it_moves(void) {
    static const uint8_t much[5000];
    lev_outbuf b = {0};
    put(&b, "in front of the secret");
    lev_outbuf_begin_secret(&b);
    put(&b, "secret");
    lev_outbuf_end_secret(&b);
    lev_outbuf_sent(&b, 22);
    EXPECT(lev_outbuf_grow(&b, &plain, 1)); /* to the front */
    EXPECT_BYTES(b.data, b.tail, "secret", 6);
    for (size_t i = 6; i < b.cap; i++) {
        EXPECT_EQ(memcmp(b.data + i, "secret", i + 6 <= b.cap ? 6 : 0) == 0, i + 6 > b.cap);
    }
    lev_outbuf_sent(&b, 6);
    EXPECT(lev_outbuf_grow(&b, &plain, sizeof much));
    lev_writer w = lev_outbuf_writer(&b);
    lev_writer_bytes(&w, (lev_span){much, sizeof much});
    lev_outbuf_commit(&b, &w);
    const uint8_t *at = b.data;
    memset(b.data, 'x', 10);
    lev_outbuf_sent(&b, 10);
    EXPECT_EQ(at[0], 'x'); /* no secret any more: not wiped */
    lev_outbuf_deinit(&b, &plain);
}

static void reuses_room_in_front_instead_of_growing_for_ever(void) {
    lev_outbuf b = {0};
    for (int i = 0; i < 100000; i++) {
        put(&b, "0123456789");
        lev_outbuf_sent(&b, i == 0 ? 5 : 10);
    }
    EXPECT(b.cap <= 4096);
    lev_outbuf_deinit(&b, &plain);
}

UNIT_MAIN("outbuf", CASE(keeps_the_order_of_own_and_lent_bytes_at_any_write_size),
          CASE(offers_everything_in_as_few_spans_as_there_are_pieces),
          CASE(gives_a_lent_body_back_only_after_its_last_byte),
          CASE(gives_lent_bodies_back_when_all_is_dropped),
          CASE(wipes_what_was_written_while_it_is_secret),
          CASE(leaves_no_copy_of_a_secret_that_it_moves),
          CASE(reuses_room_in_front_instead_of_growing_for_ever))
