"""A client of Millstream in plain Python, written from doc/protocol.md.

    consumer = Consumer("127.0.0.1:7470", ["orders", "myapp.*"])
    for record in consumer:
        print(record.topic, record.partition, record.offset, record.key, record.value)

    producer = Producer("127.0.0.1:7470")
    producer.publish("orders", [(b"key", b"value"), (b"key", None)])

Both connect again when the connection is lost: the consumer goes on with the next record,
the producer sends again what has no reply, and nothing is lost or stored twice.
Needs Python 3.7 and msgpack 1.0 (python3-msgpack).  Not for several threads.
"""
import collections
import os
import random
import select
import socket
import struct
import time

import msgpack

TYPES = ("- HELLO AUTH PING METADATA OFFSETS SUBSCRIBE UNSUBSCRIBE CREDIT COMMIT PUBLISH SCHEMA "
         "BATCHES NOTICE GOODBYE SEEK TOPIC_CREATE TOPIC_CONFIGURE TOPIC_DELETE STATUS "
         "COMMITTED SOURCES SOURCE_CONTROL GROUPS GROUP_INFO GROUP_REMOVE").split()
NUMBERS = {name: number for number, name in enumerate(TYPES)}
ERRORS = ("- MEMORY MALFORMED CORRUPT DISK_FULL IO LIMIT INVALID NOT_FOUND EXISTS LOCKED "
          "FORMAT_VERSION UNSUPPORTED OFFSET_OUT_OF_RANGE QUEUE_FULL STOPPED NOT_OWNER "
          "OUT_OF_SEQUENCE VERSION UNEXPECTED DENIED TIMEOUT BUSY CONNECTION SHUTDOWN GAP").split()
REPLY, ERROR = 1, 2
SERVER_FRAME_MAX = 67117056
PUSHED = {"BATCHES", "NOTICE"}


class MillstreamError(Exception):
    def __init__(self, code, text, retryable=False):
        super().__init__(f"{code}: {text}")
        self.code, self.text, self.retryable = code, text, retryable


class ConnectionLost(MillstreamError):
    pass


# Frames.

def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def encode_frame(name, body, request_id, flags=0, tail=b""):
    body = pack(body)
    return struct.pack(">IBBHI", 8 + len(body) + len(tail), NUMBERS[name], flags, 0,
                       request_id) + body + tail


def malformed(text):
    return MillstreamError("MALFORMED", text)


# What a server's messages have to hold; all else is optional.
NEEDED = {
    ("HELLO", REPLY): dict(version=int, server=str, instance=bytes, max_frame_bytes=int,
                           heartbeat_ms=int, auth=bool),
    ("AUTH", REPLY): dict(done=bool),
    ("METADATA", REPLY): dict(topics=list),
    ("OFFSETS", REPLY): dict(offset=int, log_start=int, visible_end=int),
    ("SUBSCRIBE", REPLY): dict(partitions=list),
    ("PUBLISH", REPLY): dict(ranges=list),
    ("SOURCES", REPLY): dict(sources=list),
    ("GROUPS", REPLY): dict(groups=list),
    ("GROUP_INFO", REPLY): dict(members=list, partitions=list),
    ("BATCHES", 0): dict(topic_id=int, partition=int, visible_end=int, bytes=int),
    ("NOTICE", 0): dict(kind=str, topic=str, topic_id=int, partition=int, start_offset=int,
                        end_offset=int),
    ("GOODBYE", 0): dict(code=int, error=str, retryable=bool),
}


