# ranks: 1
"""Generators, integrators, optimizers and annealing through the real command, against NumPy with matrices of `gram` and gradients of `field`."""

import json
import signal
import time

import h5py
import numpy as np
import pytest
import yaml

from studies import has_checkpoint, start, wait_for
from support import ROOT, ntkgan

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

ERF = {"type": "mlp", "depth": 2, "activation": "erf", "bias_stddev": 0.5}
RBF = {"type": "rbf", "bandwidth": 1.5}
TIME = 1.7


@pytest.fixture
def points():
    rng = np.random.default_rng(5)
    return rng.normal(size=(20, 2)) + [3, 0], rng.normal(size=(15, 2))


def file(folder, name, values):
    np.save(folder / f"{name}.npy", values)
    return {"type": "file", "path": str(folder / f"{name}.npy")}


def stein(folder, z, network, kernel="ntk"):
    return {"type": "kernel", "network": network, "kernel": kernel, "latent": file(folder, "z", z)}


def study_of(folder, points, loss="ipm", network=ERF, generator=None, **train):
    return {
        "study": "flow",
        "data": {"real": file(folder, "real", points[0]), "fake": file(folder, "fake", points[1])},
        "discriminator": {"network": network, "loss": loss, "time": TIME},
        "generator": generator or {"type": "particles"},
        "train": train,
        "record": {"every": 1, "metrics": ["mmd2"]},
    }


def run(folder, study, ranks=1, *more):
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    out = folder / f"out-{time.monotonic_ns()}"
    ntkgan("run", folder / "study.yaml", "-o", out, "--ranks", ranks, *more)
    (found,) = (out / "runs").glob("*.h5")
    with h5py.File(found) as run_file:
        return run_file["trajectory/fake"][...], run_file["metrics/mmd2"][...], run_file["trajectory/time"][...]


def flow(folder, points, ranks=1, **settings):
    return run(folder, study_of(folder, points, **settings), ranks)


def gram(folder, z, network, kernel="ntk"):
    np.save(folder / "g.npy", z)
    ntkgan("gram", folder / "g.npy", "--network", yaml.safe_dump(network, default_flow_style=True), "--kernel", kernel, "-o", folder / "gram.h5")
    with h5py.File(folder / "gram.h5") as h5:
        return h5["gram"][...]


def pull(folder, real, fake, loss="ipm", network=ERF):
    """grad(c o f) at the fake points of the discriminator trained on them; c = -f, or f^2 for lsgan."""
    for name, value in (("pr", real), ("pf", fake)):
        np.save(folder / f"{name}.npy", value)
    ntkgan("field", folder / "pr.npy", folder / "pf.npy", "--network", yaml.safe_dump(network, default_flow_style=True), "--loss", loss, "--time", TIME,
           "--at", folder / "pf.npy", "-o", folder / "pull.h5")  # fmt: skip
    with h5py.File(folder / "pull.h5") as h5:
        value, gradient = h5["value"][...], h5["gradient"][...]
    return -gradient if loss == "ipm" else 2 * value[:, None] * gradient


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
@pytest.mark.parametrize("loss", ["ipm", "lsgan"])
def test_a_stein_step_is_the_kernel_matrix_times_the_gradients(tmp_path, points, loss, kernel):
    real, fake = points
    z = np.random.default_rng(1).normal(size=(len(fake), 4))
    x, _, _ = flow(tmp_path, points, loss=loss, generator=stein(tmp_path, z, ERF, kernel), iterations=1, step=3.0)
    expected = fake - 3.0 / len(fake) * gram(tmp_path, z, ERF, kernel) @ pull(tmp_path, real, fake, loss)
    assert np.allclose(x[1], expected, rtol=0, atol=1e-12) and np.abs(x[1] - fake).max() > 1e-3


def test_a_generator_without_interaction_is_particles(tmp_path, points):
    """k_g = k_g(0) times the identity: an RBF kernel on latent points far apart (k_g(0) = 1)."""
    z = 100.0 * np.arange(len(points[1]))[:, None]
    x, _, _ = flow(tmp_path, points, generator=stein(tmp_path, z, {"type": "rbf", "bandwidth": 0.5}), iterations=5, step=20.0)
    y, _, _ = flow(tmp_path, points, iterations=5, step=20.0)
    assert np.array_equal(x, y) and np.abs(y[-1] - y[0]).max() > 0.1


def test_equal_latent_points_move_together(tmp_path, points):
    """A bias-only direction: k_g constant, so the cloud is translated, k_g(z, z) times the mean particle's way."""
    z = np.ones((len(points[1]), 3))
    x, _, _ = flow(tmp_path, points, generator=stein(tmp_path, z, ERF), iterations=1, step=3.0)
    y, _, _ = flow(tmp_path, points, iterations=1, step=3.0)
    level = gram(tmp_path, z[:1], ERF)[0, 0]
    assert np.allclose(x[1] - x[0], level * (y[1] - y[0]).sum(0), rtol=0, atol=1e-12)


