/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Options come from three places: the URI, then what the program set, then the defaults. After the
 * merge one struct holds the outcome and owns its strings, and the engine is made from it. As soon
 * as the engine has its own copy the strings are cleansed, so a password lives in the client only
 * while it connects; with recovery, what the program gave and the URIs stay until lev_client_free.
 *
 * A password that nobody gave is "guest" only for the user guest; it is empty for anyone else. */

#include "secret.h"
#include "state.h"

#include <stddef.h>
#include <string.h>

static uint32_t settings_or(uint32_t given, uint32_t otherwise) {
    return given != 0 ? given : otherwise;
}

/* Waits are counted in int. */
static uint32_t settings_ms(uint32_t given, uint32_t otherwise) {
    uint32_t ms = settings_or(given, otherwise);
    return ms < INT32_MAX ? ms : INT32_MAX;
}

/* All strings among the options; the client has copies of its own. */
/* clang-format off */
static const size_t settings_texts[] = {
    offsetof(lev_client_options, user),            offsetof(lev_client_options, password),
    offsetof(lev_client_options, vhost),           offsetof(lev_client_options, connection_name),
    offsetof(lev_client_options, mechanism),       offsetof(lev_client_options, tls.ca_file),
    offsetof(lev_client_options, tls.ca_dir),      offsetof(lev_client_options, tls.ca_pem),
    offsetof(lev_client_options, tls.cert_file),   offsetof(lev_client_options, tls.cert_pem),
    offsetof(lev_client_options, tls.key_file),    offsetof(lev_client_options, tls.key_pem),
    offsetof(lev_client_options, tls.key_password), offsetof(lev_client_options, tls.server_name),
    offsetof(lev_client_options, tls.keylog_file),
};
/* clang-format on */

enum { SETTINGS_TEXTS = sizeof settings_texts / sizeof settings_texts[0] };

static const char **settings_text(lev_client_options *set, size_t i) {
    return (const char **)(void *)((char *)set + settings_texts[i]);
}

bool lev_settings_init(lev_client_options *set, const lev_client_options *given) {
    static const lev_client_options none = {0};
    const lev_client_options *from = given != NULL ? given : &none;
    bool copied = true;
    *set = *from;
    for (size_t i = 0; i < SETTINGS_TEXTS; i++) {
        const char **text = settings_text(set, i);
        const char *original = *text;
        *text = lev_secret_copy(&from->allocator, original);
        copied = copied && (*text != NULL) == (original != NULL);
    }
    set->tls.allocator = from->allocator;
    set->recovery.retransmit = from->recovery.on && from->recovery.retransmit;
    set->message_max = from->message_max != 0 ? from->message_max : LEV_MESSAGE_MAX_DEFAULT;
    set->connect_ms = settings_ms(from->connect_ms, LEV_CONNECT_MS);
    set->call_ms = settings_ms(from->call_ms, LEV_CALL_MS);
    set->progress_ms = settings_ms(from->progress_ms, LEV_PROGRESS_MS);
    return copied;
}

void lev_settings_forget(lev_client_options *set) {
    for (size_t i = 0; i < SETTINGS_TEXTS; i++) {
        const char **text = settings_text(set, i);
        lev_secret_free((char *)(uintptr_t)*text);
        *text = NULL;
    }
}

/* Moves a string of the URI over an option. */
static void settings_move(const char **option, char **part) {
    if (*part != NULL) {
        lev_secret_free((char *)(uintptr_t)*option);
        *option = *part;
        *part = NULL;
    }
}

static void settings_merge_tls(lev_tls_options *set, lev_uri *uri) {
    settings_move(&set->ca_file, &uri->cacertfile);
    settings_move(&set->cert_file, &uri->certfile);
    settings_move(&set->key_file, &uri->keyfile);
    settings_move(&set->key_password, &uri->key_password);
    settings_move(&set->server_name, &uri->server_name);
    if (uri->depth_set) {
        set->depth_set = true;
        set->depth = uri->depth;
    }
}

bool lev_settings_merge(lev_client_options *set, lev_uri *uri) {
    settings_merge_tls(&set->tls, uri);
    settings_move(&set->user, &uri->user);
    settings_move(&set->password, &uri->password);
    settings_move(&set->vhost, &uri->vhost);
    if (uri->mechanisms != 0) {
        set->mechanisms = uri->mechanisms;
        lev_secret_free((char *)(uintptr_t)set->mechanism);
        set->mechanism = NULL;
    }
    if (uri->heartbeat_set) {
        set->heartbeat = uri->heartbeat;
        set->heartbeat_off = uri->heartbeat == 0;
    }
    set->connect_ms = settings_or(uri->connection_timeout, set->connect_ms);
    set->frame_max = settings_or(uri->frame_max, set->frame_max);
    set->channel_max = uri->channel_max != 0 ? uri->channel_max : set->channel_max;
    if (set->user == NULL) {
        set->user = lev_secret_copy(&set->allocator, "guest");
    }
    if (set->password == NULL && set->user != NULL) {
        set->password =
            lev_secret_copy(&set->allocator, strcmp(set->user, "guest") == 0 ? "guest" : "");
    }
    if (set->vhost == NULL) {
        set->vhost = lev_secret_copy(&set->allocator, "/");
    }
    return set->user != NULL && set->password != NULL && set->vhost != NULL;
}

bool lev_settings_send_password(const lev_client_options *set) {
    unsigned without = LEV_SASL_EXTERNAL | LEV_SASL_ANONYMOUS;
    return set->mechanism != NULL || set->mechanisms == 0 || (set->mechanisms & ~without) != 0;
}

lev_engine *lev_settings_engine(const lev_client_options *set, lev_span response,
                                uint32_t incarnation, uint64_t now) {
    lev_engine_options o = {.allocator = lev_memory_allocator(&set->allocator),
                            .tracer = set->tracer,
                            .user = lev_span_of(set->user),
                            .password = lev_span_of(set->password),
                            .mechanisms = set->mechanisms,
                            .mechanism = lev_span_of(set->mechanism),
                            .response = response,
                            .vhost = lev_span_of(set->vhost),
                            .vhost_set = true,
                            .heartbeat_off = set->heartbeat_off,
                            .heartbeat = set->heartbeat,
                            .channel_max = set->channel_max,
                            .frame_max = set->frame_max,
                            .message_max = set->message_max,
                            .assembly_max = set->assembly_max,
                            .high_water = set->high_water,
                            .window = set->window,
                            .incarnation = incarnation,
                            .handshake_ms = set->handshake_ms,
                            .connection_name = lev_span_of(set->connection_name)};
    return lev_engine_new(&o, now);
}
