/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Settling deliveries. A delivery's handle carries the incarnation of its channel, so an ack of a
 * delivery from before the channel was reopened is refused here: on the wire its tag would name
 * another message, or cost the channel.
 *
 * Acks given one by one leave as one `multiple` ack as far as they wait together. That is done only
 * where all deliveries up to the tag are known to be settled (acks.h), and never in a transaction,
 * whose rollback would open them again. */

#include "state.h"

static lev_status delivery_check(lev_engine *e, lev_delivery delivery, lev_channel **ch) {
    lev_status status = lev_engine_ready(e);
    if (status != LEV_OK) {
        return status;
    }
    *ch = lev_channel_find(e, delivery.channel);
    if (*ch == NULL || delivery.incarnation == 0 || (*ch)->incarnation != delivery.incarnation ||
        (*ch)->state != LEV_STATE_CHANNEL_OPEN) {
        return LEV_ERR_STALE;
    }
    bool busy = (*ch)->committing || (*ch)->sending != NULL;
    return delivery.tag == 0 || busy ? LEV_ERR_MISUSE : LEV_OK;
}

lev_status lev_engine_ack(lev_engine *e, lev_delivery delivery, bool multiple) {
    lev_channel *ch;
    lev_status status = delivery_check(e, delivery, &ch);
    if (status != LEV_OK) {
        return status;
    }
    uint64_t floor = lev_acks_floor_after(&ch->acks, delivery.tag, multiple);
    bool merges = !ch->tx && delivery.tag > ch->acks.floor;
    if (!merges || !lev_send_merged(e, ch->number, delivery.tag, floor)) {
        lev_basic_ack ack = {.delivery_tag = delivery.tag, .multiple = multiple};
        uint64_t at = lev_outbuf_end(&e->tx.buf);
        status = lev_send_settlement(e, ch->number, LEV_BASIC_ACK, &ack);
        if (status != LEV_OK) {
            return status;
        }
        e->tx.ack_at = at;
        e->tx.ack_tag = delivery.tag;
        e->tx.ack_channel = ch->number;
    }
    lev_acks_settle(&ch->acks, delivery.tag, multiple);
    return LEV_OK;
}

lev_status lev_engine_nack(lev_engine *e, lev_delivery delivery, bool multiple, bool requeue) {
    lev_channel *ch;
    lev_status status = delivery_check(e, delivery, &ch);
    if (status != LEV_OK) {
        return status;
    }
    lev_basic_nack nack = {.delivery_tag = delivery.tag, .multiple = multiple, .requeue = requeue};
    status = lev_send_settlement(e, ch->number, LEV_BASIC_NACK, &nack);
    if (status == LEV_OK) {
        lev_acks_settle(&ch->acks, delivery.tag, multiple);
    }
    return status;
}

lev_status lev_engine_reject(lev_engine *e, lev_delivery delivery, bool requeue) {
    lev_channel *ch;
    lev_status status = delivery_check(e, delivery, &ch);
    if (status != LEV_OK) {
        return status;
    }
    lev_basic_reject reject = {.delivery_tag = delivery.tag, .requeue = requeue};
    status = lev_send_settlement(e, ch->number, LEV_BASIC_REJECT, &reject);
    if (status == LEV_OK) {
        lev_acks_settle(&ch->acks, delivery.tag, false);
    }
    return status;
}
