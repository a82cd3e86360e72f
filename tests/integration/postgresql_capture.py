#!/usr/bin/python3
"""PostgreSQL to subscriber, under a mixed load, while things break: the server is killed,
PostgreSQL loses its power, connections are cut.  At the end the log is held against the rows
(tests/checker).  TAP.

    postgresql_capture.py [--kills N] [--crashes N] [--cuts N] [--snapshots N] [--planted FILE]

With --planted, the same once more with a server that has a bug (tests/checker/planted_capture.c),
one after the other: each must be found.
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path[:0] = [os.path.join(TOP, "tests", "checker"), os.path.join(TOP, "examples", "python")]

import msgpack              # noqa: E402
import millstream           # noqa: E402
import postgresql_source    # noqa: E402
import replay               # noqa: E402

DEADLINE_S = 120
PLANTED_DEADLINE_S = 10         # a bug may be that nothing comes any more

PLANTED_BUGS = [
    "row lost", "row written twice", "row of the snapshot lost", "first transaction after a start lost",
    "truncate ignored", "absent value becomes null", "key change as an update", "update as a create",
    "transaction split in two", "two transactions in one", "snapshot without an end",
    "position of the transaction before", "confirmed before it is durable",
]

CONFIGURATION = """
listen = "127.0.0.1:{port}"
data.dir = "{directory}/data"
log.map.bytes = 8GiB
topic "*" {{ partitions = 3 }}
source "app" {{
	connector.class = "postgresql"
	database.hostname = "127.0.0.1"
	database.port = {database_port}
	database.user = "postgres"
	database.dbname = "postgres"
	table.include.list = "public.(account|line|keyless|complete|scratch|ledger)"
	slot.name = "{slot}"
	publication.name = "{slot}"
	snapshot.mode = "initial"
	status.update.interval.ms = 100
	retriable.restart.connector.wait.ms = 50
	errors.retry.delay.max.ms = 200
}}
"""


class Server:
    def __init__(self, program, directory, database, slot, bug=None):
        self.program, self.directory = program, directory
        self.environment = dict(os.environ, **({"MILLSTREAM_PLANTED_BUG": bug} if bug else {}))
        self.port = postgresql_source.free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None
        os.makedirs(directory)
        self.configuration = os.path.join(directory, "millstream.conf")
        with open(self.configuration, "w") as file:
            file.write(CONFIGURATION.format(port=self.port, directory=directory, slot=slot,
                                            database_port=database.port))

    def start(self):
        with open(os.path.join(self.directory, "log.txt"), "a") as log:
            self.process = subprocess.Popen([self.program, "-c", self.configuration],
                                            env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """-> how it ended, and within its two seconds (with some for a busy machine)."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def log_tail(self):
        with open(os.path.join(self.directory, "log.txt"), errors="replace") as log:
            return log.readlines()[-15:]


