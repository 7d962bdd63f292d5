/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* From the login on one time is kept: when the program is to be asked, or the broker to be told
 * once more (too much was queued), or the broker's answer is overdue. The answer is ours and never
 * reaches the program. What the program writes goes to memory that is cleansed at once; one copy is
 * kept, for the next login: by then the password that the client was opened with has expired.
 *
 * A secret that cannot be told ends the connection. Going on in silence would only put that off to
 * the moment when the old one expires, and then nobody would know why. */

#include "refresh.h"

#include "log.h"
#include "secret.h"

#include <string.h>

enum { REFRESH_RETRY_MS = 100 };

static uint64_t refresh_after(uint64_t now, uint32_t ms) { return ms == 0 ? UINT64_MAX : now + ms; }

bool lev_refresh_takes(lev_client *c) {
    lev_refresh *r = &c->refresh;
    if (c->event.type == LEV_EVENT_OPEN && c->set.refresh != NULL) {
        r->next = r->next == 0 ? lev_net_now() + c->set.refresh_ms : r->next;
        r->due = r->next;
        r->on = true;
        r->unsent = false;
        r->call = 0;
    } else if (c->event.type == LEV_EVENT_FAILED || c->event.type == LEV_EVENT_CLOSED) {
        r->on = false;
    } else if (c->event.type == LEV_EVENT_REPLY && r->call != 0 && c->event.call == r->call) {
        r->call = 0;
        r->due = r->next;
        lev_log_line(c, LEV_LOG_INFO, "the broker has the refreshed secret");
        return true;
    }
    return false;
}

uint64_t lev_refresh_due(const lev_client *c) {
    bool open = c->refresh.on && lev_engine_state(c->engine) == LEV_STATE_OPEN;
    return open ? c->refresh.due : UINT64_MAX;
}

/* Asks the program for a secret. Returns LEV_OK, or why what it gave cannot be told. */
static lev_status refresh_ask(lev_client *c, uint64_t now) {
    lev_refresh *r = &c->refresh;
    uint8_t *bytes = lev_memory_zeroed(&c->given.allocator, LEV_SECRET_MAX + 1);
    if (bytes == NULL) {
        return LEV_ERR_MEMORY;
    }
    lev_writer w = lev_writer_init(bytes, LEV_SECRET_MAX);
    lev_status status = LEV_OK;
    r->next = refresh_after(now, c->set.refresh(c->set.refresh_context, &w));
    r->due = r->next;
    if (w.status != LEV_OK || strlen((const char *)bytes) != w.len) {
        status = w.status != LEV_OK ? LEV_ERR_LIMIT : LEV_ERR_MISUSE;
    } else if (w.len > 0) {
        lev_secret_free(r->secret);
        r->secret = lev_secret_copy(&c->given.allocator, (const char *)bytes);
        r->unsent = r->secret != NULL;
        status = r->secret != NULL ? LEV_OK : LEV_ERR_MEMORY;
    }
    lev_secret_wipe(bytes, LEV_SECRET_MAX);
    lev_memory_free(bytes);
    return status;
}

static const char *refresh_fault(lev_status status) {
    switch ((int)status) {
    case LEV_ERR_LIMIT:
        return "the refreshed secret is longer than 65,536 bytes";
    case LEV_ERR_MISUSE:
        return "the refreshed secret has a NUL in it";
    case LEV_ERR_LOST:
        return "the broker does not answer to the refreshed secret";
    default:
        return lev_status_text(status);
    }
}

bool lev_refresh_login(lev_client *c, uint64_t now) {
    lev_refresh *r = &c->refresh;
    lev_status status = r->next != 0 && now >= r->next ? refresh_ask(c, now) : LEV_OK;
    if (status == LEV_OK && r->secret != NULL) {
        lev_secret_free((char *)(uintptr_t)c->set.password);
        c->set.password = lev_secret_copy(&c->given.allocator, r->secret);
        status = c->set.password != NULL ? LEV_OK : LEV_ERR_MEMORY;
    }
    if (status != LEV_OK) {
        lev_settings_forget(&c->set);
        lev_loop_end(c, status, LEV_LAYER_CLIENT, refresh_fault(status));
    }
    return status == LEV_OK;
}

static lev_status refresh_tell(lev_client *c, uint64_t now) {
    lev_refresh *r = &c->refresh;
    lev_connection_update_secret update = {.new_secret = lev_span_of(r->secret),
                                           .reason = lev_span_of("refresh")};
    lev_status status = lev_engine_connection_update_secret(c->engine, 0, &update, &r->call);
    r->unsent = status == LEV_AGAIN;
    r->due = now + (r->unsent ? (uint32_t)REFRESH_RETRY_MS : c->set.call_ms);
    return r->unsent ? LEV_OK : status;
}

void lev_refresh_tick(lev_client *c, uint64_t now) {
    lev_refresh *r = &c->refresh;
    if (now < lev_refresh_due(c)) {
        return;
    }
    lev_status status = r->call != 0 ? LEV_ERR_LOST : LEV_OK;
    if (status == LEV_OK && !r->unsent) {
        status = refresh_ask(c, now);
    }
    if (status == LEV_OK && r->unsent) {
        status = refresh_tell(c, now);
    }
    if (status != LEV_OK && lev_engine_error(c->engine)->status == LEV_OK) {
        lev_loop_hang_up(c, status, refresh_fault(status));
    }
}

void lev_refresh_forget(lev_client *c) {
    lev_secret_free(c->refresh.secret);
    c->refresh.secret = NULL;
}
