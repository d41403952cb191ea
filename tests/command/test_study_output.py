# ranks: 2
"""A small study from YAML to pictures: what the program writes is what the reading module, xarray, h5dump and the program's own metrics find."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
import xarray as xr

from support import ROOT, ntkgan

sys.path.insert(0, str(ROOT / "tools"))

from ntkgan_results import open_study  # noqa: E402

STUDY = """
study: small
seed: 5
repeat: 2
data:
  real: {type: ring, modes: 4, radius: 3.0, stddev: 0.3, points: 24}
  fake: {type: gaussian, dimension: 2, stddev: 1.0, points: 20}
discriminator:
  network: {type: mlp, depth: 2, activation: relu, bias_stddev: 1.0}
  loss: ipm
train: {iterations: 6, step: 20}
record:
  at: [0, 2, 5]
  metrics: [mmd2, sinkhorn, energy]
  spectrum: {every: 6, eigenvalues: all, eigenvectors: 2}
sweep:
  discriminator.loss: [ipm, lsgan]
  discriminator.network:
    relu: {type: mlp, depth: 2, activation: relu, bias_stddev: 1.0}
    rbf: {type: rbf, bandwidth: 1.5}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("study")
    (where / "small.yaml").write_text(STUDY)
    ntkgan("run", where / "small.yaml", "-o", where / "small", "--ranks", 2)
    return where / "small"


@pytest.fixture(scope="module")
def study(folder):
    return open_study(folder)


def test_the_table_has_every_run(study):
    labels = {f"{loss}/{network}/r{r}" for loss in ("ipm", "lsgan") for network in ("relu", "rbf") for r in (0, 1)}
    assert set(study.runs["label"]) == labels
    assert set(study.runs["state"]) == {"done"}
    assert study.axes == ["discriminator.loss", "discriminator.network"]
    assert set(study.runs["discriminator.network"]) == {"relu", "rbf"}
    assert study.runs["id"].is_unique and (study.runs["seconds"] > 0).all()


def test_index_and_run_files_hold_the_same_metrics(study):
    for run in study:
        with h5py.File(run.path) as file:
            assert list(file["metrics/iteration"]) == [0, 2, 5, 6]
            for name in ("mmd2", "mmd2_unbiased", "sinkhorn", "energy"):
                assert np.array_equal(run.metrics[name].values, file[f"metrics/{name}"][...])


@pytest.mark.parametrize("metric", ["sinkhorn", "energy"])
def test_recorded_metrics_belong_to_the_recorded_points(study, metric, tmp_path):
    run = study.run("lsgan/rbf/r1")
    np.save(tmp_path / "real.npy", run.real.values)
    for iteration in (0, 5):
        np.save(tmp_path / "fake.npy", run.trajectory.sel(iteration=iteration).values)
        again = json.loads(ntkgan("metric", metric, tmp_path / "real.npy", tmp_path / "fake.npy", "--json").stdout)[metric]
        assert again == pytest.approx(run.metrics[metric].sel(iteration=iteration).item(), rel=1e-12)


def test_compared_runs_share_their_samples(study):
    for repetition in (0, 1):
        runs = [run for run in study if run.repetition == repetition]
        assert all(np.array_equal(run.real, runs[0].real) for run in runs)
        assert all(np.array_equal(run.trajectory[0], runs[0].trajectory[0]) for run in runs)
    assert not np.array_equal(study.run("ipm/relu/r0").real, study.run("ipm/relu/r1").real)


def test_the_spectrum_is_that_of_the_recorded_points(study, tmp_path):
    run = study.run("ipm/rbf/r0")
    points = np.concatenate([run.trajectory.sel(iteration=6).values, run.real.values])
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    mass = np.r_[np.full(20, 1 / 20), np.full(24, 1 / 24)]
    operator = np.sqrt(mass)[:, None] * np.exp(-squared / (2 * 1.5**2)) * np.sqrt(mass)
    expected = np.linalg.eigvalsh(operator)[::-1]
    assert np.allclose(run.spectrum["eigenvalues"].sel(iteration=6), expected, rtol=0, atol=1e-14 * 44)


def test_other_readers_need_no_help(folder, study):
    files = {folder / "index.h5": ["metrics"], study.run("ipm/relu/r0").path: ["trajectory", "data", "metrics", "spectrum"]}
    for path, groups in files.items():
        for group in groups:
            with xr.open_dataset(path, group=group, engine="h5netcdf") as data:
                assert data.sizes and all("units" in data[name].attrs and "long_name" in data[name].attrs for name in data.data_vars), (path.name, group)
        subprocess.run(["h5dump", "-H", path], stdout=subprocess.DEVNULL, check=True)
    with xr.open_dataset(study.run("ipm/relu/r0").path, group="trajectory", engine="h5netcdf") as data:
        assert data["fake"].dims[0] == "iteration" and list(data["iteration"]) == [0, 2, 5, 6]
    with h5py.File(folder / "index.h5") as index:
        run = study.run("lsgan/relu/r1")
        assert np.array_equal(index[f"links/{run.id}/trajectory/fake"][...], run.trajectory.values)


def test_run_files_say_how_they_were_made(study):
    run = study.run("lsgan/relu/r0")
    assert run.settings["discriminator"]["network"]["depth"] == 2 and run.settings["train"]["step"] == 20
    assert run.attributes["format_version"] == 1


def test_it_is_drawn(folder, tmp_path):
    done = subprocess.run([sys.executable, ROOT / "tools" / "plot.py", folder, "-o", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in tmp_path.iterdir()} == {"trajectories.png", "metrics.png", "spectra.png", "table.txt", "table.md", "table.tex"}
    table = (tmp_path / "table.txt").read_text()
    assert "2 repetitions" in table and "±" in table
