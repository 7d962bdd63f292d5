/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* OpenSSL's reasons as one line for a person: which check failed, on what, and what to do. The
 * common ones are rows of tables; what no row knows is told in OpenSSL's own words. Everything that
 * comes from the peer's certificate is escaped. */

#include "tls_context.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { TLS_NAMES_SHOWN = 4 };

void lev_tls_put(lev_writer *w, const char *text) {
    size_t len = strlen(text);
    size_t left = w->cap - w->len;
    lev_writer_bytes(w, (lev_span){(const uint8_t *)text, len < left ? len : left});
}

typedef struct tls_reason {
    int code;
    lev_status status;
    const char *text;
} tls_reason;

/* What X509_verify_cert finds; tls_details says the rest. */
/* clang-format off */
static const tls_reason tls_of_chain[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, "its certificate comes from a CA that is not trusted here, or it did not send the intermediate certificate"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,         0, "its certificate comes from a CA that is not trusted here"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,   0, "its certificate comes from a CA that is not trusted here, or it did not send the intermediate certificate"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,         0, "its certificate comes from a CA that is not trusted here"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,       0, "its certificate is self-signed and not trusted here"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE,            0, "its certificate's signature is wrong: it was tampered with, or made by another CA of the same name"},
    {X509_V_ERR_CERT_HAS_EXPIRED,                  0, "its certificate has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID,                0, "its certificate is not valid yet"},
    {X509_V_ERR_HOSTNAME_MISMATCH,                 0, "its certificate is for another host"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH,               0, "its certificate is for another address"},
    {X509_V_ERR_INVALID_PURPOSE,                   0, "its certificate may not be used by a server (wrong key usage); the broker needs another"},
    {X509_V_ERR_INVALID_CA,                        0, "its certificate was made by one that is no CA; the broker needs another"},
    {X509_V_ERR_CERT_REVOKED,                      0, "its certificate was revoked; the broker needs another"},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG,               0, "its chain of certificates is longer than depth allows"},
    {X509_V_ERR_EE_KEY_TOO_SMALL,                  0, "its certificate's key is too short to be safe; the broker needs another"},
    {X509_V_ERR_CA_KEY_TOO_SMALL,                  0, "the key of its CA is too short to be safe; the broker needs another certificate"},
    {X509_V_ERR_CA_MD_TOO_WEAK,                    0, "its certificate is signed with a hash that is no longer safe; the broker needs another"},
};

/* What OpenSSL finds by itself. */
static const tls_reason tls_of_library[] = {
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, LEV_ERR_LOST, "the peer closed the connection without a word"},
    {SSL_R_WRONG_VERSION_NUMBER,     LEV_ERR_TLS, "the peer does not speak TLS there; amqps is mostly on port 5671, and amqp on 5672"},
    {SSL_R_BAD_RECORD_TYPE,          LEV_ERR_TLS, "the peer does not speak TLS there; amqps is mostly on port 5671, and amqp on 5672"},
    {SSL_R_RECORD_LENGTH_MISMATCH,   LEV_ERR_TLS, "the peer does not speak TLS there; amqps is mostly on port 5671, and amqp on 5672"},
    {SSL_R_PACKET_LENGTH_TOO_LONG,   LEV_ERR_TLS, "the peer does not speak TLS there; amqps is mostly on port 5671, and amqp on 5672"},
    {SSL_R_HTTP_REQUEST,             LEV_ERR_TLS, "the peer does not speak TLS there; amqps is mostly on port 5671, and amqp on 5672"},
    {SSL_R_UNSUPPORTED_PROTOCOL,     LEV_ERR_TLS, "the peer's version of TLS is too old; it must offer TLS 1.2 or later"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE,   LEV_ERR_TLS, "OpenSSL's configuration leaves no version of TLS that would do"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, LEV_ERR_TLS, "what came was changed on the way"},
    {SSL_R_NO_RENEGOTIATION,         LEV_ERR_TLS, "the peer wants to renegotiate, which is refused"},
    {SSL_R_DH_KEY_TOO_SMALL,         LEV_ERR_TLS, "the peer's key for the exchange is too short to be safe"},
};

