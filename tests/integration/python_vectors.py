"""Holds examples/python/millstream.py against tests/vectors/.  Writes TAP."""
import json
import os
import struct
import subprocess
import sys
import tempfile

top = os.environ.get("top_srcdir", ".")
sys.path.insert(0, os.path.join(top, "examples", "python"))
sys.dont_write_bytecode = True
import millstream  # noqa: E402


def lines(name):
    with open(os.path.join(top, "tests", "vectors", name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def real(value):
    """JSON's {"hex": …} as bytes."""
    if isinstance(value, dict):
        if list(value) == ["hex"]:
            return bytes.fromhex(value["hex"])
        if list(value) == ["msgpack"]:
            return millstream.msgpack.unpackb(bytes.fromhex(value["msgpack"]), raw=False)
        return {key: real(item) for key, item in value.items()}
    if isinstance(value, list):
        return [real(item) for item in value]
    return value


def flags_of(vector):
    return sum({"REPLY": 1, "ERROR": 2}[flag] for flag in vector["flags"])


def receive(data, state):
    """As a client reads its socket."""
    connection = millstream.Connection.__new__(millstream.Connection)
    connection.state, connection.buffer = state, bytearray(data)
    connection.close = lambda: None
    frame = connection.take_frame()
    if frame is None:
        raise AssertionError("the frame is not whole")
    if frame.name == "BATCHES":
        frame.batches = list(millstream.read_batches(
            frame.tail, frame.body["topic_id"], frame.body["partition"]))
    return frame


def state_for(vector):
    return {"HELLO": "CONNECTED", "AUTH": "GREETED"}.get(vector["frame"], "READY")


def has(body, expected):
    """Is all there that was expected?  What is unknown there may be, too."""
    if isinstance(expected, dict):
        return isinstance(body, dict) and all(
            item is None or has(body.get(key), item) for key, item in expected.items())
    if isinstance(expected, list):
        return isinstance(body, list) and len(body) >= len(expected) and all(
            has(one, other) for one, other in zip(body, expected))
    return type(body) is type(expected) and body == expected


def check_sent(vector):
    tail = b"".join(millstream.encode_record(key, value, headers, time)
                    for time, key, value, headers in real(vector.get("records", [])))
    sent = millstream.encode_frame(vector["frame"], real(vector["body"]), vector["request_id"],
                                   flags_of(vector), tail)
    assert sent.hex() == vector["hex"], sent.hex()


def check_received(vector):
    frame = receive(bytes.fromhex(vector["hex"]), state_for(vector))
    assert (frame.name, frame.flags, frame.request_id) == \
        (vector["frame"], flags_of(vector), vector["request_id"])
    assert has(frame.body, real(vector["body"])), frame.body
    for got, expected in zip(getattr(frame, "batches", []), real(vector.get("batches", []))):
        base, append_time, _, records = got
        assert [base, append_time] == [expected["base_offset"], expected["append_time_us"]]
        assert [[r.offset, r.time_us, r.key, r.value,
                 None if r.headers is None else [list(pair) for pair in r.headers]]
                for r in records] == expected["records"], records


def check_refused(vector):
    data = bytes.fromhex(vector["hex"])
    try:
        receive(data, vector["state"])
    except millstream.MillstreamError as error:
        # What cannot be read it may call by another name than C does.
        assert error.code == vector["error"] or error.code == "MALFORMED", error
        return
    raise AssertionError("it was taken")


def check_cut(vector):
    """Every length that is shorter and says so."""
    data = bytes.fromhex(vector["hex"])
    for cut in range(12, len(data)):
        try:
            receive(struct.pack(">I", cut - 4) + data[4:cut], state_for(vector))
        except millstream.MillstreamError as error:
            assert error.code == "MALFORMED", (cut, error)
        else:
            raise AssertionError(f"cut to {cut} bytes it was taken")


def check_partition(line):
    words = line.split()
    key = b"" if words[0] == "-" else bytes.fromhex(words[0])
    assert millstream.murmur2(key) == int(words[1], 16), words[0]


def check_made(name):
    """The files are what make_frames.py writes."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, os.path.join(top, "tests", "vectors", "make_frames.py")],
                       env=dict(os.environ, VECTORS_DIRECTORY=directory), check=True)
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            assert [json.loads(line) for line in file] == lines(name), "run make_frames.py"


good, bad = lines("frames.jsonl"), lines("bad_frames.jsonl")
with open(os.path.join(top, "tests", "vectors", "partitioner.txt"), encoding="ascii") as file:
    keys = [line for line in file if not line.startswith("#")]
tests = [
    ("frames of a client are sent as the vectors have them", check_sent,
     [v for v in good if v["from"] == "client" and not v.get("decode_only")]),
    ("frames of a server are read as the vectors have them", check_received,
     [v for v in good if v["from"] == "server"]),
    ("bad frames of a server are refused", check_refused,
     [v for v in bad if v["from"] == "server"]),
    ("frames of a server that were cut are refused", check_cut,
     [v for v in good if v["from"] == "server"]),
    ("keys fall into their partitions", check_partition, keys),
    ("the vectors are what their script makes", check_made, ["frames.jsonl", "bad_frames.jsonl"]),
]
failed = False
for number, (name, check, vectors) in enumerate(tests, 1):
    wrong = 0 if vectors else 1
    for vector in vectors:
        try:
            check(vector)
        except Exception as error:  # any: that is a failure
            wrong += 1
            print(f"# {vector['name'] if isinstance(vector, dict) else vector}: {error!r}")
    print(f"{'not ok' if wrong else 'ok'} {number} - {name} ({len(vectors)})")
    failed = failed or wrong > 0
print(f"1..{len(tests)}")
sys.exit(failed)
