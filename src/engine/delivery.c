/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Settling deliveries. A delivery's handle carries the incarnation of its channel, so an ack of a
 * delivery from before the channel was reopened is refused here: on the wire its tag would name
 * another message, or cost the channel. */

#include "state.h"

static lev_status delivery_check(lev_engine *e, lev_delivery delivery) {
    lev_status status = lev_engine_ready(e);
    if (status != LEV_OK) {
        return status;
    }
    const lev_channel *ch = lev_channel_find(e, delivery.channel);
    if (ch == NULL || delivery.incarnation == 0 || ch->incarnation != delivery.incarnation ||
        ch->state != LEV_STATE_CHANNEL_OPEN) {
        return LEV_ERR_STALE;
    }
    return delivery.tag == 0 || ch->committing ? LEV_ERR_MISUSE : LEV_OK;
}

lev_status lev_engine_ack(lev_engine *e, lev_delivery delivery, bool multiple) {
    lev_status status = delivery_check(e, delivery);
    if (status != LEV_OK) {
        return status;
    }
    lev_basic_ack ack = {.delivery_tag = delivery.tag, .multiple = multiple};
    return lev_send_ack(e, delivery.channel, LEV_BASIC_ACK, &ack);
}

lev_status lev_engine_nack(lev_engine *e, lev_delivery delivery, bool multiple, bool requeue) {
    lev_status status = delivery_check(e, delivery);
    if (status != LEV_OK) {
        return status;
    }
    lev_basic_nack nack = {.delivery_tag = delivery.tag, .multiple = multiple, .requeue = requeue};
    return lev_send_ack(e, delivery.channel, LEV_BASIC_NACK, &nack);
}

lev_status lev_engine_reject(lev_engine *e, lev_delivery delivery, bool requeue) {
    lev_status status = delivery_check(e, delivery);
    if (status != LEV_OK) {
        return status;
    }
    lev_basic_reject reject = {.delivery_tag = delivery.tag, .requeue = requeue};
    return lev_send_ack(e, delivery.channel, LEV_BASIC_REJECT, &reject);
}
