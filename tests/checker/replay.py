"""Replays what the log holds of a source, and checks it: each transaction once, whole, in
the order of its commits; and all of it together equal to the rows that the source has.

Knows nothing of the broker but its protocol (the client in examples/python), and nothing of
the database but what the workload promises:

- each committed transaction has one row in the table `ledger`: (txn, changes), its own number
  and how many changes it made, the one in the ledger included;
- a table whose key is `id` and that has a column `version` counts it up with each update.

A problem is a line of text; a log without problems gives none.
"""
import collections
import datetime
import struct

import msgpack

UNAVAILABLE, SPECIAL = 1, 2
SPECIALS = {1: "Infinity", 2: "-Infinity", 3: "NaN"}
SNAPSHOT_NO, SNAPSHOT_FIRST, SNAPSHOT_LAST = 0, 1, 5
PROBLEMS_MAX = 20


class Absent:
    """A value that the source did not send: it is as it was."""

    def __repr__(self):
        return "absent"


ABSENT = Absent()

Position = collections.namedtuple("Position", "marker xid lsn commit_end_lsn")
Change = collections.namedtuple(
    "Change", "topic partition offset ordinal op schema_id before after position index key")


def position_of(data):
    kind, marker, xid, lsn, end = struct.unpack(">BBIQQ", data)
    if kind != 1:
        raise ValueError(f"a position of kind {kind}")
    return Position(marker, xid, lsn, end)