/* What the peer says of us: alerts (RFC 8446, section 6). */
static const tls_reason tls_of_peer[] = {
    {SSL_AD_HANDSHAKE_FAILURE,       LEV_ERR_TLS, "the peer refused: no cipher in common, or it wants a client certificate (cert)"},
    {SSL_AD_BAD_CERTIFICATE,         LEV_ERR_TLS, "the peer refused the client certificate as bad, or wants one (cert)"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, LEV_ERR_TLS, "the peer refused the client certificate: not meant for clients"},
    {SSL_AD_CERTIFICATE_REVOKED,     LEV_ERR_TLS, "the peer refused the client certificate: revoked"},
    {SSL_AD_CERTIFICATE_EXPIRED,     LEV_ERR_TLS, "the peer refused the client certificate: expired"},
    {SSL_AD_CERTIFICATE_UNKNOWN,     LEV_ERR_TLS, "the peer refused the client certificate"},
    {SSL_AD_UNKNOWN_CA,              LEV_ERR_TLS, "the peer refused the client certificate: it does not trust its CA"},
    {SSL_AD_ACCESS_DENIED,           LEV_ERR_TLS, "the peer refused the client certificate: access denied"},
    {SSL_AD_PROTOCOL_VERSION,        LEV_ERR_TLS, "the peer's version of TLS is too old; it must offer TLS 1.2 or later (tls-min: that)"},
    {SSL_AD_INSUFFICIENT_SECURITY,   LEV_ERR_TLS, "the peer refused: it wants stronger ciphers"},
    {SSL_AD_UNRECOGNIZED_NAME,       LEV_ERR_TLS, "the peer refused: it does not know the name; check the host or give server_name"},
    {SSL_AD_INTERNAL_ERROR,          LEV_ERR_TLS, "the peer refused: an internal error of its own; its log says more"},
    {116 /* certificate_required */, LEV_ERR_TLS, "the peer wants a client certificate; give one (cert and key)"},
};
/* clang-format on */

static const tls_reason *tls_find(const tls_reason *table, size_t count, int code) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].code == code) {
            return &table[i];
        }
    }
    return NULL;
}

static void tls_put_subject(lev_writer *w, const X509_NAME *name) {
    char text[96] = "";
    BIO *memory = BIO_new(BIO_s_mem());
    if (memory != NULL && X509_NAME_print_ex(memory, name, 0, XN_FLAG_ONELINE) >= 0) {
        int len = BIO_read(memory, text, sizeof text - 1);
        text[len > 0 ? len : 0] = '\0';
    }
    BIO_free(memory);
    lev_writer_quoted(w, lev_span_of(text));
}

static void tls_put_time(lev_writer *w, const char *before, const ASN1_TIME *time) {
    char text[40] = "";
    BIO *memory = BIO_new(BIO_s_mem());
    if (memory != NULL && time != NULL && ASN1_TIME_print(memory, time) == 1) {
        int len = BIO_read(memory, text, sizeof text - 1);
        text[len > 0 ? len : 0] = '\0';
    }
    BIO_free(memory);
    lev_tls_put(w, before);
    lev_writer_escaped(w, lev_span_of(text));
}

/* Writes one of the names that a certificate is for. Returns false for one of another kind. */
static bool tls_put_name(lev_writer *w, const GENERAL_NAME *name, bool first) {
    char text[INET6_ADDRSTRLEN] = "";
    const ASN1_STRING *bytes = name->type == GEN_IPADD ? name->d.iPAddress : name->d.dNSName;
    if (name->type != GEN_DNS && name->type != GEN_IPADD) {
        return false;
    }
    lev_span shown = {ASN1_STRING_get0_data(bytes), (size_t)ASN1_STRING_length(bytes)};
    if (name->type == GEN_IPADD) {
        inet_ntop(shown.len == 4 ? AF_INET : AF_INET6, shown.ptr, text, sizeof text);
        shown = lev_span_of(shown.len == 4 || shown.len == 16 ? text : "?");
    }
    lev_tls_put(w, first ? "" : ", ");
    lev_writer_escaped(w, shown);
    return true;
}

