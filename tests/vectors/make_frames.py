#!/usr/bin/python3
"""Writes frames.jsonl and bad_frames.jsonl beside itself: one JSON object a line.

frames.jsonl: frames as they go over the wire, made by another msgpack library than the
one Millstream uses.
    name         of the case
    from         who sends it: "client" or "server"
    frame        the type's name
    flags        [], ["REPLY"] or ["REPLY","ERROR"]
    request_id
    body         the map; bytes are {"hex":"00ff"}, choices not known today are null
    records      PUBLISH alone: [time, key, value, [[header, value], ...]]
    batches      BATCHES alone: records as [offset, time, key, value, headers]; a key or
                 value that is a msgpack array and not bytes is {"msgpack":"9107"}
    decode_only  true: a receiver has to understand it, a sender writes it otherwise
    hex          the whole frame

bad_frames.jsonl: frames that have to be refused.
    name, from, hex
    state        of the connection when it arrives
    verdict      what doc/protocol.md has the receiver do: "refuse" (an error reply, the
                 connection goes on), "refuse_and_close" (an error reply, then close) or
                 "fatal" (the server says GOODBYE; both close)
    error        the error code's name
    text         part of the error's text; other implementations have texts of their own
"""
import json
import os
import struct

import msgpack

HELLO, AUTH, PING, METADATA, OFFSETS, SUBSCRIBE, UNSUBSCRIBE, CREDIT, COMMIT, PUBLISH, \
    SCHEMA, BATCHES, NOTICE, GOODBYE, SEEK, TOPIC_CREATE, TOPIC_CONFIGURE, TOPIC_DELETE, \
    STATUS, COMMITTED, SOURCES, SOURCE_CONTROL, GROUPS, GROUP_INFO, GROUP_REMOVE = range(1, 26)
NAMES = [None, "HELLO", "AUTH", "PING", "METADATA", "OFFSETS", "SUBSCRIBE", "UNSUBSCRIBE",
         "CREDIT", "COMMIT", "PUBLISH", "SCHEMA", "BATCHES", "NOTICE", "GOODBYE", "SEEK",
         "TOPIC_CREATE", "TOPIC_CONFIGURE", "TOPIC_DELETE", "STATUS", "COMMITTED",
         "SOURCES", "SOURCE_CONTROL", "GROUPS", "GROUP_INFO", "GROUP_REMOVE"]
REPLY, ERROR = 1, 2
TIME = 1700000000000000
INSTANCE = bytes(range(16))


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def frame(type, body, request_id=1, flags=0, tail=b""):
    body = (body if isinstance(body, bytes) else pack(body)) + tail
    return struct.pack(">IBBHI", 8 + len(body), type, flags, 0, request_id) + body


# Values as JSON shows them.

def shown(value):
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    return value


def shown_content(value):
    return {"msgpack": pack(value).hex()} if isinstance(value, list) else shown(value)


def shown_headers(headers):
    return None if headers is None else [[name, shown(value)] for name, value in headers]


# Records and batches.

def flat(headers):
    return None if headers is None else [item for header in headers for item in header]


def published(records):
    return b"".join(pack([time, key, value, flat(headers)])
                    for time, key, value, headers in records)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def batch(topic_id, partition, base_offset, append_time, records, ordinal=0, source=0,
          flags=0, magic=0x4d534201):
    payload = b"".join(
        pack([offset - base_offset, time - append_time, 0, key, value, flat(headers)])
        for offset, time, key, value, headers in records)
    sealed = struct.pack(">QIIqQHHI", base_offset, len(records), records[-1][0] - base_offset,
                         append_time, ordinal, source, flags, len(payload)) + payload
    crc = crc32c(sealed + struct.pack(">IIQ", topic_id, partition, base_offset))
    return struct.pack(">II", magic, crc) + sealed


good, bad = [], []


def add(name, sender, type, body, request_id=1, flags=0, tail=b"", as_json=None, decode_only=False,
        **more):
    words = [word for bit, word in ((REPLY, "REPLY"), (ERROR, "ERROR")) if flags & bit]
    line = {"name": name, "from": sender, "frame": NAMES[type], "flags": words,
            "request_id": request_id, "body": shown(body if as_json is None else as_json)}
    line.update(more)
    if decode_only:
        line["decode_only"] = True
    line["hex"] = frame(type, body, request_id, flags, tail).hex()
    good.append(line)


def ask(name, type, body, **more):
    add(name, "client", type, body, **more)


def answer(name, type, body, **more):
    add(name, "server", type, body, flags=REPLY, **more)


def push(name, type, body, **more):
    add(name, "server", type, body, **more)


def publish(name, body, records, **more):
    ask(name, PUBLISH, body, tail=published(records), records=[
        [time, shown(key), shown(value), shown_headers(headers)]
        for time, key, value, headers in records], **more)


def deliver(name, body, batches, request_id):
    """batches: [(base offset, append time, records, more arguments of batch())]"""
    tail = b"".join(batch(body["topic_id"], body["partition"], base, time, records, **how)
                    for base, time, records, how in batches)
    body = dict(body, bytes=len(tail))
    push(name, BATCHES, body, request_id=request_id, tail=tail, batches=[
        {"base_offset": base, "append_time_us": append_time,
         "records": [[offset, time, shown_content(key), shown_content(value),
                      shown_headers(headers)] for offset, time, key, value, headers in records]}
        for base, append_time, records, how in batches])


def refuse(name, sender, state, data, verdict, error, text):
    bad.append({"name": name, "from": sender, "state": state, "verdict": verdict,
                "error": error, "text": text, "hex": data.hex()})


