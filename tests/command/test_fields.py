# ranks: 1
"""Fields through the real command: grids, lines and slices in runs and one-shot, against f at the same points one by one."""

import h5py
import numpy as np
import pytest
import xarray as xr
import yaml

from support import ntkgan

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

ERF = {"type": "mlp", "depth": 2, "activation": "erf", "bias_stddev": 0.5}
TIME = 1.7


def flow_style(value):
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).replace("\n...\n", "").strip()


@pytest.fixture
def points(tmp_path):
    rng = np.random.default_rng(5)
    real, fake = rng.normal(size=(20, 2)) + [3, 0], rng.normal(size=(15, 2))
    np.save(tmp_path / "real.npy", real)
    np.save(tmp_path / "fake.npy", fake)
    return real, fake


def field(folder, *options, loss="lsgan", time=TIME, real="real.npy", fake="fake.npy", ranks=1):
    ntkgan("field", folder / real, folder / fake, "--network", flow_style(ERF), "--loss", flow_style(loss), "--time", flow_style(time), *options,
           "-o", folder / "field.h5", "--ranks", ranks)  # fmt: skip
    with h5py.File(folder / "field.h5") as file:
        return {name: file[name][...] for name in file}


def at(folder, x, **more):
    np.save(folder / "at.npy", x)
    return field(folder, "--at", folder / "at.npy", **more)


def run(folder, fields, ranks=1, **more):
    study = {
        "study": "fields",
        "data": {side: {"type": "file", "path": str(folder / f"{side}.npy")} for side in ("real", "fake")},
        "discriminator": {"network": ERF, "loss": "lsgan", "time": TIME},
        "train": {"iterations": 6, "step": 10.0},
        "record": {"every": 1, "fields": fields},
        "resources": {"ranks_per_run": ranks},
        **more,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    ntkgan("check", folder / "study.yaml")
    ntkgan("run", folder / "study.yaml", "-o", folder / f"out{ranks}", "--ranks", ranks)
    (found,) = (folder / f"out{ranks}" / "runs").glob("*.h5")
    return found


def test_a_grid_is_its_points_one_by_one(tmp_path, points):
    x, y = np.linspace(-3, 3, 5), np.linspace(-2, 4, 4)
    lattice = np.stack(np.meshgrid(x, y, indexing="ij"), -1)
    found = field(tmp_path, "--grid", "{low: [-3, -2], high: [3, 4], points: [5, 4]}")
    expected = at(tmp_path, lattice.reshape(-1, 2))
    assert np.allclose(found["x"], x, atol=1e-15) and np.allclose(found["y"], y, atol=1e-15)
    assert found["value"].shape == (5, 4) and found["gradient"].shape == (5, 4, 2)
    assert np.allclose(found["value"].ravel(), expected["value"], rtol=1e-12)
    assert np.allclose(found["gradient"].reshape(-1, 2), expected["gradient"], rtol=1e-11, atol=1e-14)
    assert np.allclose(found["objective"], found["value"] ** 2, rtol=1e-14) and np.allclose(found["objective_slope"], 2 * found["value"], rtol=1e-14)
    assert np.array_equal(found["weights"], expected["weights"])


def test_a_line(tmp_path, points):
    found = field(tmp_path, "--line", "{from: [-1, 2], to: [3, -1], points: 11}")
    x = np.linspace([-1, 2], [3, -1], 11)
    assert np.allclose(found["position"], np.linspace(0, 5, 11)) and np.allclose(found["direction"], [[0.8, -0.6]])
    assert np.allclose(found["value"], at(tmp_path, x)["value"], rtol=1e-12)


def test_an_interval_has_its_coordinate_as_position(tmp_path):
    np.save(tmp_path / "real.npy", np.array([[1.0], [2.0]]))
    np.save(tmp_path / "fake.npy", np.array([[-1.0], [0.5]]))
    for option in ("--line", "{from: -2, to: 3, points: 6}"), ("--grid", "{low: -2, high: 3, points: 6}"):
        found = field(tmp_path, *option)
        assert np.allclose(found["position" if "--line" in option else "x"], np.arange(-2, 4))
        assert np.allclose(found["value"], at(tmp_path, np.arange(-2.0, 4)[:, None])["value"], rtol=1e-12)


def test_a_slice_through_points_of_a_space(tmp_path):
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(4, 30)), rng.normal(size=(3, 30))
    np.save(tmp_path / "real.npy", real)
    np.save(tmp_path / "fake.npy", fake)
    found = field(tmp_path, "--slice", "{through: [real.1, fake.2, zero], low: [-1, 0], high: [2, 3], points: [4, 3]}")
    u = (fake[2] - real[1]) / np.linalg.norm(fake[2] - real[1])
    v = -real[1] + (real[1] @ u) * u
    v /= np.linalg.norm(v)
    assert np.allclose(found["direction"], [u, v], atol=1e-14) and np.allclose(found["origin"], real[1])
    lattice = real[1] + np.linspace(-1, 2, 4)[:, None, None] * u + np.linspace(0, 3, 3)[:, None] * v
    assert np.allclose(found["value"].ravel(), at(tmp_path, lattice.reshape(-1, 30))["value"], rtol=1e-11, atol=1e-14)
    line = field(tmp_path, "--slice", "{through: [real.1, fake.2], low: -1, high: 2, points: 4}")
    assert np.allclose(line["value"], found["value"][:, 0], rtol=1e-11) and line["value"].shape == (4,)


