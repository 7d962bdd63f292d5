/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The texts and the names of statuses, both from the one list in leveret/status.h, so that a status
 * cannot be without either.
 *
 * A switch and not an array: the values are negative and may have gaps, and any number at all may
 * be asked for. Without a default case the compiler tells of a status that is missing here. */

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