def test_energy_law_of_the_stein_flow(tmp_path, points):
    """d(t MMD^2)/ds = -(2/N^2) sum_ij grad f_i k_g(z_i, z_j) grad f_j for one Euler step of ds = step, its first order taken out by two sizes."""
    real, fake = points
    z = np.random.default_rng(1).normal(size=(len(fake), 4))
    pulled, ratios = pull(tmp_path, real, fake), []
    dissipation = np.einsum("ia,ij,ja->", pulled, gram(tmp_path, z, ERF), pulled) / len(fake) ** 2
    for step in (2e-3, 1e-3):
        _, mmd2, _ = flow(tmp_path, points, generator=stein(tmp_path, z, ERF), iterations=1, step=step)
        ratios.append(TIME * (mmd2[1] - mmd2[0]) / step / dissipation)
    assert 2 * ratios[1] - ratios[0] == pytest.approx(-2, abs=1e-5)


def end_of(folder, points, integrator, iterations):
    """After ds = 40 in `iterations` steps."""
    return flow(folder, points, loss="lsgan", network=RBF, integrator=integrator, iterations=iterations, step=40.0 / iterations)[0][-1]


@pytest.fixture
def exact(tmp_path, points):
    return end_of(tmp_path, points, "rk4", 64)


@pytest.mark.parametrize("integrator, order, few", [("euler", 1, 64), ("rk4", 4, 8)])
def test_order_of_an_integrator(tmp_path, points, exact, integrator, order, few):
    errors = [np.abs(end_of(tmp_path, points, integrator, n) - exact).max() for n in (few, 2 * few)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15), errors


def test_the_adaptive_integrator_keeps_its_tolerance(tmp_path, points, exact):
    errors = [np.abs(end_of(tmp_path, points, {"type": "adaptive", "tolerance": t}, 2) - exact).max() for t in (1e-3, 1e-5, 1e-7)]
    assert errors[0] < 5e-2 and errors[1] < 5e-4 and errors[2] < 5e-6
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


@pytest.mark.parametrize("step", [100.0, 1e200])  # the second leaves the numbers: it is shortened too
def test_an_adaptive_step_that_needs_too_much_is_an_error(tmp_path, points, step):
    study = study_of(tmp_path, points, integrator={"type": "adaptive", "tolerance": 1e-12, "substeps": 3}, iterations=1, step=step)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    done = ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--ranks", 1, status=None)
    assert done.returncode != 0 and "3 substeps" in done.stderr + "".join(p.read_text() for p in (tmp_path / "out").glob("*.jsonl"))


def test_momentum(tmp_path, points):
    real, x = points
    found, _, _ = flow(tmp_path, points, iterations=5, step=5.0, optimizer={"type": "sgd", "momentum": 0.8})
    buffer = 0
    for k in range(5):
        buffer = 0.8 * buffer + pull(tmp_path, real, x) / len(x)
        x = x - 5.0 * buffer
        assert np.allclose(found[k + 1], x, rtol=0, atol=1e-11)


def test_momentum_of_a_generator(tmp_path, points):
    real, x = points
    z = np.random.default_rng(1).normal(size=(len(x), 4))
    found, _, _ = flow(tmp_path, points, generator=stein(tmp_path, z, ERF), iterations=3, step=1.0, optimizer={"type": "sgd", "momentum": 0.8})
    kernel, buffer = gram(tmp_path, z, ERF), 0
    for k in range(3):
        buffer = 0.8 * buffer + kernel @ pull(tmp_path, real, x) / len(x)
        x = x - buffer
        assert np.allclose(found[k + 1], x, rtol=0, atol=1e-11)


def test_adam(tmp_path, points):
    real, x = points
    found, _, _ = flow(tmp_path, points, loss="lsgan", iterations=5, step=0.05, optimizer={"type": "adam", "beta1": 0.7, "beta2": 0.95, "epsilon": 1e-6})
    mean = square = 0
    for k in range(1, 6):
        g = pull(tmp_path, real, x, "lsgan") / len(x)
        mean, square = 0.7 * mean + 0.3 * g, 0.95 * square + 0.05 * g**2
        x = x - 0.05 * (mean / (1 - 0.7**k)) / (np.sqrt(square / (1 - 0.95**k)) + 1e-6)
        assert np.allclose(found[k], x, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "annealing, factor",
    [
        ("none", lambda u: 1),
        ({"type": "power", "power": 2}, lambda u: (1 - u) ** 2),
        ({"type": "cosine", "floor": 0.1}, lambda u: 0.1 + 0.45 * (1 + np.cos(np.pi * u))),
    ],
)
def test_annealing(tmp_path, points, annealing, factor):
    real, x = points
    found, _, when = flow(tmp_path, points, iterations=4, step=5.0, annealing=annealing)
    steps = [5.0 * factor(k / 4) for k in range(4)]
    assert np.allclose(when, np.r_[0, np.cumsum(steps)], rtol=1e-14)
    for k, step in enumerate(steps):
        x = x - step / len(x) * pull(tmp_path, real, x)
        assert np.allclose(found[k + 1], x, rtol=0, atol=1e-11)


