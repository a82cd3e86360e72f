#!/usr/bin/python3
"""Print records, one a line: topic, partition, offset, key and value.

    consume.py [-s HOST:PORT] [-o beginning|end|stored|N|-N] [-G GROUP] [-e] [-c COUNT] TOPIC...
"""
import argparse
import itertools
import sys

from millstream import Consumer, MillstreamError


def shown(content):
    if isinstance(content, bytes):
        return content.decode("utf-8", "backslashreplace")
    return "null" if content is None else repr(content)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-s", "--server", default="127.0.0.1:7470")
    parser.add_argument("-o", "--offset", default="beginning")
    parser.add_argument("-G", "--group", help="for -o stored; commits at the end")
    parser.add_argument("-e", "--exit", action="store_true", help="at the end of the log")
    parser.add_argument("-c", "--count", type=int, help="stop after so many")
    parser.add_argument("topics", nargs="+", metavar="TOPIC|PATTERN")
    options = parser.parse_args()
    start = int(options.offset) if options.offset.lstrip("-").isdigit() else options.offset
    consumer = Consumer(options.server, options.topics, start, options.group, options.exit)
    for record in itertools.islice(consumer, options.count):
        print(record.topic, record.partition, record.offset, shown(record.key),
              shown(record.value), sep="\t", flush=True)
    if options.group is not None:
        consumer.commit()


try:
    main()
except MillstreamError as error:
    sys.exit(f"consume.py: {error}")
except (KeyboardInterrupt, BrokenPipeError):
    sys.stderr.close()
