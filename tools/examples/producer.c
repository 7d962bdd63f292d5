/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishes each line that a person types to the fanout exchange myexchange, and waits until the
 * broker has confirmed it. Where nobody listens a line is dropped, as a fanout exchange does.
 * Usage: producer [URL]; without one, AMQP_URL or amqp://localhost. */

#include <leveret/leveret.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* Reads a line. While a person thinks, the connection gets a moment each second for its heartbeats.
 */
static ssize_t read_line(lev_client *c, char **line, size_t *room) {
    struct pollfd typed = {.fd = fileno(stdin), .events = POLLIN};
    while (poll(&typed, 1, 1000) == 0) {
        if (lev_client_process(c) != LEV_OK) {
            return -1;
        }
    }
    return getline(line, room, stdin);
}

int main(int argc, char **argv) {
    lev_client *c = lev_client_new(NULL);
    lev_publication message = {.exchange = lev_span_of("myexchange")};
    lev_exchange_declare exchange = {
        .exchange = message.exchange, .type = lev_span_of("fanout"), .durable = true};
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    bool ok = lev_client_open(c, argc > 1 ? argv[1] : getenv("AMQP_URL")) == LEV_OK &&
              lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) == LEV_OK &&
              lev_client_exchange_declare(c, 1, &exchange, NULL) == LEV_OK &&
              lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL) == LEV_OK;
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll knows of every line */
    while (ok && (length = read_line(c, &line, &room)) > 0) {
        length -= line[length - 1] == '\n';
        message.body = (lev_span){(const uint8_t *)line, (size_t)length};
        ok = lev_client_publish(c, 1, &message, NULL) == LEV_OK &&
             lev_client_wait_confirms(c, 1, NULL) == LEV_OK;
    }
    ok = ok && lev_client_close(c) == LEV_OK;
    if (!ok) {
        fprintf(stderr, "producer: %s\n", lev_client_error(c)->text);
    }
    lev_client_free(c);
    free(line);
    return ok ? 0 : 1;
}
