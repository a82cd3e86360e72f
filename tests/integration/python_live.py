"""examples/python/ against a running millstreamd, whose path is in $millstreamd.

Writes TAP, behind the $TAP_COUNT tests that were before."""
import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback

examples = os.path.join(os.environ.get("top_srcdir", "."), "examples", "python")
sys.path.insert(0, examples)
sys.dont_write_bytecode = True
from millstream import Connection, Consumer, MillstreamError, Producer  # noqa: E402

DEADLINE_S = 60


class Server:
    """Over one directory, started and killed at will; keeps its port."""

    def __init__(self, directory):
        self.directory, self.address, self.process = directory, "127.0.0.1:0", None
        self.config = os.path.join(directory, "test.conf")
        with open(self.config, "w", encoding="ascii") as file:
            file.write("log.map.bytes = 1GiB\n")

    def start(self):
        log = os.path.join(self.directory, "log.txt")
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                [os.environ["millstreamd"], "-c", self.config, "--listen", self.address,
                 "--data-dir", os.path.join(self.directory, "data")], stderr=file)
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            with open(log, encoding="utf-8") as file:
                text = file.read()
            found = re.search(r"listening on ([0-9.]+:[0-9]+)", text)
            if found:
                self.address = found.group(1)
                return
            assert self.process.poll() is None, text
            time.sleep(0.01)
        raise AssertionError("millstreamd does not listen")

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


def create(topic, partitions=1):
    connection = Connection(server.address)
    connection.request("TOPIC_CREATE", {"name": topic, "partitions": partitions})
    connection.close()


def values(consumer, count=None):
    return [int(record.value) for record in itertools.islice(consumer, count)]


def numbered(begin, end, key=None):
    return [(key, b"%d" % n) for n in range(begin, end)]


def what_is_published_comes_back_with_all_that_belongs_to_it():
    create("whole", 3)
    producer = Producer(server.address)
    done = producer.publish("whole", [
        (b"key", b"value", [("name", b"header"), ("none", None)], 1700000000000000),
        (b"key", None)], partition=2)
    assert done == [(2, 0, 2)], done
    first, second = Consumer(server.address, ["whole"], to_end=True)
    assert first[:2] == ("whole", 2) and (first.offset, second.offset) == (0, 1)
    assert (first.key, first.value, first.time_us) == (b"key", b"value", 1700000000000000)
    assert first.headers == [("name", b"header"), ("none", None)], first.headers
    assert (second.value, second.headers) == (None, None)


def starts_and_patterns_are_where_they_should_be():
    create("many.a")
    Producer(server.address).publish("many.a", numbered(0, 5000))
    for start, expected in (("beginning", range(5000)), (4990, range(4990, 5000)),
                            (-3, range(4997, 5000)), ("end", [])):
        consumer = Consumer(server.address, ["many.*"], start, to_end=True, credit=10000)
        assert values(consumer) == list(expected), start


def a_group_goes_on_where_it_committed():
    create("grouped")
    Producer(server.address).publish("grouped", numbered(0, 100))
    for begin in (0, 30, 60):
        consumer = Consumer(server.address, ["grouped"], "stored", "readers")
        assert values(consumer, 30) == list(range(begin, begin + 30))
        consumer.commit()


def seek_goes_back_and_forth():
    create("sought")
    Producer(server.address).publish("sought", numbered(0, 1000))
    # Little credit: much of the old place is on its way when it is left.
    consumer = Consumer(server.address, ["sought"], to_end=True, credit=2000)
    seen = []
    for record in consumer:
        seen.append(int(record.value))
        if len(seen) == 100:
            consumer.seek("sought", 0, 900)
        if len(seen) == 150:
            consumer.seek("sought", 0, 50)
        if len(seen) == 160:
            consumer.seek("sought", 0, 990)
    assert seen == [*range(100), *range(900, 950), *range(50, 60), *range(990, 1000)], seen
    # At the end, too, and from there.
    consumer.seek("sought", 0, 998)
    assert values(consumer) == [998, 999]
    try:
        consumer.seek("sought", 0, 1001)
        raise AssertionError("beyond the end it was taken")
    except MillstreamError as error:
        assert error.code == "OFFSET_OUT_OF_RANGE", error