def make_example():
    """The conversation at the end of doc/protocol.md."""
    ask("example_hello", HELLO, {"version": 1, "client": "me"})
    answer("example_hello_reply", HELLO, {
        "version": 1, "server": "millstream 0.1", "instance": INSTANCE,
        "max_frame_bytes": 1048576, "heartbeat_ms": 10000, "auth": False})
    publish("example_publish", {"topic": "t", "partition": 0, "producer": 9, "count": 1},
            [[0, b"k", b"hi", None]], request_id=2)
    answer("example_publish_reply", PUBLISH, {"ranges": [[0, 0, 1]]}, request_id=2)
    ask("example_subscribe", SUBSCRIBE, {"topics": ["t"], "credit": 1048576}, request_id=3)
    answer("example_subscribe_reply", SUBSCRIBE, {"partitions": [["t", 1, 0, 0, 1]]},
           request_id=3)
    deliver("example_batches", {"topic_id": 1, "partition": 0, "visible_end": 1}, [
        (0, TIME, [[0, TIME, b"k", b"hi", None]], {})], 3)
    ask("example_credit", CREDIT, {"subscription": 3, "bytes": 60}, request_id=4)


def make_good():
    ask("hello", HELLO, {"version": 1, "client": "example/1.0"})
    ask("hello_without_name", HELLO, {"version": 1})
    answer("hello_reply", HELLO, {
        "version": 1, "server": "millstream 0.1", "instance": INSTANCE,
        "max_frame_bytes": 1048576, "heartbeat_ms": 10000, "auth": False})
    answer("hello_reply_that_wants_a_login", HELLO, {
        "version": 1, "server": "millstream 0.1", "instance": b"\xff" * 16,
        "max_frame_bytes": 67108864, "heartbeat_ms": 1, "auth": True})
    add("hello_refused_version", "server", HELLO, {
        "code": 18, "error": "version 9 is not spoken here", "retryable": False,
        "version_min": 1, "version_max": 1}, flags=REPLY | ERROR)

    ask("auth", AUTH, {"mechanism": "SCRAM-SHA-256", "data": b"n,,n=user,r=abc"}, request_id=2)
    ask("auth_without_data", AUTH, {"mechanism": "EXTERNAL"}, request_id=2)
    answer("auth_reply_that_asks_on", AUTH, {"data": b"r=abc", "done": False}, request_id=2)
    answer("auth_reply_done", AUTH, {"done": True}, request_id=3)

    ask("ping", PING, {}, request_id=7)
    push("ping_from_the_server", PING, {}, request_id=4294967295)
    answer("ping_reply", PING, {}, request_id=7)
    add("ping_reply_from_the_client", "client", PING, {}, request_id=4294967295, flags=REPLY)

    ask("metadata_of_all", METADATA, {})
    ask("metadata_of_some", METADATA, {"topics": ["orders", "myapp.*"], "after": "myapp.public.t"})
    ask("metadata_that_creates", METADATA, {"topics": ["orders"], "create": True})
    answer("metadata_reply", METADATA, {"topics": [
        {"name": "myapp.public.users", "id": 3, "owner": "myapp", "created_us": TIME,
         "config": {"retention.ms": "604800000", "cleanup.policy": "delete"},
         "set": ["cleanup.policy"], "partitions": [[0, 10, 2048], [5, 5, 0]]},
        {"name": "orders", "id": 4, "created_us": TIME + 1, "config": {}, "set": [],
         "partitions": [[0, 0, 0]]}], "next": "orders"})
    answer("metadata_reply_without_topics", METADATA, {"topics": []})

    ask("offsets_at_a_time", OFFSETS, {"topic": "orders", "partition": 2, "time_us": TIME})
    ask("offsets_at_the_end", OFFSETS, {"topic": "orders", "partition": 0})
    ask("offsets_before_1970", OFFSETS, {"topic": "orders", "partition": 0, "time_us": -1})
    answer("offsets_reply", OFFSETS, {"offset": 42, "log_start": 7, "visible_end": 99})

    ask("subscribe_plainly", SUBSCRIBE, {"topics": ["orders"], "credit": 1048576}, request_id=10)
    ask("subscribe_from_the_end", SUBSCRIBE, {
        "topics": ["*"], "start": "end", "credit": 0}, request_id=10)
    ask("subscribe_to_the_last_ten", SUBSCRIBE, {
        "topics": ["orders"], "start": "offset", "offset": -10, "partitions": [0, 3],
        "credit": 65536}, request_id=10)
    ask("subscribe_from_a_time", SUBSCRIBE, {
        "topics": ["orders", "myapp.*"], "start": "time", "time_us": TIME, "credit": 65536},
        request_id=10)
    ask("subscribe_with_a_group", SUBSCRIBE, {
        "topics": ["myapp.*"], "start": "stored", "group": "audit", "credit": 1073741824},
        request_id=10)
    ask("subscribe_again", SUBSCRIBE, {
        "topics": ["orders"], "credit": 1048576,
        "positions": [["orders", 0, 18446744073709551615], ["orders", 1, 0]]}, request_id=11)
    ask("subscribe_to_resume", SUBSCRIBE, {
        "topics": ["orders", "deleted"], "credit": 1048576,
        "places": [[4, 0, 18446744073709551615], [4, 1, 0]], "resume": True}, request_id=11)
    answer("subscribe_reply", SUBSCRIBE, {"partitions": [
        ["orders", 4, 0, 0, 100], ["orders", 4, 1, 50, 50]]}, request_id=10)
    answer("subscribe_reply_of_nothing_yet", SUBSCRIBE, {"partitions": []}, request_id=10)

    ask("unsubscribe", UNSUBSCRIBE, {"subscription": 10}, request_id=12)
    answer("unsubscribe_reply", UNSUBSCRIBE, {}, request_id=12)
    ask("credit", CREDIT, {"subscription": 10, "bytes": 262144}, request_id=13)
    ask("credit_of_one_byte", CREDIT, {"subscription": 4294967295, "bytes": 1}, request_id=13)
    ask("seek", SEEK, {"subscription": 10, "positions": [[4, 0, 70], [4, 1, 0]]}, request_id=14)
    answer("seek_reply", SEEK, {}, request_id=14)

    deliver("batches_of_one_record", {"topic_id": 4, "partition": 0, "visible_end": 1}, [
        (0, TIME, [[0, TIME, None, b"hello", None]], {})], 10)
    deliver("batches_of_all_kinds", {"topic_id": 4, "partition": 1, "visible_end": 200}, [
        (100, TIME, [[100, TIME - 5, b"k1", b"one", None],
                     [101, TIME, b"k2", None, None],
                     [102, TIME + 1, None, b"", [["trace", b"\x00\xff"], ["empty", None]]]], {}),
        (103, TIME + 10, [[103, TIME + 10, b"", b"x" * 300, []]], {})], 10)
    deliver("batches_with_holes_and_changes", {"topic_id": 3, "partition": 0, "visible_end": 9}, [
        (5, TIME, [[5, TIME, [7], [99, 1, None, [7, "x"], TIME, b"\x01", 0], None],
                   [8, TIME, [8], None, None]], {"ordinal": 41, "source": 2, "flags": 8})], 10)

    push("notice_partition_added", NOTICE, {
        "kind": "partition_added", "topic": "myapp.public.new", "topic_id": 9, "partition": 0,
        "start_offset": 0, "end_offset": 0}, request_id=10)
    push("notice_topic_deleted", NOTICE, {
        "kind": "topic_deleted", "topic": "orders", "topic_id": 4, "partition": 0,
        "start_offset": 0, "end_offset": 0}, request_id=10)
    push("notice_out_of_range", NOTICE, {
        "kind": "out_of_range", "topic": "orders", "topic_id": 4, "partition": 1,
        "start_offset": 50, "end_offset": 80, "text": "retention has deleted what was not read"},
        request_id=10)
    push("notice_damaged", NOTICE, {
        "kind": "damaged", "topic": "orders", "topic_id": 4, "partition": 1,
        "start_offset": 64, "end_offset": 72, "text": "checksum"}, request_id=10)
    push("notice_caught_up", NOTICE, {
        "kind": "caught_up", "topic": "orders", "topic_id": 4, "partition": 1,
        "start_offset": 100, "end_offset": 100}, request_id=10)
    push("notice_refused", NOTICE, {
        "kind": "refused", "topic": "more", "topic_id": 77, "partition": 3,
        "start_offset": 0, "end_offset": 5, "text": "16384 partitions are the most"}, request_id=10)
    unknown = {"kind": "to_come", "topic": "orders", "topic_id": 4, "partition": 1,
               "start_offset": 0, "end_offset": 0}
    push("notice_of_a_kind_to_come", NOTICE, unknown, request_id=10,
         as_json=dict(unknown, kind=None), decode_only=True)

    ask("commit", COMMIT, {"group": "audit", "offsets": [
        ["orders", 0, 100, None], ["orders", 1, 0, "by hand \u00fc"]]}, request_id=15)
    answer("commit_reply", COMMIT, {}, request_id=15)
    ask("committed", COMMITTED, {"group": "audit"}, request_id=16)
    ask("committed_next_page", COMMITTED, {"group": "audit", "after": b"\x00\x00\x00\x04"},
        request_id=16)
    answer("committed_reply", COMMITTED, {"offsets": [
        ["orders", 0, 100, None, TIME], ["orders", 1, 0, "by hand", TIME + 1]],
        "next": b"\x00\x00\x00\x04"}, request_id=16)
    answer("committed_reply_of_nothing", COMMITTED, {"offsets": []}, request_id=16)

    publish("publish_one", {"topic": "orders", "count": 1}, [[0, None, b"hello", None]],
            request_id=20)
    publish("publish_with_everything", {
        "topic": "orders", "partition": 2, "producer": 0x1122334455667788, "sequence": 40,
        "count": 4}, [
        [0, b"k1", b"one", None],
        [TIME, b"k2", None, None],
        [-100, None, b"?", [["trace", b"\x00\xff"], ["empty", None]]],
        [1, b"", b"", []]], request_id=21)
    publish("publish_first_of_a_producer", {
        "topic": "orders", "partition": 0, "producer": 18446744073709551615, "count": 1},
        [[0, None, b"v" * 300, None]], request_id=22)
    answer("publish_reply", PUBLISH, {"ranges": [[2, 1000, 4]]}, request_id=21)
    answer("publish_reply_over_partitions", PUBLISH, {"ranges": [[0, 7, 1], [1, 9, 2], [0, 8, 1]]},
           request_id=20)
    answer("publish_reply_duplicate", PUBLISH, {"ranges": [[2, 1000, 4]], "duplicate": True},
           request_id=21)
    answer("publish_reply_old_duplicate", PUBLISH, {"ranges": [], "duplicate": True},
           request_id=21)
    add("publish_refused", "server", PUBLISH, {
        "code": 8, "error": "topic 'orders': not found", "retryable": False},
        request_id=20, flags=REPLY | ERROR)
    add("publish_refused_for_now", "server", PUBLISH, {
        "code": 14, "error": "the queue is full", "retryable": True},
        request_id=20, flags=REPLY | ERROR)

    ask("schema", SCHEMA, {"id": 12}, request_id=30)
    answer("schema_reply", SCHEMA, {"id": 12, "schema": bytes.fromhex("9601")}, request_id=30)

    ask("topic_create", TOPIC_CREATE, {"name": "orders", "partitions": 4,
                                       "config": {"retention.ms": "-1"}}, request_id=31)
    ask("topic_create_plainly", TOPIC_CREATE, {"name": "a"}, request_id=31)
    answer("topic_create_reply", TOPIC_CREATE, {"id": 4}, request_id=31)
    ask("topic_configure", TOPIC_CONFIGURE, {
        "name": "orders", "set": {"retention.ms": "3600000", "retention.bytes": ""},
        "unset": ["max.message.bytes"]}, request_id=32)
    answer("topic_configure_reply", TOPIC_CONFIGURE, {}, request_id=32)
    ask("topic_delete", TOPIC_DELETE, {"name": "o" * 249}, request_id=33)
    answer("topic_delete_reply", TOPIC_DELETE, {}, request_id=33)

    ask("status", STATUS, {}, request_id=34)
    answer("status_reply", STATUS, {
        "version": "0.1.0", "instance": INSTANCE, "uptime_ms": 86400000, "state": "ready",
        "warnings": ["source myapp: 3 retries"], "connections": 3, "subscriptions": 2,
        "topics": 5, "partitions": 20, "private_bytes": 12582912, "received_count": 1000,
        "sent_bytes": 65536,
        "disk": {"log_bytes": 1000000, "file_bytes": 1048576, "quota_bytes": 0,
                 "free_bytes": 18446744073709551615, "full": False},
        "appender": {"queued_count": 0, "queued_bytes": 0, "commit_count": 10,
                     "record_count": 1000, "written_bytes": 300000},
        "sources": [
            {"name": "myapp", "state": "STREAMING", "position": "0/16B3748", "lag_us": 1500},
            {"name": "other", "state": "FAILED", "reason": "slot \"s\" is gone"},
            {"name": "third", "state": "snapshot", "snapshot_table": "public.users",
             "snapshot_rows_done": 1000, "snapshot_rows_estimated": 4000,
             "snapshot_left_us": 3000000}]},
        request_id=34)

    ask("sources", SOURCES, {}, request_id=35)
    ask("sources_of_one_name", SOURCES, {"name": "myapp"}, request_id=35)
    ask("sources_next_page", SOURCES, {"after": "myapp"}, request_id=35)
    answer("sources_reply", SOURCES, {"sources": [
        {"name": "myapp", "configured": True, "connector": "postgresql", "topic_prefix": "myapp",
         "endpoint": "me@db:5432/shop", "slot": "millstream_myapp",
         "publication": "millstream_myapp", "state": "streaming", "retries": 0,
         "position": "0/16B3748", "behind_bytes": 0, "source_time_us": TIME, "lag_us": 1500,
         "transaction_count": 3, "record_count": 12},
        {"name": "new", "configured": True, "connector": "postgresql", "topic_prefix": "n",
         "endpoint": "me@db:5432/new", "slot": "s", "publication": "p", "state": "snapshot",
         "retries": 0, "transaction_count": 0, "record_count": 70000,
         "snapshot_table": "public.users", "snapshot_tables_done": 1, "snapshot_tables_total": 3,
         "snapshot_rows_done": 70000, "snapshot_rows_estimated": 140000,
         "snapshot_left_us": 60000000},
        {"name": "off", "configured": True, "connector": "scripted", "topic_prefix": "off",
         "state": "retrying", "reason": "connection refused", "retries": 4,
         "retry_in_us": 4800000, "transaction_count": 0, "record_count": 0},
        {"name": "old", "configured": False, "state": "stopped", "retries": 0,
         "transaction_count": 0, "record_count": 0}], "next": "old"}, request_id=35)
    answer("sources_reply_of_nothing", SOURCES, {"sources": []}, request_id=35)
    ask("source_pause", SOURCE_CONTROL, {"name": "myapp", "action": "pause"}, request_id=36)
    ask("source_resume", SOURCE_CONTROL, {"name": "myapp", "action": "resume"}, request_id=36)
    ask("source_restart", SOURCE_CONTROL, {"name": "myapp", "action": "restart"}, request_id=36)
    ask("source_reset", SOURCE_CONTROL, {"name": "myapp", "action": "reset"}, request_id=36)
    ask("source_remove", SOURCE_CONTROL, {"name": "myapp", "action": "remove"}, request_id=36)
    ask("source_remove_and_drop", SOURCE_CONTROL, {
        "name": "myapp", "action": "remove", "drop": True}, request_id=36)
    answer("source_control_reply", SOURCE_CONTROL, {}, request_id=36)
    add("source_remove_refused", "server", SOURCE_CONTROL, {
        "code": 8, "error": "there is no source 'myapp'", "retryable": False},
        request_id=36, flags=REPLY | ERROR)

    ask("groups", GROUPS, {}, request_id=37)
    ask("groups_next_page", GROUPS, {"after": bytes(512)}, request_id=37)
    answer("groups_reply", GROUPS, {"groups": [
        {"name": "billing", "members": 2, "partitions": 4, "lag": 70000, "committed_us": TIME},
        {"name": "search", "members": 1, "partitions": 0, "lag": 0}], "next": b"\1search"},
        request_id=37)
    answer("groups_reply_of_nothing", GROUPS, {"groups": []}, request_id=37)
    ask("group_info", GROUP_INFO, {"name": "billing"}, request_id=38)
    ask("group_info_next_page", GROUP_INFO, {"name": "b" * 249, "after": b"\0"}, request_id=38)
    answer("group_info_reply_of_members", GROUP_INFO, {"members": [
        {"id": 4, "client": "billing/2.1", "address": "127.0.0.1:40312", "partitions": 3},
        {"id": 1 << 40, "address": "[::1]:40313", "partitions": 2}], "partitions": [],
        "next": b"\2\0\0"}, request_id=38)
    answer("group_info_reply_of_partitions", GROUP_INFO, {"members": [], "partitions": [
        ["orders", 0, 88120, 88000, TIME, 1, [4]],
        ["orders", 1, 18446744073709551615, 0, TIME, 17, list(range(16))],
        ["orders", 2, 5, None, None, 1, [1 << 40]],
        ["paid", 1023, 9, 9, TIME, 0, []]]}, request_id=38)
    ask("group_remove", GROUP_REMOVE, {"name": "billing"}, request_id=39)
    answer("group_remove_reply", GROUP_REMOVE, {}, request_id=39)
    add("group_remove_refused", "server", GROUP_REMOVE, {
        "code": 7, "error": "group 'billing' has 2 members", "retryable": False},
        request_id=39, flags=REPLY | ERROR)

    push("goodbye", GOODBYE, {"code": 24, "error": "the server is stopping", "retryable": True},
         request_id=0)
    push("goodbye_for_a_reason_to_come", GOODBYE, {
        "code": 4000000000, "error": "\u2603", "retryable": False}, request_id=0)

    # Other ways to write the same.
    both = {"version": 1, "x": [1, {"y": None}], "client": "c", "z": b"\x00"}
    ask("unknown_keys_are_skipped", HELLO, both,
        as_json={"version": 1, "client": "c"}, decode_only=True)
    ask("order_is_free", CREDIT, {"bytes": 5, "subscription": 1},
        as_json={"subscription": 1, "bytes": 5}, decode_only=True)
    ask("nil_is_absent", OFFSETS, {"topic": "a", "partition": 0, "time_us": None},
        as_json={"topic": "a", "partition": 0}, decode_only=True)
    ask("numbers_may_be_long", UNSUBSCRIBE,
        bytes.fromhex("df00000001" "d90c737562736372697074696f6e" "cf000000000000000a"),
        as_json={"subscription": 10}, decode_only=True)
    ask("a_positive_number_may_be_a_signed_one", UNSUBSCRIBE,
        bytes.fromhex("81" "ac737562736372697074696f6e" "d3000000000000000a"),
        as_json={"subscription": 10}, decode_only=True)
    ask("tuples_may_grow", SEEK, {"subscription": 1, "positions": [[4, 0, 70, "more", None]]},
        as_json={"subscription": 1, "positions": [[4, 0, 70]]}, decode_only=True)
    answer("replies_may_grow", PING, {"load": 3}, as_json={}, decode_only=True)


