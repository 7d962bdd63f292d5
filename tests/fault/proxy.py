#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 The Leveret authors

"""A proxy between client and broker that misbehaves on demand. One process serves any number of listeners.

It reads commands from stdin, one a line, and answers each with a line on stdout, `ok ...` or `error TEXT`.
It ends with its stdin. WAY is up (to the broker), down (from it) or both.

    listen NAME HOST:PORT     listens on the loopback for that broker: ok PORT
    NAME delay WAY MS         waits that long before it passes on what came (0: no longer)
    NAME split WAY N          passes on pieces of at most N bytes, of random sizes (0: no longer)
    NAME hole WAY             a black hole: reads nothing more, so that the sender's buffers fill
    NAME heal                 no delay, no pieces, no hole
    NAME cut WAY WHERE [HOW]  ends the connection (or, where there is none, the next one) once it has passed on
                              WHERE more bytes; `header`: right behind the next content header frame, so
                              between header and body
    NAME end [HOW]            ends all connections now; HOW is reset (RST, the default) or close (FIN)
    NAME half-open            the broker loses its side; the client is told nothing, and what it still sends
                              is swallowed
    NAME refuse on|off        connections are refused
    NAME count                ok CONNECTIONS OPEN CUTS UP DOWN: how many there were, are open, were cut; bytes
"""

import asyncio
import contextlib
import random
import socket
import struct
import sys

CHUNK = 65536
FRAME_HEADER = 2
PROTOCOL_HEADER = b"AMQP"


class Frames:
    """Follows one direction of a connection frame by frame."""

    def __init__(self):
        self.head = b""
        self.left = 0
        self.kind = 0

    def behind_header(self, data):
        """The offset in data right behind the first content header frame that ends there, or None."""
        at = 0
        found = None
        while at < len(data):
            if self.left == 0:
                wanted = 7 - len(self.head)
                self.head += data[at:at + wanted]
                at += wanted
                if len(self.head) < 7:
                    break
                self.begin()
            step = min(self.left, len(data) - at)
            at += step
            self.left -= step
            if self.left == 0 and self.kind == FRAME_HEADER and found is None:
                found = at
        return found

    def begin(self):
        self.kind, _, size = struct.unpack(">BHI", self.head)
        if self.head.startswith(PROTOCOL_HEADER):
            self.kind, size = 0, 0
        self.left = size + 1
        self.head = b""


class Way:
    """What is wrong in one direction; the same for all connections of a listener."""

    def __init__(self):
        self.delay = 0
        self.split = 0
        self.passable = asyncio.Event()
        self.passable.set()
        self.bytes = 0

    def heal(self):
        self.delay = self.split = 0
        self.passable.set()

    def pieces(self, data):
        at = 0
        while at < len(data):
            size = random.randint(1, self.split) if self.split else len(data)
            yield data[at:at + size]
            at += size


class Cut:
    """An end that is near: after so many bytes, or behind a header."""

    def __init__(self, where, how):
        self.header = where == "header"
        self.left = None if self.header else int(where)
        self.how = how

    def offset(self, data, behind_header):
        """How much of data may still pass; None where all of it may."""
        if self.header:
            return behind_header
        if self.left <= len(data):
            return self.left
        self.left -= len(data)
        return None


class Link:
    """A connection of a client's, and the one to the broker that belongs to it."""

    def __init__(self, listener, client, broker):
        self.listener = listener
        self.client = client
        self.broker = broker
        self.cuts = {}
        self.swallows = False
        self.over = False
        self.pumps = []

    async def run(self):
        self.pumps = [asyncio.create_task(self.pump("up", self.client, self.broker)),
                      asyncio.create_task(self.pump("down", self.broker, self.client))]
        await asyncio.gather(*self.pumps, return_exceptions=True)
        self.end("close")

    async def pump(self, name, source, sink):
        try:
            await self.carry(name, source, sink)
        except OSError:
            if not self.swallows:
                self.end("reset")
        if self.swallows and source is self.client:
            with contextlib.suppress(OSError):
                while await asyncio.get_running_loop().sock_recv(source, CHUNK):
                    pass

    async def carry(self, name, source, sink):
        loop = asyncio.get_running_loop()
        way = self.listener.ways[name]
        frames = Frames()
        while not self.over:
            await way.passable.wait()
            data = await loop.sock_recv(source, CHUNK)
            if self.over or self.swallows or not data:
                break
            if way.delay:
                await asyncio.sleep(way.delay)
            await way.passable.wait()
            cut = self.cuts.get(name)
            behind_header = frames.behind_header(data)
            offset = cut.offset(data, behind_header) if cut else None
            for piece in way.pieces(data[:offset]):
                await loop.sock_sendall(sink, piece)
                way.bytes += len(piece)
                if way.split:
                    await asyncio.sleep(0)
            if offset is not None:
                self.listener.cuts += 1
                self.end(cut.how)
        if not self.over and not self.swallows:
            sink.shutdown(socket.SHUT_WR)

    def end(self, how):
        if self.over:
            return
        self.over = True
        for pump in self.pumps:
            if pump is not asyncio.current_task():
                pump.cancel()
        for side in (self.client, self.broker):
            shut(side, how)
        self.listener.links.discard(self)

    def half_open(self):
        """Only the pump from the client goes on, for nothing."""
        self.swallows = True
        self.broker.shutdown(socket.SHUT_RDWR)


