#!/usr/bin/python3
"""Man page from what `ntkgan help` prints. usage: tools/make_man.py NTKGAN VERSION > ntkgan.1"""

import re
import subprocess
import sys


def ask(program, *arguments):
    return subprocess.run([program, "help", *arguments], capture_output=True, text=True, check=True).stdout.rstrip()


def verbatim(text):
    """Text as it is: roff reads backslashes, and dots and quotes at the start of a line."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").split("\n")
    return "\n".join([".nf", *("\\&" + line if line.startswith((".", "'")) else line for line in lines), ".fi"])


def main():
    program, version = sys.argv[1:]
    overview = ask(program)
    commands = re.findall(r"^  ([a-z]+) +\S", overview.partition("Commands:")[2], re.MULTILINE)
    name = overview.splitlines()[0].partition(": ")[2]
    parts = [
        f'.TH NTKGAN 1 "" "ntkgan {version}" "User Commands"',
        ".SH NAME",
        f"ntkgan \\- {name}",
        ".SH SYNOPSIS",
        ".B ntkgan",
        "COMMAND [ARGUMENT]... [OPTION]...",
        ".SH DESCRIPTION",
        verbatim("\n".join(overview.splitlines()[1:]).strip("\n")),
        ".SH COMMANDS",
    ]
    for command in commands:
        parts += [f".SS {command}", verbatim(ask(program, command))]
    parts += [".SH STUDY", verbatim(ask(program, "config"))]
    print("\n".join(parts))


if __name__ == "__main__":
    main()
