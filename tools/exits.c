/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One table maps a status to an exit code, and to advice where the library's text has none. A
 * failure that carries the broker's reply code is looked up by that code first, for the code says
 * more than our status: 403 on a channel is a refused permission, 404 is a name that does not
 * exist.
 *
 * A broker answers an unknown virtual host with 530, and a virtual host that the user may not enter
 * with the same code: both are permission-like, never worth a retry, and end with 77. */

#include "exits.h"

typedef struct verdict {
    int key; /* a reply code or a status */
    int code;
    const char *advice;
} verdict;

/* clang-format off */
static const verdict by_reply_code[] = {
    {LEV_CONNECTION_FORCED,   EXIT_CONNECT,  "try again when the broker is back"},
    {LEV_INVALID_PATH,        EXIT_REFUSED,  "check the virtual host"},
    {LEV_ACCESS_REFUSED,      EXIT_REFUSED,  "check user, password and permissions"},
    {LEV_NOT_FOUND,           EXIT_FAILED,   "check the name, or declare it first"},
    {LEV_RESOURCE_LOCKED,     EXIT_FAILED,   "it is exclusive to another connection"},
    {LEV_PRECONDITION_FAILED, EXIT_FAILED,   "ask for what the broker has or allows"},
    {LEV_NOT_ALLOWED,         EXIT_REFUSED,  "check the virtual host and the user's permissions"},
};

static const verdict by_status[] = {
    {LEV_ERR_MEMORY,      EXIT_INTERNAL,  "free some memory or send smaller messages"},
    {LEV_ERR_MISUSE,      EXIT_INTERNAL,  "please report this"},
    {LEV_ERR_SPACE,       EXIT_INTERNAL,  "please report this"},
    {LEV_ERR_LIMIT,       EXIT_FAILED,    "make it smaller"},
    {LEV_ERR_SYNTAX,      EXIT_PROTOCOL,  "check that an AMQP 0-9-1 broker listens there"},
    {LEV_ERR_PROTOCOL,    EXIT_PROTOCOL,  "check that an AMQP 0-9-1 broker listens there"},
    {LEV_ERR_NOT_AMQP,    EXIT_PROTOCOL,  ""},
    {LEV_ERR_REFUSED,     EXIT_REFUSED,   ""},
    {LEV_ERR_CHANNEL,     EXIT_FAILED,    ""},
    {LEV_ERR_CLOSED,      EXIT_FAILED,    ""},
    {LEV_ERR_HEARTBEAT,   EXIT_CONNECT,   "check the network and the broker, then run it again"},
    {LEV_ERR_TIMEOUT,     EXIT_TEMPORARY, "try again, or wait longer with --timeout"},
    {LEV_ERR_LOST,        EXIT_CONNECT,   "check the broker, then run it again"},
    {LEV_ERR_RESOLVE,     EXIT_CONNECT,   ""},
    {LEV_ERR_CONNECT,     EXIT_CONNECT,   ""},
    {LEV_ERR_URI,         EXIT_USAGE,     ""},
    {LEV_ERR_UNSUPPORTED, EXIT_CONFIG,    ""},
    {LEV_ERR_CANCELLED,   EXIT_FAILED,    ""},
    {LEV_ERR_TLS,         EXIT_CONFIG,    ""},
};
/* clang-format on */

/* What each code means where a command has nothing of its own to say. */
static const struct {
    int code;
    const char *text;
} meanings[] = {
    {EXIT_DONE, "done"},
    {EXIT_FAILED, "the broker refused; its code and text were printed"},
    {EXIT_NOTHING, "nothing there: an empty queue, no message, no reply"},
    {EXIT_PARTIAL, "partly done: returned, refused, in doubt, or failed; counted on stderr"},
    {EXIT_USAGE, "wrong usage; nothing was connected"},
    {EXIT_RECORD, "a bad input record; its number was printed"},
    {EXIT_INPUT, "input, or a password file, that cannot be read"},
    {EXIT_CONNECT, "cannot connect, or the connection was lost"},
    {EXIT_INTERNAL, "out of memory, or a bug"},
    {EXIT_CREATE, "output cannot be created"},
    {EXIT_OUTPUT, "output cannot be written"},
    {EXIT_TEMPORARY, "no answer in time"},
    {EXIT_PROTOCOL, "the peer does not speak AMQP 0-9-1, or breaks its rules"},
    {EXIT_REFUSED, "credentials, virtual host or permission refused"},
    {EXIT_CONFIG, "not possible as configured; with amqps:// also a broker that cannot be "
                  "verified, or refuses the client certificate"},
    {EXIT_NOT_EXECUTABLE, "the handler cannot be executed; its message is back in the queue"},
    {EXIT_NOT_FOUND, "there is no such handler; its message is back in the queue"},
    {EXIT_STOPPED,
     "stopped by SIGHUP, SIGINT or SIGTERM, after what was begun was finished; a second "
     "signal ends at once"},
    {EXIT_PIPE, "stdout was closed; the rest is back in the queue"},
};

const char *exit_meaning(int code) {
    for (size_t i = 0; i < LEV_COUNTOF(meanings); i++) {
        if (meanings[i].code == code) {
            return meanings[i].text;
        }
    }
    return "";
}

static const verdict *verdict_find(const verdict *table, size_t count, int key) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].key == key) {
            return &table[i];
        }
    }
    return NULL;
}

static verdict verdict_of(const lev_error *error, bool opening) {
    const verdict *found = NULL;
    bool connecting = opening || error->layer == LEV_LAYER_NET || error->layer == LEV_LAYER_ENGINE;
    if (connecting && error->status == LEV_ERR_TIMEOUT) {
        return (verdict){0, EXIT_CONNECT, ""};
    }
    if (error->layer == LEV_LAYER_BROKER && error->status != LEV_ERR_REFUSED) {
        found = verdict_find(by_reply_code, LEV_COUNTOF(by_reply_code), error->reply_code);
    }
    if (found == NULL) {
        found = verdict_find(by_status, LEV_COUNTOF(by_status), error->status);
    }
    return found != NULL ? *found : (verdict){0, EXIT_FAILED, ""};
}

int exit_code_of(const lev_error *error, bool opening) { return verdict_of(error, opening).code; }

const char *exit_advice(const lev_error *error, bool opening) {
    return verdict_of(error, opening).advice;
}