/* "is for a.example, 10.0.0.1, not for b.example". */
static void tls_put_names(lev_writer *w, const X509 *cert, const char *wanted) {
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(names);
    int shown = 0;
    lev_tls_put(w, ": ");
    for (int i = 0; i < count && shown < TLS_NAMES_SHOWN; i++) {
        shown += tls_put_name(w, sk_GENERAL_NAME_value(names, i), shown == 0);
    }
    lev_tls_put(w, count > shown && shown > 0 ? ", ..." : "");
    GENERAL_NAMES_free(names);
    if (shown == 0) {
        lev_tls_put(w, "it names none (subjectAltName), only the subject ");
        tls_put_subject(w, X509_get_subject_name(cert));
    }
    lev_tls_put(w, ", not ");
    lev_writer_escaped(w, lev_span_of(wanted));
    lev_tls_put(w, "; connect by such a name, or give it as server_name");
}

/* What makes the bare reason useful. */
static void tls_details(lev_writer *w, int code, const X509 *cert, const char *wanted) {
    if (cert == NULL) {
        return;
    }
    if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        tls_put_names(w, cert, wanted);
    } else if (code == X509_V_ERR_CERT_HAS_EXPIRED) {
        tls_put_time(w, " on ", X509_get0_notAfter(cert));
        lev_tls_put(w, "; the broker needs a new one, or this clock is wrong");
    } else if (code == X509_V_ERR_CERT_NOT_YET_VALID) {
        tls_put_time(w, ", only from ", X509_get0_notBefore(cert));
        lev_tls_put(w, "; check this clock and the broker's");
    } else if (code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
               code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
               code == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
               code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN) {
        lev_tls_put(w, ": ");
        tls_put_subject(w, X509_get_issuer_name(cert));
        lev_tls_put(w, "; name the CA's file (cacert)");
    } else if (code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT) {
        lev_tls_put(w, "; name its file as CA (cacert) if it is the right one");
    }
}

void lev_tls_why_certificate(lev_writer *w, X509_STORE_CTX *verified, const char *name) {
    int code = X509_STORE_CTX_get_error(verified);
    const tls_reason *known =
        tls_find(tls_of_chain, sizeof tls_of_chain / sizeof *tls_of_chain, code);
    lev_tls_put(w, known != NULL ? known->text : X509_verify_cert_error_string(code));
    tls_details(w, code, X509_STORE_CTX_get_current_cert(verified), name);
}

lev_status lev_tls_why_error(lev_writer *w, bool handshaking) {
    unsigned long first = ERR_peek_error();
    int code = ERR_GET_REASON(first);
    const tls_reason *known = NULL;
    if (ERR_GET_LIB(first) == ERR_LIB_SSL && code >= SSL_AD_REASON_OFFSET) {
        known = tls_find(tls_of_peer, sizeof tls_of_peer / sizeof *tls_of_peer,
                         code - SSL_AD_REASON_OFFSET);
    } else if (ERR_GET_LIB(first) == ERR_LIB_SSL) {
        known = tls_find(tls_of_library, sizeof tls_of_library / sizeof *tls_of_library, code);
    }
    if (known != NULL) {
        lev_tls_put(w, known->text);
        if (known->status == LEV_ERR_LOST) {
            lev_tls_put(w, handshaking ? " in the handshake; is that the port for amqps?"
                                       : " of goodbye (no close_notify): something may be missing");
        }
        return known->status;
    }
    const char *text = first != 0 ? ERR_reason_error_string(first) : NULL;
    lev_tls_put(w, text != NULL ? text : "OpenSSL failed without saying why");
    return LEV_ERR_TLS;
}
