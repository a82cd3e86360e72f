#!/usr/bin/python3
"""Writes the vectors: make_vectors.py RECORDED > vectors.txt

RECORDED holds what Debezium 3.6 wrote while the statements of tables.py ran, one connector a set of options: one
JSON object a line, {"topic", "key", "value", "headers"}, keys and values in hex, the topic's first part
"v3" and the connector's name.  Times, LSNs and transaction ids are set to fixed ones here.

vectors.txt: a word and its text a line, # begins a comment.

    schema NAME ID        a schema version, then
    hex ...               its encoded form
    change NAME SCHEMA TOPIC    (SCHEMA "-": it has none), then
    key HEX               or -
    value HEX             or - (a tombstone)
    expect FORMAT PROPERTY=VALUE|...    of the change above, then
    key TEXT              or - (there is none)
    value TEXT            or "dropped"
    debezium TEXT         what Debezium wrote instead, and
    why TEXT              why Millstream does not
"""
import base64
import copy
import json
import re
import struct
import sys

import msgpack

import tables as T

TYPES = dict(bool=1, int16=2, int32=3, int64=4, uint64=5, float32=6, float64=7, decimal=8, string=9,
             bytes=10, date=11, time=12, timetz=13, timestamp=14, timestamptz=15, interval=16, uuid=17,
             json=18, xml=19, enum=20, set=21, bit=22, array=23, point=24, geometry=25, inet=26, oid=27,
             bson=28, text=29)
TIME_US = 1700000000123456              # of the record
SOURCE_US = 1699999999654321
XID, LSN, COMMIT_LSN = 777, 33000256, 33000512
MARKERS = ["false", "first", "first_in_data_collection", "true", "last_in_data_collection", "last"]
UNAVAILABLE = msgpack.ExtType(1, b"")
SPECIAL = {"Infinity": b"\x01", "infinity": b"\x01", "-Infinity": b"\x02", "-infinity": b"\x02", "NaN": b"\x03"}

CONNECTORS = {
    "plain": "", "schema": "",
    "m1": "decimal.handling.mode=double|time.precision.mode=adaptive_time_microseconds|"
          "binary.handling.mode=base64|interval.handling.mode=string",
    "m2": "decimal.handling.mode=string|time.precision.mode=connect|binary.handling.mode=base64-url-safe|"
          "unavailable.value.placeholder=gone away",
    "m3": "time.precision.mode=isostring|binary.handling.mode=hex|interval.handling.mode=string",
    "m4": "time.precision.mode=microseconds",
    "m5": "time.precision.mode=nanoseconds",
    "f1": "",
    "f2": "delete.tombstone.handling.mode=drop|add.fields=op,table,lsn,source.ts_ms,ts_ms,source.snapshot,"
          "db:base,transaction.id,source.version",
    "f3": "delete.tombstone.handling.mode=rewrite|add.fields=op,source.ts_us",
    "f4": "delete.tombstone.handling.mode=rewrite-with-tombstone|add.fields=op,source.name|add.fields.prefix=x_",
    "f5": "delete.tombstone.handling.mode=delete-to-tombstone",
    "f6": "add.fields=ts_ns,source.sequence",
}

# ---- Values as capture encodes them ----


def days(year, month, day):
    y = year - (month <= 2)
    m = month - 3 if month > 2 else month + 9
    return y * 365 + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 1 - 719468


def read_date(text):
    year, month, day = text.replace(" BC", "").split("-")
    return days(1 - int(year) if text.endswith("BC") else int(year), int(month), int(day))


def read_time(text):
    h, m, s = text.split(":")
    whole, _, fraction = s.partition(".")
    return ((int(h) * 60 + int(m)) * 60 + int(whole)) * 1000000 + int((fraction + "000000")[:6])


def read_timestamp(text):
    is_bc = text.endswith(" BC")
    date, time = text.replace(" BC", "").split(" ")
    return read_date(date + (" BC" if is_bc else "")) * 86400000000 + read_time(time)


def read_zone(text):
    parts = [int(p) for p in text[1:].split(":")] + [0, 0]
    return (parts[0] * 3600 + parts[1] * 60 + parts[2]) * (-1 if text[0] == "-" else 1)


