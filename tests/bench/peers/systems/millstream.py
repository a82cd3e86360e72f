"""Adapter: PostgreSQL -> millstreamd -> change_consumer.  Profiles change nothing."""
import os, shutil, signal, socket, subprocess, time

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", ".."))
BUILD = os.environ.get("MILLSTREAM_BUILD", TOP + "/build")

CONFIGURATION = """
listen = "127.0.0.1:{port}"
data.dir = "{run}/millstream"
{extra}
"""
SOURCE = """
source "cdc" {{
	connector.class = "postgresql"
	database.hostname = "127.0.0.1"
	database.port = {pgport}
	database.user = "{user}"
	database.dbname = "{database}"
	table.include.list = "public.bench"
	slot.name = "millstream_cdc"
	publication.name = "millstream_cdc"
}}
"""


class System:
    """One process is broker and reader: what stays up for consumers is what reads.  start_broker
    gives the consumer something to wait at: the client connects again by itself."""
    name = "millstream"

    def __init__(self, base, run, profile="default"):
        self.base, self.run, self.profile = base, run, profile
        self.port = os.environ.get("MILLSTREAM_PORT", "17470")
        self.process = None

    def reset(self, psql):
        self.stop()
        shutil.rmtree(self.run + "/millstream", ignore_errors=True)
        psql("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name='millstream_cdc'")
        psql("drop publication if exists millstream_cdc")

    def launch(self, with_source):
        conf = self.run + "/millstream.conf"
        with open(conf, "w") as f:
            f.write(CONFIGURATION.format(port=self.port, run=self.run, extra=SOURCE.format(
                pgport=os.environ["PGPORT"], user=os.environ["PGUSER"], database=os.environ["PGDATABASE"]) if with_source else ""))
        log = open(self.run + "/millstream.log", "a")
        self.process = subprocess.Popen([BUILD + "/millstreamd", "-c", conf], stdout=log, stderr=log)

    def start_broker(self):
        """Without the source, so that nothing is read yet."""
        self.end()
        self.launch(False)
        end = time.time() + 30
        while time.time() < end:
            try:
                return socket.create_connection(("127.0.0.1", int(self.port))).close()
            except OSError:
                time.sleep(0.01)
        raise RuntimeError("millstreamd does not listen; see millstream.log")

    def start_cdc(self):
        self.end()
        self.launch(True)

    def stop_cdc(self):
        self.start_broker()

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()

    def kill_cdc(self):
        self.process.kill()
        self.process.wait()
        time.sleep(0.5)

    def stop(self):
        self.end()

    def wait_streaming(self, psql, timeout=60):
        end = time.time() + timeout
        while time.time() < end:
            if psql("select count(*) from pg_replication_slots where slot_name='millstream_cdc' and active") == "1":
                return
            time.sleep(0.05)
        raise RuntimeError("the slot never became active; see millstream.log")

    def pids(self):
        return {"millstreamd": self.process.pid} if self.process is not None and self.process.poll() is None else {}

    def consumer_argv(self, expect, latfile, idle_s, skip):
        return [BUILD + "/tests/bench/change_consumer", "127.0.0.1:" + self.port, "cdc.public.bench*", str(expect), latfile or "-",
                str(idle_s), str(skip)]

    def disk_bytes(self):
        f = self.run + "/millstream/log/data.mdb"
        return os.path.getsize(f) if os.path.exists(f) else 0

    def versions(self):
        return [subprocess.run([BUILD + "/millstreamd", "--version"], capture_output=True, text=True).stdout.strip()]
