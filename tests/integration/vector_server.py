"""A server that says what tests/vectors/ has: HELLO, and of SOURCES two pages, of METADATA nothing.

Prints its address, serves one connection after the other, and ends with its stdin.
"""
import json
import os
import select
import socket
import struct
import sys

VECTORS = os.path.join(os.environ.get("top_srcdir", "."), "tests", "vectors", "frames.jsonl")
with open(VECTORS, encoding="utf-8") as lines:
    FRAMES = {line["name"]: bytes.fromhex(line["hex"]) for line in map(json.loads, lines)}


def answer(frame, kinds):
    """The reply of a name, with the request's id."""
    kind, request_id = frame[4], struct.unpack(">I", frame[8:12])[0]
    if kind == 1:
        name = "hello_reply"
    elif kind == 21:
        kinds.append(b"after" in frame)
        name = "sources_reply_of_nothing" if kinds[-1] else "sources_reply"
    else:
        name = "metadata_reply_without_topics"
    reply = FRAMES[name]
    return reply[:8] + struct.pack(">I", request_id) + reply[12:]


def serve(connection):
    data, kinds = b"", []
    while True:
        ready, _, _ = select.select([connection, sys.stdin], [], [])
        if sys.stdin in ready:
            sys.exit(0)
        piece = connection.recv(65536)
        if not piece:
            return
        data += piece
        while len(data) >= 4 and len(data) >= 4 + struct.unpack(">I", data[:4])[0]:
            size = 4 + struct.unpack(">I", data[:4])[0]
            connection.sendall(answer(data[:size], kinds))
            data = data[size:]


listener = socket.create_server(("127.0.0.1", 0))
print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while listener in select.select([listener, sys.stdin], [], [])[0]:
    with listener.accept()[0] as client:
        serve(client)
