#!/usr/bin/python3
"""Publish the lines of standard input.

    publish.py [-s HOST:PORT] [-K DELIMITER] [-p PARTITION] TOPIC
"""
import argparse
import itertools
import sys

from millstream import MillstreamError, Producer


def main():
    parser = argparse.ArgumentParser(description="Publish the lines of standard input.")
    parser.add_argument("-s", "--server", default="127.0.0.1:7470")
    parser.add_argument("-K", "--key", metavar="DELIMITER", help="what stands before it is the key")
    parser.add_argument("-p", "--partition", type=int)
    parser.add_argument("topic")
    options = parser.parse_args()

    def record(line):
        line = line.rstrip(b"\n")
        if options.key is None:
            return None, line
        key, delimiter, value = line.partition(options.key.encode())
        return (key, value) if delimiter else (None, line)

    producer, count = Producer(options.server), 0
    while True:
        records = [record(line) for line in itertools.islice(sys.stdin.buffer, 1000)]
        if not records:
            break
        producer.publish(options.topic, records, options.partition)
        count += len(records)
    print(f"{count} records are durable in '{options.topic}'", file=sys.stderr)


try:
    main()
except MillstreamError as error:
    sys.exit(f"publish.py: {error}")
except KeyboardInterrupt:
    sys.stderr.close()
