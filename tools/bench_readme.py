#!/usr/bin/python3
"""Puts the tables that bench.py and bench_peers.py kept between the README's markers: bench_readme.py [README]"""

import pathlib
import sys

from bench_common import BUILD, load, markdown

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- speed: written by `make bench-readme` -->\n", "<!-- end of speed -->\n"


def tables():
    text = ""
    for name, title in (("peers", "Beside other programs on the same points, with answers that were compared"), ("bench", "Beside the machine's bounds and other ways")):
        path = BUILD / "bench" / f"{name}.json"
        if not path.exists():
            raise SystemExit(f"bench: {path} is not there: run make {'bench-peers' if name == 'peers' else 'bench'} first")
        about, rows = load(path)
        text += f"\n{title} ({about}):\n\n{markdown([row for row in rows if row.readme])}\n"
    return text + "\n"


def main():
    readme = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else README)
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(before + BEGIN + tables() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
