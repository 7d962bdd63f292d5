# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""Certificates for the tests of TLS, made with the command openssl: authorities, and what they sign."""

import os
import subprocess

CONFIG = """
[ca]
default_ca = own
[own]
database = {base}.index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
default_days = 30
policy = any
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
"""

SERVER = "extendedKeyUsage=serverAuth"
CLIENT = "extendedKeyUsage=clientAuth"


def openssl(*args):
    run = subprocess.run(["openssl", *args], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"openssl {args}: {run.stderr.decode()}")
    return run.stdout


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def read(*paths):
    text = ""
    for path in paths:
        with open(path, encoding="ascii") as file:
            text += file.read()
    return text


class Certificate:
    """A certificate and its key, in files."""

    def __init__(self, base):
        self.base = base
        self.cert = base + ".pem"
        self.key = base + ".key"


class Authority(Certificate):
    """A root, or where it has an issuer, an intermediate authority."""

    def __init__(self, folder, name, issuer=None):
        super().__init__(os.path.join(folder, name))
        self.config = write(self.base + ".cnf", CONFIG.format(base=self.base, folder=folder))
        self.folder = folder
        write(self.base + ".index", "")
        extensions = "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"
        self.request(self, name)
        if issuer:
            issuer.sign(self, extensions)
        else:
            self_sign(self, self.config, extensions)

    def request(self, made, common_name):
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config",
                self.config, "-subj", f"/CN={common_name}", "-keyout", made.key, "-out", made.base + ".csr")

    def sign(self, made, extensions, dates=()):
        extfile = write(made.base + ".ext", "\n".join(extensions) + "\n")
        openssl("ca", "-batch", "-notext", "-config", self.config, "-cert", self.cert, "-keyfile", self.key,
                "-in", made.base + ".csr", "-out", made.cert, "-extfile", extfile, *dates)

    def issue(self, name, names, usage=SERVER, dates=()):
        """A certificate for the names ("DNS:a,IP:1.2.3.4"; None: for its subject only)."""
        made = Certificate(os.path.join(self.folder, name))
        self.request(made, name)
        extensions = ["basicConstraints=CA:FALSE", usage]
        if names:
            extensions.append("subjectAltName=" + names)
        self.sign(made, extensions, dates)
        return made


def self_sign(made, config, extensions):
    extfile = write(made.base + ".ext", "\n".join(extensions) + "\n")
    openssl("x509", "-req", "-in", made.base + ".csr", "-signkey", made.key, "-days", "30", "-extfile", extfile,
            "-out", made.cert)


PAST = "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"
FUTURE = "-startdate", "20900101000000Z", "-enddate", "20910101000000Z"
