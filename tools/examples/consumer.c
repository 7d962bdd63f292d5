/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Prints every message that comes to the fanout exchange myexchange.
 * Usage: consumer [URL]; without one, AMQP_URL or amqp://localhost. */

#include <leveret/leveret.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    lev_client *c = lev_client_new(NULL);
    lev_span name = lev_span_of("myexchange");
    lev_exchange_declare exchange = {
        .exchange = name, .type = lev_span_of("fanout"), .durable = true};
    lev_event event;

    /* The queue has no name, so the broker makes one; then it is the queue declared last. */
    bool going = lev_client_open(c, argc > 1 ? argv[1] : getenv("AMQP_URL")) == LEV_OK &&
                 !lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) &&
                 !lev_client_exchange_declare(c, 1, &exchange, NULL) &&
                 !lev_client_queue_declare(c, 1, &(lev_queue_declare){.exclusive = true}, NULL) &&
                 !lev_client_queue_bind(c, 1, &(lev_queue_bind){.exchange = name}, NULL) &&
                 !lev_client_basic_consume(c, 1, &(lev_basic_consume){0}, NULL);
    while (going && lev_client_next(c, &event, LEV_FOREVER) == LEV_OK) {
        if (event.type == LEV_EVENT_DELIVER) {
            fwrite(event.message->body.ptr, 1, event.message->body.len, stdout);
            putchar('\n');
            going = fflush(stdout) == 0 && !lev_client_ack(c, event.message->delivery, false);
        }
    }
    fprintf(stderr, "consumer: %s\n", lev_client_error(c)->text);
    lev_client_free(c);
    return 1;
}
