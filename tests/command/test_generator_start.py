# ranks: 1
"""Generators that start as a random network: fresh samples and minibatches through the real command, against NumPy with matrices of `gram` and gradients
of `field`, and against a wide finite network trained by gradient descent."""

import json
import signal
import sys
import time

import matplotlib.image
import numpy as np
import pytest
import yaml

from studies import has_checkpoint, start, wait_for
from support import ROOT, different, file_datasets, ntkgan
from test_generators import ERF, RBF, file, gram, pull, stein, study_of
from test_tools import plot

sys.path.insert(0, str(ROOT / "tools"))

from ntkgan_results import open_study  # noqa: E402

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

REAL = np.random.default_rng(5).normal(size=(20, 2)) + [3, 0]
Z, NEW = np.random.default_rng(6).normal(size=(15, 3)), np.random.default_rng(7).normal(size=(9, 3))


def study(folder, z=Z, fresh=NEW, network=ERF, loss="ipm", real=REAL, batch=None, kernel="ntk", **train):
    made = study_of(folder, (real, real), loss=loss, **{"iterations": 4, "step": 2.0, **train})
    del made["data"]["fake"]
    made["generator"] = {**stein(folder, z, network, kernel), "g0": {"network": {"width": 256}}, "batch": batch}
    if fresh is not None:
        made["generator"]["fresh"] = file(folder, "fresh", fresh)
    made["generator"] = {key: value for key, value in made["generator"].items() if value is not None}
    return made


def run(folder, made, ranks=1, *more):
    """Datasets of the run's file by name."""
    (folder / "study.yaml").write_text(yaml.safe_dump(made))
    out = folder / f"out-{time.monotonic_ns()}"
    ntkgan("run", folder / "study.yaml", "-o", out, "--ranks", ranks, *more)
    (found,) = (out / "runs").glob("*.h5")
    return file_datasets(found)


TRAININGS = [
    {},
    {"optimizer": {"type": "sgd", "momentum": 0.8}, "annealing": "cosine"},
    {"integrator": "rk4"},
    {"integrator": {"type": "adaptive", "tolerance": 1e-5}, "step": 40.0},
    {"batch": 4},
    {"batch": 4, "optimizer": {"type": "sgd", "momentum": 0.8}},
]


@pytest.mark.parametrize("train", TRAININGS)
def test_fresh_samples_at_the_latent_points_are_the_trajectory(tmp_path, train):
    found = run(tmp_path, study(tmp_path, fresh=Z[::-1], loss="lsgan", **train))
    x, fresh = found["trajectory/fake"], found["trajectory/fresh"]
    assert np.abs(fresh[0] - x[0, ::-1]).max() < 1e-14 * np.abs(x[0]).max()
    assert np.abs(fresh - x[:, ::-1]).max() < 1e-12 * np.abs(x).max() and np.abs(x[-1] - x[0]).max() > 1e-2
    assert found["metrics/fresh_mmd2"] == pytest.approx(found["metrics/mmd2"], rel=1e-9)


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
def test_euler_steps_of_new_latent_points(tmp_path, kernel):
    """x <- x - step/n K g and x' <- x' - step/n K' g, from where g_0 has put them."""
    found = run(tmp_path, study(tmp_path, kernel=kernel))
    x, fresh = found["trajectory/fake"][0], found["trajectory/fresh"][0]
    matrix = gram(tmp_path, np.concatenate([Z, NEW]), ERF, kernel)[:, : len(Z)]
    for k in range(1, 5):
        step = 2.0 / len(Z) * matrix @ pull(tmp_path, REAL, x)
        x, fresh = x - step[: len(Z)], fresh - step[len(Z) :]
        assert np.allclose(found["trajectory/fake"][k], x, rtol=0, atol=1e-11)
        assert np.allclose(found["trajectory/fresh"][k], fresh, rtol=0, atol=1e-11)
    assert np.abs(x - found["trajectory/fake"][0]).max() > 1e-2


def test_metrics_of_fresh_samples_are_those_of_the_command(tmp_path):
    made = study(tmp_path)
    made["record"]["metrics"] = ["energy", {"energy": {"name": "near"}}]
    found = run(tmp_path, made)
    np.save(tmp_path / "fresh-now.npy", found["trajectory/fresh"][-1])
    alone = json.loads(ntkgan("metric", "energy", tmp_path / "real.npy", tmp_path / "fresh-now.npy", "--json").stdout)
    assert found["metrics/fresh_energy"][-1] == pytest.approx(alone["energy"], rel=1e-12)
    assert np.array_equal(found["metrics/fresh_near"], found["metrics/fresh_energy"])


