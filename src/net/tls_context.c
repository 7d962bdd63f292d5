/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* From options to an SSL_CTX. Files and texts are read by the same functions, through a BIO,
 * instead of OpenSSL's own loaders: those tell neither "no such file" from "nothing in it", nor an
 * encrypted key without a password from a broken one, and would ask at the terminal.
 *
 * The safe settings are made before the options are looked at; `insecure` takes one of them back.
 * Where the program brings its own SSL_CTX it is shared and never changed: what we insist on is set
 * in each SSL made from it. */

#include "tls_context.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a PEM is read from, what it is called in a failure, and where that goes. */
typedef struct tls_source {
    const char *what;
    const char *file;
    const char *pem;
    lev_error *error;
} tls_source;

static lev_writer tls_error_begin(lev_error *error, lev_status status) {
    *error = (lev_error){.status = status, .layer = LEV_LAYER_NET};
    return lev_writer_init((uint8_t *)error->text, sizeof error->text - 1);
}

static bool tls_refuse(lev_error *error, lev_status status, const char *text) {
    lev_writer w = tls_error_begin(error, status);
    lev_tls_put(&w, text);
    return false;
}

/* "the CA file "x" ...". */
static bool tls_blame(const tls_source *from, const char *text) {
    lev_writer w = tls_error_begin(from->error, LEV_ERR_TLS);
    lev_tls_put(&w, "the ");
    lev_tls_put(&w, from->what);
    if (from->file != NULL) {
        lev_tls_put(&w, " ");
        lev_writer_quoted(&w, lev_span_of(from->file));
    }
    lev_tls_put(&w, text);
    ERR_clear_error();
    return false;
}

static bool tls_blame_errno(const tls_source *from, const char *cannot, int error) {
    char text[160];
    char room[96];
    lev_writer w = lev_writer_init((uint8_t *)memset(text, 0, sizeof text), sizeof text - 1);
    lev_tls_put(&w, cannot);
    lev_tls_put(&w, strerror_r(error, room, sizeof room));
    lev_tls_put(&w, "; check its name and its permissions");
    return tls_blame(from, text);
}

static const char tls_unreadable[] = " cannot be read: ";

/* Opens the source; NULL after a failure. */
static BIO *tls_open(const tls_source *from) {
    struct stat is;
    if (from->file == NULL) {
        BIO *memory = BIO_new_mem_buf(from->pem, -1);
        return memory != NULL ? memory
                              : (tls_refuse(from->error, LEV_ERR_MEMORY, "out of memory"), NULL);
    }
    errno = 0;
    if (stat(from->file, &is) == 0 && S_ISDIR(is.st_mode)) {
        tls_blame_errno(from, tls_unreadable, EISDIR);
        return NULL;
    }
    BIO *file = errno == 0 ? BIO_new_file(from->file, "r") : NULL;
    if (file == NULL) {
        tls_blame_errno(from, tls_unreadable, errno != 0 ? errno : EIO);
    }
    return file;
}

static bool tls_load_cas(SSL_CTX *context, const tls_source *from) {
    BIO *in = tls_open(from);
    size_t count = 0;
    X509 *one;
    while (in != NULL && (one = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL)) != NULL) {
        count += X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one) == 1;
        X509_free(one);
    }
    unsigned long last = ERR_peek_last_error();
    bool clean = ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(in);
    if (in != NULL && (count == 0 || !clean)) {
        return tls_blame(from, count == 0 ? " holds no certificate in PEM"
                                          : " holds a certificate that cannot be read");
    }
    return in != NULL;
}

static bool tls_load_dir(SSL_CTX *context, const tls_source *from) {
    struct stat is = {.st_mode = 0};
    if (stat(from->file, &is) != 0 || access(from->file, R_OK | X_OK) != 0) {
        return tls_blame_errno(from, tls_unreadable, errno);
    }
    if (!S_ISDIR(is.st_mode) || SSL_CTX_load_verify_dir(context, from->file) != 1) {
        return tls_blame(from, " is no folder");
    }
    return true;
}

/* The CAs to trust: the given ones, or else the system's. */
static bool tls_trust(SSL_CTX *context, const lev_tls_options *o, lev_error *error) {
    tls_source file = {"CA file", o->ca_file, NULL, error};
    tls_source text = {"text of the CAs", NULL, o->ca_pem, error};
    tls_source dir = {"CA folder", o->ca_dir, NULL, error};
    if (o->ca_file == NULL && o->ca_pem == NULL && o->ca_dir == NULL) {
        return SSL_CTX_set_default_verify_paths(context) == 1 ||
               tls_refuse(error, LEV_ERR_TLS, "the system's CAs cannot be read; name a CA file");
    }
    return (o->ca_file == NULL || tls_load_cas(context, &file)) &&
           (o->ca_pem == NULL || tls_load_cas(context, &text)) &&
           (o->ca_dir == NULL || tls_load_dir(context, &dir));
}

static bool tls_load_certificate(SSL_CTX *context, const tls_source *from) {
    BIO *in = tls_open(from);
    if (in == NULL) {
        return false;
    }
    X509 *one = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL);
    bool good = one != NULL && SSL_CTX_use_certificate(context, one) == 1;
    X509_free(one);
    while (good && (one = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(context, one) != 1) {
            X509_free(one);
            good = false;
        }
    }
    BIO_free(in);
    ERR_clear_error();
    return good || tls_blame(from, " holds no certificate that can be used");
}

