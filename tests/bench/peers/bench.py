#!/usr/bin/env python3
"""Measurement harness for a PostgreSQL CDC system.

  bench.py [--system systems/millstream.py] [--profile default|tuned] [--repeat N] PHASE...
  phases: snapshot backlog live crash

The harness owns PostgreSQL (start-pg.sh), the table, the load and the accounting; the system under test is
a Python file with a class System (see systems/debezium.py for the full contract):
  reset(psql) start_broker() start_cdc() stop_cdc() stop() wait_streaming(psql) pids() disk_bytes()
  consumer_argv(expect, latfile, idle_s, skip): a process that prints on stdout, times in epoch ns,
     READY t | FIRST t | P t events bytes (about every 100 ms) | DONE t events bytes k=v ...
     and writes int64 pairs (created_at_us, received_us) to latfile.
Results are appended to results/<system>-<profile>.jsonl, one JSON object a run.
"""
import argparse, array, hashlib, importlib.util, json, os, subprocess, sys, threading, time

BASE = os.path.dirname(os.path.abspath(__file__))
RUN = os.environ.get("RUN", BASE + "/run")
PGBIN = "/usr/lib/postgresql/15/bin"
CAL = bytes(32 << 20)
HZ = os.sysconf("SC_CLK_TCK")
for k, v in dict(PGHOST="127.0.0.1", PGPORT="15432", PGUSER="postgres", PGDATABASE="bench").items():
    os.environ.setdefault(k, v)

SCHEMA = """
drop table if exists bench;
create table bench(id bigint primary key, name text, email text, amount numeric(12,2), status text,
                   created_at timestamptz default clock_timestamp(), payload text);
alter table bench replica identity full;
drop sequence if exists bench_seq; create sequence bench_seq cache 100;
create or replace procedure load_backlog(n_ins int, n_upd int, n_del int, per_tx int) language plpgsql as $$
declare i int;
begin
  i := 1;
  while i <= n_ins loop
    insert into bench(id, name, email, amount, status, payload)
      select g, 'customer ' || g, 'user' || g || '@example.com', (g % 100000) / 7.0, 'new', rpad(md5(g::text), 200, md5((g * 7)::text))
      from generate_series(i, least(i + per_tx - 1, n_ins)) g;
    commit; i := i + per_tx;
  end loop;
  i := 1;
  while i <= n_upd loop
    update bench set status = 'paid', amount = amount + 1 where id between i and least(i + per_tx - 1, n_upd);
    commit; i := i + per_tx;
  end loop;
  i := n_upd + 1;
  while i <= n_upd + n_del loop
    delete from bench where id between i and least(i + per_tx - 1, n_upd + n_del);
    commit; i := i + per_tx;
  end loop;
end $$;
"""
LIVE_SQL = """insert into bench(id, name, email, amount, status, payload, created_at)
 values (nextval('bench_seq'), 'customer', 'user@example.com', 12.34, 'new', repeat('0123456789', 20), clock_timestamp());
"""


def psql(sql, db=None):
    a = [PGBIN + "/psql", "-X", "-q", "-tA", "-v", "ON_ERROR_STOP=1", "-c", sql]
    return subprocess.run(a + (["-d", db] if db else []), check=True, capture_output=True, text=True).stdout.strip()


def psql_script(sql):
    subprocess.run([PGBIN + "/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"], input=sql, check=True, text=True, stderr=subprocess.DEVNULL)


# -- accounting ---------------------------------------------------------------
def cpu_of(pid, children=False):
    try:
        f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    t = int(f[11]) + int(f[12])
    if children:
        t += int(f[13]) + int(f[14])
    return t / HZ


def rss_of(pid):
    out = {}
    try:
        for l in open(f"/proc/{pid}/status"):
            if l.startswith(("VmRSS", "RssAnon", "VmHWM")):
                out[l.split(":")[0]] = int(l.split()[1]) / 1024
    except OSError:
        pass
    return out


def pg_cpu():
    root = int(open(RUN + "/pgdata/postmaster.pid").readline())
    t = cpu_of(root, children=True)
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                f = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
                if int(f[1]) == root:
                    t += (int(f[11]) + int(f[12])) / HZ
            except OSError:
                pass
    return t