def make_bad():
    ping = frame(PING, {})
    hello = frame(HELLO, {"version": 1})

    def header(**what):
        """A PING with one part of its header wrong."""
        length, type, flags, zero, id = 9, PING, 0, 0, 1
        return struct.pack(">IBBHI", what.get("length", length), what.get("type", type),
                           what.get("flags", flags), what.get("zero", zero),
                           what.get("id", id)) + b"\x80"

    # Framing: the stream is lost.
    refuse("length_of_7", "client", "READY", header(length=7), "fatal", "MALFORMED",
           "a frame of 7 bytes")
    refuse("length_of_0", "client", "CONNECTED", header(length=0), "fatal", "MALFORMED",
           "a frame of 0 bytes")
    refuse("length_over_the_limit", "client", "READY", header(length=1048577), "fatal", "LIMIT",
           "1048576 are allowed")
    refuse("length_over_the_limit_before_login", "client", "CONNECTED", header(length=4097),
           "fatal", "LIMIT", "4096 are allowed")
    refuse("length_of_4_gib", "server", "READY", header(length=0xffffffff), "fatal", "LIMIT",
           "4294967295")
    refuse("an_http_request", "client", "CONNECTED", b"GET / HTTP/1.1\r\n", "fatal", "LIMIT",
           "1195725856")
    refuse("unknown_flag", "client", "READY", header(flags=4), "fatal", "MALFORMED", "flags 0x04")
    refuse("error_flag_without_reply", "server", "READY", header(flags=2), "fatal", "MALFORMED",
           "flags 0x02")
    refuse("reserved_not_zero", "client", "READY", header(zero=1), "fatal", "MALFORMED",
           "where zero belongs")
    refuse("request_id_0", "client", "READY", header(id=0), "fatal", "MALFORMED", "request id 0")
    refuse("push_with_request_id_0", "server", "READY",
           frame(NOTICE, {}, request_id=0), "fatal", "MALFORMED", "request id 0")

    # Not allowed here.
    refuse("ping_before_hello", "client", "CONNECTED", ping, "fatal", "UNEXPECTED", "PING")
    refuse("publish_before_login", "client", "GREETED", frame(PUBLISH, {}), "fatal", "UNEXPECTED",
           "PUBLISH")
    refuse("hello_twice", "client", "READY", hello, "fatal", "UNEXPECTED", "HELLO")
    refuse("hello_while_login_is_wanted", "client", "GREETED", hello, "fatal", "UNEXPECTED",
           "HELLO")
    refuse("auth_before_hello", "client", "CONNECTED", frame(AUTH, {"mechanism": "X"}), "fatal",
           "UNEXPECTED", "AUTH")
    refuse("batches_from_a_client", "client", "READY", frame(BATCHES, {}), "fatal", "UNEXPECTED",
           "BATCHES")
    refuse("goodbye_from_a_client", "client", "READY", frame(GOODBYE, {}), "fatal", "UNEXPECTED",
           "GOODBYE")
    refuse("reply_from_a_client", "client", "READY", frame(STATUS, {}, flags=REPLY), "fatal",
           "UNEXPECTED", "STATUS reply")
    refuse("request_from_a_server", "server", "READY", frame(STATUS, {}), "fatal", "UNEXPECTED",
           "STATUS")
    refuse("batches_before_login", "server", "GREETED", frame(BATCHES, {}), "fatal", "UNEXPECTED",
           "BATCHES")
    refuse("credit_reply", "server", "READY", frame(CREDIT, {}, flags=REPLY), "fatal",
           "UNEXPECTED", "CREDIT reply")
    refuse("ping_behind_goodbye", "server", "CLOSING", ping, "fatal", "UNEXPECTED", "CLOSING")
    refuse("unknown_type", "client", "READY", frame(99, {}), "refuse", "UNSUPPORTED", "99")
    refuse("unknown_type_before_login", "client", "CONNECTED", frame(99, {}), "fatal",
           "UNEXPECTED", "99")
    refuse("unknown_type_from_the_server", "server", "READY", frame(99, {}), "fatal",
           "UNEXPECTED", "99")
    refuse("type_0", "client", "READY", frame(0, {}), "refuse", "UNSUPPORTED", "0")
    refuse("large_ping", "client", "READY", frame(PING, {"x": b"\0" * 5000}), "refuse", "LIMIT",
           "4088 are allowed")

    # Bodies that are no map.
    refuse("no_body", "client", "READY", frame(UNSUBSCRIBE, b""), "refuse", "MALFORMED",
           "cut short")
    refuse("body_is_an_array", "client", "READY", frame(PING, []), "refuse", "MALFORMED",
           "array where map")
    refuse("body_is_nil", "client", "CONNECTED", frame(HELLO, None), "refuse_and_close",
           "MALFORMED", "nil where map")
    refuse("bytes_behind_the_map", "client", "READY", frame(PING, b"\x80\x00"), "refuse",
           "MALFORMED", "1 bytes behind")
    refuse("key_is_a_number", "client", "READY", frame(PING, {1: 2}), "refuse", "MALFORMED",
           "a key")
    refuse("map_of_4_gib", "client", "READY", frame(PING, b"\xdf\xff\xff\xff\xff"), "refuse",
           "MALFORMED", "8589934590 items")
    refuse("array_of_4_gib_in_an_unknown_key", "client", "READY",
           frame(PING, b"\x81\xa0\xdd\xff\xff\xff\xff"), "refuse", "MALFORMED", "an unknown key")
    refuse("text_of_4_gib", "client", "READY",
           frame(TOPIC_DELETE, b"\x81\xa4name\xdb\xff\xff\xff\xff"), "refuse", "MALFORMED",
           "cut short")
    refuse("byte_that_msgpack_never_uses", "client", "READY", frame(PING, b"\x81\xa0\xc1"),
           "refuse", "MALFORMED", "0xc1")
    refuse("nested_too_deep", "client", "READY",
           frame(PING, b"\x81\xa0" + b"\x91" * 33 + b"\xc0"), "refuse", "LIMIT",
           "nested more than 32 deep")
    refuse("too_many_keys", "client", "READY",
           frame(PING, {str(n): None for n in range(65)}), "refuse", "LIMIT",
           "a map of 65 keys, 64 are allowed")
    refuse("key_twice", "client", "READY",
           frame(TOPIC_DELETE, b"\x82\xa4name\xa1a\xa4name\xa1b"), "refuse", "MALFORMED",
           "'name' stands there twice")

    # Each request without what it has to have, and with it in another type.
    def required(name, type, body, state="READY", sender="client", flags=0):
        verdict = "fatal" if sender == "server" else \
            "refuse" if state == "READY" else "refuse_and_close"
        for key in body:
            less = {k: v for k, v in body.items() if k != key}
            refuse(f"{name}_without_{key}", sender, state, frame(type, less, flags=flags), verdict,
                   "MALFORMED", f"'{key}' is missing")
            refuse(f"{name}_with_another_{key}", sender, state,
                   frame(type, dict(body, **{key: 1.5}), flags=flags), verdict, "MALFORMED",
                   f"'{key}'")
            refuse(f"{name}_with_nil_{key}", sender, state,
                   frame(type, dict(body, **{key: None}), flags=flags), verdict, "MALFORMED",
                   f"'{key}'")
    required("hello", HELLO, {"version": 1}, "CONNECTED")
    required("auth", AUTH, {"mechanism": "X"}, "GREETED")
    required("offsets", OFFSETS, {"topic": "a", "partition": 0})
    required("subscribe", SUBSCRIBE, {"topics": ["a"], "credit": 1})
    required("unsubscribe", UNSUBSCRIBE, {"subscription": 1})
    required("credit", CREDIT, {"subscription": 1, "bytes": 1})
    required("commit", COMMIT, {"group": "g", "offsets": [["a", 0, 0, None]]})
    required("publish", PUBLISH, {"topic": "a", "count": 1})
    required("schema", SCHEMA, {"id": 1})
    required("seek", SEEK, {"subscription": 1, "positions": [[1, 0, 0]]})
    required("topic_create", TOPIC_CREATE, {"name": "a"})
    required("topic_configure", TOPIC_CONFIGURE, {"name": "a"})
    required("topic_delete", TOPIC_DELETE, {"name": "a"})
    required("committed", COMMITTED, {"group": "g"})
    required("source_control", SOURCE_CONTROL, {"name": "a", "action": "pause"})
    required("group_info", GROUP_INFO, {"name": "g"})
    required("group_remove", GROUP_REMOVE, {"name": "g"})
    required("hello_reply", HELLO, {
        "version": 1, "server": "s", "instance": INSTANCE, "max_frame_bytes": 1048576,
        "heartbeat_ms": 10000, "auth": False}, "CONNECTED", "server", REPLY)
    required("auth_reply", AUTH, {"done": True}, "GREETED", "server", REPLY)
    required("metadata_reply", METADATA, {"topics": []}, "READY", "server", REPLY)
    required("offsets_reply", OFFSETS, {"offset": 1, "log_start": 0, "visible_end": 1}, "READY",
             "server", REPLY)
    required("subscribe_reply", SUBSCRIBE, {"partitions": []}, "READY", "server", REPLY)
    required("publish_reply", PUBLISH, {"ranges": []}, "READY", "server", REPLY)
    required("sources_reply", SOURCES, {"sources": []}, "READY", "server", REPLY)
    required("groups_reply", GROUPS, {"groups": []}, "READY", "server", REPLY)
    required("group_info_reply", GROUP_INFO, {"members": [], "partitions": []}, "READY", "server",
             REPLY)
    required("notice", NOTICE, {"kind": "caught_up", "topic": "a", "topic_id": 1, "partition": 0,
                                "start_offset": 0, "end_offset": 0}, "READY", "server")
    required("goodbye", GOODBYE, {"code": 1, "error": "x", "retryable": False}, "READY", "server")
    required("error_reply", SEEK, {"code": 1, "error": "x", "retryable": False}, "READY", "server",
             REPLY | ERROR)

    # Values that are too large, too small, or made of the wrong characters.
    def value(name, type, body, error, text):
        refuse(name, "client", "READY", frame(type, body), "refuse", error, text)
    value("empty_topic_name", TOPIC_DELETE, {"name": ""}, "INVALID", "empty")
    value("topic_name_of_250", TOPIC_DELETE, {"name": "a" * 250}, "INVALID", "249 are allowed")
    value("topic_name_with_a_slash", TOPIC_DELETE, {"name": "a/b"}, "INVALID", "0x2f")
    value("topic_name_with_a_star", TOPIC_DELETE, {"name": "a*"}, "INVALID", "no '*'")
    value("topic_name_with_a_zero_byte", TOPIC_DELETE, {"name": "a\0b"}, "INVALID", "0x00")
    value("pattern_of_nine_stars", METADATA, {"topics": ["*" * 9]}, "INVALID",
          "'topics': item 0: a topic pattern has 9 stars")
    value("257_patterns", METADATA, {"topics": ["a"] * 257}, "LIMIT", "257 items, 256 are allowed")
    value("no_pattern", SUBSCRIBE, {"topics": [], "credit": 1}, "INVALID", "0 items, 1 is the least")
    value("topic_is_no_text", SUBSCRIBE, {"topics": [b"a"], "credit": 1}, "MALFORMED",
          "'topics': item 0")
    value("unknown_start", SUBSCRIBE, {"topics": ["a"], "credit": 1, "start": "middle"},
          "UNSUPPORTED", "'start'")
    value("stored_without_group", SUBSCRIBE, {"topics": ["a"], "credit": 1, "start": "stored"},
          "INVALID", "needs a 'group'")
    value("too_much_credit_at_once", SUBSCRIBE, {"topics": ["a"], "credit": 1073741825}, "LIMIT",
          "'credit': 1073741825")
    value("offset_beyond_64_bits_with_sign", SUBSCRIBE, {
        "topics": ["a"], "credit": 1, "start": "offset", "offset": 1 << 63}, "MALFORMED",
        "'offset'")
    value("1025_partitions", SUBSCRIBE, {
        "topics": ["a"], "credit": 1, "partitions": [0] * 1025}, "LIMIT", "1025 items")
    value("negative_partition", OFFSETS, {"topic": "a", "partition": -1}, "MALFORMED",
          "'partition'")
    value("partition_of_33_bits", OFFSETS, {"topic": "a", "partition": 1 << 32}, "LIMIT",
          "'partition': 4294967296")
    value("position_of_two", SUBSCRIBE, {"topics": ["a"], "credit": 1, "positions": [["a", 0]]},
          "MALFORMED", "item 0: an array of 2 items, 3 belong there")
    value("credit_of_nothing", CREDIT, {"subscription": 1, "bytes": 0}, "INVALID", "1 is the least")
    value("seek_nowhere", SEEK, {"subscription": 1, "positions": []}, "INVALID", "0 items")
    value("commit_of_nothing", COMMIT, {"group": "g", "offsets": []}, "INVALID", "0 items")
    value("commit_for_nobody", COMMIT, {"group": "", "offsets": [["a", 0, 0, None]]}, "INVALID",
          "'group'")
    value("commit_with_much_to_say", COMMIT, {
        "group": "g", "offsets": [["a", 0, 0, "x" * 4097]]}, "LIMIT", "'metadata': 4097 bytes")
    value("commit_without_offset", COMMIT, {"group": "g", "offsets": [["a", 0, None, None]]},
          "MALFORMED", "item 0: 'offset'")
    value("metadata_that_is_no_utf8", COMMIT, b"\x82\xa5group\xa1g\xa7offsets\x91\x94\xa1a\0\0\xa1\xff",
          "MALFORMED", "not UTF-8")
    value("committed_page_of_65_bytes", COMMITTED, {"group": "g", "after": b"\0" * 65}, "LIMIT",
          "'after': 65 bytes")
    value("groups_page_of_513_bytes", GROUPS, {"after": b"\0" * 513}, "LIMIT", "'after': 513 bytes")
    value("group_info_page_of_65_bytes", GROUP_INFO, {"name": "g", "after": b"\0" * 65}, "LIMIT",
          "'after': 65 bytes")
    value("group_info_of_all", GROUP_INFO, {"name": "*"}, "INVALID", "no '*'")
    value("group_remove_of_nobody", GROUP_REMOVE, {"name": ""}, "INVALID", "'name'")
    value("1025_partitions_to_create", TOPIC_CREATE, {"name": "a", "partitions": 1025}, "LIMIT",
          "'partitions': 1025")
    value("65_options", TOPIC_CREATE, {"name": "a", "config": {f"o{n}": "" for n in range(65)}},
          "LIMIT", "65 items")
    value("option_without_a_name", TOPIC_CONFIGURE, {"name": "a", "set": {"": "x"}}, "INVALID",
          "'set': item 0: 'name'")
    value("option_that_is_a_number", TOPIC_CONFIGURE, {"name": "a", "set": {"retention.ms": 5}},
          "MALFORMED", "'set': item 0: 'value'")
    value("unset_without_a_name", TOPIC_CONFIGURE, {"name": "a", "unset": [""]}, "INVALID",
          "'unset': item 0")
    value("source_with_a_slash", SOURCES, {"name": "a/b"}, "INVALID", "0x2f")
    value("unknown_source_action", SOURCE_CONTROL, {"name": "a", "action": "explode"},
          "UNSUPPORTED", "'action'")
    value("drop_without_remove", SOURCE_CONTROL, {"name": "a", "action": "pause", "drop": True},
          "INVALID", "'drop'")
    refuse("client_name_of_256", "client", "CONNECTED",
           frame(HELLO, {"version": 1, "client": "c" * 256}), "refuse_and_close", "LIMIT",
           "'client': 256 bytes")
    refuse("login_of_2049", "client", "GREETED",
           frame(AUTH, {"mechanism": "X", "data": b"\0" * 2049}), "refuse_and_close", "LIMIT",
           "'data': 2049 bytes")
    refuse("instance_of_15", "server", "CONNECTED", frame(HELLO, {
        "version": 1, "server": "s", "instance": b"\0" * 15, "max_frame_bytes": 1048576,
        "heartbeat_ms": 10000, "auth": False}, flags=REPLY), "fatal", "INVALID", "'instance'")
    refuse("heartbeat_of_0", "server", "CONNECTED", frame(HELLO, {
        "version": 1, "server": "s", "instance": b"\0" * 16, "max_frame_bytes": 1048576,
        "heartbeat_ms": 0, "auth": False}, flags=REPLY), "fatal", "INVALID", "'heartbeat_ms'")

    # Published records.
    def records(name, tail, error, text, **head):
        refuse(name, "client", "READY",
               frame(PUBLISH, dict({"topic": "a", "count": 1}, **head), tail=tail), "refuse", error,
               text)
    one = published([[0, None, b"v", None]])
    records("producer_without_partition", one, "INVALID", "'partition'", producer=1)
    records("no_record", one, "INVALID", "'count': 0", count=0)
    records("65537_records", one, "LIMIT", "'count': 65537", count=65537)
    records("fewer_records", one, "MALFORMED", "record 1", count=2)
    records("more_records", one * 2, "MALFORMED", "behind 1 records")
    records("record_of_three", pack([0, None, None]), "MALFORMED", "3 items, 4 belong")
    records("record_of_five", pack([0, None, None, None, None]), "MALFORMED", "5 items, 4 belong")
    records("record_without_time", pack([None, None, None, None]), "MALFORMED", "record 0: time")
    records("key_is_text", pack([0, "k", None, None]), "MALFORMED", "key is nil or bin")
    records("key_is_an_array", pack([0, [7], None, None]), "MALFORMED", "key is nil or bin")
    records("value_is_an_array", pack([0, None, [99, 1], None]), "MALFORMED", "value is nil or bin")
    records("headers_are_odd", pack([0, None, None, ["h"]]), "MALFORMED", "headers")
    records("headers_are_a_map", pack([0, None, None, {"h": b""}]), "MALFORMED", "headers")
    records("header_is_text", pack([0, None, None, ["h", "v"]]), "MALFORMED", "headers")
    records("header_name_is_bytes", pack([0, None, None, [b"h", b"v"]]), "MALFORMED", "headers")
    records("record_cut_short", one[:-1], "MALFORMED", "record 0")

    # Batches, as a client must not believe them.
    def batches(name, tail, error, text, said=None):
        refuse(name, "server", "READY",
               frame(BATCHES, {"topic_id": 4, "partition": 1, "visible_end": 9,
                               "bytes": len(tail) if said is None else said}, tail=tail),
               "fatal", error, text)
    sound = batch(4, 1, 5, TIME, [[5, TIME, None, b"v", None]])
    batches("batches_fewer_than_said", sound, "MALFORMED", "were announced", said=len(sound) + 1)
    batches("batches_more_than_said", sound, "MALFORMED", "were announced", said=len(sound) - 1)
    batches("batch_cut_short", sound[:-1], "MALFORMED", "batch")
    batches("batch_without_payload", sound[:47] + b"\0", "MALFORMED", "0 bytes of payload")
    batches("batch_with_a_flipped_bit", sound[:-2] + b"w" + sound[-1:], "CORRUPT", "checksum")
    batches("batch_of_another_partition", batch(4, 2, 5, TIME, [[5, TIME, None, b"v", None]]),
            "CORRUPT", "checksum")
    batches("batch_of_a_format_to_come",
            batch(4, 1, 5, TIME, [[5, TIME, None, b"v", None]], magic=0x4d534202),
            "FORMAT_VERSION", "format 2")
    batches("batch_with_a_codec_to_come",
            batch(4, 1, 5, TIME, [[5, TIME, None, b"v", None]], flags=1), "UNSUPPORTED", "codec")
    payload = pack([1, 0, 0, None, b"v", None])
    sealed = struct.pack(">QIIqQHHI", 5, 1, 0, TIME, 0, 0, 0, len(payload)) + payload
    lying = struct.pack(">II", 0x4d534201, crc32c(sealed + struct.pack(">IIQ", 4, 1, 5))) + sealed
    batches("batch_whose_offsets_lie", lying, "MALFORMED", "offset 6 is not between")
    batches("no_batch_at_all", b"", "INVALID", "'bytes'")


def write(file_name, lines):
    names = [line["name"] for line in lines]
    assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]
    path = os.path.join(os.environ.get("VECTORS_DIRECTORY", os.path.dirname(__file__)), file_name)
    with open(path, "w", encoding="utf-8") as file:
        for line in lines:
            json.dump(line, file, ensure_ascii=False, separators=(",", ":"))
            file.write("\n")


make_example()
make_good()
make_bad()
write("frames.jsonl", good)
write("bad_frames.jsonl", bad)