typedef struct tls_password {
    const char *text;
    bool asked;
} tls_password;

static int tls_give_password(char *into, int size, int writing, void *context) {
    tls_password *password = context;
    size_t len = password->text != NULL ? strlen(password->text) : 0;
    (void)writing;
    password->asked = true;
    if (password->text == NULL || len > (size_t)size) {
        return -1;
    }
    memcpy(into, password->text, len);
    return (int)len;
}

static bool tls_load_key(SSL_CTX *context, const tls_source *from, const char *secret) {
    tls_password password = {secret, false};
    BIO *in = tls_open(from);
    if (in == NULL) {
        return false;
    }
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, tls_give_password, &password);
    bool usable = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1;
    bool fits = usable && SSL_CTX_check_private_key(context) == 1;
    bool there = key != NULL;
    EVP_PKEY_free(key);
    BIO_free(in);
    ERR_clear_error();
    if (!there && password.asked) {
        return tls_blame(from, secret == NULL ? " is encrypted; give its password"
                                              : " does not open with the password given for it");
    }
    if (!there) {
        return tls_blame(from, " holds no private key in PEM");
    }
    return fits || tls_blame(from, " does not belong to the client certificate; give the two that "
                                   "were made together");
}

static bool tls_identify(SSL_CTX *context, const lev_tls_options *o, lev_error *error) {
    tls_source cert = {"client certificate", o->cert_file, o->cert_pem, error};
    tls_source key = {"key", o->key_file, o->key_pem, error};
    bool has_key = o->key_file != NULL || o->key_pem != NULL;
    if (o->cert_file == NULL && o->cert_pem == NULL) {
        return !has_key ||
               tls_refuse(error, LEV_ERR_TLS,
                          "a key is given without its client certificate; give that, too");
    }
    if (!has_key) {
        key.file = o->cert_file;
        key.pem = o->cert_pem;
    }
    return tls_load_certificate(context, &cert) && tls_load_key(context, &key, o->key_password);
}

static bool tls_open_keylog(lev_tls *t, const char *file, lev_error *error) {
    tls_source log = {"key log", file, NULL, error};
    if (file == NULL) {
        return true;
    }
    SSL_CTX_set_keylog_callback(t->context, lev_tls_log_key);
    t->keylog = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return t->keylog >= 0 || tls_blame_errno(&log, " cannot be written: ", errno);
}

/* Fills a context of our own. */
static bool tls_fill(lev_tls *t, const lev_tls_options *o, lev_error *error) {
    SSL_CTX *c = t->context;
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, lev_tls_new_session);
    if (SSL_CTX_set_cipher_list(c, "DEFAULT:!aNULL:!eNULL") != 1) {
        return tls_refuse(error, LEV_ERR_TLS, "OpenSSL offers no cipher; check its configuration");
    }
    if (o->depth_set) {
        SSL_CTX_set_verify_depth(c, o->depth);
    }
    return (o->insecure || tls_trust(c, o, error)) && tls_identify(c, o, error) &&
           tls_open_keylog(t, o->keylog_file, error);
}

static bool tls_init(lev_tls *t, const lev_tls_options *o, lev_error *error) {
    bool named = o->server_name != NULL && *o->server_name != '\0';
    t->server_name = named ? lev_memory_string(&t->memory, o->server_name) : NULL;
    t->socket = lev_tls_socket_method();
    t->context = o->ssl_ctx != NULL ? o->ssl_ctx : SSL_CTX_new(TLS_client_method());
    if (t->context == NULL || t->socket == NULL || named != (t->server_name != NULL)) {
        return tls_refuse(error, LEV_ERR_MEMORY, "out of memory");
    }
    if (o->ssl_ctx != NULL) {
        SSL_CTX_up_ref(o->ssl_ctx);
        return true;
    }
    return tls_fill(t, o, error);
}

lev_tls *lev_tls_new(const lev_tls_options *options, lev_error *error) {
    lev_tls *t = lev_memory_zeroed(&options->allocator, sizeof *t);
    if (t == NULL) {
        tls_refuse(error, LEV_ERR_MEMORY, "out of memory");
        return NULL;
    }
    t->memory = options->allocator;
    t->keylog = -1;
    t->insecure = options->insecure;
    t->version_min = options->version_min == LEV_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    t->handshake_ms =
        options->handshake_ms != 0 ? options->handshake_ms : (uint32_t)LEV_TLS_HANDSHAKE_MS;
    ERR_clear_error();
    bool known = options->version_min == 0 || options->version_min == LEV_TLS_1_2 ||
                 options->version_min == LEV_TLS_1_3;
    if (!known || !tls_init(t, options, error)) {
        if (!known) {
            tls_refuse(error, LEV_ERR_MISUSE, "version_min is neither TLS 1.2 nor TLS 1.3");
        }
        lev_tls_free(t);
        return NULL;
    }
    *error = (lev_error){.status = LEV_OK};
    return t;
}

void lev_tls_free(lev_tls *t) {
    if (t == NULL) {
        return;
    }
    lev_tls_session_drop(t);
    SSL_CTX_free(t->context);
    BIO_meth_free(t->socket);
    if (t->keylog >= 0) {
        close(t->keylog);
    }
    lev_memory_free(t->server_name);
    lev_memory_free(t);
}

uint32_t lev_tls_handshake_ms(const lev_tls *tls) { return tls->handshake_ms; }
