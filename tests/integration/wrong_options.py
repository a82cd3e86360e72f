"""Every option that millstreamd has, wrong in every way: the line that says so names
the file and the line, says what would be right, and the exit status is 78.

Driven by "millstreamd --options --json", so an option added later is covered.  Takes
the path of millstreamd.  Writes TAP."""
import collections
import json
import os
import subprocess
import sys
import tempfile

millstreamd = sys.argv[1]
# What no option of the type is.
WRONG_TYPE = {"integer": ["many", "1.5", "12 apples", "", "9" * 30],
              "size": ["large", "1.5MiB", "10 parsecs", "9" * 30],
              "duration": ["soon", "-1s", "10 parsecs", "9" * 30],
              "boolean": ["perhaps", "2", ""],
              "word": ["nonsense", "", "0"]}
# What no option of that form takes.
WRONG_FORM = {"ADDRESS:PORT": ["nowhere", "127.0.0.1", "127.0.0.1:70000", "0.0.0.0:7470"]}
TOPIC_WRONG = {"partitions": ["0", "1025", "many"], "retention.ms": ["-2", "soon"],
               "retention.bytes": ["-2", "large"], "max.message.bytes": ["-1", "large"],
               "cleanup.policy": ["keep"]}
# A source with what it needs, to which the wrong line is added.
SOURCE = {"connector.class": "postgresql", "database.dbname": "d", "database.user": "u",
          "topic.prefix": "a"}


def options():
    said = subprocess.run([millstreamd, "--options", "--json"], check=True, stdout=subprocess.PIPE)
    return [json.loads(line) for line in said.stdout.splitlines()]


def quoted(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def check(option, line, *expected):
    """The line, third of its file, has to be refused with one line that has all expected."""
    block = option.get("block")
    before = {None: "# one\n\n", "topic": '\ntopic "a" {\n', "source": '\nsource "a" {\n'}[block]
    after = "" if block is None else "}\n"
    if block == "source":
        after = "".join(f"{name} = {quoted(value)}\n" for name, value in SOURCE.items()
                        if name != option["name"]) + after
    with open(config, "w", encoding="utf-8") as file:
        file.write(before + line + "\n" + after)
    for arguments in (["-t"], []):
        done = subprocess.run([millstreamd, *arguments, "-c", config, "--data-dir",
                               os.path.join(directory, "data")], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        said = done.stderr.decode()
        problems = [text for text in said.splitlines() if "warning:" not in text]
        fine = done.returncode == 78 and problems and \
            problems[0].startswith(f"millstreamd: {config}:3: ") and \
            all(part in problems[0] for part in expected)
        if not fine:
            complaints.append(f"{line}: exit {done.returncode}: {said or 'nothing said'}")
            return
    counts["checked"] += 1


def misspell(option):
    name = option["name"]
    return name[:2] + name[3:]


def bounds(option):
    """One below the least and one above the most."""
    if "min" in option and option["min"] > 0:
        yield str(option["min"] - 1)
    if "max" in option:
        yield str(option["max"] + 1)


def works(option):
    return option.get("status", "works") == "works"


def names_are_answered_with_the_right_one():
    for option in filter(works, every):
        line = f"{misspell(option)} = 1"
        check(option, line, f"'{misspell(option)}'", "did you mean ")


def wrong_types_are_refused():
    for option in filter(works, every):
        values = TOPIC_WRONG[option["name"]] if option.get("block") == "topic" else \
            WRONG_TYPE.get(option["type"], []) + WRONG_FORM.get(option["limits"], [])
        for value in values:
            check(option, f"{option['name']} = {quoted(value)}", option["name"] + ": ")


def values_out_of_range_are_refused():
    for option in filter(works, every):
        for value in bounds(option):
            check(option, f"{option['name']} = {value}", f"{option['name']}: '{value}' is not ",
                  option["limits"])


def options_without_a_value_are_refused():
    for option in filter(works, every):
        check(option, f"{option['name']} =", option["name"])


every = options()
tests = [names_are_answered_with_the_right_one, wrong_types_are_refused,
         values_out_of_range_are_refused, options_without_a_value_are_refused]
with tempfile.TemporaryDirectory() as directory:
    config = os.path.join(directory, "a.conf")
    for number, test in enumerate(tests, 1):
        complaints, counts = [], collections.Counter()
        test()
        for complaint in complaints:
            print("".join("# " + line + "\n" for line in complaint.splitlines()), end="")
        print(f"{'not ok' if complaints or not counts['checked'] else 'ok'} {number} - "
              f"{test.__name__} ({counts['checked']})", flush=True)
print(f"1..{len(tests)}")