def sys_cpu():
    f = [int(x) for x in open("/proc/stat").readline().split()[1:]]
    return (f[0] + f[1] + f[2] + f[5] + f[6]) / HZ, f[7] / HZ  # busy, stolen by the hypervisor


def calibrate():
    """How fast the machine is right now (shared host): a fixed hash loop and a fixed fdatasync loop."""
    t = time.perf_counter()
    for _ in range(4):
        hashlib.sha256(CAL).digest()
    cpu = time.perf_counter() - t
    fd, v = os.open(RUN + "/cal.tmp", os.O_CREAT | os.O_WRONLY), []
    for i in range(100):
        t = time.perf_counter()
        os.pwrite(fd, CAL[:8192], 8192 * i)
        os.fdatasync(fd)
        v.append(time.perf_counter() - t)
    os.close(fd)
    return dict(cal_sha256_mb_s=round(4 * len(CAL) / 1e6 / cpu), cal_fdatasync_us=round(sorted(v)[50] * 1e6))


class Meter:
    """CPU seconds, peak RSS and outside load of a window."""

    def __init__(self, system, consumer_pid=None):
        self.s, self.cons = system, consumer_pid
        self.base = {k: (p, cpu_of(p)) for k, p in system.pids().items()}
        self.last = {}
        self.pg0, (self.sys0, self.st0), self.t0 = pg_cpu(), sys_cpu(), time.time()
        self.c0 = cpu_of(self.cons) if self.cons else 0
        self.peak, self.run, self.load0 = {}, True, os.getloadavg()[0]
        self.th = threading.Thread(target=self._loop, daemon=True)
        self.th.start()

    def _sample(self):
        for k, p in self.s.pids().items():
            r = rss_of(p).get("VmRSS", 0)
            if r:
                self.peak[k] = max(self.peak.get(k, 0), r)
                self.last[k] = (p, cpu_of(p))
        if self.cons:
            c = cpu_of(self.cons)
            self.clast = c or getattr(self, "clast", 0)

    def _loop(self):
        while self.run:
            self._sample()
            time.sleep(0.25)

    def stop(self):
        self.run = False
        self.th.join()
        self._sample()
        cpu = {}
        for k, (p, v) in self.last.items():
            b = self.base.get(k, (None, 0))
            cpu[k] = round(v - (b[1] if b[0] == p else 0), 2)
        wall = time.time() - self.t0
        (busy, steal), pg = sys_cpu(), pg_cpu() - self.pg0
        cons = (getattr(self, "clast", 0) - self.c0) if self.cons else 0
        return dict(wall_s=round(wall, 2), cpu_s=cpu, cpu_total_s=round(sum(cpu.values()), 2), pg_cpu_s=round(pg, 2),
                    consumer_cpu_s=round(cons, 2), other_cpu_s=round(busy - self.sys0 - pg - sum(cpu.values()) - cons, 2),
                    steal_s=round(steal - self.st0, 2), rss_peak_mb={k: round(v) for k, v in self.peak.items()},
                    load_start=round(self.load0, 2), load_end=round(os.getloadavg()[0], 2))


QUIET_WAIT = 0


def wait_quiet():
    """The host is shared: wait until the machine has been idle (< 10 % busy) for 3 s, at most QUIET_WAIT s."""
    end = time.time() + QUIET_WAIT
    while time.time() < end:
        a, t = sys_cpu()[0], time.time()
        time.sleep(3)
        if (sys_cpu()[0] - a) / (time.time() - t) / os.cpu_count() < 0.10:
            return


class Consumer:
    def __init__(self, system, expect, latfile=None, idle_s=60, skip=0):
        self.lines, self.first, self.done = [], None, None
        self.p = subprocess.Popen(system.consumer_argv(expect, latfile, idle_s, skip), stdout=subprocess.PIPE, text=True)
        self.ready = threading.Event()
        self.th = threading.Thread(target=self._read, daemon=True)
        self.th.start()
        self.ready.wait(30)

    def _read(self):
        for l in self.p.stdout:
            f = l.split()
            if f[0] == "READY":
                self.ready.set()
            elif f[0] == "FIRST":
                self.first = int(f[1]) / 1e9
            elif f[0] == "P":
                self.lines.append((int(f[1]) / 1e9, int(f[2]), int(f[3])))
            elif f[0] == "DONE":
                self.done = dict(t=int(f[1]) / 1e9, events=int(f[2]), bytes=int(f[3]), kinds=dict(x.split("=") for x in f[4:]))

    def wait(self):
        self.p.wait()
        self.th.join()
        return self.done


