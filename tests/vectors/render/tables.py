"""The tables and statements that the vectors of this folder were recorded with: what
PostgreSQL was told, and what Millstream's capture makes of it.

A column is (name, SQL type and constraints, logical type, native type, length, scale).
A value is text as PostgreSQL reads it, a list for an array, None for null."""

U = "unavailable"       # a column that the replication stream does not carry

ENUM = ("new", "paid", "it's")


def column(name, ddl, type, native, length=-1, scale=-1, element=None, default=None, labels=None):
    return dict(name=name, ddl=ddl, type=type, native=native, length=length, scale=scale,
                element=element, default=default, labels=labels,
                optional="NOT NULL" not in ddl and "PRIMARY KEY" not in ddl,
                key="PRIMARY KEY" in ddl)


def array(name, ddl, element, native, length=-1, scale=-1, labels=None):
    return column(name, ddl, "array", native, length, scale, element=element, labels=labels)


ID = column("id", "int PRIMARY KEY", "int32", "integer")

TABLES = {
    "numbers": [
        ID,
        column("flag", "boolean", "bool", "boolean"),
        column("small", "smallint", "int16", "smallint"),
        column("int", "integer", "int32", "integer"),
        column("big", "bigint", "int64", "bigint"),
        column("f4", "real", "float32", "real"),
        column("f8", "double precision", "float64", "double precision"),
        column("free", "numeric", "decimal", "numeric"),
        column("price", "numeric(10,2)", "decimal", "numeric", 10, 2),
        column("whole", "numeric(5)", "decimal", "numeric", 5, 0),
        column("fine", "numeric(38,10)", "decimal", "numeric", 38, 10),
        column("rough", "numeric(5,-2)", "decimal", "numeric", 5, -2),
        column("tiny", "numeric(3,5)", "decimal", "numeric", 3, 5),
        column("cash", "money", "text", "money"),
        column("object", "oid", "oid", "oid"),
    ],
    "texts": [
        ID,
        column("t", "text", "string", "text"),
        column("v", "varchar(40)", "string", "character varying", 40),
        column("v0", "varchar", "string", "character varying"),
        column("c5", "char(5)", "string", "character", 5),
        column("c1", '"char"', "string", '"char"'),
        column("n", "name", "string", "name"),
        column("ci", "citext", "string", "citext"),
        column("e", "mood", "enum", "mood", labels=ENUM),
        column("j", "json", "json", "json"),
        column("jb", "jsonb", "json", "jsonb"),
        column("x", "xml", "xml", "xml"),
        column("u", "uuid", "uuid", "uuid"),
        column("ip", "inet", "inet", "inet"),
        column("net", "cidr", "inet", "cidr"),
        column("mac", "macaddr", "inet", "macaddr"),
        column("mac8", "macaddr8", "inet", "macaddr8"),
        column("b", "bytea", "bytes", "bytea"),
        column("b1", "bit(1)", "bit", "bit", 1),
        column("b5", "bit(5)", "bit", "bit", 5),
        column("b64", "bit(64)", "bit", "bit", 64),
        column("vb1", "varbit(1)", "bit", "bit varying", 1),
        column("vb", "varbit(20)", "bit", "bit varying", 20),
        column("vb0", "varbit", "bit", "bit varying"),
        column("r4", "int4range", "text", "int4range"),
        column("r8", "int8range", "text", "int8range"),
        column("rn", "numrange", "text", "numrange"),
        column("rd", "daterange", "text", "daterange"),
        column("rt", "tsrange", "text", "tsrange"),
        column("rz", "tstzrange", "text", "tstzrange"),
        column("ts", "tsvector", "text", "tsvector"),
        column("lt", "ltree", "text", "ltree"),
        column("p", "point", "point", "point"),
    ],
    "times": [
        ID,
        column("d", "date", "date", "date"),
        column("t", "time", "time", "time without time zone"),
        column("t0", "time(0)", "time", "time without time zone", 0),
        column("t3", "time(3)", "time", "time without time zone", 3),
        column("t6", "time(6)", "time", "time without time zone", 6),
        column("tz", "timetz", "timetz", "time with time zone"),
        column("tz3", "timetz(3)", "timetz", "time with time zone", 3),
        column("ts", "timestamp", "timestamp", "timestamp without time zone"),
        column("ts0", "timestamp(0)", "timestamp", "timestamp without time zone", 0),
        column("ts3", "timestamp(3)", "timestamp", "timestamp without time zone", 3),
        column("ts4", "timestamp(4)", "timestamp", "timestamp without time zone", 4),
        column("tsz", "timestamptz", "timestamptz", "timestamp with time zone"),
        column("tsz3", "timestamptz(3)", "timestamptz", "timestamp with time zone", 3),
        column("i", "interval", "interval", "interval"),
    ],
    "far": [            # times at their edges
        ID,
        column("d", "date", "date", "date"),
        column("ts", "timestamp", "timestamp", "timestamp without time zone"),
        column("tsz", "timestamptz", "timestamptz", "timestamp with time zone"),
    ],
    "midnight": [
        ID,
        column("t", "time", "time", "time without time zone"),
        column("tz", "timetz", "timetz", "time with time zone"),
    ],
    "arrays": [
        ID,
        array("flags", "boolean[]", "bool", "boolean[]"),
        array("smalls", "smallint[]", "int16", "smallint[]"),
        array("ints", "integer[]", "int32", "integer[]"),
        array("bigs", "bigint[]", "int64", "bigint[]"),
        array("f4s", "real[]", "float32", "real[]"),
        array("f8s", "double precision[]", "float64", "double precision[]"),
        array("frees", "numeric[]", "decimal", "numeric[]"),
        array("prices", "numeric(10,2)[]", "decimal", "numeric[]", 10, 2),
        array("texts", "text[]", "string", "text[]"),
        array("varchars", "varchar(10)[]", "string", "character varying[]", 10),
        array("chars", "char(3)[]", "string", "character[]", 3),
        array("uuids", "uuid[]", "uuid", "uuid[]"),
        array("jsons", "json[]", "json", "json[]"),
        array("jsonbs", "jsonb[]", "json", "jsonb[]"),
        array("inets", "inet[]", "inet", "inet[]"),
        array("dates", "date[]", "date", "date[]"),
        array("times", "time[]", "time", "time without time zone[]"),
        array("timetzs", "timetz[]", "timetz", "time with time zone[]"),
        array("stamps", "timestamp[]", "timestamp", "timestamp without time zone[]"),
        array("stamp3s", "timestamp(3)[]", "timestamp", "timestamp without time zone[]", 3),
        array("stamptzs", "timestamptz[]", "timestamptz", "timestamp with time zone[]"),
        array("oids", "oid[]", "oid", "oid[]"),
        array("byteas", "bytea[]", "bytes", "bytea[]"),
        array("moods", "mood[]", "enum", "mood[]", labels=ENUM),
        array("ranges", "int4range[]", "text", "int4range[]"),
    ],
    "odd_arrays": [     # what Debezium has no schema of
        ID,
        array("intervals", "interval[]", "interval", "interval[]"),
        array("bits", "bit(3)[]", "bit", "bit[]", 3),
        array("varbits", "varbit[]", "bit", "bit varying[]"),
        array("points", "point[]", "point", "point[]"),
        array("xmls", "xml[]", "xml", "xml[]"),
        array("names", "name[]", "string", "name[]"),
        array("moneys", "money[]", "text", "money[]"),
    ],
    "odd": [
        ID,
        column("lsn", "pg_lsn", "text", "pg_lsn"),
        column("tq", "tsquery", "text", "tsquery"),
        column("mr", "int4multirange", "text", "int4multirange"),
        column("bx", "box", "text", "box"),
        column("ci", "circle", "text", "circle"),
        column("pair", "pair", "text", "pair"),
        column("dom", "positive", "int32", "positive"),
        column("h", "hstore", "text", "hstore"),
    ],
    "matrix": [
        ID,
        array("m", "integer[][]", "int32", "integer[]"),
    ],
    "specials": [       # numbers that are none
        ID,
        column("f4", "real", "float32", "real"),
        column("f8", "double precision", "float64", "double precision"),
    ],
    "special_free": [
        ID,
        column("free", "numeric", "decimal", "numeric"),
    ],
    "special_price": [
        ID,
        column("price", "numeric(10,2)", "decimal", "numeric", 10, 2),
    ],
    "special_arrays": [
        ID,
        array("f8s", "double precision[]", "float64", "double precision[]"),
        array("frees", "numeric[]", "decimal", "numeric[]"),
    ],
    "defaults": [
        ID,
        column("i", "int DEFAULT 42", "int32", "integer", default="42"),
        column("ir", "int NOT NULL DEFAULT -7", "int32", "integer", default="'-7'::integer"),
        column("s", "smallint DEFAULT 3", "int16", "smallint", default="3"),
        column("g", "bigint DEFAULT 9223372036854775807", "int64", "bigint",
               default="'9223372036854775807'::bigint"),
        column("t", "text DEFAULT 'it''s'", "string", "text", default="'it''s'::text"),
        column("tr", "text NOT NULL DEFAULT ''", "string", "text", default="''::text"),
        column("v", "varchar(5) DEFAULT 'abc'", "string", "character varying", 5,
               default="'abc'::character varying"),
        column("c", "char(4) DEFAULT 'ab'", "string", "character", 4, default="'ab'::bpchar"),
        column("b", "boolean DEFAULT true", "bool", "boolean", default="true"),
        column("br", "boolean NOT NULL DEFAULT false", "bool", "boolean", default="false"),
        column("n", "numeric(6,2) DEFAULT 1.5", "decimal", "numeric", 6, 2, default="1.5"),
        column("nf", "numeric DEFAULT 2.50", "decimal", "numeric", default="2.50"),
        column("f", "real DEFAULT 1.25", "float32", "real", default="1.25"),
        column("d", "double precision DEFAULT -0.5", "float64", "double precision",
               default="'-0.5'::numeric"),
        column("dt", "date DEFAULT '2020-02-29'", "date", "date", default="'2020-02-29'::date"),
        column("dn", "date DEFAULT CURRENT_DATE", "date", "date", default="CURRENT_DATE"),
        column("tm", "time DEFAULT '01:02:03.5'", "time", "time without time zone",
               default="'01:02:03.5'::time without time zone"),
        column("ts", "timestamp DEFAULT '2020-01-02 03:04:05'", "timestamp",
               "timestamp without time zone",
               default="'2020-01-02 03:04:05'::timestamp without time zone"),
        column("tn", "timestamp NOT NULL DEFAULT now()", "timestamp",
               "timestamp without time zone", default="now()"),
        column("tz", "timestamptz DEFAULT '2020-01-02 03:04:05+00'", "timestamptz",
               "timestamp with time zone",
               default="'2020-01-02 03:04:05+00'::timestamp with time zone"),
        column("zn", "timestamptz NOT NULL DEFAULT now()", "timestamptz",
               "timestamp with time zone", default="now()"),
        column("u", "uuid DEFAULT gen_random_uuid()", "uuid", "uuid", default="gen_random_uuid()"),
        column("uu", "uuid DEFAULT '76019d1a-ad2e-4b22-96e9-1a6d6543c818'", "uuid", "uuid",
               default="'76019d1a-ad2e-4b22-96e9-1a6d6543c818'::uuid"),
        column("j", "jsonb DEFAULT '{}'", "json", "jsonb", default="'{}'::jsonb"),
        column("e", "mood DEFAULT 'new'", "enum", "mood", default="'new'::mood", labels=ENUM),
        column("b1", "bit(1) DEFAULT B'1'", "bit", "bit", 1, default="'1'::\"bit\""),
        column("b3", "bit(3) DEFAULT B'101'", "bit", "bit", 3, default="'101'::\"bit\""),
        column("iv", "interval DEFAULT '1 day'", "interval", "interval",
               default="'P1D'::interval"),
        column("by", "bytea DEFAULT '\\x00ff'", "bytes", "bytea", default="'\\x00ff'::bytea"),
        column("ar", "int[] DEFAULT '{1}'", "array", "integer[]", element="int32",
               default="'{1}'::integer[]"),
        column("ex", "int DEFAULT 1 + 2", "int32", "integer", default="(1 + 2)"),
        column("m", "money DEFAULT 3", "text", "money", default="3"),
        column("p", "point DEFAULT '(1,2)'", "point", "point", default="'(1,2)'::point"),
        column("o", "oid DEFAULT 7", "oid", "oid", default="7"),
    ],
    "sequences": [
        column("id", "serial PRIMARY KEY", "int32", "integer",
               default="nextval('sequences_id_seq'::regclass)"),
        column("b", "bigserial NOT NULL", "int64", "bigint",
               default="nextval('sequences_b_seq'::regclass)"),
    ],
    "required": [
        ID,
        column("i", "int NOT NULL", "int32", "integer"),
        column("t", "text NOT NULL", "string", "text"),
        column("n", "numeric(6,2) NOT NULL", "decimal", "numeric", 6, 2),
        column("ts", "timestamp NOT NULL", "timestamp", "timestamp without time zone"),
        column("p", "point NOT NULL", "point", "point"),
        column("o", "text", "string", "text"),
    ],
    "pairs": [          # a key of two columns, not in their order
        column("a", "int NOT NULL", "int32", "integer"),
        column("b", "text NOT NULL", "string", "text"),
        column("v", "text", "string", "text"),
    ],
    "dated": [          # keys that are rendered like values
        column("d", "date", "date", "date"),
        column("n", "numeric(4,2)", "decimal", "numeric", 4, 2),
        column("u", "uuid", "uuid", "uuid"),
        column("v", "text", "string", "text"),
    ],
    "keyless": [
        column("v", "text", "string", "text"),
        column("i", "int", "int32", "integer"),
    ],
    "whole": [          # REPLICA IDENTITY FULL
        ID,
        column("t", "text", "string", "text"),
        column("i", "int NOT NULL", "int32", "integer"),
    ],
    "toast": [
        ID,
        column("n", "int", "int32", "integer"),
        column("t", "text", "string", "text"),
        column("j", "jsonb", "json", "jsonb"),
        column("b", "bytea", "bytes", "bytea"),
        array("a", "text[]", "string", "text[]"),
        array("ia", "int[]", "int32", "integer[]"),
        array("la", "bigint[]", "int64", "bigint[]"),
        array("da", "date[]", "date", "date[]"),
        array("ua", "uuid[]", "uuid", "uuid[]"),
        array("fa", "double precision[]", "float64", "double precision[]"),
        array("ba", "bytea[]", "bytes", "bytea[]"),
        array("na", "numeric(10,2)[]", "decimal", "numeric[]", 10, 2),
        column("nu", "numeric", "decimal", "numeric"),
        column("vb", "varbit", "bit", "bit varying"),
        column("x", "xml", "xml", "xml"),
    ],
    "toast_required": [
        ID,
        column("t", "text NOT NULL", "string", "text"),
        column("n", "int", "int32", "integer"),
    ],
    "Größe": [
        column("id", "int PRIMARY KEY", "int32", "integer"),
        column("a b", "text", "string", "text"),
        column("ü\"\\", "text", "string", "text"),
        column("9x", "int", "int32", "integer"),
    ],
    "gone": [
        ID,
        column("t", "text", "string", "text"),
    ],
}

