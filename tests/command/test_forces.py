# ranks: 1
"""What drives the fake points: symmetry of the velocities' Jacobian, the gradient through the discriminator's training, Euler's floor, and the
symmetries that every loss has."""

import h5py
import numpy as np
import pytest
import yaml

from support import ntkgan
from test_losses import ERF, EVERY, PRIMES, RELU, loss_of

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute


def flows(folder, real, fakes, loss, network=ERF, time=1.0, step=1.0, iterations=1, every=None, metrics=(), theory=(), train=None, **discriminator):
    """Trajectories (starts x records x n x d) and recorded losses of one study that sweeps over starting points."""
    paths = []
    np.save(folder / "real.npy", real)
    for k, fake in enumerate(fakes):
        paths.append({"type": "file", "path": str(folder / f"fake{k:03}.npy")})
        np.save(paths[-1]["path"], fake)
    study = {
        "study": "forces",
        "data": {"real": {"type": "file", "path": str(folder / "real.npy")}},
        "discriminator": {"network": yaml.safe_load(network), "loss": loss, "time": time, **discriminator},
        "train": {"iterations": iterations, "step": step, **(train or {})},
        "record": {"every": every or iterations, "metrics": list(metrics), "theory": list(theory)},
        "sweep": {"data.fake": {f"s{k:03}": path for k, path in enumerate(paths)}},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    out = folder / f"out-{len(list(folder.glob('out-*')))}"
    ntkgan("run", folder / "study.yaml", "-o", out, "--ranks", 1)
    with h5py.File(out / "index.h5") as index:
        rows = sorted(zip(index["runs/label"].asstr()[...], index["runs/id"].asstr()[...]))
        runs = [index["links"][key] for _, key in rows]
        numbers = {name: np.array([run["metrics"][name][0] if name != "loss" else run["loss"][0] for run in runs]) for name in ("loss", *metrics, *theory)}
        return np.array([run["trajectory/fake"][...] for run in runs]), numbers


def neighbours(x, h):
    """x moved by -h and by +h in each coordinate in turn."""
    moved = []
    for k in range(x.size):
        for sign in (-1, 1):
            y = x.copy().ravel()
            y[k] += sign * h
            moved.append(y.reshape(x.shape))
    return moved


@pytest.fixture(scope="module")
def few():
    rng = np.random.default_rng(4)
    return rng.normal(size=(4, 2)) + [1, 0], rng.normal(size=(3, 2))


@pytest.mark.parametrize("loss, least, most", [("ipm", 0, 1e-6), ("lsgan", 0.05, 1), ("vanilla", 0.02, 1)])
def test_only_the_ipm_flow_has_a_potential(tmp_path, few, loss, least, most):
    """Asymmetry of the velocities' Jacobian by central differences, over its size."""
    real, fake = few
    h, step = 1e-4, 1.0
    x, _ = flows(tmp_path, real, neighbours(fake, h), loss, time=2.0, step=step)
    velocity = (x[:, 1] - x[:, 0]).reshape(len(x), -1) / step
    jacobian = (velocity[1::2] - velocity[::2]) / (2 * h)
    asymmetry = np.abs(jacobian - jacobian.T).max() / np.abs(jacobian).max()
    assert least <= asymmetry <= most, asymmetry


RETRAINED = [
    ("ipm", {}), ("ipm", {"ridge": 0.5}), ("lsgan", {}), ("lsgan", {"ridge": 0.5}), ({"lsgan": {"fake": 0, "real": 1, "generator": 1}}, {"time": 100.0}),
    ("lsgan", {"f0": {"network": {"width": 32}}}), ("lsgan", {"normalization": "peer"}), ("vanilla", {"time": 30.0}), ("vanilla", {"normalization": "peer"}),
    ({"vanilla": {"generator": "minimax"}}, {"ridge": 0.3, "f0": {"network": {"width": 32}}}),
    *((loss_of(name), {"time": 5.0}) for name in PRIMES if name not in ("lsgan", "vanilla")),
]  # fmt: skip
OBJECTIVES = RETRAINED[2:5] + RETRAINED[7:10]


@pytest.mark.parametrize("loss, more, word", [*((*case, "total") for case in RETRAINED), *((*case, "total_objective") for case in OBJECTIVES)], ids=str)
def test_the_total_gradient_is_that_of_a_retrained_discriminator(tmp_path, few, loss, more, word):
    """Against central differences of C: the recorded loss, or minus the discriminator's own."""
    real, fake = few
    h, step = 1e-4, 1e-3
    settings = {"time": 2.0, **more}
    around = neighbours(fake, h)
    x, recorded = flows(tmp_path, real, [fake], loss, step=step, train={"gradient": word}, **settings)
    moved = (x[0, 0] - x[0, 1]).ravel() / step
    if word == "total_objective":
        _, recorded = flows(tmp_path, real, around, loss, **settings)
        c = recorded["loss"]
    else:
        _, recorded = flows(tmp_path, real, around, loss, theory=["discriminator_loss"], **settings)
        c = -recorded["discriminator_loss"]
    slope = (c[1::2] - c[::2]) / (2 * h)
    assert np.abs(moved - slope).max() <= 2e-6 * np.abs(slope).max(), (moved, slope)


def test_the_total_gradient_of_ipm_is_twice_the_alternating_one(tmp_path, few):
    """C = t MMD^2: its gradient in x_i is -2/N grad f(x_i)."""
    real, fake = few
    alternating, _ = flows(tmp_path, real, [fake], "ipm", RELU, step=0.1)
    total, _ = flows(tmp_path, real, [fake], "ipm", RELU, step=0.1, train={"gradient": "total"})
    assert np.allclose(total[0, 1] - fake, 2 * (alternating[0, 1] - fake), rtol=1e-10)


def test_stages_of_an_integrator_use_the_total_gradient(tmp_path, few):
    """RK4 at half the step for IPM's doubled force: the same path."""
    real, fake = few
    one, _ = flows(tmp_path, real, [fake], "ipm", iterations=4, step=0.2, train={"integrator": "rk4"})
    other, _ = flows(tmp_path, real, [fake], "ipm", iterations=4, step=0.1, train={"integrator": "rk4", "gradient": "total"})
    assert np.abs(one - other).max() < 1e-12 and np.abs(one[0, 1] - fake).max() > 1e-2


@pytest.mark.parametrize("settings, message", [({"loss": "hinge"}, "none for hinge"), ({"loss": "lsgan", "batch": 3}, "batch"), ({"loss": "lsgan", "momentum": 0.5}, "momentum"), ({"loss": "lsgan", "time": "infinite"}, "finite")])  # fmt: skip
def test_total_gradients_that_are_not_there_are_refused(tmp_path, settings, message):
    gaussian = {"type": "gaussian", "dimension": 2, "points": 10}
    study = {
        "study": "wrong",
        "data": {"real": gaussian, "fake": gaussian},
        "discriminator": {"network": yaml.safe_load(RELU), **settings},
        "train": {"iterations": 1, "step": 1.0, "gradient": "total"},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    assert message in ntkgan("plan", tmp_path / "study.yaml", status=2).stderr


def test_eulers_floor_falls_with_the_step(tmp_path):
    """On a cusped kernel points jump over their targets by the last step's length, for ever: the Sinkhorn number stops falling, at a height that goes
    with the square of the step. Heights jump about with the points, so they are means over many steps: of a third and of the last third of a run."""
    rng = np.random.default_rng(1)
    real, fake = 3 * rng.normal(size=(40, 2)), 3 * rng.normal(size=(40, 2))
    floors = []
    for step, iterations in ((80.0, 6000), (20.0, 12000)):
        flows(tmp_path, real, [fake], "ipm", RELU, step=step, iterations=iterations, every=iterations // 60, metrics=["sinkhorn"])
        (run,) = sorted(tmp_path.glob("out-*"))[-1].glob("runs/*.h5")
        with h5py.File(run) as file:
            heights = file["metrics/sinkhorn"][...]
        floors.append((heights[21:41].mean(), heights[41:].mean()))
    assert 0.7 < floors[0][0] / floors[0][1] < 1.4, floors
    assert 8 < floors[0][1] / floors[1][1] < 24, floors


@pytest.mark.parametrize("loss", EVERY, ids=str)
def test_order_rotation_and_splitting_change_nothing(tmp_path, loss):
    """One step: points in another order, rotated data, and each real point as two of half its mass."""
    rng = np.random.default_rng(6)
    real, fake = rng.normal(size=(5, 2)) + [1, 0], rng.normal(size=(4, 2))
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    order = [2, 0, 3, 1]
    plain, _ = flows(tmp_path, real, [fake, fake[order]], loss, RELU, time=3.0)
    turned, _ = flows(tmp_path, real @ turn.T, [fake @ turn.T], loss, RELU, time=3.0)
    split, _ = flows(tmp_path, np.repeat(real, 2, axis=0), [fake], loss, RELU, time=3.0)
    end = plain[0, 1]
    assert np.abs(end - fake).max() > 1e-3
    assert np.allclose(plain[1, 1], end[order], rtol=0, atol=1e-10)
    assert np.allclose(turned[0, 1], end @ turn.T, rtol=0, atol=1e-9)
    assert np.allclose(split[0, 1], end, rtol=0, atol=1e-9)