class Frame:
    """What the server sent; body is a map, tail the bytes behind it."""

    def __init__(self, type, flags, request_id, payload, state):
        self.name = TYPES[type] if 0 < type < len(TYPES) else str(type)
        self.flags, self.request_id = flags, request_id
        if flags & ~3 or flags == ERROR:
            raise malformed(f"flags {flags:#x}")
        if request_id == 0 and self.name != "GOODBYE":
            raise malformed(f"{self.name} with request id 0")
        if not self.is_allowed(state):
            raise MillstreamError("UNEXPECTED", f"{self.name} in state {state}")
        self.body, self.tail = self.read_body(payload)
        self.check_body()

    def is_allowed(self, state):
        if state == "CLOSING":
            return False
        if self.name == "GOODBYE":
            return self.flags == 0
        if self.name in ("HELLO", "AUTH") and self.flags:
            return state in {"HELLO": ("CONNECTED",), "AUTH": ("GREETED", "READY")}[self.name]
        if state != "READY":
            return False
        if self.flags & ERROR:
            return self.name not in PUSHED
        if self.flags & REPLY:
            return self.name in NUMBERS and self.name not in PUSHED | {"CREDIT"}
        return self.name in PUSHED | {"PING"}

    def read_body(self, payload):
        unpacker = msgpack.Unpacker(raw=False, max_buffer_size=SERVER_FRAME_MAX)
        unpacker.feed(payload)
        try:
            body = unpacker.unpack()
        except Exception as error:  # msgpack has many, OutOfData and ValueError among them
            raise malformed(f"{self.name}: {error!r}") from None
        tail = payload[unpacker.tell():]
        if not isinstance(body, dict):
            raise malformed(f"{self.name}: no map")
        if len(tail) != (body.get("bytes") if self.name == "BATCHES" else 0):
            raise malformed(f"{self.name}: {len(tail)} bytes behind the map")
        return body, tail

    def check_body(self):
        which = ("GOODBYE", 0) if self.flags & ERROR else (self.name, self.flags)
        for key, kind in NEEDED.get(which, {}).items():
            if type(self.body.get(key)) is not kind:
                raise malformed(f"{self.name}: '{key}' is missing or no {kind.__name__}")
        body = self.body
        if which == ("HELLO", REPLY) and (len(body["instance"]) != 16 or body["heartbeat_ms"] < 1) \
                or self.name == "BATCHES" and body["bytes"] < 48:
            raise MillstreamError("INVALID", f"{self.name}: a value out of its limits")

    def error(self, kind=MillstreamError):
        code = self.body["code"]
        name = ERRORS[code] if 0 < code < len(ERRORS) else str(code)
        return kind(name, self.body["error"], self.body["retryable"])


# Records and batches.

def encode_record(key, value, headers=None, time_us=0):
    flat = None if headers is None else [item for header in headers for item in header]
    return pack([time_us, key, value, flat])


CRC_TABLE = []
for index in range(256):
    for _ in range(8):
        index = index >> 1 ^ (0x82f63b78 if index & 1 else 0)
    CRC_TABLE.append(index)


def crc32c(data):
    crc, table = 0xffffffff, CRC_TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xff] ^ crc >> 8
    return crc ^ 0xffffffff


Record = collections.namedtuple("Record",
                                "topic partition offset time_us transaction key value headers")


def read_batches(data, topic_id, partition, topic=None):
    """Yields (base offset, append time, next offset, [Record, ...])."""
    at = 0
    while at < len(data):
        if len(data) - at < 48:
            raise malformed("a batch is cut short")
        magic, crc, base, count, last_delta, append_time, ordinal, _, flags, size = \
            struct.unpack_from(">IIQIIqQHHI", data, at)
        if magic != 0x4d534201:
            code = "FORMAT_VERSION" if magic >> 8 == 0x4d5342 else "MALFORMED"
            raise MillstreamError(code, f"a batch begins with {magic:#x}")
        if count == 0 or size == 0 or size > len(data) - at - 48:
            raise malformed("a batch is cut short")
        key = struct.pack(">IIQ", topic_id, partition, base)
        if crc32c(data[at + 8:at + 48 + size] + key) != crc:
            raise MillstreamError("CORRUPT", f"batch at offset {base}: wrong checksum")
        if flags & ~8:
            raise MillstreamError("UNSUPPORTED", f"a batch with flags {flags:#x}")
        unpacker = msgpack.Unpacker(raw=False, max_buffer_size=SERVER_FRAME_MAX)
        unpacker.feed(data[at + 48:at + 48 + size])
        records = []
        for delta, time_delta, step, record_key, value, headers, *_ in unpacker:
            pairs = None if headers is None else list(zip(headers[::2], headers[1::2]))
            records.append(Record(topic, partition, base + delta, append_time + time_delta,
                                  ordinal + step, record_key, value, pairs))
        if len(records) != count or records[-1].offset != base + last_delta:
            raise malformed(f"batch at offset {base}: its records are not those announced")
        yield base, append_time, base + last_delta + 1, records
        at += 48 + size


def murmur2(data):
    """As Kafka's Java client computes it."""
    mask, m = 0xffffffff, 0x5bd1e995
    h = 0x9747b28c ^ len(data)
    whole = len(data) & ~3
    for (k,) in struct.iter_unpack("<I", data[:whole]):
        k = k * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