KEYS = {"pairs": ["b", "a"], "dated": ["d", "n", "u"]}

SETUP = """
CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION hstore;
CREATE TYPE mood AS ENUM ('new', 'paid', 'it''s');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
"""

AFTER_TABLES = """
ALTER TABLE "whole" REPLICA IDENTITY FULL;
ALTER TABLE "keyless" REPLICA IDENTITY FULL;
ALTER TABLE "toast" ALTER t SET STORAGE EXTERNAL, ALTER j SET STORAGE EXTERNAL,
  ALTER b SET STORAGE EXTERNAL, ALTER a SET STORAGE EXTERNAL, ALTER ia SET STORAGE EXTERNAL,
  ALTER la SET STORAGE EXTERNAL, ALTER da SET STORAGE EXTERNAL, ALTER ua SET STORAGE EXTERNAL,
  ALTER fa SET STORAGE EXTERNAL, ALTER ba SET STORAGE EXTERNAL, ALTER na SET STORAGE EXTERNAL,
  ALTER nu SET STORAGE EXTERNAL, ALTER vb SET STORAGE EXTERNAL, ALTER x SET STORAGE EXTERNAL;
ALTER TABLE "toast_required" ALTER t SET STORAGE EXTERNAL;
"""

NUMBERS = [
    ["1", "t", "1", "2", "3", "0.5", "0.1", "12.50", "12.50", "12", "1.0000000000", "12300",
     "0.00123", "12.34", "4294967295"],
    ["2", "f", "-32768", "-2147483648", "-9223372036854775808", "3.4028235e+38",
     "1.7976931348623157e+308", "-0.00000000000000000001", "-99999999.99", "-99999",
     "-1234567890123456789012345678.0123456789", "-9999900", "-0.00999", "-92233720368547758.08", "0"],
    ["3", "t", "32767", "2147483647", "9223372036854775807", "1.17549435e-38", "5e-324",
     "123456789012345678901234567890.12345678901234567890", "0.00", "0", "0.0000000001",
     "0", "0.00000", "0.00", "26"],
    ["4", "t", "0", "0", "0", "0", "0", "0", "0.01", "7", "127.0000000000", "-100", "-0.00001",
     "-0.01", "1"],
    ["5", "t", "128", "1", "1", "-0", "-0", "1000", "1.28", "128", "-128.0000000000",
     "100", "0.00128", "1.28", "1"],
    ["6", "t", "128", "1", "1", "16777216", "1e+21", "1e20", "-1.28", "-129", "-0.0000000255",
     "-12800", "-0.00256", "327.68", "1"],
    ["7", "t", "128", "1", "1", "1e+10", "123456789.125", "100.00", "2.55", "255", "-0.0000000256",
     "25500", "0.00255", "-327.68", "1"],
    ["8", "t", "128", "1", "1", "1234567", "1e-05", "-7.10", "2.56", "256", "32768.0000000000",
     "25600", "0.00256", "1000.00", "1"],
    ["9", "t", "128", "1", "1", "0.001", "0.001", "0.000", "2.56", "256", "32768.0000000000",
     "25600", "0.00256", "1000.00", "1"],
    ["10", "t", "128", "1", "1", "1e+07", "10000000", "1e-7", "2.56", "256", "32768.0000000000",
     "25600", "0.00256", "1000.00", "1"],
    ["11", "t", "128", "1", "1", "0.33333334", "0.3333333333333333", "-1e+30", "2.56", "256",
     "32768.0000000000", "25600", "0.00256", "1000.00", "1"],
]
UUID = "123e4567-e89b-12d3-a456-426614174000"
TEXTS = [
    ["1", "plain", "varchar", "free", "abc", "x", "a name", "CiText", "new", '{"a": 1}',
     '{"a": 1}', "<a>b</a>", UUID, "192.168.0.1", "10.0.0.0/8", "08:00:2b:01:02:03",
     "08:00:2b:01:02:03:04:05", "\\x00ff10", "1", "10110", "1" + "0" * 62 + "1", "1", "101",
     "111100001111", "[1,10)", "[1,10)", "[1.5,2.5]", "[2020-01-01,2020-02-01)",
     '["2020-01-01 00:00:00","2020-02-01 00:00:00")',
     '["2020-01-01 00:00:00+00","2020-02-01 00:00:00+00")', "'cat':2 'fat':1", "Top.Science",
     "(1.5,-2)"],
    ["2", "quote \" back \\ slash / nl\n tab\t bell\x07 del\x7f", "äöü € 𝄞 \u2028\u2029", "", "äb",
     "", "", "", "it's", "[1,2,  3]", '[1, 2, {"b": "\\u001f<>&"}]', "", "0" * 8 + "-0000-0000-0000-" +
     "0" * 12, "::1", "::/0", "ff:ff:ff:ff:ff:ff", "ff:ff:ff:ff:ff:ff:ff:ff", "\\x", "0", "00000",
     "0" * 64, "0", "", "", "empty", "(,)", "empty", "(,)", "empty", "(,)", "", "",
     "(0,0)"],
    ["3", "\u0001\u0080\u009f\u00ad\ufeff\U0010ffff</script>", "'", "'", "     ", "'", "'", "'",
     "paid", "null", "null", "<?xml version=\"1.0\"?><a/>", "f" * 8 + "-ffff-ffff-ffff-" + "f" * 12,
     "2001:db8::1/64", "192.168.0.0/16", "00:00:00:00:00:00", "00:00:00:ff:fe:00:00:00",
     "\\x" + bytes(range(256)).hex(), "1", "11111", "1" * 64, "1", "0" * 20, "10000000", "[1,)",
     "(,5)", "(1,2)", "[2020-01-01,)", "(,)", "empty", "'a':1A,2B 'b''c':3", "a",
     "(1e+300,-1e-300)"],
    ["4", "x", "x", "x", "x", "x", "x", "x", "new", "1", "1", "<x/>", UUID, "1.2.3.4/31", "1.0.0.0/8",
     "00:00:00:00:00:00", "00:00:00:ff:fe:00:00:00", "\\xff", "0", "00001", "0" * 56 + "1" * 8, None,
     "00000000000000000001", "1" * 9, None, None, None, None, None, None, None, None,
     "(0.1,123456789.125)"],
]
TIMES = [
    ["1", "2026-01-31", "13:05:00.00025", "13:05:01", "13:05:00.123", "13:05:00.123456",
     "13:05:00.123456+02", "13:05:00.1-05:30", "2026-01-31 13:05:00.123456", "2026-01-31 13:05:00",
     "2026-01-31 13:05:00.123", "2026-01-31 13:05:00.1234", "2026-01-31 13:05:00.123456+00",
     "2026-01-31 13:05:00.12+00", "P1Y2M3DT4H5M6.7S"],
    ["2", "1969-12-31", "00:00:00", "00:00:00", "00:00:00", "00:00:00", "00:00:00+00",
     "00:00:00+00", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00", "1969-12-31 23:59:59.999",
     "1969-12-31 23:59:59.9999", "1969-12-31 23:59:59.999999+00", "1970-01-01 00:00:00+00", "PT0S"],
    ["3", "0001-01-01", "23:59:59.999999", "23:59:59", "23:59:59.999", "23:59:59.999999",
     "23:59:59.999999-15:59", "23:59:59.999+15:59", "0001-01-01 00:00:00", "9999-12-31 23:59:59",
     "1582-10-14 00:00:00.001", "1900-02-28 12:00:00.0001", "0001-01-01 00:00:00+00",
     "9999-12-31 23:59:59.999+00", "P-1Y-2M-3DT-4H-5M-6.7S"],
    ["4", "9999-12-31", "12:34:56.1", "12:34:56", "12:34:56.1", "12:34:56.12", "12:34:56.12-03",
     "12:34:56.12+00:30", "2026-01-31 13:05:00.1", "2026-01-31 00:00:00", "2026-01-31 13:00:00",
     "2026-01-31 13:05:00", "2026-01-31 13:05:00+00", "2026-01-31 13:05:00.1+00",
     "P1M-1DT0.000001S"],
    ["5", "1582-10-15", "01:00:00", "01:00:00", "01:00:00", "01:00:00", "01:00:00+00", "01:00:00+00",
     "1582-10-15 00:00:00", "1582-10-04 00:00:00", "1582-10-05 00:00:00", "1582-10-15 00:00:00",
     "1582-10-04 00:00:00+00", "1582-10-15 00:00:00+00", "P10Y"],
    ["6", "1582-10-10", "01:00:00", "01:00:00", "01:00:00", "01:00:00", "01:00:00+00", "01:00:00+00",
     "1582-10-10 00:00:00", "1582-10-10 00:00:00", "1582-10-10 00:00:00", "1582-10-10 00:00:00",
     "2016-12-31 23:59:00+00", "1582-10-15 00:00:00+00", "PT-0.5S"],
    ["7", "1582-10-10", "01:00:00", "01:00:00", "01:00:00", "01:00:00", "01:00:00+00", "01:00:00+00",
     "1582-10-10 00:00:00", "1582-10-10 00:00:00", "1582-10-10 00:00:00", "1582-10-10 00:00:00",
     "2016-12-31 23:59:00+00", "1582-10-15 00:00:00+00", "P1DT25H61M"],
]
FAR = [
    ["1", "infinity", "infinity", "infinity"],
    ["2", "-infinity", "-infinity", "-infinity"],
    ["3", "12026-01-31", "12026-01-31 13:05:00.5", "12026-01-31 13:05:00.5+00"],
    ["4", "0044-03-15 BC", "0044-03-15 12:00:00 BC", "0044-03-15 12:00:00+00 BC"],
    ["5", "0001-12-31 BC", "0001-12-31 12:00:00 BC", "0001-12-31 12:00:00+00 BC"],
    ["6", "5874897-12-31", "294276-12-31 23:59:59.999999", "294276-12-31 23:59:59.999999+00"],
    ["7", "4713-01-01 BC", "4713-01-01 00:00:00 BC", "4713-01-01 00:00:00+00 BC"],
]
MIDNIGHT = [["1", "24:00:00", "24:00:00+00"], ["2", "23:59:59.999999", "24:00:00-15:59"],
            ["3", "23:59:59.9", "01:00:00+02:03:04"]]


