# ranks: 1
"""`tools/plot.py` on a study with fields, run by the real command: planes, lines, what a lone point meets; and what the pictures rest on."""

import itertools
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from support import ROOT, ntkgan
from test_tools import plot, png_size

sys.path.insert(0, str(ROOT / "tools"))

from ntkgan_results import Study, open_study  # noqa: E402
from ntkgan_results.fields import View, row_scales, scale_of  # noqa: E402
from ntkgan_results.panels import COLUMNS, ROWS, lay_out, pieces  # noqa: E402

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

PLANE = {
    "study": "plane",
    "data": {"real": {"type": "ring", "modes": 3, "radius": 2.0, "stddev": 0.1, "points": 9}, "fake": {"type": "gaussian", "dimension": 2, "points": 7}},
    "discriminator": {"network": {"type": "mlp", "depth": 1, "activation": "relu", "bias_stddev": 1.0}, "loss": "lsgan", "time": 1.0},
    "train": {"iterations": 2, "step": 1.0},
    "record": {
        "at": [0],
        "trajectory": True,
        "fields": [
            {"type": "grid", "low": -3, "high": 3, "points": [25, 21]},
            {"type": "slice", "name": "turned", "through": ["zero", "real.0", "fake.0"], "low": -2, "high": 2, "points": 21, "gradient": "axes"},
            {"type": "line", "name": "cut", "from": [-3, 1], "to": [3, 1], "points": 11, "gradient": "none"},
            {"type": "grid", "name": "lone", "low": -3, "high": 3, "points": 5, "alone": True},
        ],
    },
    "sweep": {"discriminator.loss": ["ipm", "lsgan"], "zip": [{"discriminator.time": [1.0, 2.0], "train.step": [2.0, 1.0]}]},
}


def run(folder, study):
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    ntkgan("run", folder / "study.yaml", "-o", folder / "out", "--ranks", 1)
    return folder / "out"


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    return run(tmp_path_factory.mktemp("plane"), PLANE)


def pictures(folder):
    sizes = {path.name: png_size(path) for path in (folder / "figures").glob("fields-*")}
    assert all(300 < width < 3000 and 300 < height < 3000 for width, height in sizes.values()), sizes
    return set(sizes)


def test_every_field_is_drawn_and_planes_at_both_ends(plane):
    plot(plane)
    assert pictures(plane) == {"fields-grid.png", "fields-grid.start.png", "fields-turned.png", "fields-turned.start.png", "fields-cut.png", "fields-lone.png"}


def test_one_dimension_and_a_run_that_failed(tmp_path):
    study = {
        **PLANE,
        "data": {side: {"type": "gaussian", "dimension": 1, "mean": mean, "points": 6} for side, mean in (("real", 1.0), ("fake", -1.0))},
        "record": {"at": [0], "trajectory": False, "fields": [{"type": "line", "from": -4, "to": 4, "points": 21}]},
        "sweep": {"discriminator.loss": ["ipm", "lsgan"]},
    }
    folder = run(tmp_path, study)
    (folder / "runs" / f"{open_study(folder).run('ipm').id}.h5").unlink()
    plot(folder)
    assert pictures(folder) == {"fields-line.png"}


def test_arrows_are_the_forces_in_the_axes_of_the_picture(plane):
    run = open_study(plane).run("lsgan/2.0/1.0")
    for name, step in itertools.product(("grid", "turned"), (0, 2)):
        view = View(run, name)
        objective = view.field["objective"].sel(iteration=step).values
        u, v = (axis[1] - axis[0] for axis in view.positions)
        slope = np.stack(np.gradient(objective, u, v), -1)[1:-1, 1:-1]
        force = view.force(step)[1:-1, 1:-1]
        cosine = (force * -slope).sum(-1) / np.linalg.norm(force, axis=-1) / np.linalg.norm(slope, axis=-1)
        assert np.median(cosine) > 0.95
    assert View(run, "cut").force(0) is None
    assert View(run, "lone").alone and not View(run, "grid").alone


def test_points_stand_where_they_are_in_the_plane(plane):
    view = View(open_study(plane).run("ipm/1.0/2.0"), "turned")
    first = view.real()[0]
    assert first[0] == pytest.approx(np.linalg.norm(view.run.real.values[0])) and first[1] == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(view.fake(2), axis=1) == pytest.approx(np.linalg.norm(view.run.trajectory[-1].values, axis=1))
    assert view.fake(1) is None and view.path() is None


def test_paths_swept_together_are_one_axis(plane):
    study = open_study(plane)
    assert study.free_axes == ["discriminator.loss", "discriminator.time"]
    (page,) = lay_out(study, list(study))
    assert page.rows == ["ipm", "lsgan"] and page.heads == ["time 1", "time 2"]
    assert [[run.label for run in line] for line in page.table] == [["ipm/1.0/2.0", "ipm/2.0/1.0"], ["lsgan/1.0/2.0", "lsgan/2.0/1.0"]]


class Fake:
    """A study of so many runs, without files."""

    free_axes = Study.free_axes

    def __init__(self, **values):
        rows = list(itertools.product(*values.values()))
        self.axes = list(values)
        self.runs = pd.DataFrame([(str(i), *row) for i, row in enumerate(rows)], columns=["id", *values])

    def __iter__(self):
        return (type("Run", (), {"id": name})() for name in self.runs["id"])


@pytest.mark.parametrize("counts", [(1,), (5,), (100,), (14, 3), (3, 14), (20, 20), (2, 3, 4)])
def test_every_run_has_one_place_on_pages_of_limited_size(counts):
    study = Fake(**{f"a.{i}": [f"v{k}" for k in range(count)] for i, count in enumerate(counts)})
    pages = lay_out(study, list(study))
    assert sorted(run.id for page in pages for line in page.table for run in line if run) == sorted(study.runs["id"])
    assert all(len(page.table) == len(page.rows) <= ROWS and max(map(len, page.table)) <= COLUMNS for page in pages)


def test_pieces_are_of_like_size():
    assert [len(part) for part in pieces(list(range(14)), 8)] == [7, 7]
    assert [len(part) for part in pieces(list(range(8)), 8)] == [8]


def test_colours_are_around_zero_where_f_has_both_signs():
    assert scale_of(np.array([-1.0, 0.0, 2.0])) == (0.0, pytest.approx(2.0, rel=0.02))
    centre, half = scale_of(np.array([5.0, 6.0, 7.0, np.nan]))
    assert centre == 6.0 and half == pytest.approx(1.0, rel=0.02)
    assert scale_of(np.full(4, 3.0)) == (3.0, 3.0) and scale_of(np.full(4, np.nan)) == (0.0, 1.0)
    assert row_scales([(0.0, 1.0), (0.0, 2.5)]) == [(0.0, 2.5)] * 2
    assert row_scales([(0.0, 1.0), (0.0, 25.0)]) == [(0.0, 1.0), (0.0, 25.0)]