class Follower(threading.Thread):
    """Reads everything while it happens, over each restart of the server."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.consumer = millstream.Consumer(address, ["app.*"], timeout=0.2)
        self.consumer.attempts = 10**6
        self.records, self.ledger = [], set()
        self.stopping = threading.Event()
        self.failure = None

    def run(self):
        try:
            while not self.stopping.is_set():
                for record in self.consumer:
                    self.records.append(record)
                    if record.topic == "app.public.ledger" and record.value and record.value[3]:
                        self.ledger.add(str(record.value[3][0]))
                    if self.stopping.is_set():
                        break
        except Exception:       # told by whoever waits
            self.failure = traceback.format_exc()

    def has_all(self, ends):
        return all(self.consumer.positions.get(at, 0) >= end for at, end in ends.items())

    def wait_for(self, txn, deadline_s):
        """Until this transaction is there, and in every partition what was there with it."""
        deadline = time.monotonic() + deadline_s
        ends = None
        while True:
            if txn in self.ledger and ends is None:
                ends = visible_ends(self.address)
                deadline = time.monotonic() + DEADLINE_S
            if ends is not None and self.has_all(ends):
                return
            if self.failure is not None:
                raise RuntimeError(f"the subscriber failed: {self.failure}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"ledger {txn} did not arrive in {deadline_s} s; the newest of "
                                   f"{len(self.ledger)} is {max(map(int, self.ledger), default=0)}")
            time.sleep(0.02)

    def stop(self):
        self.stopping.set()
        self.join(DEADLINE_S)


def visible_ends(address):
    reply = millstream.Connection(address).request("METADATA", {"topics": ["app.*"]})
    return {(topic["name"], n): end for topic in reply["topics"]
            for n, (_, end, _) in enumerate(topic["partitions"])}


def column_names(address):
    connection = millstream.Connection(address)
    cache = {}

    def columns(schema_id):
        if schema_id not in cache:
            reply = connection.request("SCHEMA", {"id": schema_id})
            encoded = reply["schema"]
            if isinstance(encoded, bytes):
                encoded = msgpack.unpackb(encoded, raw=False)
            cache[schema_id] = [column[0] for column in encoded[5]]
        return cache[schema_id]
    return columns


def read_anew(address, count):
    """By a subscriber that was not there while it happened."""
    consumer = millstream.Consumer(address, ["app.*"], to_end=True, timeout=10)
    records = list(consumer)
    if len(records) != count:
        raise RuntimeError(f"who followed has {count} records, who came later {len(records)}")
    return records


def check(server, follower, database):
    checked = replay.Replay(column_names(server.address), "app", postgresql_source.VERSIONED)
    for record in follower.records:
        checked.feed(record)
    problems = checked.check(database.rows())
    key = (lambda record: (record.topic, record.partition, record.offset))
    if sorted(follower.records, key=key) != sorted(read_anew(server.address, len(follower.records)), key=key):
        problems.append("who followed and who came later have different records")
    return problems


class Run:
    """One server over one database, with a workload, until finish."""

    def __init__(self, options, database, name, bug=None):
        self.database, self.name = database, name
        self.deadline_s = PLANTED_DEADLINE_S if bug else DEADLINE_S
        self.server = Server(options.planted if bug else options.server,
                             os.path.join(options.directory, name), database,
                             f"millstream_{name}", bug)
        self.workload = postgresql_source.Workload(database)
        self.follower = Follower(self.server.address)

    def pause(self, most_s=0.6):
        time.sleep(random.random() * most_s)

    def kill(self):
        self.server.kill()
        self.server.start()

    def crash(self):
        self.database.crash()
        self.database.start()

    def cut(self):
        self.database.cut_connections()

    def finish(self):
        self.workload.stop()
        self.follower.wait_for(self.workload.finish(), self.deadline_s)
        self.follower.stop()
        problems = check(self.server, self.follower, self.database)
        print(f"# {self.name}: {len(self.follower.records)} records, "
              f"{len(self.follower.ledger)} transactions")
        status = self.server.stop()
        if status != 0:
            problems.append(f"the server ended with status {status}")
        return problems

    def clean_up(self):
        if self.workload.is_alive():
            self.workload.stop()
        self.follower.stopping.set()
        if self.server.process is not None and self.server.process.poll() is None:
            self.server.kill()


def broken_in_all_ways(options, database):
    run = Run(options, database, "broken")
    breaks = [run.kill] * options.kills + [run.crash] * options.crashes + [run.cut] * options.cuts
    random.shuffle(breaks)
    try:
        run.workload.start()
        run.pause(1)
        run.server.start()
        run.follower.start()
        for step in breaks:
            run.pause()
            step()
        return run.finish()
    except Exception:
        return [*traceback.format_exc().splitlines(), *run.server.log_tail()]
    finally:
        run.clean_up()


def snapshot_under_load(options, database, name):
    """The snapshot and what is changed while it is taken, with a kill in the middle now and then."""
    run = Run(options, database, name)
    try:
        run.workload.start()
        run.pause(0.5)
        run.server.start()
        run.follower.start()
        if random.random() < 0.5:
            run.pause(0.3)
            run.kill()
        run.pause(2)
        return run.finish()
    except Exception:
        return [*traceback.format_exc().splitlines(), *run.server.log_tail()]
    finally:
        run.clean_up()


def with_a_bug(options, database, name, bug):
    """A short run of both kinds: what must be found is found."""
    run = Run(options, database, name, bug)
    try:
        run.workload.start()
        run.pause(0.3)
        run.server.start()
        run.follower.start()
        for _ in range(3):
            time.sleep(0.6)
            run.kill()
        time.sleep(0.6)
        problems = run.finish()
    except TimeoutError as error:
        problems = [str(error)]
    except Exception:
        return traceback.format_exc().splitlines()
    finally:
        run.clean_up()
    for problem in problems[:2]:
        print("#", problem.rstrip())
    return [] if problems else [f"nobody noticed: {bug}"]


def report(number, name, problems):
    for problem in problems:
        print("#", problem.rstrip())
    print("not ok" if problems else "ok", number, "-", name, flush=True)
    return bool(problems)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--crashes", type=int, default=4)
    parser.add_argument("--cuts", type=int, default=4)
    parser.add_argument("--snapshots", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.getrandbits(31))
    parser.add_argument("--server", default=os.path.join(os.environ.get("top_builddir", TOP),
                                                         "millstreamd"))
    parser.add_argument("--planted", help="a server with bugs")
    parser.add_argument("--bug", action="append", help="these alone")
    parser.add_argument("--keep", action="store_true", help="leave the directory there")
    options = parser.parse_args()
    random.seed(options.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped: it took too long"))
    print(f"# seed {options.seed}")
    options.directory = tempfile.mkdtemp(prefix="millstream-capture-")
    os.chmod(options.directory, 0o755)
    try:
        database = postgresql_source.PostgreSQL(os.path.join(options.directory, "postgresql"))
    except postgresql_source.Unavailable as error:
        print(f"1..0 # SKIP PostgreSQL: {error}")
        return 0
    failed = 0
    try:
        database.start()
        database.load_workload()
        failed += report(1, "each_transaction_is_there_once_whole_and_in_order",
                         broken_in_all_ways(options, database))
        for n in range(options.snapshots):
            database.drop_slots()
            failed += report(2 + n, f"snapshot_{n + 1}_and_stream_make_the_rows",
                             snapshot_under_load(options, database, f"snapshot{n + 1}"))
        count = 1 + options.snapshots
        bugs = (options.bug or PLANTED_BUGS) if options.planted else []
        for n, bug in enumerate(bugs, 1):
            database.drop_slots()
            database.load_workload()
            name = bug.replace(" ", "_")
            failed += report(count + n, f"planted_bug_is_found: {name}",
                             with_a_bug(options, database, f"bug{n}", bug))
        print(f"1..{count + len(bugs)}")
    finally:
        database.stop()
        if not options.keep and not failed:
            shutil.rmtree(options.directory, ignore_errors=True)
        elif failed:
            print(f"# what is left is in {options.directory}")
    return 0


sys.exit(main())
