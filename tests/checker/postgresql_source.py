"""A PostgreSQL in a temporary directory, the checker's workload in it, and the rows it has."""
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SUPPORT = os.path.join(HERE, "..", "support")

# Each column as the log has it, as text: see replay.value_of.
TABLES = {
    "public.account": "id::text, version::text, balance::text, name, note, "
                      "(extract(epoch from at) * 1000000)::bigint::text, encode(data, 'hex'), "
                      "flag::text, array_to_json(tags), replace(uid::text, '-', ''), "
                      "(day - date '1970-01-01')::text, doc::text",
    "public.line": "account::text, number::text, what",
    "public.keyless": "kind::text, what",
    "public.complete": "id::text, version::text, note",
    "public.scratch": "id::text, what",
    "public.ledger": "txn::text, changes::text",
}
VERSIONED = ["public.account", "public.complete"]

# name, share: what the clients do.
SCRIPTS = [("small", 60), ("savepoint", 25), ("rollback", 14), ("large", 1)]


class Unavailable(Exception):
    """There is no PostgreSQL here."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class PostgreSQL:
    def __init__(self, directory):
        self.directory, self.port = directory, free_port()
        self.bin = bin_directory()

    def start(self):
        """The first time on any port that is free; others may take it in between."""
        for attempt in range(10):
            is_new = not os.path.exists(os.path.join(self.directory, "started"))
            done = subprocess.run([os.path.join(SUPPORT, "postgresql.sh"), "start", self.directory,
                                   str(self.port), "deadlock_timeout=50ms"], check=False,
                                  stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8")
            if done.returncode == 0:
                with open(os.path.join(self.directory, "started"), "w"):
                    return
            if is_new:
                self.port = free_port()
        raise RuntimeError(f"PostgreSQL does not start: {done.stderr.strip()}")

    def stop(self):
        subprocess.run([os.path.join(SUPPORT, "postgresql.sh"), "stop", self.directory],
                       check=False, stdout=subprocess.DEVNULL)

    def crash(self):
        """As if the machine had lost its power: SIGQUIT, and all that was not synced is gone."""
        with open(os.path.join(self.directory, "data", "postmaster.pid")) as file:
            pid = int(file.readline())
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + 30
        while is_running(pid):
            if time.monotonic() > deadline:
                raise TimeoutError("PostgreSQL did not end")
            time.sleep(0.01)

    def psql(self, *arguments, text=None):
        done = subprocess.run(
            [os.path.join(self.bin, "psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1",
             "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", *arguments],
            input=text, capture_output=True, encoding="utf-8", check=False,
            env=dict(os.environ, PGOPTIONS="-c client_min_messages=warning"))
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def query(self, text):
        return self.psql("-c", text).strip()

    def load_workload(self):
        """Anew: what was there is forgotten."""
        self.psql("-f", os.path.join(HERE, "postgresql_workload.sql"))

    def rows(self):
        """Table -> its rows, lists of texts."""
        return {name: [json.loads(line) for line in self.psql(
                    "-c", f"select json_build_array({columns}) from {name}").split("\n") if line]
                for name, columns in TABLES.items()}

    def cut_connections(self):
        """Of whoever replicates."""
        self.query("select count(pg_terminate_backend(pid)) from pg_stat_replication")

    def drop_slots(self):
        self.query("select count(pg_drop_replication_slot(slot_name)) from pg_replication_slots "
                   "where not active")


class Workload(threading.Thread):
    """Changes rows with several clients until it is told to stop, also over restarts."""

    def __init__(self, postgresql, clients=4):
        super().__init__()
        self.postgresql, self.clients = postgresql, clients
        self.stopping = threading.Event()
        self.process = None

    def run(self):
        while not self.stopping.is_set():
            scripts = [f"-f{HERE}/postgresql_{name}.pgbench@{share}" for name, share in SCRIPTS]
            self.process = subprocess.Popen(
                [os.path.join(self.postgresql.bin, "pgbench"), "-n", "-h", "127.0.0.1", "-p",
                 str(self.postgresql.port), "-U", "postgres", "-c", str(self.clients), "-T", "3600",
                 "--max-tries=1000", "--random-seed", str(random.getrandbits(31)), *scripts,
                 "postgres"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.process.wait()
            self.stopping.wait(0.05)

    def stop(self):
        self.stopping.set()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()     # SIGINT may be ignored, by whoever began all this
        self.join()

    def finish(self):
        """One more transaction, and its number: when it is there, all is there."""
        return self.postgresql.query("select finish(); select last_value from ledger_txn").split()[-1]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def bin_directory():
    for version in range(30, 12, -1):
        path = f"/usr/lib/postgresql/{version}/bin"
        if os.path.exists(os.path.join(path, "postgres")):
            return path
    raise Unavailable("PostgreSQL is not installed here: script/setup installs it")