def steady(lines, n):
    """events/s between 20 % and 90 % of the events."""
    a = next((l for l in lines if l[1] >= 0.2 * n), None)
    b = next((l for l in lines if l[1] >= 0.9 * n), None)
    return round((b[1] - a[1]) / (b[0] - a[0])) if a and b and b[0] > a[0] else None


def idle_rss(system):
    return {k: round(rss_of(p).get("VmRSS", 0)) for k, p in system.pids().items()}


def drain_result(cons, meter, t0, n, system):
    d = cons.wait()
    m = meter.stop()
    total = d["t"] - t0
    r = dict(events=d["events"], kinds=d["kinds"], complete=d["events"] == n, seconds=round(total, 2), first_event_s=round(cons.first - t0, 2),
             events_per_s_end_to_end=round(d["events"] / total), seconds_after_first=round(d["t"] - cons.first, 2),
             events_per_s_after_first=round(d["events"] / max(d["t"] - cons.first, 1e-6)),
             events_per_s_steady=steady(cons.lines, n), bytes_per_event_wire=round(d["bytes"] / max(d["events"], 1), 1),
             disk_bytes_per_event=round(system.disk_bytes() / max(d["events"], 1), 1), **m)
    time.sleep(5)
    r["rss_after_5s_mb"] = idle_rss(system)
    return r


# -- what PostgreSQL itself can do, storing nothing -------------------------------
def copy_limit(n):
    """COPY of the whole table to /dev/null: rows/s."""
    t = time.time()
    subprocess.run([PGBIN + "/psql", "-X", "-q", "-c", "copy bench to stdout"], check=True, stdout=subprocess.DEVNULL)
    return round(n / (time.time() - t))


def stream_limit_prepare():
    psql("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name like 'bench_limit%'")
    psql("drop publication if exists bench_limit")
    psql("create publication bench_limit for table bench")
    psql("select pg_create_logical_replication_slot('bench_limit', 'pgoutput')")


def stream_limit(n):
    """pg_recvlogical of the same changes to /dev/null: changes/s, as text and with pgoutput's binary option."""
    end, out = psql("select pg_current_wal_lsn()"), {}
    for name, more in (("text", []), ("binary", ["-o", "binary=true"])):
        psql("select pg_copy_logical_replication_slot('bench_limit', 'bench_limit_run')")
        t = time.time()
        subprocess.run([PGBIN + "/pg_recvlogical", "-d", os.environ["PGDATABASE"], "-S", "bench_limit_run", "--start", "--endpos", end, "-f", "/dev/null",
                        "-o", "proto_version=1", "-o", "publication_names=bench_limit", "--no-loop", *more], check=True, stderr=subprocess.DEVNULL)
        out[name] = round(n / (time.time() - t))
        psql("select pg_drop_replication_slot('bench_limit_run')")
    psql("select pg_drop_replication_slot('bench_limit')")
    return out


# -- phases -------------------------------------------------------------------
def prepare(system):
    system.reset(psql)
    psql_script(SCHEMA)


def start_broker(system):
    t = time.time()
    system.start_broker()
    s = round(time.time() - t, 2)
    time.sleep(3)
    return s, idle_rss(system)


def phase_snapshot(system, n):
    prepare(system)
    psql_script(f"""insert into bench(id, name, email, amount, status, payload)
      select g, 'customer ' || g, 'user' || g || '@example.com', (g % 100000) / 7.0, 'new', rpad(md5(g::text), 200, md5((g * 7)::text))
      from generate_series(1, {n}) g; vacuum analyze bench; checkpoint;""")
    bs, idle = start_broker(system)
    cons = Consumer(system, n, idle_s=120 + QUIET_WAIT)
    time.sleep(1)
    wait_quiet()
    limit = copy_limit(n)
    m, t0 = Meter(system, cons.p.pid), time.time()
    system.start_cdc()
    r = drain_result(cons, m, t0, n, system)
    return dict(r, broker_start_s=bs, rss_broker_idle_mb=idle, copy_rows_per_s=limit,
                ratio_to_copy=round(r["events_per_s_end_to_end"] / limit, 2))