def read_interval(text):
    parts = [0, 0, 0]
    is_time = False
    for sign, number, fraction, unit, t in re.findall(r"(-?)(\d+)(?:\.(\d+))?([YMDHS])|(T)", text):
        if t:
            is_time = True
            continue
        n = int(number) * (-1 if sign else 1)
        if unit == "S":
            us = int(number) * 1000000 + int(((fraction or "") + "000000")[:6])
            parts[2] += -us if sign else us
        else:
            index, factor = {"Y": (0, 12), "M": (2, 60000000) if is_time else (0, 1), "D": (1, 1),
                             "H": (2, 3600000000)}[unit]
            parts[index] += n * factor
    return parts


def float32(text):
    return struct.unpack(">f", struct.pack(">f", float(text)))[0]


class Float32(float):
    pass


def value(text, type):
    if text is None:
        return None
    if text == T.U:
        return UNAVAILABLE
    if isinstance(text, list):
        return [value(item, type) for item in text]
    if text in SPECIAL and type in ("float32", "float64", "decimal", "date", "timestamp", "timestamptz"):
        return msgpack.ExtType(2, SPECIAL[text])
    if type == "bool":
        return text == "t"
    if type in ("int16", "int32", "int64", "oid"):
        return int(text)
    if type == "float32":
        return Float32(float32(text))
    if type == "float64":
        return float(text)
    if type == "bytes":
        return bytes.fromhex(text[2:])
    if type == "uuid":
        return bytes.fromhex(text.replace("-", ""))
    if type == "date":
        return read_date(text)
    if type == "time":
        return read_time(text)
    if type == "timetz":
        at = max(text.rfind("+"), text.rfind("-"))
        return [read_time(text[:at]), read_zone(text[at:])]
    if type in ("timestamp", "timestamptz"):
        us = read_timestamp(text.replace("+00", ""))
        return us if us < 2 ** 63 else msgpack.ExtType(2, b"\x04" + text.encode())
    if type == "interval":
        return read_interval(text)
    if type == "point":
        return [float(n) for n in text[1:-1].split(",")]
    if type == "xml":       # as xml_out prints it
        return re.sub(r'^<\?xml version="1.0"\?>', "", text)
    if type == "decimal" and "e" in text:
        digits, exponent = text.split("e")
        exponent = int(exponent)
        sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
        return sign + (digits + "0" * exponent if exponent >= 0 else "0." + "0" * (-exponent - 1) + digits)
    return text


def cell(text, column):
    v = value(text, column["element"] or column["type"])
    if isinstance(v, str) and column["native"] == "character" and text != T.U:
        return v.ljust(column["length"])
    if isinstance(v, list) and column["native"] == "character[]":
        return [i and i.ljust(column["length"]) for i in v]
    if column["native"] == "money" and isinstance(v, str):
        return re.sub(r"^(-?)", r"\1$", re.sub(r"(?<=\d)(?=(\d{3})+\.)", ",", v))
    if column["native"] == "money[]" and isinstance(v, list):
        return ["$" + i for i in v]
    return v


def pack(item):
    if isinstance(item, Float32):
        return b"\xca" + struct.pack(">f", item)
    if isinstance(item, (list, tuple)) and not isinstance(item, msgpack.ExtType):
        head = msgpack.Packer().pack_array_header(len(item))
        return head + b"".join(pack(i) for i in item)
    return msgpack.packb(item, use_bin_type=True)


# ---- Schemas and changes ----

def keys_of(table):
    columns = T.TABLES[table]
    return T.KEYS.get(table) or [c["name"] for c in columns if c["key"]]


def schema(table):
    columns = []
    for c in T.TABLES[table]:
        keys = keys_of(table)
        columns.append([c["name"], TYPES[c["type"]], TYPES[c["element"]] if c["element"] else 0, c["native"],
                        c["length"], c["scale"], 1 if c["optional"] and c["name"] not in keys else 0,
                        keys.index(c["name"]) + 1 if c["name"] in keys else 0,
                        c["default"], list(c["labels"]) if c["labels"] else None])
    return pack([1, "shop", "bench", "public", table, columns])


def row(table, texts):
    return [cell(t, c) for t, c in zip(texts, T.TABLES[table])]


def key(table, texts):
    names = keys_of(table)
    columns = {c["name"]: cell(t, c) for t, c in zip(texts, T.TABLES[table])}
    return [columns[n] for n in names] if names else None


