/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The client's certificate and its key, from memory, encrypted too; what is wrong with them; and
 * the key log. From files the command takes them: tests/broker/test_tls.py. */

#include "../unit.h"
#include "tls_peer.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

static const char password[] = "sesam";

/* What a client shows of itself, as PEM. */
typedef struct identity {
    char cert[4096];
    char key[4096];    /* as it is */
    char locked[4096]; /* PKCS #8, encrypted */
    char old[4096];    /* encrypted as OpenSSL did before */
    X509 *shown;
    SSL *owner;
} identity;

static void take(BIO *from, char *into, size_t room) {
    memset(into, 0, room);
    EXPECT(BIO_read(from, into, (int)room - 1) > 0);
}

static void identity_init(identity *who) {
    BIO *out = BIO_new(BIO_s_mem());
    who->owner = tls_peer_server(who->cert, sizeof who->cert);
    who->shown = SSL_get_certificate(who->owner);
    EVP_PKEY *key = SSL_get_privatekey(who->owner);
    const int len = sizeof password - 1;
    PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
    take(out, who->key, sizeof who->key);
    PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), password, len, NULL, NULL);
    take(out, who->locked, sizeof who->locked);
    PEM_write_bio_PrivateKey_traditional(out, key, EVP_aes_128_cbc(),
                                         (const unsigned char *)password, len, NULL, NULL);
    take(out, who->old, sizeof who->old);
    EXPECT(strstr(who->locked, "BEGIN ENCRYPTED PRIVATE KEY") != NULL);
    EXPECT(strstr(who->old, "Proc-Type: 4,ENCRYPTED") != NULL);
    BIO_free(out);
}

static void identity_deinit(identity *who) { SSL_free(who->owner); }

static int anybody(int good, X509_STORE_CTX *verified) {
    (void)good;
    (void)verified;
    return 1;
}

static void ask_for_a_certificate(SSL *ssl) {
    SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, anybody);
}

/* Connects to a server that wants a certificate, and expects that it gets this one. */
static void expect_shown(const identity *who, lev_tls_options o) {
    tls_peer p;
    tls_peer_tune = ask_for_a_certificate;
    EXPECT_EQ(tls_peer_open(&p, o, o.ssl_ctx == NULL), LEV_OK);
    X509 *seen = SSL_get0_peer_certificate(p.ssl);
    EXPECT(seen != NULL && X509_cmp(seen, who->shown) == 0);
    tls_peer_close(&p);
    tls_peer_tune = NULL;
}

static void expect_refused(lev_tls_options o, const char *text) {
    lev_error error;
    EXPECT(lev_tls_new(&o, &error) == NULL);
    EXPECT_EQ(error.status, LEV_ERR_TLS);
    EXPECT_STR(error.text, text);
    EXPECT_EQ(ERR_peek_error(), 0);
}

static void shows_a_certificate_from_memory(void) {
    static char both[8192];
    identity who;
    identity_init(&who);
    expect_shown(&who, (lev_tls_options){.cert_pem = who.cert, .key_pem = who.key});
    snprintf(both, sizeof both, "%s%s", who.cert, who.key);
    expect_shown(&who, (lev_tls_options){.cert_pem = both});
    identity_deinit(&who);
}

static void opens_an_encrypted_key_from_memory(void) {
    identity who;
    identity_init(&who);
    lev_tls_options o = {.cert_pem = who.cert, .key_pem = who.locked, .key_password = password};
    expect_shown(&who, o);
    o.key_pem = who.old;
    expect_shown(&who, o);
    o.key_pem = who.key; /* a password that is not needed does no harm */
    expect_shown(&who, o);
    identity_deinit(&who);
}

/* Nobody is asked at a terminal, which OpenSSL would do by itself: without a controlling terminal
 * it would take stdin. */
static void says_what_is_wrong_with_a_key(void) {
    char long_password[2000];
    identity who;
    identity other;
    identity_init(&who);
    identity_init(&other);
    memset(long_password, 'x', sizeof long_password - 1);
    long_password[sizeof long_password - 1] = '\0';
    const char *const locked[] = {who.locked, who.old};
    for (int i = 0; i < 2; i++) {
        lev_tls_options o = {.ca_pem = who.cert, .cert_pem = who.cert, .key_pem = locked[i]};
        expect_refused(o, "the key is encrypted; give its password");
        o.key_password = "simsalabim";
        expect_refused(o, "the key does not open with the password given for it");
        o.key_password = long_password;
        expect_refused(o, "the key does not open with the password given for it");
    }
    lev_tls_options o = {.ca_pem = who.cert, .cert_pem = who.cert, .key_pem = other.key};
    expect_refused(o, "the key does not belong to the client certificate; give the two that were "
                      "made together");
    o.key_pem = NULL;
    expect_refused(o, "the key holds no private key in PEM");
    identity_deinit(&who);
    identity_deinit(&other);
}

/* Nothing is read of a context that the program brings; it has an identity of its own. */
static void leaves_the_identity_to_the_programs_context(void) {
    identity who;
    identity_init(&who);
    SSL_CTX *own = SSL_CTX_new(TLS_client_method());
    EXPECT_EQ(SSL_CTX_use_certificate(own, who.shown), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(own, SSL_get_privatekey(who.owner)), 1);
    lev_tls_options o = {.ssl_ctx = own, .cert_pem = "nothing", .insecure = true};
    expect_shown(&who, o);
    SSL_CTX_free(own);
    identity_deinit(&who);
}

static size_t lines_with(const char *file, const char *word) {
    char line[512];
    size_t count = 0;
    FILE *in = fopen(file, "r");
    while (in != NULL && fgets(line, sizeof line, in) != NULL) {
        count += strncmp(line, word, strlen(word)) == 0;
        EXPECT_EQ(line[strlen(line) - 1], '\n');
    }
    EXPECT(in != NULL && fclose(in) == 0);
    return count;
}

/* Appended to, a line for each secret, and for its owner only. */
static void keeps_a_log_of_keys(void) {
    char file[] = "/tmp/leveret-keys-XXXXXX";
    struct stat is;
    close(mkstemp(file));
    unlink(file);
    for (size_t sessions = 1; sessions <= 2; sessions++) {
        tls_peer p;
        EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){.keylog_file = file}, true), LEV_OK);
        tls_peer_close(&p);
        EXPECT_EQ(lines_with(file, "CLIENT_TRAFFIC_SECRET_0 "), sessions);
        EXPECT_EQ(lines_with(file, "SERVER_TRAFFIC_SECRET_0 "), sessions);
    }
    EXPECT_EQ(stat(file, &is), 0);
    EXPECT_EQ(is.st_mode & 0777, 0600);
    unlink(file);
}

/* Asking for it is the command's part. */
static void keeps_none_unasked(void) {
    char file[] = "/tmp/leveret-keys-XXXXXX";
    tls_peer p;
    close(mkstemp(file));
    setenv("SSLKEYLOGFILE", file, 1);
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    tls_peer_close(&p);
    unsetenv("SSLKEYLOGFILE");
    EXPECT_EQ(lines_with(file, ""), 0);
    unlink(file);
}

UNIT_MAIN("identity", CASE(shows_a_certificate_from_memory),
          CASE(opens_an_encrypted_key_from_memory), CASE(says_what_is_wrong_with_a_key),
          CASE(leaves_the_identity_to_the_programs_context), CASE(keeps_a_log_of_keys),
          CASE(keeps_none_unasked))
