# ranks: 1
"""The Python reading module and the plotting command, on a study folder made by hand in the documented layout."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

import synthetic
from support import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from ntkgan_results import StudyError, open_study  # noqa: E402
from ntkgan_results.figures import choose_times  # noqa: E402
from ntkgan_results.tables import grid, summarise  # noqa: E402

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

PICTURES = {"trajectories.png", "metrics.png", "spectra.png"}
TABLES = {"table.txt", "table.md", "table.tex"}


@pytest.fixture
def folder(tmp_path):
    synthetic.write_study(tmp_path / "table1", skip=["ipm/rbf/r1"])
    return tmp_path / "table1"


def plot(*arguments, status=0):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run([sys.executable, ROOT / "tools" / "plot.py", *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == status, done.stderr
    return done


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def test_runs_are_a_table(folder):
    study = open_study(folder)
    assert len(study) == 16
    assert list(study.runs.columns[:6]) == ["id", "label", "repetition", "state", "seconds", "message"]
    assert study.axes == ["discriminator.loss", "discriminator.network"]
    assert study.runs["state"].value_counts().to_dict() == {"done": 15, "failed": 1}
    assert study.run("ipm/rbf/r1").message == "not finite"


def test_metrics_are_labelled(folder):
    metrics = open_study(folder).metrics
    assert metrics.sinkhorn.dims == ("run", "iteration")
    relu = metrics.sinkhorn.where(metrics.label == "ipm/relu/r0", drop=True)
    assert relu.sel(iteration=1000).item() == 1e-6
    assert np.isnan(metrics.sinkhorn.where(metrics.label == "ipm/rbf/r1", drop=True)).all()


def test_a_run_is_opened_by_label_or_id(folder):
    study = open_study(folder)
    run = study.run("lsgan/relu/r0")
    assert study.run(run.id).label == "lsgan/relu/r0"
    assert run.trajectory.dims == ("iteration", "particle", "coordinate")
    with h5py.File(folder / "runs" / f"{run.id}.h5") as file:
        assert np.array_equal(run.trajectory.sel(iteration=100).values, file["trajectory/fake"][2])
        assert np.array_equal(run.real.values, file["data/real"][...])
    assert run.spectrum["eigenvalues"].sel(iteration=1000)[0] == 0.5
    assert run.settings["train"]["step"] == 1000.0
    assert list(run.metrics.iteration) == [0, 10, 100, 1000]


def test_files_without_dimension_scales_are_read(folder):
    run = open_study(folder).run("ipm/relu/r0")
    with h5py.File(run.path, "w") as file:
        file["trajectory/iteration"] = [0, 5]
        file["trajectory/fake"] = np.zeros((2, 3, 2))
    assert run.trajectory.dims == ("iteration", "particle", "coordinate")


def test_what_is_not_there_is_named(folder):
    study = open_study(folder)
    with pytest.raises(StudyError, match="no run has the id or label 'nothing'"):
        study.run("nothing")
    with pytest.raises(StudyError, match="failed"):
        study.run("ipm/rbf/r1").trajectory.values
    with pytest.raises(StudyError, match="no such file"):
        open_study(folder / "runs")


def test_a_newer_format_is_refused(folder):
    with h5py.File(folder / "index.h5", "a") as file:
        file.attrs["format_version"] = 2
    with pytest.raises(StudyError, match="format_version 2"):
        open_study(folder)


def test_a_running_study_can_be_read_and_read_again(tmp_path):
    rows = synthetic.write_study(tmp_path / "s", repetitions=1)
    half = [(*row[:3], "running" if i else "done", *row[4:]) for i, row in enumerate(rows)]
    values = np.full((8, 4), np.nan)
    values[0] = [4.0, 3.0, 2.0, 1.0]
    full = tmp_path / "s" / "full.h5"
    (tmp_path / "s" / "index.h5").rename(full)
    synthetic.write_index(tmp_path / "s", half, np.array([0, 10, 100, 1000]), values)
    study = open_study(tmp_path / "s")
    assert (study.runs["state"] == "running").sum() == 7
    plot(tmp_path / "s")
    full.replace(tmp_path / "s" / "index.h5")
    study.reload()
    assert (study.runs["state"] == "done").all()


def test_the_table_holds_mean_and_standard_deviation(folder):
    study = open_study(folder)
    summary = summarise(study, "sinkhorn")
    assert summary.loc[("ipm", "relu"), "mean"] == pytest.approx(1.05e-6)
    assert summary.loc[("ipm", "relu"), "std"] == pytest.approx(0.1e-6 / np.sqrt(2))
    head, rows = grid(study, "sinkhorn")
    assert head == ["network", "ipm", "lsgan"]
    assert dict((row[0], row[1]) for row in rows)["rbf"] == "0.02 (1 of 2)"


def test_plot_writes_pictures_and_tables(folder):
    done = plot(folder)
    names = {line.rsplit("/", 1)[1] for line in done.stdout.splitlines()}
    assert names == PICTURES | TABLES
    for name in PICTURES:
        width, height = png_size(folder / "figures" / name)
        assert 400 < width < 5000 and 300 < height < 5000
    assert "13.4 ± 0.902" in (folder / "figures" / "table.txt").read_text()
    assert "| relu | 1.05e-06 ± 7.07e-08 |" in (folder / "figures" / "table.md").read_text()
    assert r"$1.05\cdot 10^{-6}$ $\pm$" in (folder / "figures" / "table.tex").read_text()


@pytest.mark.parametrize("dimension", [1, 5])
def test_plot_draws_other_dimensions(tmp_path, dimension):
    synthetic.write_study(tmp_path / "s", repetitions=1, dimension=dimension)
    plot(tmp_path / "s", "-o", tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == PICTURES | TABLES


def test_plot_leaves_out_what_was_not_recorded(folder):
    for file in (folder / "runs").iterdir():
        file.unlink()
    plot(folder)
    assert {p.name for p in (folder / "figures").iterdir()} == {"metrics.png"} | TABLES


def test_plot_of_no_study_is_an_error(tmp_path):
    assert "index.h5" in plot(tmp_path, status=2).stderr


def test_times_are_spread():
    assert choose_times([0, 1, 2]) == [0, 1, 2]
    chosen = choose_times(np.arange(0, 20001, 100))
    assert len(chosen) == 5 and chosen[0] == 0 and chosen[-1] == 200