def batches(folder, found, z, batch, step=2.0):
    """The batch of each step, read from how far the points went: K^-1 of the displacement has the batch's forces (looked at in three steps) and no others."""
    inverse, x, chosen = np.linalg.inv(gram(folder, z, RBF)), found["trajectory/fake"], []
    for k in range(len(x) - 1):
        force = inverse @ (x[k] - x[k + 1])
        here = np.linalg.norm(force, axis=1) > 1e-7 * np.abs(force).max()
        assert np.abs(force[~here]).max() < 1e-9 * np.abs(force).max()
        if k in (0, 1, len(x) - 2):
            assert np.allclose(force[here], step / batch * pull(folder, REAL, x[k])[here], rtol=1e-7)
        chosen.append(tuple(np.flatnonzero(here)))
    return chosen


def test_a_step_is_made_of_a_batch_drawn_anew(tmp_path):
    z = 2.0 * np.arange(15)[:, None] + np.random.default_rng(2).normal(size=(15, 1))
    found = run(tmp_path, study(tmp_path, z=z, fresh=None, network=RBF, batch=4, iterations=25))
    chosen = batches(tmp_path, found, z, 4)
    assert all(len(indices) == 4 for indices in chosen) and len(set(chosen)) > 20
    assert set(np.concatenate(chosen)) == set(range(15))
    whole = run(tmp_path, study(tmp_path, z=z, fresh=None, network=RBF, batch=15, iterations=2))
    assert whole["trajectory/fake"].tobytes() == run(tmp_path, study(tmp_path, z=z, fresh=None, network=RBF, iterations=2))["trajectory/fake"].tobytes()


def test_the_start_is_a_draw_of_the_gaussian_process(tmp_path):
    """The covariance of the outputs over 600 coordinates, which are as many draws, is the NNGP kernel."""
    made = study(tmp_path, z=Z[:6], fresh=Z[6:8], real=np.zeros((1, 600)), iterations=0)
    made["generator"]["g0"] = {"network": {"width": 2048}}
    made["record"]["metrics"] = []
    found = run(tmp_path, made)
    x = np.concatenate([found["trajectory/fake"][0], found["trajectory/fresh"][0]])
    expected = gram(tmp_path, Z[:8], ERF, "nngp")
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.abs(x @ x.T / 600 - expected).max() < 5 / np.sqrt(600) * scale.max()
    assert np.abs(x.mean(axis=1)).max() < 5 / np.sqrt(600) * np.sqrt(scale.max())
    others = run(tmp_path, {**made, "seed": 3})["trajectory/fake"][0]
    assert np.abs(others - x[:6]).max() > 0.1


def test_a_wide_network_trained_by_gradient_descent_does_the_same(tmp_path):
    """One hidden layer of 2^15 units in the ntk parametrization, all weights trained; its outputs are given to the program as data.fake."""
    rng, width = np.random.default_rng(11), 1 << 15
    network = {"type": "mlp", "depth": 1, "activation": "relu", "weight_stddev": 1.0, "bias_stddev": 0.5}
    inner, bias, outer = rng.normal(size=(3, width)), rng.normal(size=width), rng.normal(size=(width, 2))
    z = np.concatenate([Z[:8], NEW[:3]])

    def forward():
        before = z @ inner / np.sqrt(3) + 0.5 * bias
        return before, np.maximum(before, 0) @ outer / np.sqrt(width)

    start = x = forward()[1]
    for _ in range(3):
        before, x = forward()
        force = 2.0 / 8 * pull(tmp_path, REAL, x[:8])
        back = force @ outer.T / np.sqrt(width) * (before[:8] > 0)
        outer = outer - np.maximum(before[:8], 0).T @ force / np.sqrt(width)
        inner = inner - z[:8].T @ back / np.sqrt(3)
        bias = bias - 0.5 * back.sum(axis=0)
    x = forward()[1]
    made = study_of(tmp_path, (REAL, start[:8]), generator=stein(tmp_path, Z[:8], network), iterations=3, step=2.0)
    moved = run(tmp_path, made)["trajectory/fake"][-1] - start[:8]
    assert np.abs(moved).max() > 0.1 and np.abs(x[:8] - start[:8] - moved).max() < 0.03 * np.abs(moved).max()


def many(folder, **train):
    """More points than fit into one tile; a network drawn in more than one block."""
    rng = np.random.default_rng(3)
    made = study(folder, z=rng.normal(size=(140, 4)), fresh=rng.normal(size=(150, 4)), **train)
    made["generator"]["latent"]["shuffle"] = True
    return made


