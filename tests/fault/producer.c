/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The producer of the ledger run: notes what it is about to publish, publishes, notes the outcome.
 *
 *     producer URL LEDGER COUNT RATE POLICY QUEUE...
 *
 * Publishes messages 1 to COUNT to each queue, on a channel of its own, RATE a second to each, and
 * ends when all of them are confirmed. POLICY says what a publish does that
 * must not go out now: wait, refuse or buffer. Started again
 * after a kill it goes on from its ledger: what has no outcome there is in doubt, so it is
 * published once more, marked, before anything new; so is what the broker refused. */

#include "notes.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    QUEUES = 6,
    BATCH = 20,
    TICK_MS = 5,
    PAUSE_MS = 100,
    PATIENCE_MS = 500,
    LEDGER_COUNT = 10000,
    LEDGER_BYTES = 4 << 20
};

/* What is to be sent on one channel. Ids are what the ledger speaks of; numbers are the client's,
 * from 1 in each process. */
typedef struct lane {
    uint16_t channel;
    const char *queue;
    uint32_t last;      /* the greatest id with an intent */
    uint32_t confirmed; /* how many */
    uint8_t *settled;   /* by id: confirmed */
    uint32_t *ids;      /* by number */
    uint32_t ids_room;
    uint64_t open;   /* of them without an outcome */
    uint32_t *again; /* ids to publish once more */
    uint32_t again_count, again_next, again_room;
    uint64_t not_before;    /* when the broker may be asked again after a refusal, in ms */
    uint64_t refused_since; /* 0: the last outcome was a confirm */
} lane;

typedef struct producer {
    lev_client *client;
    FILE *notes;
    uint32_t count;
    uint32_t rate;
    int lanes;
    lane lane[NOTES_CHANNELS];
} producer;

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) {
        perror("producer");
        exit(70);
    }
    return memory;
}

static void lane_init(lane *l, int index, const char *queue, uint32_t count) {
    l->channel = (uint16_t)(index + 1);
    l->queue = queue;
    l->settled = allocate(count + 1, 1);
}

/* Doubles an array whose place `count` is to be used next. */
static void make_room(uint32_t **array, uint64_t count, uint32_t *room) {
    if (count < *room) {
        return;
    }
    *room = *room ? 2 * *room : 1024;
    *array = realloc(*array, *room * sizeof **array);
    if (!*array) {
        perror("producer");
        exit(70);
    }
}

static void put_again(lane *l, uint32_t id) {
    make_room(&l->again, l->again_count, &l->again_room);
    l->again[l->again_count++] = id;
}

static void producer_recall(producer *p) {
    char word[16];
    unsigned channel, first, last;
    char line[128];
    while (fgets(line, sizeof line, p->notes)) {
        if (sscanf(line, "%15s %u %u %u", word, &channel, &first, &last) != 4) {
            continue;
        }
        lane *l = &p->lane[channel - 1];
        bool confirmed = strcmp(word, "confirmed") == 0;
        for (uint32_t id = first; id <= last; id++) {
            l->last = id > l->last ? id : l->last;
            l->confirmed += confirmed && !l->settled[id];
            l->settled[id] |= confirmed;
        }
    }
    for (lane *l = p->lane; l < p->lane + p->lanes; l++) {
        for (uint32_t id = 1; id <= l->last; id++) {
            if (!l->settled[id]) {
                put_again(l, id);
            }
        }
    }
}

static void note_outcome(producer *p, const lev_event *event) {
    static const char *const words[] = {[LEV_CONFIRMED] = "confirmed",
                                        [LEV_RETURNED] = "returned",
                                        [LEV_NACKED] = "nacked",
                                        [LEV_NOT_SENT] = "not-sent",
                                        [LEV_IN_DOUBT] = "in-doubt"};
    lane *l = &p->lane[event->channel - 1];
    for (uint64_t number = event->first, next; number <= event->last; number = next) {
        uint32_t id = l->ids[number];
        for (next = number + 1; next <= event->last && l->ids[next] == id + (next - number);) {
            next++;
        }
        uint32_t length = (uint32_t)(next - number);
        fprintf(p->notes, "%s %u %u %u\n", words[event->outcome], l->channel, id, id + length - 1);
        l->open -= length;
        if (event->outcome == LEV_CONFIRMED) {
            l->confirmed += length;
            l->refused_since = 0;
        }
        for (uint32_t i = 0; event->outcome != LEV_CONFIRMED && i < length; i++) {
            put_again(l, id + i);
            l->not_before = now_ms() + PAUSE_MS;
            l->refused_since = l->refused_since ? l->refused_since : now_ms();
        }
    }
}

