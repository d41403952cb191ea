#!/usr/bin/python3
"""Draws a study: trajectories.png, metrics.png, spectra.png, fields-NAME.png and the table of final values (table.txt, .md, .tex).

usage: tools/plot.py DIR [-o DIR/figures] [--metric sinkhorn]

DIR is what `ntkgan run` wrote. What was not recorded is left out. Prints the names of the files it wrote.
"""

import argparse
import pathlib
import sys

from ntkgan_results import StudyError, open_study
from ntkgan_results.figures import draw_all
from ntkgan_results.tables import write_tables


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study", metavar="DIR", type=pathlib.Path, help="folder of the study, e.g. results/eight-gaussians")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="folder for the pictures (default: DIR/figures)")
    parser.add_argument("--metric", default="sinkhorn", help="metric of the table (default: sinkhorn)")
    options = parser.parse_args()
    try:
        study = open_study(options.study)
        folder = options.output or study.folder / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        written = draw_all(study, folder) + write_tables(study, folder, options.metric)
    except (StudyError, OSError) as error:
        print(f"plot.py: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(path)
    if not written:
        print(f"plot.py: {study.folder}: nothing is recorded yet", file=sys.stderr)
    return 0 if written else 1


if __name__ == "__main__":
    sys.exit(main())
