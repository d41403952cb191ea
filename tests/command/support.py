"""What the command tests share: running the real command and finding data."""

import functools
import json
import os
import pathlib
import subprocess

import h5py
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
PROGRAM = os.environ.get("NTKGAN", str(ROOT / "build" / "ntkgan"))


def ntkgan(*arguments, status=0, timeout=120, stdin=None, cwd=None, env=None):
    """Runs the command; asserts the exit status (None: any). Returns the completed process with text output."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )
    if status is not None:
        assert done.returncode == status, f"exit {done.returncode}, expected {status}\n{done.stdout}\n{done.stderr}"
    return done


@functools.cache
def instruction_sets():
    """Those of this machine, the best first: NTKGAN_ISA names one."""
    return json.loads(ntkgan("version", "--json").stdout)["instruction_sets"].split()


def each_instruction_set():
    """Parameters: the program's choice, and the others, which the fast tests leave out."""
    best, *others = instruction_sets()
    return [best, *(pytest.param(isa, marks=pytest.mark.slow) for isa in others)]


def file_datasets(path):
    """Every numeric dataset of an HDF5 file, by name."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" else None)
    return found


def different(ours, theirs):
    """Names of the datasets that only one has, or that differ by a bit."""

    def bits(found, name):
        return (found[name].dtype, found[name].shape, found[name].tobytes()) if name in found else None

    return sorted(name for name in ours.keys() | theirs.keys() if bits(ours, name) != bits(theirs, name))