# One connection.

class Connection:
    def __init__(self, address, name="millstream.py", timeout=5.0):
        host, _, port = address.rpartition(":")
        self.state, self.pushes, self.last_id = "CONNECTED", collections.deque(), 0
        self.buffer, self.heartbeat = bytearray(), timeout
        try:
            self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout)
        except OSError as error:
            raise ConnectionLost("CONNECTION", f"{address}: {error}", True) from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received_at = self.pinged_at = time.monotonic()
        try:
            hello = self.request("HELLO", {"version": 1, "client": name})
            if hello["auth"]:
                raise MillstreamError("DENIED", "the server wants a login")
        except BaseException:
            self.close()
            raise
        self.state = "READY"
        self.instance, self.max_frame_bytes = hello["instance"], hello["max_frame_bytes"]
        self.heartbeat = hello["heartbeat_ms"] / 1000

    def close(self):
        self.state = "CLOSING"
        self.socket.close()

    def send(self, name, body, tail=b"", request_id=None, flags=0):
        """Returns the request's id."""
        if request_id is None:
            self.last_id = request_id = self.last_id % 0xffffffff + 1
        try:
            self.socket.sendall(encode_frame(name, body, request_id, flags, tail))
        except OSError as error:
            raise self.lost(str(error)) from None
        return request_id

    def lost(self, text):
        self.close()
        return ConnectionLost("CONNECTION", text, True)

    def receive(self, timeout=None):
        """The next frame that is no PING, or None when the time (s) is up."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            frame = self.take_frame()
            if frame is None:
                if not self.wait(deadline):
                    return None
            elif frame.name == "GOODBYE":
                self.close()
                raise frame.error(ConnectionLost)
            elif frame.name != "PING":
                return frame
            elif not frame.flags:
                self.send("PING", {}, request_id=frame.request_id, flags=REPLY)

    def take_frame(self):
        if len(self.buffer) < 4:
            return None
        size, = struct.unpack_from(">I", self.buffer)
        if size < 8 or size > SERVER_FRAME_MAX:
            self.close()
            raise malformed(f"a frame of {size} bytes")
        if len(self.buffer) < 4 + size:
            return None
        type, flags, zero, request_id = struct.unpack_from(">BBHI", self.buffer, 4)
        payload = bytes(self.buffer[12:4 + size])
        del self.buffer[:4 + size]
        try:
            if zero:
                raise malformed("a frame without its zero")
            return Frame(type, flags, request_id, payload, self.state)
        except MillstreamError:
            self.close()
            raise

    def wait(self, deadline):
        """For bytes; False: the deadline is over.  Keeps the heartbeat."""
        now = time.monotonic()
        if now - self.received_at >= 3 * self.heartbeat:
            raise self.lost("the server is silent")
        if now - max(self.received_at, self.pinged_at) >= self.heartbeat and self.state == "READY":
            self.pinged_at = now
            self.send("PING", {})
        if deadline is not None and now >= deadline:
            return False
        pause = self.heartbeat if deadline is None else min(self.heartbeat, deadline - now)
        try:
            if select.select([self.socket], [], [], pause)[0]:
                data = self.socket.recv(1 << 18)
                if not data:
                    raise self.lost("the server closed the connection")
                self.buffer += data
                self.received_at = time.monotonic()
        except (OSError, ValueError) as error:
            raise self.lost(str(error)) from None
        return True

    def request(self, name, body, tail=b""):
        """Send and wait for the reply's body; what is pushed meanwhile waits in pushes."""
        request_id = self.send(name, body, tail)
        while True:
            frame = self.receive()
            if not frame.flags:
                self.pushes.append(frame)
            elif frame.flags & ERROR and frame.request_id == request_id:
                raise frame.error()
            elif frame.request_id == request_id:
                return frame.body
            # Else the reply to a request that was given up.

    def next_push(self, timeout=None):
        return self.pushes.popleft() if self.pushes else self.receive(timeout)

    def sources(self):
        """The databases that are captured from, one map each."""
        after = {}
        while after is not None:
            reply = self.request("SOURCES", after)
            yield from reply["sources"]
            after = {"after": reply["next"]} if reply.get("next") else None

    def control_source(self, name, action, drop=False):
        """action: pause, resume, restart, reset or remove."""
        self.request("SOURCE_CONTROL", {"name": name, "action": action, "drop": drop})


