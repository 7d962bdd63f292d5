/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The page of leveret itself, and what is the same on every page. */

#include "exits.h"
#include "pages.h"

#define ENVIRONMENT_OUTPUT "NO_COLOR\tIf set and not empty: no colours on a terminal."
#define ENVIRONMENT_CONNECTION                                                                     \
    "AMQP_URL\tWhere to connect, as amqp://USER:PASSWORD@HOST:PORT/VHOST, for what the options "   \
    "leave open.\n"                                                                                \
    "AMQP_PASSWORD\tThe password, where neither a URL nor a file has one.\n"                       \
    "SSLKEYLOGFILE\tAs --keylog, where that is not given.\n"

const char *environment_of(const command *c) {
    return c == &overview || command_connects(c) ? ENVIRONMENT_CONNECTION ENVIRONMENT_OUTPUT
                                                 : ENVIRONMENT_OUTPUT;
}

/* clang-format off */
static const option overview_rows[] = {
    {0, "help", NULL, NULL, 0, 0, 0, "print an overview"},
    {0, "version", NULL, NULL, 0, 0, 0, "print the version"},
};
/* clang-format on */

static const option_table overview_options = OPTION_TABLE("Options", overview_rows);

const command overview = {
    .name = "leveret",
    .usage = "COMMAND [OPTION...]\n"
             "help [COMMAND]\n"
             "--version",
    .summary = "an AMQP 0-9-1 client for the shell",
    .about =
        "Each command has a page of its own, and prints its options with --help.\n"
        "\n"
        "stdout carries data only. stderr carries everything else, one line an event: what "
        "happened, where, and what to do.\n"
        "\n"
        "A password given in an argument is overwritten there at once, and none is ever printed. A "
        "password travels unencrypted only to this machine, unless --allow-plaintext-auth says "
        "otherwise.\n"
        "\n"
        "With amqps:// nothing is sent before the broker has proved that it is the host of the "
        "URL: its certificate must name that host, and come from a CA that the system trusts, or "
        "that --cacert names.",
    .examples = "leveret consume -e logs --declare --type fanout\n"
                "leveret publish -e logs --declare --type fanout 'hello'",
    .exits = {{EXIT_DONE, "all done, and where messages were published: all confirmed and routed"},
              {EXIT_FAILED, NULL},
              {EXIT_NOTHING, NULL},
              {EXIT_PARTIAL, NULL},
              {EXIT_USAGE, NULL},
              {EXIT_RECORD, NULL},
              {EXIT_INPUT, NULL},
              {EXIT_CONNECT, NULL},
              {EXIT_INTERNAL, NULL},
              {EXIT_CREATE, NULL},
              {EXIT_OUTPUT, NULL},
              {EXIT_TEMPORARY, NULL},
              {EXIT_PROTOCOL, NULL},
              {EXIT_REFUSED, NULL},
              {EXIT_CONFIG, NULL},
              {EXIT_NOT_EXECUTABLE, NULL},
              {EXIT_NOT_FOUND, NULL},
              {EXIT_STOPPED, NULL},
              {EXIT_PIPE, NULL}},
    .sections =
        {{"For users of amqp-tools",
          "The letters mean the same. Each line below is followed by the one that does the same. "
          "Unlike amqp-publish, leveret publish makes messages persistent and mandatory and awaits "
          "confirms (--transient, --no-mandatory, --no-confirm), and -l leaves the newlines out; "
          "unlike amqp-consume, leveret consume runs no command unless one follows --. -A goes "
          "without a command, for nothing would come of its exit code. A password belongs into "
          "--password-file or AMQP_PASSWORD.\n"
          "\n"
          "amqp-publish -s HOST --port PORT -r QUEUE -b BODY\t"
          "leveret publish -s HOST --port PORT -r QUEUE -b BODY\n"
          "amqp-publish -u URL -e EXCHANGE -r KEY -b BODY\t"
          "leveret publish -u URL -e EXCHANGE -r KEY -b BODY\n"
          "amqp-publish -u URL -r QUEUE -p -C text/plain -E gzip -t REPLIES -b BODY\t"
          "leveret publish -u URL -r QUEUE -p -C text/plain -E gzip -t REPLIES -b BODY\n"
          "amqp-publish -u URL -r QUEUE -H 'one: 1' -H 'two: 2' -b BODY\t"
          "leveret publish -u URL -r QUEUE -H 'one: 1' -H 'two: 2' -b BODY\n"
          "amqp-publish -u URL -r QUEUE -l < FILE\t"
          "leveret publish -u URL -r QUEUE -l < FILE\n"
          "amqp-publish -u URL -r QUEUE < FILE\t"
          "leveret publish -u URL -r QUEUE < FILE\n"
          "amqp-consume -u URL -q QUEUE -c 2 -p 1 cat\t"
          "leveret consume -u URL -q QUEUE -c 2 -p 1 -- cat\n"
          "amqp-consume -u URL -q QUEUE -A cat\t"
          "leveret consume -u URL -q QUEUE -A --raw\n"
          "amqp-consume -u URL -e EXCHANGE -r KEY -c 1 cat\t"
          "leveret consume -u URL -e EXCHANGE -r KEY -c 1 -- cat\n"
          "amqp-consume -u URL -q NEW -x -c 1 cat\t"
          "leveret consume -u URL -q NEW -x -d -c 1 -- cat\n"
          "amqp-get -u URL -q QUEUE\t"
          "leveret get -u URL -q QUEUE --raw\n"
          "amqp-declare-queue -u URL -q NEW -d\t"
          "leveret declare -u URL -q NEW -d\n"
          "amqp-delete-queue -u URL -q QUEUE\t"
          "leveret delete -u URL -q QUEUE"}},
    .options = {{&overview_options, 0}},
};