def shut(side, how):
    """Closes a socket that a pump, cancelled a moment ago, may still wait for."""
    loop = asyncio.get_running_loop()
    loop.remove_reader(side)
    loop.remove_writer(side)
    if how == "reset":
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    side.close()


class Listener:
    def __init__(self, target):
        host, _, port = target.rpartition(":")
        self.target = (host, int(port))
        self.ways = {"up": Way(), "down": Way()}
        self.links = set()
        self.waiting_cuts = {}
        self.connections = 0
        self.cuts = 0
        self.port = 0
        self.server = None
        self.task = None
        self.tasks = set()

    def open(self):
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", self.port))
        self.server.listen(64)
        self.server.setblocking(False)
        self.port = self.server.getsockname()[1]
        self.task = asyncio.create_task(self.serve())

    def close(self):
        self.task.cancel()
        shut(self.server, "close")
        self.server = None

    async def serve(self):
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self.server)
            self.keep(self.connect(client))

    def keep(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def connect(self, client):
        """A broker that is not there is a connection that ends at once."""
        broker = socket.socket()
        for side in (client, broker):
            side.setblocking(False)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().sock_connect(broker, self.target)
        except OSError:
            shut(client, "reset")
            shut(broker, "close")
            return
        self.connections += 1
        link = Link(self, client, broker)
        link.cuts, self.waiting_cuts = self.waiting_cuts, {}
        self.links.add(link)
        await link.run()

    # ---- commands ----

    def each(self, way):
        return self.ways.values() if way == "both" else [self.ways[way]]

    def delay(self, way, ms):
        for each in self.each(way):
            each.delay = int(ms) / 1000

    def split(self, way, size):
        for each in self.each(way):
            each.split = int(size)

    def hole(self, way):
        for each in self.each(way):
            each.passable.clear()

    def heal(self):
        for each in self.each("both"):
            each.heal()

    def cut(self, way, where, how="reset"):
        for name in ("up", "down") if way == "both" else (way,):
            for cuts in [link.cuts for link in self.links] or [self.waiting_cuts]:
                cuts[name] = Cut(where, how)

    def end(self, how="reset"):
        for link in list(self.links):
            self.cuts += 1
            link.end(how)

    def half_open(self):
        for link in self.links:
            self.cuts += 1
            link.half_open()

    def refuse(self, word):
        if word == "on" and self.server:
            self.close()
        if word == "off" and not self.server:
            self.open()

    def count(self):
        return f"{self.connections} {len(self.links)} {self.cuts} {self.ways['up'].bytes} {self.ways['down'].bytes}"


class Proxy:
    VERBS = {"delay", "split", "hole", "heal", "cut", "end", "half-open", "refuse", "count"}

    def __init__(self):
        self.listeners = {}

    def command(self, line):
        words = line.split()
        if len(words) == 3 and words[0] == "listen":
            listener = self.listeners[words[1]] = Listener(words[2])
            listener.open()
            return str(listener.port)
        name, verb, *arguments = words
        if verb not in self.VERBS:
            raise ValueError(f"unknown command {verb}")
        return getattr(self.listeners[name], verb.replace("-", "_"))(*arguments) or ""

    def answer(self, line):
        try:
            return f"ok {self.command(line)}".strip()
        except (KeyError, OSError, TypeError, ValueError) as error:
            return f"error {error}"

    async def run(self):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            print(self.answer(line.decode()), flush=True)


if __name__ == "__main__":
    asyncio.run(Proxy().run())