class Reconnecting:
    """Connects when there is no connection, with growing pauses in between."""

    def __init__(self, address, attempts=20):
        self.address, self.attempts = address, attempts
        self.connection, self.instance = None, None

    def connected(self):
        pause = 0.1
        for attempt in range(self.attempts):
            if self.connection is not None and self.connection.state == "READY":
                return self.connection
            try:
                connection = Connection(self.address)
                if self.instance not in (None, connection.instance):
                    connection.close()
                    raise MillstreamError("INVALID", "this is another log than before")
                self.connection, self.instance = connection, connection.instance
                self.on_connected()
                return connection
            except ConnectionLost as error:
                if not error.retryable or attempt == self.attempts - 1:
                    raise
            time.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(2 * pause, 10)

    def on_connected(self):
        pass

    def request(self, name, body, tail=b""):
        """For requests that may be sent twice: until there is an answer."""
        while True:
            try:
                return self.connected().request(name, body, tail)
            except MillstreamError as error:
                if not error.retryable:
                    raise
                time.sleep(0 if isinstance(error, ConnectionLost) else 0.1)


class Consumer(Reconnecting):
    """Iterate over it for records.  After each: what was handed on does not come again.

    start: "beginning", "end", "stored" (with a group), an offset, or a negative number.
    to_end: stop where the log ended when it began.  timeout (s): stop when nothing came.
    """

    def __init__(self, address, topics, start="beginning", group=None, to_end=False,
                 timeout=None, credit=1 << 20):
        super().__init__(address)
        self.subscribe = {"topics": topics, "credit": credit}
        if isinstance(start, int):
            self.subscribe.update(start="offset", offset=start)
        else:
            self.subscribe["start"] = start
        if group is not None:
            self.subscribe["group"] = group
        self.group, self.to_end, self.timeout = group, to_end, timeout
        self.has_begun = False
        self.reading = None     # a frame, and what of it is not handed on
        self.positions = {}     # (topic, partition) -> the next offset to hand on
        self.ids = {}           # topic -> id
        self.behind = set()     # (topic id, partition) that has not caught up
        self.moves = collections.Counter()      # (topic id, partition) -> seeks

    def on_connected(self):
        request = dict(self.subscribe)
        if self.has_begun:
            request.update(start="beginning", resume=True, places=[
                [self.ids[topic], partition, offset]
                for (topic, partition), offset in self.positions.items()])
        self.subscription = self.reading = None
        self.connection.pushes.clear()
        reply = self.connection.request("SUBSCRIBE", request)
        self.subscription = self.connection.last_id
        self.behind, self.has_begun = set(), True
        for topic in set(self.ids) - {item[0] for item in reply["partitions"]}:
            self.forget(topic)
        for topic, topic_id, partition, offset, _ in reply["partitions"]:
            self.begin(topic, topic_id, partition, offset)

    def forget(self, topic):
        """It was deleted."""
        self.behind = {at for at in self.behind if at[0] != self.ids.get(topic)}
        self.ids.pop(topic, None)
        self.positions = {at: n for at, n in self.positions.items() if at[0] != topic}

    def begin(self, topic, topic_id, partition, offset):
        if self.ids.setdefault(topic, topic_id) != topic_id:
            raise MillstreamError("NOT_FOUND", f"topic '{topic}' was deleted and made anew")
        self.positions[topic, partition] = offset
        self.behind.add((topic_id, partition))

    def seek(self, topic, partition, offset):
        """Go on elsewhere in a partition; also from within the iteration."""
        connection, at = self.connected(), (self.ids[topic], partition)
        try:
            connection.request("SEEK", {"subscription": self.subscription,
                                        "positions": [[*at, offset]]})
        except ConnectionLost:
            pass                # the next connection begins there
        # What came before the reply is of the old place.
        for frame in [frame for frame in connection.pushes if frame.request_id == self.subscription
                      and at == (frame.body["topic_id"], frame.body["partition"])]:
            connection.pushes.remove(frame)
            if frame.name == "BATCHES" and connection.state == "READY":
                self.give_back(frame)
        self.positions[topic, partition] = offset
        self.moves[at] += 1
        self.behind.add(at)

    def give_back(self, frame):
        self.connection.send("CREDIT", {"subscription": self.subscription,
                                        "bytes": frame.body["bytes"]})

    def commit(self):
        """Store for the group what was handed on."""
        self.request("COMMIT", {"group": self.group, "offsets": [
            [topic, partition, offset, None]
            for (topic, partition), offset in self.positions.items()]})

    def __iter__(self):
        while True:
            try:
                connection = self.connected()
                if self.reading is None:
                    if self.to_end and not self.behind:
                        return
                    frame = connection.next_push(self.timeout)
                    if frame is None:
                        return
                    if frame.flags or frame.request_id != self.subscription:
                        continue
                    if frame.name == "NOTICE":
                        self.notice(frame.body)
                        continue
                    self.reading = frame, self.records(frame)
                frame, rest = reading = self.reading
                for record in rest:     # who stops here goes on here
                    yield record
                if self.reading is reading:
                    self.reading = None
                    if connection.state == "READY":
                        self.give_back(frame)
            except ConnectionLost as error:
                if not error.retryable:
                    raise

    def records(self, frame):
        topic_id, partition = frame.body["topic_id"], frame.body["partition"]
        topic = next((name for name, id in self.ids.items() if id == topic_id), None)
        if topic is None:
            raise malformed(f"BATCHES of topic {topic_id}, which is not followed")
        moves = self.moves[topic_id, partition]
        for _, _, next_offset, records in read_batches(frame.tail, topic_id, partition, topic):
            for record in records:
                if record.offset >= self.positions[topic, partition]:
                    self.positions[topic, partition] = record.offset + 1
                    yield record
                    if self.moves[topic_id, partition] != moves:
                        return
            self.positions[topic, partition] = max(next_offset, self.positions[topic, partition])

    def notice(self, body):
        kind, topic, partition = body["kind"], body["topic"], body["partition"]
        if kind == "partition_added":
            self.begin(topic, body["topic_id"], partition, body["start_offset"])
        elif kind == "topic_deleted":
            self.forget(topic)
        elif kind == "caught_up":
            self.behind.discard((body["topic_id"], partition))
        elif kind in ("out_of_range", "damaged", "refused"):
            raise MillstreamError("OFFSET_OUT_OF_RANGE", "topic '{topic}', partition {partition}: "
                                  "{kind}, offsets {start_offset} to {end_offset}".format(**body))