def arrays(id, *lists):
    return [id] + list(lists)


ARRAYS = [
    arrays("1", ["t", "f"], ["1", "-2"], ["1", "2", "3"], ["1"], ["0.5"], ["0.1", "1e+300"],
           ["1.5", "100"], ["1.50", "-2.25"], ["a", "b\"c", "d,e", "", "NULL", "ä\\"], ["x"], ["abc", "d  "],
           [UUID], ['{"a": 1}', "[]"], ['{"a": 1}'], ["192.168.0.1", "::1"],
           ["2026-01-31", "1969-12-31"], ["13:05:00.000001"], ["13:05:00+02"],
           ["2026-01-31 13:05:00.123456"], ["2026-01-31 13:05:00.123"],
           ["2026-01-31 13:05:00.123456+00"], ["1", "4294967295"], ["\\x00ff", "\\x"],
           ["new", "it's"], ["[1,10)", "empty"]),
    arrays("2", *[[] for _ in range(25)]),
    arrays("3", *[[None] for _ in range(23)], [], [None]),
]
ODD_ARRAYS = [["1", ["P1D"], ["101"], ["1"], ["(1,2)"], ["<a/>"], ["n"], ["1.50"]]]
ODD = [["1", "0/16B3748", "'fat' & 'rat'", "{[1,3)}", "(1,1),(0,0)", "<(1,2),3>", "(1,x)", "5", "\"a\"=>\"1\""]]
MATRIX = [["1", [["1", "2"], ["3", None]]]]
SPECIALS = [["1", "NaN", "NaN"], ["2", "Infinity", "Infinity"], ["3", "-Infinity", "-Infinity"]]
SPECIAL_FREE = [["1", "NaN"], ["2", "Infinity"], ["3", "-Infinity"]]
SPECIAL_PRICE = [["1", "NaN"]]
SPECIAL_ARRAYS = [["1", ["1", "NaN", "Infinity"], ["1.5"]], ["2", ["1"], ["1.5", "NaN"]]]
DEFAULTS_NULL = ["1"] + [None] * 34
DEFAULTS_NULL[2] = "5"          # ir
DEFAULTS_NULL[6] = "tr"         # tr
DEFAULTS_NULL[10] = "t"         # br
DEFAULTS_NULL[19] = "2026-01-31 13:05:00"
DEFAULTS_NULL[21] = "2026-01-31 13:05:00+00"