def change(op, schema_id, before, after, marker):
    position = struct.pack(">BBIQQ", 1, MARKERS.index(marker), XID, LSN, COMMIT_LSN)
    return pack([ord(op), schema_id, before, after, SOURCE_US, position, 0])


def events():
    """What each table's topic holds, in order: (op, before, after); op None: a tombstone."""
    out = {}
    for table, texts in T.SNAPSHOT:
        out.setdefault(table, []).append(("r", None, texts))
    for step in T.STREAM:
        if step[0] == "message":
            out.setdefault("message", []).append(("m", step[1], step[2]))
            continue
        kind, table, before, after = step
        topic = out.setdefault(table, [])
        if kind == "move":
            gone = [before[0]] + [T.U] * (len(before) - 1)
            topic += [("d", gone, None), (None, gone, None), ("c", None, [after] + before[1:])]
        else:
            topic.append((kind, before, after))
            if kind == "d":
                topic.append((None, before, None))
    return out


# ---- What Debezium wrote ----

class Raw(str):
    """A number as it was written."""


def load(text):
    return json.loads(text, parse_float=Raw)


def quoted(text):
    out = '"'
    for c in text:
        short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
        if c in short:
            out += short[c]
        elif ord(c) < 0x20:
            out += "\\u%04X" % ord(c)
        elif ord(c) > 0xffff:
            pair = c.encode("utf-16-be").hex().upper()
            out += "\\u" + pair[:4] + "\\u" + pair[4:]
        else:
            out += c
    return out + '"'


def dump(item):
    if isinstance(item, Raw):
        return str(item)
    if isinstance(item, str):
        return quoted(item)
    if isinstance(item, dict):
        return "{" + ",".join(quoted(k) + ":" + dump(v) for k, v in item.items()) + "}"
    if isinstance(item, list):
        return "[" + ",".join(dump(v) for v in item) + "]"
    return json.dumps(item)