def test_several_times_at_once(tmp_path, points):
    found = field(tmp_path, "--line", "{from: [-1, 2], to: [3, -1], points: 5}", time=[0.5, 20.0], loss="vanilla")
    assert found["value"].shape == (2, 5) and found["gradient"].shape == (2, 5, 2) and found["weights"].shape == (2, 35)
    assert np.array_equal(found["time"], [0.5, 20.0])
    for i, time in enumerate(found["time"]):
        one = field(tmp_path, "--line", "{from: [-1, 2], to: [3, -1], points: 5}", time=float(time), loss="vanilla")
        assert np.allclose(found["value"][i], one["value"], rtol=1e-9) and np.allclose(found["weights"][i], one["weights"], rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("loss", ["ipm", "lsgan", "vanilla"])
def test_alone_trains_on_each_point_by_itself(tmp_path, points, loss):
    found = field(tmp_path, "--grid", "{low: -2, high: 2, points: 3}", "--alone", loss=loss)
    assert "weights" not in found
    for i, x in enumerate(found["x"]):
        for j, y in enumerate(found["y"]):
            np.save(tmp_path / "one.npy", [[x, y]])
            one = at(tmp_path, [[x, y]], fake="one.npy", loss=loss)
            assert found["value"][i, j] == pytest.approx(one["value"][0], rel=1e-9)
            assert np.allclose(found["gradient"][i, j], one["gradient"][0], rtol=1e-8, atol=1e-12)


def test_a_run_records_fields_of_the_moved_points(tmp_path, points):
    grid = {"type": "grid", "low": -2, "high": 4, "points": [4, 3], "at": [0, 2]}
    line = {"type": "line", "name": "cut", "from": [-1, 2], "to": [3, -1], "points": 7, "gradient": "axes"}
    path = run(tmp_path, [grid, line, {**grid, "name": "lone", "alone": True, "gradient": "none"}])
    with h5py.File(path) as file:
        trajectory = file["trajectory/fake"][...]
        grid, cut, lone = ({name: file[f"fields/{key}/{name}"][...] for name in file[f"fields/{key}"]} for key in ("grid", "cut", "lone"))
    assert list(grid["iteration"]) == [0, 2, 6] and list(cut["iteration"]) == [0, 6] and list(lone["iteration"]) == [0]
    assert "gradient" not in lone and cut["gradient"].shape == (2, 7, 1)
    for record, iteration in enumerate(grid["iteration"]):
        np.save(tmp_path / "moved.npy", trajectory[int(iteration)])
        expected = field(tmp_path, "--grid", "{low: -2, high: 4, points: [4, 3]}", fake="moved.npy")
        for name in ("value", "objective", "objective_slope", "gradient"):
            assert np.allclose(grid[name][record], expected[name], rtol=1e-9, atol=1e-12), name
    expected = field(tmp_path, "--line", "{from: [-1, 2], to: [3, -1], points: 7}")
    assert np.allclose(cut["gradient"][0], expected["gradient"] @ cut["direction"].T, rtol=1e-9, atol=1e-12)
    expected = field(tmp_path, "--grid", "{low: -2, high: 4, points: [4, 3]}", "--alone")
    assert np.allclose(lone["value"][0], expected["value"], rtol=1e-9)
    data = xr.open_dataset(path, group="fields/grid", engine="h5netcdf")
    assert data["value"].dims == ("iteration", "x", "y") and data["gradient"].dims == ("iteration", "x", "y", "coordinate")
    assert data["value"].sel(iteration=2).shape == (4, 3) and all("long_name" in data[name].attrs for name in data.variables)


def test_ranks_change_no_bit(tmp_path, points):
    fields = [{"type": "grid", "low": -2, "high": 4, "points": 25}, {"type": "grid", "name": "lone", "low": -2, "high": 4, "points": 3, "alone": True}]
    files = [run(tmp_path, fields, ranks) for ranks in (1, 2)]
    with h5py.File(files[0]) as one, h5py.File(files[1]) as two:
        for name in ("grid/value", "grid/gradient", "lone/value", "lone/gradient", "grid/objective"):
            assert one["fields"][name][...].tobytes() == two["fields"][name][...].tobytes()


@pytest.mark.parametrize(
    "entry, said",
    [
        ({"type": "grid", "low": 1, "high": 0}, "high: 0 is not above low = 1"),
        ({"type": "grid", "low": [0, 0, 0], "high": 1}, "low: has 3 numbers, expected 1 or 2"),
        ({"type": "slice", "through": ["zero", "real.20", "fake.0"]}, "real.20: there are 20 points"),
        ({"type": "slice", "through": ["zero", "middle"]}, "expected zero, real.N or fake.N, not 'middle'"),
        ({"type": "slice", "through": ["real.1", "real.1"]}, "real.1 is there twice"),
        ({"type": "slice", "through": ["real.0", "fake.1", "real.0"]}, "real.0 is there twice"),
        ({"type": "line", "from": 1, "to": 1}, "the same point as from"),
        ({"type": "line", "from": 0, "to": 1, "name": "a/b"}, "letters, digits"),
        ({"type": "lien", "from": 0, "to": 1}, "did you mean 'line'?"),
    ],
)
def test_what_cannot_be_recorded_is_refused(tmp_path, points, entry, said):
    study = {
        "study": "s",
        "data": {side: {"type": "file", "path": str(tmp_path / f"{side}.npy")} for side in ("real", "fake")},
        "discriminator": {"network": ERF, "loss": "ipm"},
        "train": {"iterations": 1, "step": 1.0},
        "record": {"fields": [entry]},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    done = ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--ranks", 1, status=None)
    assert done.returncode != 0
    assert said in done.stderr + "".join(p.read_text() for p in (tmp_path / "out").glob("*.jsonl")), done.stderr


def test_two_fields_of_one_name(tmp_path, points):
    with pytest.raises(AssertionError, match="two fields have the same name"):
        run(tmp_path, [{"type": "grid", "low": 0, "high": 1}, {"type": "grid", "low": 0, "high": 2}])


@pytest.mark.parametrize("through, said", [(["real.0", "real.3"], "the first two points are the same"), (["zero", "real.1", "real.2"], "lie on a line")])
def test_points_that_span_nothing_are_refused(tmp_path, through, said):
    """Known when the points are."""
    real = {"type": "points", "dimension": 2, "values": [0, 0, 1, 1, 2, 2, 0, 0]}
    study = {
        "study": "s",
        "data": {"real": real, "fake": real},
        "discriminator": {"network": ERF, "loss": "ipm"},
        "train": {"iterations": 1, "step": 1.0},
        "record": {"fields": [{"type": "slice", "through": through}]},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    assert said in ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--ranks", 1, status=1).stderr


def test_times_may_be_given_one_by_one(tmp_path, points):
    """--time 1.7 --time '[5, infinite]' is --time '[1.7, 5, infinite]'."""
    one = at(tmp_path, points[0], time=[TIME, 5.0, "infinite"])
    apart = field(tmp_path, "--at", tmp_path / "at.npy", "--time", "[5, infinite]")
    assert list(apart["time"]) == [TIME, 5.0, np.inf] and apart.keys() == one.keys()
    assert all(apart[name].tobytes() == one[name].tobytes() for name in one)