LONG = "0123456789abcdef" * 512
LONG_VALUES = [LONG, '"%s"' % LONG, "\\x" + "00ff" * 4096, [LONG], [str(n) for n in range(3000)],
               [str(n) for n in range(3000)], ["2026-01-31"] * 3000, [UUID] * 600,
               ["0.5"] * 1500, ["\\x" + "00ff" * 4096], ["1.50"] * 1500, "1" * 9000, "10" * 40000,
               "<a>" + LONG + "</a>"]

# What was there before the snapshot: the first row of each table.
SNAPSHOT = [
    ("numbers", NUMBERS[0]), ("texts", TEXTS[0]), ("times", TIMES[0]), ("arrays", ARRAYS[0]),
    ("odd", ODD[0]), ("defaults", DEFAULTS_NULL), ("required", ["1", "7", "x", "1.50",
     "2026-01-31 13:05:00", "(1,2)", None]), ("pairs", ["1", "x", "v"]),
    ("keyless", ["v", "1"]), ("whole", ["1", "t", "1"]), ("toast", ["1", "1"] + LONG_VALUES),
    ("toast_required", ["1", LONG, "1"]), ("gone", ["1", "t"]), ("gone", ["2", "u"]),
]


def insert(table, row):
    return ("c", table, None, row)