def who_stops_within_a_frame_goes_on_within_it():
    create("pieces")
    Producer(server.address).publish("pieces", numbered(0, 1000))
    consumer = Consumer(server.address, ["pieces"], credit=2000)
    seen = []
    while len(seen) < 1000:
        seen += [int(record.value) for record in itertools.islice(consumer, 10)]
    assert seen == list(range(1000)), seen


def nothing_is_lost_or_repeated_over_a_killed_server():
    create("killed", 2)
    producer = Producer(server.address)
    consumer = Consumer(server.address, ["killed"], credit=3000)
    seen = {b"a": [], b"b": []}
    for turn in range(4):
        for key in seen:
            producer.publish("killed", numbered(100 * turn, 100 * turn + 100, key))
        for record in itertools.islice(consumer, 150 if turn < 3 else 350):
            seen[record.key].append(int(record.value))
        if turn < 3:
            server.end(signal.SIGKILL)
            server.start()
    assert seen == {key: list(range(400)) for key in seen}, seen


def an_answer_that_was_lost_stores_nothing_twice():
    create("repeated")
    producer = Producer(server.address)
    producer.publish("repeated", numbered(0, 10))
    # As if the reply had been lost with the connection.
    producer.sequences["repeated", 0] -= 10
    producer.connection.close()
    producer.publish("repeated", numbered(0, 10))
    producer.publish("repeated", numbered(10, 20))
    assert values(Consumer(server.address, ["repeated"], to_end=True)) == list(range(20))


def the_programs_work():
    create("lines")
    run = lambda *words, **more: subprocess.run(  # noqa: E731
        [sys.executable, "-B", os.path.join(examples, words[0]), "-s", server.address, *words[1:]],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S, **more)
    run("publish.py", "lines", input=b"one\ntwo\n")
    shown = run("consume.py", "-e", "lines").stdout
    assert shown == b"lines\t0\t0\tnull\tone\nlines\t0\t1\tnull\ttwo\n", shown


def a_topic_that_is_not_there_is_told():
    for asks in (lambda: values(Consumer(server.address, ["nowhere"])),
                 lambda: Producer(server.address).publish("now here", [(None, b"")])):
        try:
            asks()
            raise AssertionError("it was taken")
        except MillstreamError as error:
            assert error.code in ("NOT_FOUND", "INVALID"), error


def sources_are_asked_for():
    connection = Connection(server.address)
    assert list(connection.sources()) == []
    try:
        connection.control_source("nowhere", "pause")
        raise AssertionError("it was taken")
    except MillstreamError as error:
        assert error.code == "NOT_FOUND", error


def on_alarm(*_):
    raise AssertionError("it takes too long")


signal.signal(signal.SIGALRM, on_alarm)
tests = [what_is_published_comes_back_with_all_that_belongs_to_it,
         starts_and_patterns_are_where_they_should_be,
         a_group_goes_on_where_it_committed,
         seek_goes_back_and_forth,
         who_stops_within_a_frame_goes_on_within_it,
         nothing_is_lost_or_repeated_over_a_killed_server,
         an_answer_that_was_lost_stores_nothing_twice,
         the_programs_work,
         a_topic_that_is_not_there_is_told,
         sources_are_asked_for]
first = int(os.environ.get("TAP_COUNT", 0)) + 1
with tempfile.TemporaryDirectory() as directory:
    server = Server(directory)
    server.start()
    for number, test in enumerate(tests, first):
        try:
            signal.alarm(DEADLINE_S)
            test()
            print(f"ok {number} - {test.__name__}", flush=True)
        except Exception:  # any: that is a failure
            print("".join("# " + line for line in traceback.format_exc().splitlines(True)), end="")
            print(f"not ok {number} - {test.__name__}", flush=True)
    signal.alarm(0)
    status = server.end(signal.SIGTERM)
last = first + len(tests)
print(f"{'ok' if status == 0 else 'not ok'} {last} - the server ends well")
print(f"1..{last}")
