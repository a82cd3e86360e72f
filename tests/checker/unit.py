#!/usr/bin/python3
"""The checker itself: what is right gives no problem, and each wrong is found.  TAP."""
import os
import sys

import msgpack

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "examples", "python")]

import millstream  # noqa: E402
import replay      # noqa: E402

COLUMNS = {1: ["id", "version", "note"], 2: ["txn", "changes"], 3: ["what"]}
TOPICS = {1: "app.public.account", 2: "app.public.ledger", 3: "app.public.keyless"}
NOTHING = msgpack.ExtType(1, b"")


class Log:
    """A right log, a transaction at a time; kept as a list that tests spoil."""

    def __init__(self):
        self.records, self.offsets, self.ordinal = [], {}, 0

    def transaction(self, *changes, marker=0, txn=None):
        self.ordinal += 1
        number = txn if txn is not None else self.ordinal
        if marker == 0:
            changes = [*changes, ("c", 2, [number], None, [number, len(changes) + 1])]
        for index, (op, table, key, before, after) in enumerate(changes):
            mark = marker[index] if marker else 0
            position = bytes([1, mark]) + bytes(4) + (self.ordinal * 100).to_bytes(8, "big") * 2
            self.add(table, key, [ord(op), table, before, after, 0, position, index])
            if op == "d" and key is not None:
                self.add(table, key, None)

    def add(self, table, key, value):
        topic = TOPICS[table]
        offset = self.offsets.get(topic, 0)
        self.offsets[topic] = offset + 1
        self.records.append(millstream.Record(topic, 0, offset, 0, self.ordinal, key, value, None))


def right():
    log = Log()
    log.transaction(("r", 1, [7], None, [7, 4, "seven"]), ("r", 1, [8], None, [8, 1, None]),
                    marker=(1, 5))
    log.transaction(("c", 1, [1], None, [1, 1, "big"]), ("c", 3, None, None, ["twin"]))
    log.transaction(("u", 1, [1], None, [1, 2, NOTHING]), ("c", 3, None, None, ["twin"]))
    log.transaction(("d", 1, [8], [8, NOTHING, NOTHING], None), ("d", 3, None, ["twin"], None))
    log.transaction(("u", 1, [7], None, [7, 5, "sieben"]))
    expected = {
        "public.account": [["1", "2", "big"], ["7", "5", "sieben"]],
        "public.ledger": [["2", "3"], ["3", "3"], ["4", "3"], ["5", "2"]],
        "public.keyless": [["twin"]],
    }
    return log.records, expected


def problems_of(records, expected):
    checked = replay.Replay(COLUMNS.get, "app", ["public.account"])
    for record in records:
        checked.feed(record)
    return checked.check(expected)


def renumbered(records):
    """As if the log had never been otherwise: dense offsets."""
    offsets, out = {}, []
    for record in records:
        offset = offsets.get(record.topic, 0)
        offsets[record.topic] = offset + 1
        out.append(record._replace(offset=offset))
    return out


def change_at(records, n, item, value):
    spoiled = list(records[n].value)
    spoiled[item] = value
    return [*records[:n], records[n]._replace(value=spoiled), *records[n + 1:]]


def without(records, ordinal):
    return renumbered([record for record in records if record.transaction != ordinal])


def last_row_dropped(records, expected):
    return renumbered(records[:-2] + records[-1:]), expected


def transaction_lost(records, expected):
    return without(records, 3), expected


def transaction_twice(records, expected):
    again = [record._replace(transaction=6) for record in records if record.transaction == 5]
    return renumbered(records + again), expected


def two_swapped(records, expected):
    swap = {4: 5, 5: 4}
    moved = [record._replace(transaction=swap.get(record.transaction, record.transaction))
             for record in records]
    return renumbered(sorted(moved, key=lambda record: record.transaction)), expected


def offset_missing(records, expected):
    return [record for n, record in enumerate(records) if n != 2], expected


def null_for_an_absent_value(records, expected):
    n = next(n for n, record in enumerate(records)
             if record.value and record.value[3] == [1, 2, NOTHING])
    return change_at(records, n, 3, [1, 2, None]), expected


def rolled_back_transaction_there(records, expected):
    log = Log()
    log.records, log.ordinal = list(records), 5
    log.offsets = {topic: sum(record.topic == topic for record in records)
                   for topic in TOPICS.values()}
    log.transaction(("c", 3, None, None, ["ghost"]), txn=99)
    return log.records, expected


def snapshot_without_its_end(records, expected):
    n = next(n for n, record in enumerate(records) if record.value and record.value[5][1] == 5)
    return change_at(records, n, 5, bytes([1, 3]) + records[n].value[5][2:]), expected


def row_of_the_snapshot_lost(records, expected):
    return renumbered(records[1:]), expected


def version_skipped(records, expected):
    n = next(n for n, record in enumerate(records)
             if record.value and record.value[3] == [7, 5, "sieben"])
    expected = {**expected, "public.account": [["1", "2", "big"], ["7", "6", "sieben"]]}
    return change_at(records, n, 3, [7, 6, "sieben"]), expected


def commit_position_goes_back(records, expected):
    spoiled = records
    for n, record in enumerate(records):
        if record.transaction == 4 and record.value:
            spoiled = change_at(spoiled, n, 5, record.value[5][:14] + (150).to_bytes(8, "big"))
    return spoiled, expected


SPOILED = [last_row_dropped, transaction_lost, transaction_twice, two_swapped, offset_missing,
           null_for_an_absent_value, rolled_back_transaction_there, snapshot_without_its_end,
           row_of_the_snapshot_lost, version_skipped, commit_position_goes_back]


def main():
    found = problems_of(*right())
    for problem in found:
        print("#", problem)
    print("not ok" if found else "ok", "1 - right_log_has_no_problem")
    for n, spoil in enumerate(SPOILED, 2):
        found = problems_of(*spoil(*right()))
        print("ok" if found else "not ok", n, f"- {spoil.__name__}_is_found")
        print("#", found[0] if found else "nothing was found")
    print(f"1..{len(SPOILED) + 1}")


main()
