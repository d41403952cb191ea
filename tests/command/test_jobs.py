# ranks: 2
"""The studies that come along: each is checked as it stands, and runs to its end when it is shortened, with its pictures."""

import pytest

from support import ROOT, ntkgan
from test_tools import plot, png_size

JOBS = sorted((ROOT / "jobs").glob("*.yaml"))
FEW = ["--set", "data.real.points=16", "--set", "data.fake.points=16", "--set", "train.iterations=2"]
PLANE = ["--set", "record.fields=[{type: grid, low: -8, high: 8, points: 7, at: [0]}]"]

# how each is shortened, and its runs then
SHORT = {
    "eight-gaussians": (FEW, 8),
    "eight-gaussians-full": ([*FEW, "--only", "ipm/*/r0"], 4),
    "generator": (["--set", "train.iterations=20"], 4),
    "losses": ([*FEW, *PLANE], 42),
    "one-dimensional": (FEW, 18),
    "stein": (FEW, 4),
    "vector-fields": (["--set", "train.iterations=2", "--only", "*-d/lsgan/re*"], 4),
}
# of which runs pictures are drawn, and which
DRAWN = {
    "losses": ("lsgan/*", {"trajectories", "metrics", "fields-grid", "fields-grid.start"}),
    "vector-fields": ("*-d/lsgan/relu", {"trajectories", "fields-slice"}),
}


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_study_that_comes_along_is_in_order(path):
    assert ntkgan("check", path).stderr == ""
    assert path.stem in SHORT and f"study: {path.stem}\n" in path.read_text()


def run(folder, name, *more):
    ntkgan("run", ROOT / "jobs" / f"{name}.yaml", "-o", folder, "--ranks", 2, *more)
    return list((folder / "runs").glob("*.h5"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_study_that_comes_along_runs_to_its_end(tmp_path, name):
    more, runs = SHORT[name]
    assert len(run(tmp_path / "out", name, *more)) == runs


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_its_pictures_are_drawn(tmp_path, name):
    only, pictures = DRAWN[name]
    run(tmp_path / "out", name, *SHORT[name][0], "--only", only)
    plot(tmp_path / "out")
    drawn = {path.stem: png_size(path) for path in (tmp_path / "out" / "figures").glob("*.png")}
    assert pictures <= set(drawn), drawn
    assert all(300 < width < 4000 and 200 < height < 4000 for width, height in drawn.values()), drawn