static void handle(producer *p, const lev_event *event) {
    if (event->type == LEV_EVENT_OUTCOME) {
        note_outcome(p, event);
    } else {
        notes_connection(p->notes, event->type);
    }
}

/* Takes what has come, after at most `wait` milliseconds, and notes it. */
static lev_status take_events(producer *p, int wait) {
    lev_status status;
    lev_event event;
    while ((status = lev_client_next(p->client, &event, wait)) == LEV_OK) {
        handle(p, &event);
        wait = 0;
    }
    notes_write(p->notes);
    return status == LEV_ERR_TIMEOUT ? LEV_OK : status;
}

static lev_status publish(producer *p, lane *l, uint32_t id, bool doubt) {
    static uint8_t body[BODY_MAX];
    char message_id[32];
    uint8_t table[64];
    lev_writer headers = lev_writer_init(table, sizeof table);
    lev_properties properties = {.present = LEV_HAS_DELIVERY_MODE | LEV_HAS_MESSAGE_ID,
                                 .delivery_mode = 2};
    lev_publication message = {.routing_key = lev_span_of(l->queue),
                               .properties = &properties,
                               .body = body_make(body, l->channel, id),
                               .mandatory = true};
    lev_status status;
    uint64_t number;
    snprintf(message_id, sizeof message_id, "%u-%u", l->channel, id);
    properties.message_id = lev_span_of(message_id);
    if (doubt) {
        lev_table_put_bool(&headers, "x-leveret-in-doubt", true);
        properties.headers = lev_writer_span(&headers);
        properties.present |= LEV_HAS_HEADERS;
    }
    while ((status = lev_client_publish(p->client, l->channel, &message, &number)) == LEV_AGAIN ||
           status == LEV_ERR_TIMEOUT) {
        status = take_events(p, TICK_MS);
        if (status != LEV_OK) {
            return status;
        }
    }
    if (status == LEV_OK) {
        make_room(&l->ids, number, &l->ids_room);
        l->ids[number] = id;
        l->open++;
    }
    return status;
}

/* Published again one by one, since their ids need not follow each other. */
static lev_status publish_again(producer *p, lane *l) {
    lev_status status = LEV_OK;
    while (status == LEV_OK && l->again_next < l->again_count && now_ms() >= l->not_before) {
        uint32_t id = l->again[l->again_next++];
        fprintf(p->notes, "again %u %u %u\n", l->channel, id, id);
        notes_write(p->notes);
        status = publish(p, l, id, true);
    }
    return status;
}

static lev_status publish_new(producer *p, lane *l, uint32_t allowed) {
    lev_status status = LEV_OK;
    uint32_t first = l->last + 1, last = l->last + BATCH;
    last = last < p->count ? last : p->count;
    last = last < allowed ? last : allowed;
    if (first > last || l->again_next < l->again_count) {
        return LEV_OK;
    }
    fprintf(p->notes, "intent %u %u %u\n", l->channel, first, last);
    notes_write(p->notes);
    l->last = last;
    for (uint32_t id = first; id <= last && status == LEV_OK; id++) {
        status = publish(p, l, id, false);
    }
    return status;
}

static bool complete(const producer *p) {
    for (int i = 0; i < p->lanes; i++) {
        if (p->lane[i].confirmed < p->count) {
            return false;
        }
    }
    return true;
}

/* RabbitMQ 3.10 nacks for ever on a channel whose first publish met a quorum queue with a dead
 * leader; a new connection helps. */
