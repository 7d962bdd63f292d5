#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""What a URL says arrives at the broker: virtual hosts, limits, heartbeats, time-outs. Those of TLS: test_tls.py."""

import os
import subprocess
import time

import support
from support import BrokerTest, Listener, environment, leveret

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rabbitmq")


def ctl(*args):
    subprocess.run([SCRIPT, "ctl", os.environ["LEVERET_RABBITMQ_DIR"], *args], check=True, stdout=subprocess.DEVNULL)


class Url(BrokerTest):
    def ping(self, rest, *args, code=0, err=r"\A\Z"):
        """Pings the broker by its URL and `rest`, from an argument and from the environment."""
        for given, env in ((["-u", self.url + rest], None), ([], self.url + rest)):
            ended = leveret("ping", *given, *args, url=env)
            self.assertEnded(ended, code, err)
        return ended.out.decode()

    def test_virtual_hosts(self):
        """Absent, it is "/"; empty, it is the one without a name."""
        self.ping("")
        self.ping("/%2F")
        self.ping("/%2f?")
        self.ping("/", code=77, err="530 NOT_ALLOWED - vhost  not found")
        self.ping("/%2F%2F", code=77, err="530 NOT_ALLOWED - vhost // not found")
        self.ping("", "--vhost", "", code=77, err="vhost  not found")

    def test_virtual_host_beyond_ascii(self):
        name = "k\u00e4se/\u65e5"
        ctl("add_vhost", name)
        self.addCleanup(ctl, "delete_vhost", name)
        ctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        self.ping("/k%C3%A4se%2f%e6%97%a5")
        self.ping("", "--vhost", name)
        self.ping("/k%E4se%2f%e6%97%a5", code=77, err="Malformed UTF-8")

    def test_the_url_of_an_argument_counts_before_options_and_they_before_the_environment(self):
        self.assertEnded(leveret("ping", "-u", self.url + "/%2f", "--vhost", "nowhere", url=None), 0)
        self.assertEnded(leveret("ping", "--vhost", "nowhere", url=self.url + "/%2f"), 77)
        self.assertEnded(leveret("ping", "-u", self.url, "--vhost", "nowhere", url=None), 77)

    def test_limits(self):
        self.assertIn("channels 3, frames 8192 bytes,", self.ping("?channel_max=3&frame_max=8192"))
        self.assertIn("frames 131072 bytes,", self.ping("?frame_max=4294967295"))

    def test_heartbeats(self):
        """0 offers none; then the broker's 60 s hold, since it takes both sides to go without."""
        self.assertIn("heartbeat 7 s", self.ping("?heartbeat=7"))
        self.assertIn("heartbeat 60 s", self.ping("?heartbeat=0"))
        self.assertIn("heartbeat 60 s", self.ping("", "--heartbeat", "0"))
        self.assertIn("heartbeat 60 s", self.ping("?heartbeat=65535"))
        self.assertIn("heartbeat 30 s", self.ping(""))

    def test_connection_timeout_is_in_milliseconds(self):
        """Whoever accepts and is silent has not answered."""
        silent = Listener()
        self.addCleanup(silent.close)
        before = time.monotonic()
        ended = leveret("ping", "-u", f"amqps://127.0.0.1:{silent.port}?connection_timeout=300", url=None)
        self.assertEnded(ended, 69 if support.has_tls() else 78, "within 300 ms" if support.has_tls() else None)
        self.assertLess(time.monotonic() - before, 5)

    def test_user_and_password_are_decoded(self):
        user, password = "us:er@k\u00e4se", "p/?#[]@:%\u00fc w"
        ctl("add_user", user, password)
        self.addCleanup(ctl, "delete_user", user)
        ctl("set_permissions", user, ".*", ".*", ".*")
        at = self.url.split("@")[1]
        written = "p%2F%3F%23%5B%5D%40%3A%25%C3%BC%20w"
        url = f"amqp://us%3Aer%40k%C3%A4se:{written}@{at}"
        self.assertEnded(leveret("ping", "-u", url, url=None), 0, r"\A\Z")
        self.assertEnded(leveret("ping", "-u", f"amqp://{at}", "--user", user, env=dict(environment(None), AMQP_PASSWORD=password)), 0)
        self.assertEnded(leveret("ping", "-u", url.replace("%20", "+"), url=None), 77)


if __name__ == "__main__":
    support.main()
