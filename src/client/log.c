/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Lines for the logger, made only where there is one. Whatever they are made of has been escaped
 * before, or is escaped here; no option and no URI is among it, so no password can be. */

#include "log.h"

#include <string.h>

enum { LOG_LINE = LEV_ERROR_TEXT + LEV_CLIENT_WHERE };

const char *lev_log_level_name(lev_log_level level) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    return names[level];
}

/* A line under way; what does not fit is cut. */
typedef struct log_line {
    char text[LOG_LINE];
    lev_writer w;
} log_line;

static void log_begin(const lev_client *c, log_line *line) {
    memset(line->text, 0, sizeof line->text);
    line->w = lev_writer_init((uint8_t *)line->text, sizeof line->text - 1);
    if (c->where[0] != '\0') {
        lev_report_put(&line->w, c->where);
        lev_report_put(&line->w, ": ");
    }
}

static void log_end(const lev_client *c, lev_log_level level, log_line *line) {
    c->given.logger.log(c->given.logger.context, level, line->text);
}

void lev_log_line(const lev_client *c, lev_log_level level, const char *text) {
    log_line line;
    if (c->given.logger.log != NULL) {
        log_begin(c, &line);
        lev_report_put(&line.w, text);
        log_end(c, level, &line);
    }
}

/* An error's text says where by itself. */
static void log_error(const lev_client *c, lev_log_level level, const char *before,
                      const lev_error *error) {
    log_line line = {.text = ""};
    line.w = lev_writer_init((uint8_t *)line.text, sizeof line.text - 1);
    lev_report_put(&line.w, before);
    lev_report_put(&line.w, error->text);
    log_end(c, level, &line);
}

static void log_start(const lev_client *c, const lev_method *start) {
    static const char *const wanted[] = {"product", "version"};
    log_line line;
    log_begin(c, &line);
    lev_report_put(&line.w, "the peer is");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        lev_span value;
        if (lev_table_get_string(start->as.connection_start.server_properties, wanted[i], &value)) {
            lev_writer_u8(&line.w, ' ');
            value.len = value.len < 64 ? value.len : 64;
            lev_writer_escaped(&line.w, value);
        }
    }
    log_end(c, LEV_LOG_DEBUG, &line);
}

static void log_open(const lev_client *c) {
    lev_tuned tuned = lev_engine_tuned(c->engine);
    log_line line;
    log_begin(c, &line);
    lev_report_put(&line.w, c->recovery.active ? "open again, recovering" : "open");
    lev_report_number(&line.w, "; channels ", tuned.channel_max, "");
    lev_report_number(&line.w, ", frames ", tuned.frame_max, " bytes");
    lev_report_number(&line.w, ", heartbeat ", tuned.heartbeat, " s");
    log_end(c, LEV_LOG_INFO, &line);
}

static void log_cancelled(const lev_client *c, const lev_event *event) {
    log_line line;
    log_begin(c, &line);
    lev_report_put(&line.w, "the broker cancelled consumer ");
    lev_writer_quoted(&line.w, event->method->as.basic_cancel.consumer_tag);
    lev_report_number(&line.w, " on channel ", event->channel, "");
    log_end(c, LEV_LOG_ERROR, &line);
}

static void log_closed_channel(const lev_client *c, const lev_event *event) {
    log_line line;
    log_begin(c, &line);
    lev_report_number(&line.w, "channel ", event->channel, ": ");
    lev_report_put(&line.w, event->error->text);
    log_end(c, LEV_LOG_ERROR, &line);
}

static void log_blocked(const lev_client *c, const lev_event *event) {
    log_line line;
    log_begin(c, &line);
    lev_report_put(&line.w, "the broker blocks publishers: ");
    lev_writer_escaped(&line.w, event->method->as.connection_blocked.reason);
    log_end(c, LEV_LOG_WARNING, &line);
}

void lev_log_event(const lev_client *c, const lev_event *event) {
    switch ((int)event->type) {
    case LEV_EVENT_START:
        log_start(c, event->method);
        break;
    case LEV_EVENT_OPEN:
        log_open(c);
        break;
    case LEV_EVENT_CANCELLED:
        log_cancelled(c, event);
        break;
    case LEV_EVENT_CHANNEL_CLOSED:
        log_closed_channel(c, event);
        break;
    case LEV_EVENT_BLOCKED:
        log_blocked(c, event);
        break;
    case LEV_EVENT_UNBLOCKED:
        lev_log_line(c, LEV_LOG_INFO, "the broker blocks publishers no more");
        break;
    default:
        break;
    }
}

void lev_log_end(const lev_client *c) {
    if (c->given.logger.log == NULL) {
        return;
    }
    if (c->orderly) {
        lev_log_line(c, LEV_LOG_INFO, "closed");
    } else {
        log_error(c, LEV_LOG_ERROR, "", &c->end);
    }
}

static void log_waiting(const lev_client *c, const lev_recovery_news *news) {
    log_line line;
    log_begin(c, &line);
    lev_report_number(&line.w, "attempt ", news->attempt, " follows");
    lev_report_number(&line.w, " in ", news->wait_ms, " ms: ");
    lev_report_put(&line.w, news->error->text);
    log_end(c, LEV_LOG_DEBUG, &line);
}

static void log_step(const lev_client *c, const lev_recovery_news *news) {
    const lev_method_desc *m = news->method != NULL ? lev_method_describe(news->method->id) : NULL;
    log_line line;
    log_begin(c, &line);
    lev_report_number(&line.w, "channel ", news->channel, ": ");
    lev_report_put(&line.w, m != NULL ? m->class_name : "channel");
    lev_report_put(&line.w, ".");
    lev_report_put(&line.w, m != NULL ? m->method_name : "open");
    lev_report_put(&line.w, news->error != NULL ? " again: refused: " : " again: done");
    lev_report_put(&line.w, news->error != NULL ? news->error->text : "");
    log_end(c, news->error != NULL ? LEV_LOG_WARNING : LEV_LOG_DEBUG, &line);
}

void lev_log_recovery(const lev_client *c, const lev_recovery_news *news) {
    if (c->given.logger.log == NULL) {
        return;
    }
    switch (news->stage) {
    case LEV_RECOVERY_LOST:
        log_error(c, LEV_LOG_WARNING, "lost, reconnecting: ", news->error);
        break;
    case LEV_RECOVERY_WAITING:
        log_waiting(c, news);
        break;
    case LEV_RECOVERY_STEP:
        log_step(c, news);
        break;
    case LEV_RECOVERY_DONE:
        lev_log_line(c, LEV_LOG_INFO, "recovered");
        break;
    case LEV_RECOVERY_OVER:
        break; /* the end is told by itself */
    }
}