static bool refused_for_good(const producer *p) {
    for (int i = 0; i < p->lanes; i++) {
        if (p->lane[i].refused_since && now_ms() > p->lane[i].refused_since + PATIENCE_MS) {
            return true;
        }
    }
    return false;
}

/* The rate counts from now, on top of what the ledger has. */
static lev_status run(producer *p) {
    lev_status status = LEV_OK;
    uint64_t began = now_ms();
    uint32_t base = p->lane[0].last;
    while (status == LEV_OK && !complete(p)) {
        uint64_t budget = base + (now_ms() - began) * p->rate / 1000;
        uint32_t allowed = budget < p->count ? (uint32_t)budget : p->count;
        for (int i = 0; i < p->lanes && status == LEV_OK; i++) {
            status = publish_again(p, &p->lane[i]);
            if (status == LEV_OK) {
                status = publish_new(p, &p->lane[i], allowed);
            }
        }
        if (status == LEV_OK) {
            status = refused_for_good(p) ? LEV_ERR_NOT_CONFIRMED : take_events(p, TICK_MS);
        }
    }
    return status;
}

/* Outcomes that the end of the connection brings are worth a note, too. */
static void drain(producer *p) {
    lev_event event;
    do {
        event.type = LEV_EVENT_NONE;
        lev_client_next(p->client, &event, 0);
        handle(p, &event);
    } while (event.type == LEV_EVENT_OUTCOME || event.type == LEV_EVENT_RETURN);
    notes_write(p->notes);
}

static lev_status begin(producer *p, const char *url, char **queues) {
    lev_status status = lev_client_open(p->client, url);
    if (status == LEV_OK) {
        status = queues_declare(p->client, p->lanes, queues);
    }
    for (int i = 0; i < p->lanes && status == LEV_OK; i++) {
        status = lev_client_confirm_select(p->client, p->lane[i].channel, &(lev_confirm_select){0},
                                           NULL);
    }
    return status;
}

static lev_client *client_new(char *urls, const char *policy) {
    lev_client_options options = {.recovery = {.on = true,
                                               .retransmit = true,
                                               .mark_doubt = true,
                                               .wait_max_ms = 1000,
                                               .ledger_count = LEDGER_COUNT,
                                               .ledger_bytes = LEDGER_BYTES},
                                  .heartbeat = 2};
    hosts_take(&options, urls);
    if (strcmp(policy, "refuse") == 0) {
        options.when_blocked = LEV_PUBLISH_REFUSE;
    } else if (strcmp(policy, "buffer") == 0) {
        options.when_blocked = LEV_PUBLISH_BUFFER;
    }
    return lev_client_new(&options);
}

int main(int argc, char **argv) {
    producer p = {.lanes = argc - QUEUES};
    lev_status status;
    int code = 0;
    if (argc <= QUEUES || p.lanes > NOTES_CHANNELS || !(p.client = client_new(argv[1], argv[5]))) {
        fputs("usage: producer URL LEDGER COUNT RATE POLICY QUEUE...\n", stderr);
        return 64;
    }
    p.count = (uint32_t)strtoul(argv[3], NULL, 10);
    p.rate = (uint32_t)strtoul(argv[4], NULL, 10);
    for (int i = 0; i < p.lanes; i++) {
        lane_init(&p.lane[i], i, argv[QUEUES + i], p.count);
    }
    p.notes = notes_open(argv[2]);
    producer_recall(&p);
    fputs("begin\n", p.notes);
    notes_write(p.notes);
    if (begin(&p, argv[1], argv + QUEUES) != LEV_OK) {
        code = NEVER_OPEN;
    } else if ((status = run(&p)) != LEV_OK || lev_client_close(p.client) != LEV_OK) {
        code = status == LEV_ERR_NOT_CONFIRMED ? REFUSED : LOST;
        drain(&p);
    }
    if (code != 0) {
        fprintf(stderr, "producer: %s\n", lev_client_error(p.client)->text);
    }
    lev_client_free(p.client);
    return code;
}
