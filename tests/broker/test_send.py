#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""leveret send: frames that no sane client sends, and what real brokers answer."""

import json
import socket
import threading
import unittest

import support
from support import BrokerTest, Listener, leveret

SECRET = "sent-canary"


def method(channel, name, **fields):
    class_name, _, method_name = name.partition(".")
    return {"type": "method", "channel": channel, "class": class_name, "method": method_name, "fields": fields}


OPEN = method(1, "channel.open")


class Send(BrokerTest):
    def send(self, *objects, options=("--login",), code=0, url=None):
        lines = "".join(json.dumps(each) + "\n" for each in objects)
        ended = leveret("send", "--jsonl", *options, url or self.url, stdin=lines.encode(), url=None)
        self.assertEnded(ended, code)
        return [json.loads(line) for line in ended.out.splitlines()]

    def answers(self, *objects, **kwargs):
        return [f"{each['class']}.{each['method']}" for each in self.send(*objects, **kwargs)]

    def test_after_a_login(self):
        queue = self.name()
        self.made.append(queue)
        came = self.send(OPEN, method(1, "queue.declare", queue=queue),
                         method(1, "basic.publish", routing_key=queue),
                         {"type": "header", "channel": 1, "class": "basic", "body_size": 4, "properties": {}},
                         {"type": "body", "channel": 1, "body": "sent"}, method(1, "basic.get", queue=queue, no_ack=True))
        self.assertEqual([each.get("method", each.get("body")) for each in came],
                         ["open-ok", "declare-ok", "get-ok", None, "sent"])

    def test_what_no_client_would_send(self):
        close = self.send(method(7, "queue.declare", queue="never"))[-1]
        self.assertEqual((close["method"], close["fields"]["reply_code"]), ("close", 504), "a channel that is not open")
        close = self.send(OPEN, {"raw": "0100010000000500140028000000"})[-1]
        self.assertEqual((close["class"], close["fields"]["reply_code"]), ("connection", 501), "no frame end")
        self.assertEqual(self.answers(OPEN, OPEN)[-1], "connection.close", "a channel opened twice")
        self.assertEqual(self.send(OPEN, method(1, "basic.ack", delivery_tag=9))[-1]["fields"]["reply_code"], 406)

    def test_without_a_login(self):
        ended = leveret("send", "--hex", "-u", self.url, stdin=b"41 4d 51 50 0000 0902", url=None)
        self.assertEnded(ended, 0)
        self.assertEqual(ended.out, b"server AMQP 0-9-1\n")
        came = self.send({"type": "protocol-header", "major": 0, "minor": 9, "revision": 1}, options=())
        self.assertEqual([each["method"] for each in came], ["start"])

    def test_raw_bytes(self):
        frames = leveret("encode", stdin=json.dumps(OPEN).encode()).out
        ended = leveret("send", "--raw", "--login", self.url, stdin=frames, url=None)
        self.assertEqual(ended.out, b"server 1 channel.open-ok\n")

    @unittest.skipUnless(support.GARAGEMQ, "LEVERET_GARAGEMQ_URL is not set")
    def test_on_garagemq(self):
        self.assertEqual(self.answers(OPEN, url=support.GARAGEMQ), ["channel.open-ok"])

    def test_bad_records_send_nothing(self):
        peer = Listener()
        self.addCleanup(peer.close)
        ended = leveret("send", f"amqp://127.0.0.1:{peer.port}", stdin=b'{"type":"heartbeat"}\n{"type":1}\n', url=None)
        self.assertEnded(ended, 65)
        self.assertIn("line 2", ended.err)
        self.assertFalse(peer.silent, "nobody has connected")

    def test_refused(self):
        ended = leveret("send", "--login", "--trace", self.url.replace("guest:guest", f"guest:{SECRET}"), url=None)
        self.assertEnded(ended, 77, "403 ACCESS_REFUSED")
        self.assertNotIn(SECRET, ended.err)
        self.assertIn('response="***"', ended.err)
        self.assertEnded(leveret("send", self.url, "amqp://two", url=None), 64)
        self.assertEnded(leveret("send", "--raw", "--hex", self.url, url=None), 64)

    def test_a_peer_that_is_no_broker(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def answer():
                with listener.accept()[0] as peer:
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    peer.recv(1000)
            thread = threading.Thread(target=answer)
            thread.start()
            ended = leveret("send", "--login", f"amqp://127.0.0.1:{listener.getsockname()[1]}", url=None)
            self.assertEnded(ended, 76, "does not answer as a broker")
            thread.join()


class Trace(BrokerTest):
    def test_each_frame_of_a_command(self):
        queue = self.queue()
        ended = leveret("publish", "--trace", "-q", queue, "hello", url=self.url)
        self.assertEnded(ended, 0)
        said = [" ".join(line.split()[:3]) for line in ended.err.splitlines()]
        self.assertEqual(said, ["client AMQP 0-9-1", "server 0 connection.start", "client 0 connection.start-ok",
                                "server 0 connection.tune", "client 0 connection.tune-ok", "client 0 connection.open",
                                "server 0 connection.open-ok", "client 1 channel.open", "server 1 channel.open-ok",
                                "client 1 confirm.select", "server 1 confirm.select-ok", "client 1 basic.publish",
                                "client 1 header", "client 1 body", "server 1 basic.ack", "client 0 connection.close",
                                "server 0 connection.close-ok"])

    def test_secrets_are_left_out(self):
        for form in ("text", "json"):
            for command in (["ping"], ["publish", "-q", "q", "x"], ["consume", "-q", "q"], ["get", "-q", "q"]):
                ended = leveret(command[0], "--trace", "--log-format", form, *command[1:],
                                url=self.url.replace("guest:guest", f"guest:{SECRET}"))
                self.assertEnded(ended, 77)
                self.assertIn("start-ok", ended.err)
                self.assertNotIn(SECRET, ended.err)
                self.assertNotIn(SECRET.encode().hex(), ended.err)

    def test_json_lines_are_those_of_dump(self):
        queue = self.queue(b"taken")
        ended = leveret("get", "--trace", "--log-format", "json", "-q", queue, url=self.url)
        lines = [json.loads(line) for line in ended.err.splitlines()]
        self.assertEqual([line["body"] for line in lines if line["type"] == "body"], ["taken"])
        sent = "\n".join(line for line in ended.err.splitlines() if '"from":"client"' in line and "start-ok" not in line)
        again = leveret("dump", "--from", "client", stdin=leveret("encode", stdin=sent.encode()).out)
        self.assertEnded(again, 0)
        self.assertIn(b"basic.ack", again.out)

    def test_two_connections_are_told_apart(self):
        source, target = self.queue(b"moved"), self.queue()
        ended = leveret("copy", "--trace", "-q", source, "--to-queue", target, "--until-empty", url=self.url)
        self.assertEnded(ended, 0)
        self.assertRegex(ended.err, r"(?m)^#1 server 1 basic\.deliver")
        self.assertRegex(ended.err, r"(?m)^#2 client 1 basic\.publish")


if __name__ == "__main__":
    support.main()