@pytest.mark.parametrize("train", [{"batch": 70, "optimizer": {"type": "sgd", "momentum": 0.5}}, {"integrator": "adaptive"}])
def test_ranks_change_no_bit(tmp_path, train):
    one, two = (run(tmp_path, many(tmp_path, **train), ranks, "--set", f"resources.ranks_per_run={ranks}") for ranks in (1, 2))
    assert not different(one, two)


@pytest.mark.parametrize("train", [{"batch": 5, "optimizer": {"type": "sgd", "momentum": 0.9}}, {"integrator": "adaptive", "iterations": 1200}])
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path, train):
    made = study(tmp_path, **{"iterations": 4000, "step": 0.01, **train})
    made["record"]["every"] = 400
    made["resources"] = {"checkpoint_every": 0.02}
    whole = run(tmp_path, made)
    out = tmp_path / "killed"
    command = ["run", str(tmp_path / "study.yaml"), "-o", str(out), "--ranks", "1"]
    job = start(*command)
    wait_for(has_checkpoint(out), job)
    job.send_signal(signal.SIGKILL)
    job.communicate(timeout=60)
    text = ntkgan(*command)
    assert "resumed at iteration" in text.stderr
    (found,) = (out / "runs").glob("*.h5")
    assert not different(file_datasets(found), whole)
    assert np.abs(whole["trajectory/fresh"][-1] - whole["trajectory/fresh"][0]).max() > 1e-3


def test_fresh_points_have_random_numbers_of_their_own(tmp_path):
    """The same formula for latent and fresh points; masses go along."""
    made = study(tmp_path)
    made["generator"]["latent"] = made["generator"]["fresh"] = {"type": "gaussian", "dimension": 3, "points": 15}
    found = run(tmp_path, made)
    assert np.abs(found["trajectory/fake"][0] - found["trajectory/fresh"][0]).max() > 0.1
    made["generator"]["latent"] = {"type": "gaussian", "dimension": 3, "points": 15, "weights": file(tmp_path, "w", np.ones((15, 1)))["path"]}
    assert run(tmp_path, made)["trajectory/fake"].tobytes() == found["trajectory/fake"].tobytes()


def test_fresh_samples_are_read_and_drawn(tmp_path):
    """Beside a run that has none; orange points stand in the picture."""
    made = study(tmp_path)
    made["sweep"] = {"generator.fresh": {"none": None, "some": made["generator"].pop("fresh")}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(made))
    ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--ranks", 1)
    done = open_study(tmp_path / "out")
    assert done.run("none").fresh is None and done.run("some").fresh.shape == (5, 9, 2)
    assert np.isfinite(done.metrics["fresh_mmd2"].sel(run=1)).all() and np.isnan(done.metrics["fresh_mmd2"].sel(run=0)).all()
    plot(tmp_path / "out")
    picture = matplotlib.image.imread(tmp_path / "out" / "figures" / "trajectories.png")[..., :3]
    orange = picture[..., 0] - picture[..., 2] > 0.4
    rows = np.array_split(orange[int(0.85 / 3.85 * len(orange)) :], 2)  # below the legend: a run each
    assert rows[0].sum() == 0 and rows[1].sum() > 100


@pytest.mark.parametrize(
    "change, said",
    [
        ({"g0": "data", "fake": True}, "new latent points need a generator that starts as a network"),
        ({"g0": "netwrk"}, "did you mean 'network'?"),
        ({"fesh": 1}, "did you mean 'fresh'?"),
        ({"fresh": {"type": "gaussian", "dimension": 2, "points": 5}}, "generator.fresh has dimension 2, generator.latent has 3"),
        ({"network": {"type": "layers", "layers": [{"dense": {}}, {"activation": "relu"}]}}, "ends with a dense layer"),
        ({"train": {"integrator": "rk4"}, "batch": 3}, "batches are made of euler's steps"),
        ({"train": {"integrator": "adaptive"}, "batch": 3}, "batches are made of euler's steps"),
        ({"g0": "data", "fresh": None}, "data.fake: required"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, change, said):
    change = dict(change)
    made = study(tmp_path, **change.pop("train", {}))
    if change.pop("fake", False):
        made["data"]["fake"] = file(tmp_path, "fake", np.zeros((len(Z), 2)))
    made["generator"].update(change)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(made))
    done = ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--ranks", 1, status=2)
    assert said in done.stderr and not (tmp_path / "out").exists()