def fix_times(item, marker):
    """Times, positions and names as the change above has them."""
    source = item.get("source")
    if source:
        source.update(name="shop", ts_ms=SOURCE_US // 1000, ts_us=SOURCE_US, ts_ns=SOURCE_US * 1000,
                      txId=XID, lsn=LSN, snapshot=marker,
                      sequence='["%d","%d"]' % (COMMIT_LSN, LSN) if marker == "false" else '[null,"%d"]' % LSN)
        item["ts_ms"] = TIME_US // 1000
        if "ts_us" in item:
            item.update(ts_us=TIME_US, ts_ns=TIME_US * 1000)
        return
    sequence = '["%d","%d"]' % (COMMIT_LSN, LSN) if marker == "false" else '[null,"%d"]' % LSN
    for name, fixed in (("__lsn", LSN), ("__source_ts_ms", SOURCE_US // 1000), ("__ts_ms", TIME_US // 1000),
                        ("__source_ts_us", SOURCE_US), ("x_source_name", "shop"), ("__ts_ns", TIME_US * 1000),
                        ("__source_sequence", sequence)):
        if name in item:
            item[name] = fixed
    if "__source_snapshot" in item and marker != "false":
        item["__source_snapshot"] = marker


def rename(item):
    """Topics as names of schemas."""
    if isinstance(item, dict):
        return {k: rename(v) for k, v in item.items()}
    if isinstance(item, list):
        return [rename(v) for v in item]
    if isinstance(item, str) and not isinstance(item, Raw):
        return re.sub(r"^v3[a-z0-9]+\.", "shop.", item)
    return item


# ---- Where Millstream differs ----

PLACEHOLDER = "__debezium_unavailable_value"


def base64_text(data, url_safe=False):
    return (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()


def unscaled(number):
    size = 1
    while not -(1 << (8 * size - 1)) <= number < 1 << (8 * size - 1):
        size += 1
    return base64_text(number.to_bytes(size, "big", signed=True))


def patches(table, event, connector, before, after):
    """(row's name, column, right value, why), for what differs of a row."""
    op, old, new = event
    columns = T.TABLES[table]
    if before is not None and old is not None:
        for c, t in zip(columns, old):
            if t == T.U and before.get(c["name"]) is not None:
                yield "before", c["name"], None, "a column that the source did not send is null, not an invented value"
    if after is None:
        return
    given = dict(zip((c["name"] for c in columns), new))
    if table == "defaults":
        for c, t in zip(columns, new):
            if t is None and after.get(c["name"]) is not None:
                yield "after", c["name"], None, "null is null, not the column's default"
    if table == "texts" and op == "c" and given["n"] is not None:
        yield "after", "n", given["n"], "a streamed name is not lost"
    if table == "numbers" and given["rough"] is not None:
        exact = int(given["rough"])
        right = Raw({"m1": dump_double(exact), "m2": quoted(given["rough"])}.get(connector, quoted(unscaled(exact // 100))))
        yield "after", "rough", right, "a negative scale is one"
    if table == "numbers" and given["id"] == "3":
        yield "after", "f4", Raw("1.1754944E-38"), "the fewest digits, as Java 19 and later"
    if table == "arrays" and given["id"] == "1":
        right = {"m2": None, "m3": ["13:05:00.000001Z"], "m5": [47100000001000]}.get(connector, [47100000001])
        if right:
            yield "after", "times", right, "times in arrays keep their microseconds"
    if table == "far":
        if given["d"] in ("infinity", "-infinity"):
            number = 2147483647 if given["d"] == "infinity" else -2147483648
            yield "after", "d", given["d"] if connector == "m3" else number, "an infinite date is no overflow"
            if connector == "m3":
                yield "after", "ts", given["ts"], "an infinite timestamp has a name"
        if given["id"] == "6":
            yield ("after", "ts", given["ts"] if connector == "m3" else None,
                   "a time past what fits is not another one")
            yield "after", "tsz", given["tsz"], "a time past what fits comes as its source's text"
    if table == "midnight" and given["id"] == "1" and connector == "m3":
        yield "after", "t", "24:00:00Z", "24:00 is not 00:00"
    if table in ("special_free", "special_price") and connector == "m2":
        yield "after", columns[1]["name"], given[columns[1]["name"]], "NaN and infinity by their names"
    if table == "special_arrays":
        numbers = {"m1": Raw("[1.5,\"NaN\"]"), "m2": ["1.5", "NaN"]}.get(
            connector, Raw('[{"scale":1,"value":"Dw=="},null]'))
        if given["id"] == "2":
            yield "after", "frees", numbers, "one NaN does not empty the array"
    if table == "matrix":
        yield "after", "m", [[1, 2], [3, None]], "arrays of more dimensions keep their values"
    if table == "toast" and op == "u":
        text = "gone away" if connector == "m2" else PLACEHOLDER
        for name in ("t", "j", "x"):
            yield "after", name, text, ""
        yield "after", "ua", [text], "the placeholder itself, not its MD5"
        yield "after", "a", [text], ""
        if connector in ("m1", "m2"):
            yield "after", "b", base64_text(text.encode(), connector == "m2"), "the placeholder in every mode"
        if connector in ("m1", "m2", "m3"):
            right = text if connector == "m3" else base64_text(text.encode(), connector == "m2")
            yield "after", "ba", [right], "the placeholder in every mode"
        if connector == "m3":
            yield "after", "da", [text], "the placeholder in every mode"
        if connector == "m2":
            yield "after", "nu", text, ""
            yield "after", "na", [text], "the placeholder in every mode"
            for name in ("ia", "la", "da"):
                yield "after", name, list(text.encode()), "the placeholder in every mode"


def dump_double(number):
    """Java's, of whole numbers."""
    text = str(abs(number))
    sign = "-" if number < 0 else ""
    if len(text) <= 7:
        return sign + text + ".0"
    digits = text.rstrip("0")
    return "%s%s.%sE%d" % (sign, digits[0], digits[1:] or "0", len(text) - 1)


# Columns that Debezium leaves out.
LEFT_OUT = {
    "odd": [("lsn", "0/16B3748"), ("tq", "'fat' & 'rat'"), ("mr", "{[1,3)}"), ("bx", "(1,1),(0,0)"),
            ("ci", "<(1,2),3>"), ("pair", "(1,x)"), ("dom", 5), ("h", "\"a\"=>\"1\"")],
    "odd_arrays": [
        ("intervals", {"m1": ["P0Y0M1DT0H0M0S"], "m3": ["P0Y0M1DT0H0M0S"], None: [86400000000]}),
        ("bits", ["BQ=="]), ("varbits", ["AQ=="]),
        ("points", Raw('[{"x":1.0,"y":2.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null}]')),
        ("xmls", ["<a/>"]), ("names", ["n"]),
        ("moneys", {"m1": Raw("[1.5]"), "m2": ["1.50"], None: ["AJY="]})],
}


def mended_row(table, event, connector, before, after, reasons):
    if table in LEFT_OUT and after is not None:
        right = {"id": after["id"]}
        for name, v in LEFT_OUT[table]:
            right[name] = v.get(connector, v[None]) if isinstance(v, dict) else v
        after.clear()
        after.update(right)
        reasons.append("no column is left out")
    for which, name, right, why in patches(table, event, connector, before, after):
        target = before if which == "before" else after
        if name in target and target[name] != right:
            target[name] = right
            if why and why not in reasons:
                reasons.append(why)


def mend_schema(item, table, event, payload, reasons):
    """The schema part: what is null may be; defaults are constants."""
    for position, which in enumerate(("before", "after")):
        fields = item["fields"][position]["fields"]
        columns = {c["name"]: c for c in T.TABLES[table]}
        values = payload[which]
        gap = values is not None and any(values.get(f["field"]) is None and not f["optional"] for f in fields)
        for i, f in enumerate(fields):
            c = columns[f["field"]]
            if gap and not f["optional"]:
                fields[i] = f = mend(f, "optional", True)
                note(reasons, "a required column that the source did not send may be null")
            if "default" in f and ("(" in c["default"] or c["default"].startswith("CURRENT")):
                del f["default"]
                note(reasons, "the default is no constant")
            if f.get("default") == "it":
                f["default"] = "it's"
                note(reasons, "the whole default")
            if c["name"] == "rough" and "parameters" in f:
                f["parameters"]["scale"] = "-2"
                note(reasons, "a negative scale is one")
            if f["type"] == "array" and not f["items"]["optional"]:
                f["items"]["optional"] = True
                note(reasons, "an element may be null, of enums too")


def mend(item, name, right):
    item[name] = right
    return item


def note(reasons, why):
    if why not in reasons:
        reasons.append(why)


# ---- Writing ----

def show(item):
    if isinstance(item, msgpack.ExtType):
        return "unavailable" if item.code == 1 else "special " + repr(item.data)
    if isinstance(item, bytes):
        return item.hex()
    if isinstance(item, (list, tuple)):
        return "[" + ", ".join(show(i) for i in item) + "]"
    return json.dumps(item, ensure_ascii=False)


def comment(table, which, texts):
    if texts is None:
        return
    line = " ".join("%s=%s" % (c["name"], show(v)) for c, v in zip(T.TABLES[table], row(table, texts)))
    for letter in "\u2028\u2029\u0080\u009f\ufeff\u00ad\x7f":
        line = line.replace(letter, "\\u%04x" % ord(letter))
    print("#", which, line[:600])


def split_payload(text):
    """Of {"schema":…,"payload":…}."""
    item = load(text)
    return item["schema"], item["payload"]


def group(recorded):
    out = {}
    for line in open(recorded):
        message = json.loads(line)
        prefix, _, table = message["topic"].partition(".")
        table = table.replace("public.", "").replace("Gr__e", "Größe")
        out.setdefault((prefix[2:], table), []).append(message)
    return out


def text_of(hexed):
    return None if hexed is None else bytes.fromhex(hexed).decode()


SCHEMA_TABLES = {"schema": None, "m1": ("numbers", "times", "arrays", "defaults", "texts"), "m2": ("numbers", "times", "arrays",
                 "defaults"), "m3": ("times", "arrays", "defaults"), "m4": ("times",), "m5": ("times", "far")}


def write_expected(connector, table, index, event, message, marker):
    """One expect block: message is what Debezium wrote."""
    op, old, new = event
    is_flat = connector[0] == "f"
    has_schema = connector not in ("plain",) and not is_flat
    key_text, text = text_of(message["key"]), text_of(message["value"])
    reasons = []
    schema_of_key = key_payload = None
    if key_text is not None:
        item = rename(load(key_text))
        schema_of_key, key_payload = (item["schema"], item["payload"]) if has_schema else (None, item)
    if text in (None, "null"):
        print("expect", "flat" if is_flat else "debezium", CONNECTORS[connector])
        print("key", dump(key_payload) if key_payload is not None else "-")
        print("value null")
        return
    assert dump(load(text)) == text, text[:3000]
    item = load(text)
    schema_of_value, payload = (item["schema"], item["payload"]) if has_schema else (None, item)
    fix_times(payload, marker)
    debezium = dump(payload)
    if op != "m":
        before, after = (None, payload) if is_flat else (payload["before"], payload["after"])
        if is_flat and op == "d":
            before, after = payload, None
        mended_row(table, event, connector, before, after, reasons)
    else:
        if payload["source"]["db"]:
            payload["source"]["db"] = ""
            reasons.append("a logical message belongs to no schema version, so its database is not known")
    with_schema = has_schema and (op == "m" or (index == 0 or op == "d") and table not in LEFT_OUT and (
        SCHEMA_TABLES[connector] is None or table in SCHEMA_TABLES[connector]))
    if with_schema:
        right = rename(copy.deepcopy(schema_of_value))
        full = '{"schema":%s,"payload":%s}'
        debezium = full % (dump(right), debezium)
        if op != "m":
            mend_schema(right, table, event, payload, reasons)
            for f in schema_of_key["fields"] if schema_of_key else []:
                c = {c["name"]: c for c in T.TABLES[table]}[f["field"]]
                if "default" in f and "(" in c["default"]:
                    del f["default"]
        mine = full % (dump(right), dump(payload))
        if key_payload is not None:
            key_payload = Raw(full % (dump(schema_of_key), dump(key_payload)))
    else:
        mine = dump(payload)
    print("expect", "flat" if is_flat else "debezium-schema" if with_schema else "debezium", CONNECTORS[connector])
    print("key", dump(key_payload) if key_payload is not None else "-")
    print("value", mine)
    if mine != debezium:
        assert reasons, (connector, table, index, mine, debezium)
        if len(debezium) < 6000 and "2046" not in debezium and table != "numbers":
            print("debezium", debezium)
        print("why", "; ".join(reasons))


def flat_messages(connector, topic_events, messages):
    """Which message belongs to which event: some were dropped."""
    mode = CONNECTORS[connector]
    messages = list(messages)
    for event in topic_events:
        op = event[0]
        drops = op == "t" or (op is None and "with-tombstone" not in mode) or (op == "d" and "=drop" in mode)
        yield event, None if drops else messages.pop(0)
    assert not messages


def main():
    recorded = group(sys.argv[1])
    all_events = events()
    print("# Made by make_vectors.py; the values that Debezium 3.6.1 wrote.")
    for number, (table, topic_events) in enumerate(all_events.items(), 1):
        topic = "shop.message" if table == "message" else "shop.public." + table.replace("ö", "_").replace("ß", "_")
        print("\n# ----", table)
        if table != "message":
            print("schema", table, number)
            print("hex", schema(table).hex())
        paired = {}
        for (connector, name), messages in recorded.items():
            if name != table:
                continue
            if connector[0] == "f":
                paired[connector] = list(flat_messages(connector, topic_events, messages))
            else:
                if connector == "m5" and table == "required":
                    continue        # Debezium stumbled
                if table == "midnight":
                    messages = messages + [None]        # the third made Debezium stumble
                assert len(messages) == len(topic_events), (connector, table, len(messages), len(topic_events))
                paired[connector] = list(zip(topic_events, messages))
        for index, event in enumerate(topic_events):
            op, old, new = event
            if table == "toast" and op == "r" or table == "toast_required" and op == "r":
                continue        # long
            plain = paired["plain"][index][1]
            marker = "false"
            if op == "r":
                marker = load(text_of(plain["value"]))["source"]["snapshot"]
            print()
            if op == "m":
                print("change %s/%d - %s" % (table, index, topic))
                print("key -")
                print("value", change("m", 0, None, [old, new.encode()], marker).hex())
            else:
                comment(table, "before", old)
                comment(table, "after", new)
                print("change %s/%d %s %s" % (table, index, table, topic))
                k = key(table, new or old) if op != "t" else None
                print("key", pack(k).hex() if k else "-")
                print("value", "-" if op is None else change(op, number, row(table, old) if old else None,
                      row(table, new) if new else None, marker).hex())
            for connector in CONNECTORS:
                if connector not in paired:
                    continue
                message = paired[connector][index][1]
                if connector[0] == "f" and message is None:
                    print("expect flat", CONNECTORS[connector])
                    print("key -")
                    print("value dropped")
                elif message is not None:
                    write_expected(connector, table, index, event, message, marker)


main()