# What came afterwards, each in a transaction of its own.
STREAM = (
    [insert("numbers", row) for row in NUMBERS[1:]] +
    [insert("numbers", ["99"] + [None] * 14)] +
    [insert("texts", row) for row in TEXTS[1:]] +
    [insert("texts", ["99"] + [None] * 32)] +
    [insert("times", row) for row in TIMES[1:]] +
    [insert("times", ["99"] + [None] * 14)] +
    [insert("arrays", row) for row in ARRAYS[1:]] +
    [insert("arrays", ["99"] + [None] * 25)] +
    [insert("odd", ["2"] + ODD[0][1:])] +
    [insert("odd_arrays", row) for row in ODD_ARRAYS] +
    [insert("defaults", ["2"] + DEFAULTS_NULL[1:])] +
    [insert("sequences", ["1", "1"])] +
    [insert("required", ["2", "7", "x", "1.50", "2026-01-31 13:05:00", "(1,2)", "o"]),
     ("u", "required", None, ["2", "8", "x", "1.50", "2026-01-31 13:05:00", "(1,2)", "o"]),
     ("d", "required", ["2", U, U, U, U, U, U], None),
     ("move", "required", ["1", "7", "x", "1.50", "2026-01-31 13:05:00", "(1,2)", None], "3"),
     insert("pairs", ["2", "y", None]),
     ("u", "pairs", None, ["2", "y", "w"]),
     ("d", "pairs", ["2", "y", U], None),
     insert("dated", ["2026-01-31", "1.50", UUID, "v"]),
     ("d", "dated", ["2026-01-31", "1.50", UUID, U], None),
     insert("keyless", ["w", "2"]),
     ("u", "keyless", ["w", "2"], ["w", "3"]),
     ("d", "keyless", ["w", "3"], None),
     insert("whole", ["2", "a", "1"]),
     ("u", "whole", ["2", "a", "1"], ["2", "b", "1"]),
     ("d", "whole", ["2", "b", "1"], None),
     ("u", "toast", None, ["1", "2"] + [U] * 14),
     ("u", "toast_required", None, ["1", U, "2"]),
     insert("Größe", ["1", "x", "y", "9"]),
     ("d", "Größe", ["1", U, U, U], None),
     ("t", "gone", None, None),
     ("message", "prefix", "content \x01"),
     ] +
    [insert("specials", row) for row in SPECIALS] +
    [insert("midnight", row) for row in MIDNIGHT] +
    [insert("special_free", row) for row in SPECIAL_FREE] +
    [insert("special_price", row) for row in SPECIAL_PRICE] +
    [insert("special_arrays", row) for row in SPECIAL_ARRAYS] +
    [insert("matrix", row) for row in MATRIX] +
    [insert("far", row) for row in FAR]
)
