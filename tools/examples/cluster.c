/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishes each line of stdin to a quorum queue, through whichever node of a cluster answers, and
 * goes on when that one is lost: what had no outcome is sent again; where it may be in the queue
 * already, the header x-leveret-in-doubt says so. Ends with 0 only if the queue took every line.
 * Usage: cluster QUEUE URL... */

#include <leveret/leveret.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 1000, PATIENCE_MS = 60000 };

static lev_recovery_verdict tell(void *context, const lev_recovery_news *news) {
    (void)context;
    if (news->stage == LEV_RECOVERY_WAITING) {
        fprintf(stderr, "cluster: %s; again in %u ms\n", news->error->text, news->wait_ms);
    }
    return LEV_RECOVERY_DEFAULT;
}

static lev_status declare(lev_client *c, lev_span queue) {
    uint8_t memory[64];
    lev_writer arguments = lev_writer_init(memory, sizeof memory);
    lev_table_put_string(&arguments, "x-queue-type", "quorum");
    lev_queue_declare quorum = {
        .queue = queue, .durable = true, .arguments = lev_writer_span(&arguments)};
    return lev_client_queue_declare(c, 1, &quorum, NULL);
}

int main(int argc, char **argv) {
    lev_client_options options = {
        .progress_ms = PATIENCE_MS,
        .recovery = {.on = true, .retransmit = true, .mark_doubt = true, .hook = tell}};
    lev_properties persistent = {.present = LEV_HAS_DELIVERY_MODE, .delivery_mode = 2};
    lev_publication message = {.properties = &persistent, .mandatory = true};
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    if (argc < 3) {
        fprintf(stderr, "usage: cluster QUEUE URL...\n");
        return 64;
    }
    message.routing_key = lev_span_of(argv[1]);
    options.uris = (const char *const *)argv + 3;
    options.uri_count = (size_t)argc - 3;

    lev_client *c = lev_client_new(&options);
    bool ok = lev_client_open(c, argv[2]) == LEV_OK &&
              lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) == LEV_OK &&
              declare(c, message.routing_key) == LEV_OK &&
              lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL) == LEV_OK;
    for (int i = 1; ok && (length = getline(&line, &room, stdin)) > 0; i++) {
        length -= line[length - 1] == '\n';
        message.body = (lev_span){(const uint8_t *)line, (size_t)length};
        ok = lev_client_publish(c, 1, &message, NULL) == LEV_OK &&
             (i % BATCH != 0 || lev_client_wait_confirms(c, 1, NULL) == LEV_OK);
    }
    ok = ok && lev_client_wait_confirms(c, 1, NULL) == LEV_OK && lev_client_close(c) == LEV_OK;
    if (!ok) {
        fprintf(stderr, "cluster: %s\n", lev_client_error(c)->text);
    }
    lev_client_free(c);
    free(line);
    return ok ? 0 : 1;
}