def value_of(value):
    """A value as text that can be compared with what the source says of it."""
    if isinstance(value, msgpack.ExtType):
        if value.code == UNAVAILABLE:
            return ABSENT
        return SPECIALS.get(value.data[0]) or value.data[1:].decode()
    if value is None or isinstance(value, list):
        return value if value is None else [value_of(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def row_of(values):
    return None if values is None else [value_of(value) for value in values]


def change_of(record):
    op, schema_id, before, after, _, position, index = record.value[:7]
    return Change(record.topic, record.partition, record.offset, record.transaction, chr(op),
                  schema_id, row_of(before), row_of(after), position_of(position), index,
                  None if record.key is None else tuple(row_of(record.key)))


class Table:
    """The rows of one table, by key; without one, how often each row is there."""

    def __init__(self):
        self.rows = {}
        self.bag = collections.Counter()

    def all(self):
        rows = [tuple(map(repr, row)) for row in self.rows.values()]
        return collections.Counter(rows) + collections.Counter(
            {tuple(map(repr, row)): count for row, count in self.bag.items()})


def hashable(row):
    return tuple(tuple(item) if isinstance(item, list) else item for item in row)


class Replay:
    """Feed it every record, then ask.  columns(schema_id) names a schema's columns."""

    def __init__(self, columns, prefix, version_tables=()):
        self.columns, self.prefix = columns, prefix
        self.version_tables = set(version_tables)
        self.changes = []
        self.next_offsets = {}
        self.problems = []
        self.record_count = self.tombstone_count = 0

    def problem(self, text):
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(text)
        elif len(self.problems) == PROBLEMS_MAX:
            self.problems.append("… and more")

    def feed(self, record):
        self.record_count += 1
        at = record.topic, record.partition
        wanted = self.next_offsets.get(at, 0)
        if record.offset != wanted:
            self.problem(f"{record.topic}/{record.partition}: offset {record.offset} follows "
                         f"{wanted - 1}")
        self.next_offsets[at] = record.offset + 1
        if record.value is None:
            self.tombstone_count += 1
        else:
            self.changes.append(change_of(record))

    def table_of(self, change):
        return change.topic[len(self.prefix) + 1:]

    def transactions(self):
        """By ordinal, the changes of each in the order that they were made."""
        found = collections.defaultdict(list)
        for change in self.changes:
            found[change.ordinal].append(change)
        return [(ordinal, sorted(found[ordinal], key=lambda change: change.index))
                for ordinal in sorted(found)]

    def check(self, expected):
        """expected: table -> the rows it has at the source, lists of texts.  -> problems"""
        transactions = self.transactions()
        self.check_partition_order()
        self.check_transactions(transactions, expected.get("public.ledger"))
        self.check_snapshot()
        self.check_rows(transactions, expected)
        return self.problems

    def check_partition_order(self):
        last = {}
        for change in self.changes:
            at = change.topic, change.partition
            now = change.ordinal, change.index
            if at in last and now <= last[at]:
                self.problem(f"{change.topic}/{change.partition} offset {change.offset}: change "
                             f"{now} stands behind {last[at]}")
            last[at] = now

    def check_transactions(self, transactions, ledger):
        seen = collections.Counter()
        last_end = 0
        for ordinal, changes in transactions:
            if any(change.position.marker != SNAPSHOT_NO for change in changes):
                for change in changes:
                    if self.table_of(change) == "public.ledger" and change.op == "r":
                        seen[change.after[0]] = 1       # a snapshot begun anew tells it again
                continue
            indexes = [change.index for change in changes]
            if indexes != list(range(len(changes))):
                self.problem(f"transaction {ordinal}: its changes are numbered {indexes[:20]}")
            ends = {change.position.commit_end_lsn for change in changes}
            if len(ends) != 1 or min(ends) <= last_end:
                self.problem(f"transaction {ordinal}: it ends at {sorted(ends)}, the one before "
                             f"at {last_end}")
            last_end = max(ends)
            entries = [change.after for change in changes
                       if self.table_of(change) == "public.ledger" and change.op == "c"]
            if len(entries) != 1:
                self.problem(f"transaction {ordinal}: it has {len(entries)} rows in the ledger")
                continue
            txn, count = entries[0][:2]
            seen[txn] += 1
            if int(count) != len(changes):
                self.problem(f"transaction {ordinal} (ledger {txn}): {len(changes)} of {count} "
                             f"changes are there")
        if ledger is None:
            return
        wanted = {row[0] for row in ledger}
        for txn in sorted(wanted - set(seen), key=int)[:PROBLEMS_MAX]:
            self.problem(f"the transaction with number {txn} in the ledger is missing")
        for txn in sorted(set(seen) - wanted, key=int)[:PROBLEMS_MAX]:
            self.problem(f"the transaction with number {txn} in the ledger was never committed")
        for txn, times in seen.items():
            if times > 1:
                self.problem(f"the transaction with number {txn} in the ledger is there {times} times")

    def check_snapshot(self):
        """Between a first row and the next first there is at most one last, and the newest
        snapshot is whole."""
        markers = [(change.ordinal, change.index, change.position.marker) for change in self.changes
                   if change.position.marker in (SNAPSHOT_FIRST, SNAPSHOT_LAST)]
        markers.sort()
        if markers and markers[-1][2] != SNAPSHOT_LAST:
            self.problem("the newest snapshot has no last row: it is not whole")

    def check_rows(self, transactions, expected):
        tables = collections.defaultdict(Table)
        for ordinal, changes in transactions:
            for change in changes:
                self.apply(tables[self.table_of(change)], change)
        for name, rows in expected.items():
            wanted = collections.Counter(tuple(map(repr, row)) for row in rows)
            found = tables[name].all()
            for row in list((wanted - found).elements())[:3]:
                self.problem(f"table {name}: the source has {short(row)}, the replay has not")
            for row in list((found - wanted).elements())[:3]:
                self.problem(f"table {name}: the replay has {short(row)}, the source has not")
        for name in tables:
            if name not in expected:
                self.problem(f"table {name} is in the log, and not among those expected")

    def apply(self, table, change):
        where = f"{change.topic}/{change.partition} offset {change.offset}"
        if change.op == "t":
            table.rows.clear()
            table.bag.clear()
        elif change.key is None:
            self.apply_keyless(table, change, where)
        elif change.op == "d":
            if table.rows.pop(change.key, None) is None:
                self.problem(f"{where}: deletes {change.key}, which is not there")
        else:
            old = table.rows.get(change.key)
            if change.op == "c" and old is not None:
                self.problem(f"{where}: creates {change.key}, which is there")
            elif change.op == "u" and old is None:
                self.problem(f"{where}: updates {change.key}, which is not there")
            new = [old[n] if value is ABSENT and old is not None and n < len(old) else value
                   for n, value in enumerate(change.after)]
            self.check_version(change, old, new, where)
            table.rows[change.key] = new

    def check_version(self, change, old, new, where):
        if change.op != "u" or old is None or self.table_of(change) not in self.version_tables:
            return
        n = self.columns(change.schema_id).index("version")
        if int(new[n]) != int(old[n]) + 1:
            self.problem(f"{where}: version {new[n]} of {change.key} follows {old[n]}")

    def apply_keyless(self, table, change, where):
        if change.op in ("u", "d"):
            before = hashable(change.before)
            if table.bag[before] == 0:
                self.problem(f"{where}: {change.op} of a row that is not there: {short(before)}")
            else:
                table.bag[before] -= 1
        if change.op != "d":
            table.bag[hashable(change.after)] += 1


def short(row):
    text = ", ".join(str(item) for item in row)
    return f"({text})" if len(text) < 200 else f"({text[:200]}…)"


def microseconds(text):
    """'2024-01-02 03:04:05.678+00' as the log has it."""
    at = datetime.datetime.fromisoformat(text)
    return str(int((at - datetime.datetime(1970, 1, 1, tzinfo=at.tzinfo)).total_seconds() * 10**6))