def warm_stream(system):
    """One snapshot row (so that Debezium stores an offset) and one streamed row."""
    psql("insert into bench(id, name, payload) values (-1, 'seed', 'seed')")
    bs, idle = start_broker(system)
    c = Consumer(system, 2, idle_s=120)
    t0 = time.time()
    system.start_cdc()
    system.wait_streaming(psql)
    psql("insert into bench(id, name, payload) values (-2, 'seed', 'seed')")
    d = c.wait()
    assert d["events"] == 2, d
    return bs, idle, round(c.first - t0, 2)


def phase_backlog(system, n):
    ins, upd, dele = n // 2, n * 3 // 10, n - n // 2 - n * 3 // 10
    prepare(system)
    bs, idle, first = warm_stream(system)
    time.sleep(2)
    system.stop_cdc()
    stream_limit_prepare()
    t = time.time()
    psql(f"call load_backlog({ins}, {upd}, {dele}, 100)")
    load_s = round(time.time() - t, 1)
    psql("checkpoint")
    cons = Consumer(system, n, idle_s=180 + QUIET_WAIT, skip=2)
    time.sleep(1)
    wait_quiet()
    limit = stream_limit(n)
    m, t0 = Meter(system, cons.p.pid), time.time()
    disk0 = system.disk_bytes()
    system.start_cdc()
    r = drain_result(cons, m, t0, n, system)
    r["disk_bytes_per_event"] = round((system.disk_bytes() - disk0) / n, 1)
    return dict(r, load_s=load_s, load_rows_per_s=round(n / load_s), broker_start_s=bs, recvlogical_per_s=limit,
                ratio_to_recvlogical=round(r["events_per_s_end_to_end"] / limit["text"], 2))


def phase_crash(system, n):
    """Backlog drain with SIGKILL of every reader process in the middle, then a restart: what is lost, what comes twice?"""
    ins, upd, dele = n // 2, n * 3 // 10, n - n // 2 - n * 3 // 10
    prepare(system)
    bs, idle, first = warm_stream(system)
    time.sleep(2)
    system.stop_cdc()
    psql(f"call load_backlog({ins}, {upd}, {dele}, 100)")
    cons = Consumer(system, 20_000_000, idle_s=45, skip=2)
    system.start_cdc()
    while not cons.lines or cons.lines[-1][1] < n * 0.4:
        time.sleep(0.05)
    t0, at = time.time(), cons.lines[-1][1]
    system.kill_cdc()
    system.start_cdc()
    while not (cons.lines and cons.lines[-1][0] > t0 + 2 and cons.lines[-1][1] > at):
        time.sleep(0.05)
        if cons.p.poll() is not None:
            break
    d = cons.wait()
    u = int(d["kinds"]["uniq"])
    return dict(events=d["events"], distinct=u, lost=n - u, duplicates=d["events"] - u, killed_at_event=at, kinds=d["kinds"], complete=u == n)


def pctl(v, q):
    return round(v[min(len(v) - 1, int(q * len(v)))] / 1000, 2)