class Producer(Reconnecting):
    """Publishes each record exactly once, also over lost connections."""

    def __init__(self, address):
        super().__init__(address)
        self.id = int.from_bytes(os.urandom(8), "big") or 1
        self.sequences = collections.Counter()  # (topic, partition) -> the next one
        self.partition_counts, self.turn = {}, 0

    def partition_count(self, topic):
        if topic not in self.partition_counts:
            topics = self.request("METADATA", {"topics": [topic], "create": True})["topics"]
            if not topics:
                raise MillstreamError("NOT_FOUND", f"there is no topic '{topic}'")
            self.partition_counts[topic] = len(topics[0]["partitions"])
        return self.partition_counts[topic]

    def choose(self, topic, key):
        count = self.partition_count(topic)
        if key is not None:
            return (murmur2(key) & 0x7fffffff) % count
        self.turn += 1
        return self.turn % count

    def publish(self, topic, records, partition=None):
        """records: (key, value[, headers[, time_us]]).  Returns when they are durable:
        (partition, first offset, count) of each piece; the offset is None when only that
        it is stored is known."""
        pieces = collections.defaultdict(list)
        for record in records:
            at = self.choose(topic, record[0]) if partition is None else partition
            pieces[at].append(encode_record(*record))
        self.connected()
        room = self.connection.max_frame_bytes - 1024
        done = []
        for at, encoded in pieces.items():
            while encoded:
                count, size = 0, 0
                while count < len(encoded) and count < 65536 and \
                        (count == 0 or size + len(encoded[count]) <= room):
                    size += len(encoded[count])
                    count += 1
                done.append(self.publish_piece(topic, at, encoded[:count]))
                encoded = encoded[count:]
        return done

    def publish_piece(self, topic, partition, encoded):
        head = {"topic": topic, "partition": partition, "producer": self.id,
                "sequence": self.sequences[topic, partition], "count": len(encoded)}
        reply = self.request("PUBLISH", head, b"".join(encoded))
        self.sequences[topic, partition] += len(encoded)
        first = reply["ranges"][0][1] if reply["ranges"] else None
        return partition, first, len(encoded)
