# ranks: 1
"""One self-contained file: what index and run files hold, readable with nothing beside it."""

import os
import shutil

import h5py
import numpy
import pytest
import xarray

from studies import STUDY
from support import ntkgan

QUICK = STUDY.replace("iterations: 4000", "iterations: 6").replace("every: 2000", "every: 3, spectrum: {every: 6, eigenvectors: 2}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("pack")
    (root / "study.yaml").write_text(QUICK)
    ntkgan("run", root / "study.yaml", "-o", root / "out", "--ranks", 1)
    return root / "out"


def contents(path):
    """Every dataset and attribute (references, which readers see as axes, left out)."""
    found = {}
    hidden = {"DIMENSION_LIST", "REFERENCE_LIST"}

    def visit(name, item):
        found[name] = {key: numpy.asarray(value).tolist() for key, value in item.attrs.items() if key not in hidden}
        if isinstance(item, h5py.Dataset):
            axes = [[os.path.basename(scale.name) for scale in axis.values()] for axis in item.dims] if not h5py.h5ds.is_scale(item.id) else []
            found[name] |= {"axes of it": axes, "shape of it": item.shape, "content": numpy.asarray(item[()]).tobytes() if item.dtype.kind in "iuf" else list(item.asstr()[()])}

    with h5py.File(path) as file:
        visit("", file)
        file.visititems(visit)
    return found


def without(prefix, found):
    return {name: what for name, what in found.items() if not (name + "/").startswith(prefix)}


def test_it_holds_the_index_and_all_runs(folder, tmp_path):
    packed = tmp_path / "all.h5"
    assert "4 of 4 runs" in ntkgan("pack", folder, "-o", packed).stdout
    all_of_it, index = contents(packed), contents(folder / "index.h5")
    assert without("links/", all_of_it) == without("links/", index)
    for path in (folder / "runs").iterdir():
        root = f"links/{path.stem}"
        ours = {name[len(root) + 1 :]: what for name, what in all_of_it.items() if (name + "/").startswith(root + "/")}
        assert ours == contents(path)
    assert list(tmp_path.iterdir()) == [packed]


def test_it_is_read_alone(folder, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "copy")
    ntkgan("pack", moved, "-o", tmp_path / "all.h5")
    shutil.rmtree(moved)
    runs = xarray.open_dataset(tmp_path / "all.h5", group="runs", engine="h5netcdf")
    identity = str(runs["id"].values[0])
    trajectory = xarray.open_dataset(tmp_path / "all.h5", group=f"links/{identity}/trajectory", engine="h5netcdf")
    assert trajectory["fake"].dims == ("iteration", "point", "coordinate")
    assert list(trajectory["iteration"].values) == [0, 3, 6]


def test_folders_of_one_study_are_put_together(folder, tmp_path):
    parts = [tmp_path / name for name in ("a", "b")]
    for shard, part in enumerate(parts, 1):
        ntkgan("run", folder.parent / "study.yaml", "-o", part, "--ranks", 1, "--shard", f"{shard}/2")
    ntkgan("pack", *parts, "-o", tmp_path / "two.h5")
    ntkgan("pack", folder, "-o", tmp_path / "one.h5")
    with h5py.File(tmp_path / "two.h5") as two, h5py.File(tmp_path / "one.h5") as one:
        assert list(two["runs/state"].asstr()[()]) == ["done"] * 4
        for name in one["metrics"]:
            assert two["metrics"][name][()].tobytes() == one["metrics"][name][()].tobytes()
        assert list(two["links"]) == list(one["links"])


def test_what_is_damaged_or_wrong_is_told(folder, tmp_path):
    broken = shutil.copytree(folder, tmp_path / "broken")
    victim = next((broken / "runs").iterdir())
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    assert f"runs/{victim.name} is missing or not as it was written" in ntkgan("pack", broken, "-o", tmp_path / "x.h5", status=2).stderr
    assert "-o FILE.h5 is required" in ntkgan("pack", folder, status=2).stderr
    ntkgan("pack", tmp_path / "nowhere", "-o", tmp_path / "x.h5", status=2)
    other = tmp_path / "other.yaml"
    other.write_text(QUICK.replace("train.step: [5, 10]", "train.integrator: [euler]"))
    ntkgan("run", other, "-o", tmp_path / "other", "--ranks", 1, "--set", "train.iterations=1")
    assert "sweep different settings" in ntkgan("pack", folder, tmp_path / "other", "-o", tmp_path / "x.h5", status=2).stderr
    assert not (tmp_path / "x.h5").exists() and not (tmp_path / "x.h5.part").exists()