def test_ranks_change_no_bit(tmp_path):
    rng = np.random.default_rng(3)
    points, z = (rng.normal(size=(150, 2)) + 1, rng.normal(size=(140, 2))), rng.normal(size=(140, 4))
    for more in ({}, {"optimizer": {"type": "sgd", "momentum": 0.5}}, {"integrator": "rk4"}, {"integrator": "adaptive"}):
        study = study_of(tmp_path, points, generator=stein(tmp_path, z, ERF), iterations=2, step=5.0, **more)
        one, _, _ = run(tmp_path, study)
        two, _, _ = run(tmp_path, study, 2, "--set", "resources.ranks_per_run=2")
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize(
    "train", [{"optimizer": "adam", "step": 0.01}, {"optimizer": {"type": "sgd", "momentum": 0.9}, "step": 1.0, "annealing": "power"}, {"integrator": "adaptive", "step": 1.0}]
)  # fmt: skip
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path, points, train):
    study = study_of(tmp_path, points, iterations=1500 if "integrator" in train else 6000, **train)
    study["record"]["every"] = 500
    study["resources"] = {"checkpoint_every": 0.02}
    whole, _, _ = run(tmp_path, study)
    out = tmp_path / "stopped"
    command = ["run", str(tmp_path / "study.yaml"), "-o", str(out), "--ranks", "1"]
    job = start(*command)
    wait_for(has_checkpoint(out), job)
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=60)
    (saved,) = out.glob("checkpoints/*.h5")
    with h5py.File(saved) as h5:
        assert 0 < h5.attrs["iteration"] < study["train"]["iterations"] and np.any(h5["state/flow"][...] != 0)
    text = ntkgan(*command)
    assert "resumed at iteration" in text.stderr
    (found,) = (out / "runs").glob("*.h5")
    with h5py.File(found) as h5:
        assert h5["trajectory/fake"][...].tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    "change, said",
    [
        ({"generator": {"type": "kernel", "network": {"type": "dcgan", "activation": "relu", "image": {"height": 4, "width": 4, "channels": 1}}}}, "matrix over pixels"),
        ({"short": True}, "has 3 points"),
        ({"optimizer": "adam", "generator": {"type": "kernel", "network": ERF}}, "needs generator particles"),
        ({"optimizer": "adam", "integrator": "rk4"}, "follows the flow"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, points, change, said):
    change = dict(change)
    n = 3 if change.pop("short", False) else len(points[1])
    generator = {**stein(tmp_path, np.ones((n, 16)), ERF), **change.pop("generator", {})} if n == 3 or "generator" in change else None
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study_of(tmp_path, points, generator=generator, iterations=1, step=1.0, **change)))
    done = ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--ranks", 1, status=None)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr + "".join(p.read_text() for p in (tmp_path / "out").glob("*.jsonl"))


def test_latent_points_have_random_numbers_of_their_own(tmp_path, points):
    """The same formula for fake and latent points gives other points; a larger latent sample begins with the smaller one."""
    x = []
    for count in (15, 40):
        generator = {"type": "kernel", "network": ERF, "latent": {"type": "gaussian", "dimension": 2, "points": count}}
        study = study_of(tmp_path, points, generator=generator, iterations=1, step=5.0)
        study["data"]["fake"] = {"type": "gaussian", "dimension": 2, "points": 15}
        x.append(run(tmp_path, study)[0])
    assert np.array_equal(x[0], x[1])
    same = x[0][0] - 5.0 / 15 * gram(tmp_path, x[0][0], ERF) @ pull(tmp_path, points[0], x[0][0])
    assert np.abs(same - x[0][1]).max() > 1e-3


def test_defaults_do_not_enter_the_identity(tmp_path, points):
    study = study_of(tmp_path, points, iterations=1, step=1.0)
    del study["generator"]
    ids = []
    for more in ({}, {"integrator": "euler", "annealing": "none", "optimizer": {"type": "sgd", "momentum": 0}}, {"integrator": "rk4"}):
        study["train"] = {"iterations": 1, "step": 1.0, **more}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
        ids.append(json.loads(ntkgan("plan", tmp_path / "study.yaml", "--json").stdout)["runs"][0]["id"])
    assert ids[0] == ids[1] != ids[2]


def test_the_example_is_checked():
    ntkgan("check", ROOT / "jobs" / "stein.yaml")