def phase_live(system, rates, secs):
    prepare(system)
    bs, idle, first = warm_stream(system)
    sql = RUN + "/live.sql"
    open(sql, "w").write(LIVE_SQL)
    lat = RUN + "/lat.bin"
    cons = Consumer(system, 20_000_000, latfile=lat, idle_s=15 + QUIET_WAIT, skip=2)

    def gen(rate, t):
        c0 = os.times()
        o = subprocess.run([PGBIN + "/pgbench", "-n", "-M", "prepared", "-c", "16", "-j", "1", "-R", str(rate), "-T", str(t), "-f", sql],
                           check=True, capture_output=True, text=True).stdout
        c1 = os.times()
        gen.cpu = c1.children_user + c1.children_system - c0.children_user - c0.children_system
        return o

    gen(1000, 10)  # warm-up, not counted
    time.sleep(2)
    wait_quiet()
    m = Meter(system, cons.p.pid)
    time.sleep(10)
    idle_m = m.stop()
    out = []
    for rate in rates:
        wait_quiet()
        a = int(psql("select (extract(epoch from clock_timestamp())*1e6)::bigint"))
        m = Meter(system, cons.p.pid)
        o = gen(rate, secs)
        time.sleep(1)
        mm = m.stop()
        mm.update(loadgen_cpu_s=round(gen.cpu, 2), other_cpu_s=round(mm["other_cpu_s"] - gen.cpu, 2))
        b = int(psql("select (extract(epoch from clock_timestamp())*1e6)::bigint"))
        tps = next((float(l.split()[2]) for l in o.splitlines() if l.startswith("tps")), None)
        commit = next((float(l.split()[3]) for l in o.splitlines() if l.startswith("latency average")), None)
        lag = next((l.split(":")[1].strip() for l in o.splitlines() if "schedule lag" in l), None)
        out.append(dict(rate=rate, a=a, b=b, tps=tps, pgbench_latency_ms=commit, pgbench_lag=lag, **mm))
        time.sleep(2)
    disk = system.disk_bytes()
    time.sleep(5)
    cons.p.terminate()  # a consumer ends on SIGTERM with its DONE line
    d = cons.wait()
    v = array.array("q")
    v.frombytes(open(lat, "rb").read())
    rows = int(psql("select count(*) from bench where id > 0"))
    for o in out:
        l = sorted(v[i + 1] - v[i] for i in range(0, len(v), 2) if o["a"] <= v[i] < o["b"])
        want = int(psql(f"select count(*) from bench where id > 0 and created_at >= to_timestamp({o['a']}/1e6) and created_at < to_timestamp({o['b']}/1e6)"))
        o.update(n=len(l), rows=want, p50_ms=pctl(l, .5), p95_ms=pctl(l, .95), p99_ms=pctl(l, .99), p999_ms=pctl(l, .999), max_ms=pctl(l, 1), min_ms=pctl(l, 0),
                 avg_ms=round(sum(l) / len(l) / 1000, 2))
    return dict(events=d["events"], rows=rows, complete=d["events"] == rows, startup_first_event_s=first, broker_start_s=bs, rss_broker_idle_mb=idle,
                idle=idle_m, rates=out, disk_bytes_per_event=round(disk / max(d["events"], 1), 1), bytes_per_event_wire=round(d["bytes"] / max(d["events"], 1), 1))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("phases", nargs="+", choices=["snapshot", "backlog", "live", "crash"])
    ap.add_argument("--system", default=BASE + "/systems/debezium.py")
    ap.add_argument("--profile", default="default")
    ap.add_argument("--repeat", type=int, default=1)
    ap.add_argument("--n", type=int, default=1_000_000)
    ap.add_argument("--rates", default="1000,5000")
    ap.add_argument("--secs", type=int, default=30)
    ap.add_argument("--tag", default="")
    ap.add_argument("--quiet-wait", type=int, default=0, help="wait up to this many seconds for an idle machine before each measured part")
    a = ap.parse_args()
    global QUIET_WAIT
    QUIET_WAIT = a.quiet_wait
    subprocess.run([BASE + "/start-pg.sh"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    spec = importlib.util.spec_from_file_location("system", a.system)
    mod = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mod)
    system = mod.System(BASE, RUN, a.profile)
    os.makedirs(BASE + "/results", exist_ok=True)
    bad = 0
    for phase in a.phases:
        for i in range(a.repeat):
            t, cal = time.strftime("%F %T"), calibrate()
            try:
                if phase == "live":
                    r = phase_live(system, [int(x) for x in a.rates.split(",")], a.secs)
                else:
                    r = globals()["phase_" + phase](system, a.n)
            finally:
                system.stop()
            r = dict(phase=phase, system=system.name, profile=a.profile, tag=a.tag, at=t, n=a.n, **cal, **r)
            bad |= not r["complete"]
            with open(f"{BASE}/results/{system.name}-{a.profile}.jsonl", "a") as f:
                f.write(json.dumps(r) + "\n")
            print(json.dumps(r, indent=1), flush=True)
    sys.exit(bad)


if __name__ == "__main__":
    main()
