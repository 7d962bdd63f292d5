/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Status texts, from the one list in leveret/status.h. */

#include <leveret/status.h>

const char *lev_status_text(lev_status status) {
    switch (status) {
#define STATUS_TEXT(name, value, text)                                                             \
    case name:                                                                                     \
        return text;
        LEV_STATUSES(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "unknown status";
}

const char *lev_status_name(lev_status status) {
    switch (status) {
#define STATUS_NAME(name, value, text)                                                             \
    case name:                                                                                     \
        return #name;
        LEV_STATUSES(STATUS_NAME)
#undef STATUS_NAME
    }
    return "unknown status";
}
