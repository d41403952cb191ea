# ranks: 1
"""What a discriminator starts from (f0) and what it keeps from one generator step to the next, against SciPy and NumPy in the large: the sum over
all past centres is formed here from gram matrices, one training after another."""

import signal

import h5py
import numpy as np
import pytest
import yaml

from studies import start as launch
from studies import wait_for
from support import ntkgan
from test_losses import ERF, P, PRIMES, Q, RBF, RELU, VARIATIONAL, clouds, field, gram, kernel, loss_of, masses, save, trained  # noqa: F401 (fixtures)

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

START = ("--f0", "{network: {width: 64}}", "--seed", 7)


@pytest.fixture
def start(tmp_path, clouds):
    """f0 at the fake and real points: IPM trained for no time."""
    real, fake = clouds
    return field(tmp_path, real, fake, "ipm", 0.0, *START, at=np.vstack([fake, real]))[0]


@pytest.mark.parametrize("name, time, more", [("lsgan", 3.0, {}), ("lsgan", 3.0, {"ridge": 0.4}), ("lsgan", 3.0, {"momentum": 0.7, "ridge": 0.1}),
                                              ("pearson", 3.0, {}), ("kl", 3.0, {"ridge": 0.2}), *((name, 5.0, {}) for name in PRIMES if name not in ("lsgan", "pearson"))])  # fmt: skip
def test_every_loss_starts_from_f0(tmp_path, clouds, kernel, start, name, time, more):
    real, fake = clouds
    expected = trained(kernel, masses(clouds), len(fake), PRIMES[name], time, start=start, **more)
    options = [word for key, value in more.items() for word in (f"--{key}", value)]
    value, gradient, weights = field(tmp_path, real, fake, loss_of(name), time, *START, *options)
    assert np.abs(weights - expected).max() <= 1e-10 * np.abs(expected).max()
    before, before_gradient, _ = field(tmp_path, real, fake, "ipm", 0.0, *START)
    both = np.vstack([fake, real])
    at = np.array([[0.3, -0.2], [2.0, 1.0], [-4.0, 3.0]])
    assert np.allclose(value, before + gram(tmp_path, at, both) @ weights, rtol=1e-11, atol=1e-11)
    assert np.abs(before).max() > 0.1 and np.abs(before_gradient).max() > 0.01


def test_ipm_adds_to_f0(tmp_path, clouds):
    real, fake = clouds
    without, without_gradient, _ = field(tmp_path, real, fake, "ipm", 2.0)
    start, start_gradient, _ = field(tmp_path, real, fake, "ipm", 0.0, *START)
    value, gradient, _ = field(tmp_path, real, fake, "ipm", 2.0, *START)
    assert np.allclose(value, without + start, rtol=1e-13) and np.allclose(gradient, without_gradient + start_gradient, rtol=1e-12)


def test_hinge_from_f0(tmp_path, clouds, kernel, start):
    real, fake = clouds
    mass, labels, time = masses(clouds), np.r_[-np.ones(len(fake)), np.ones(len(real))], 3.0
    w, step = np.zeros(len(mass)), time / 20000
    for _ in range(20000):
        w += step * (np.where(labels * (start + kernel @ w) < 1, mass * labels, 0) - 0.2 * w)
    _, _, weights = field(tmp_path, real, fake, "hinge", time, *START, "--ridge", 0.2)
    assert np.abs(kernel @ (weights - w)).max() <= 4 * step * kernel.max()


def test_f0_is_the_same_on_any_number_of_ranks(tmp_path):
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(90, 2)) + 0.5, rng.normal(size=(75, 2))
    results = [field(tmp_path, real, fake, "lsgan", 20.0, *START, "--ranks", ranks, at=fake) for ranks in (1, 2)]
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other))


def test_f0_of_other_networks_is_refused(tmp_path, clouds):
    real, fake = clouds
    save(tmp_path, real=real, fake=fake)
    done = ntkgan("field", tmp_path / "real.npy", tmp_path / "fake.npy", "--network", "{type: dcgan, image: {height: 1, width: 2, channels: 1}, activation: relu}", "--loss", "ipm", "--time", 1, "--at", tmp_path / "fake.npy",
                  "-o", tmp_path / "f.h5", *START, status=2)  # fmt: skip
    assert "layers over vectors" in done.stderr


# --- alternating training ------------------------------------------------------------------------------------------------------------------


def run(folder, real, fake, network=ERF, loss="ipm", time=1.0, iterations=4, step=1.0, ranks=1, name="flow", train=None, **discriminator):
    """The trajectory, fake points before each step and at the end."""
    save(folder, real=real, fake=fake)
    study = {
        "study": name,
        "seed": 3,
        "data": {side: {"type": "file", "path": str(folder / f"{side}.npy")} for side in ("real", "fake")},
        "discriminator": {"network": yaml.safe_load(network), "loss": loss, "time": time, **discriminator},
        "train": {"iterations": iterations, "step": step, **(train or {})},
        "record": {"every": 1, "metrics": []},
        "resources": {"ranks_per_run": ranks},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(study))
    ntkgan("run", folder / f"{name}.yaml", "-o", folder / f"out-{name}", "--ranks", ranks)
    (path,) = (folder / f"out-{name}" / "runs").glob("*.h5")
    with h5py.File(path) as file:
        return file["trajectory/fake"][...], file["loss"][...]


@pytest.mark.parametrize("name, ridge", [("ipm", 0.0), ("lsgan", 0.0), ("lsgan", 0.3), ("vanilla", 0.0), ("kl", 0.2)])
def test_carried_over_weights_stay_on_old_points(tmp_path, clouds, name, ridge):
    """f is the sum over every point where it was trained; the recorded loss is the mean of c(f) after each training."""
    real, fake = clouds
    time, n = 0.7, len(fake)
    loss = "ipm" if name == "ipm" else loss_of(name)
    x, recorded = run(tmp_path, real, fake, RELU, loss, time, step=0.5, carry_over=True, ridge=ridge)
    objective = {"ipm": lambda f: -f, "lsgan": lambda f: f**2, "vanilla": lambda f: np.logaddexp(0, -f), "kl": lambda f: -np.exp(f - 1)}[name]
    primes = PRIMES.get(name, (np.ones_like, lambda v: -np.ones_like(v)))
    centers, weights = np.zeros((0, 2)), np.zeros(0)
    assert np.abs(x[-1] - x[0]).max() > 0.01
    for points, mean in zip(x, recorded):
        both = np.vstack([points, real])
        start = gram(tmp_path, both, centers) @ weights if len(weights) else np.zeros(len(both))
        here = gram(tmp_path, both, both)
        new = trained(here, masses(clouds), n, primes, time, ridge=ridge, start=0, decaying=start)
        decay = np.exp(-ridge * time)
        f = decay * start + here @ new
        assert objective(f[:n]).mean() == pytest.approx(mean, rel=1e-9)
        centers, weights = np.vstack([centers, both]), np.r_[decay * weights, new]


def test_n_critic_trainings_are_one_longer_training(tmp_path, clouds):
    real, fake = clouds
    for loss in ("lsgan", "vanilla"):
        one, _ = run(tmp_path, real, fake, loss=loss, time=3.0, name=f"one-{loss}")
        three, _ = run(tmp_path, real, fake, loss=loss, time=1.0, n_critic=3, name=f"three-{loss}")
        assert np.abs(one - three).max() < 1e-10 and np.abs(one[-1] - one[0]).max() > 1e-2


def test_batches_are_drawn_anew_and_are_unbiased(tmp_path):
    """IPM is linear in the masses: the mean of the first steps of many seeds is the step on all points; different steps differ."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(40, 2)) + [2, 0], rng.normal(size=(30, 2))
    whole, _ = run(tmp_path, real, fake, iterations=1, step=0.1, name="whole")
    save(tmp_path, real=real, fake=fake)
    study = yaml.safe_load((tmp_path / "whole.yaml").read_text())
    study["discriminator"]["batch"] = 8
    study["repeat"] = 60
    (tmp_path / "batches.yaml").write_text(yaml.safe_dump(study))
    ntkgan("run", tmp_path / "batches.yaml", "-o", tmp_path / "batches", "--ranks", 1)
    steps = []
    for path in sorted((tmp_path / "batches" / "runs").glob("*.h5")):
        with h5py.File(path) as file:
            x = file["trajectory/fake"][...]
            steps.append(x[1] - x[0])
    steps, expected = np.array(steps), whole[1] - whole[0]
    error = steps.std(axis=0) / np.sqrt(len(steps))
    assert len(steps) == 60 and (error > 0).all()
    assert np.abs((steps.mean(axis=0) - expected) / error).max() < 5 and (np.abs(steps[0] - expected) > error).mean() > 0.5


def test_a_bounded_memory_says_what_it_lost(tmp_path, clouds):
    """With room for everything nothing changes; with less, the first discriminators differ by no more than the recorded bound allows, and by little."""
    real, fake = clouds
    settings = {"time": 0.5, "iterations": 6, "carry_over": True, "step": 1e-9}  # the points hardly move: f alone differs
    exact, on_exact = run(tmp_path, real, fake, RELU, "ipm", name="exact", **settings)
    roomy, on_roomy = run(tmp_path, real, fake, RELU, "ipm", centers=1000, name="roomy", **settings)
    assert np.array_equal(exact, roomy) and np.array_equal(on_exact, on_roomy)
    settings["step"] = 1.0
    exact, on_exact = run(tmp_path, real, fake, RELU, "ipm", name="moving", **settings)
    tight, on_tight = run(tmp_path, real, fake, RELU, "ipm", centers=2 * len(fake), name="tight", **settings)
    (path,) = (tmp_path / "out-tight" / "runs").glob("*.h5")
    with h5py.File(path) as file:
        forgotten = file["metrics/forgotten"][...]
    largest = np.sqrt(gram(tmp_path, tight[3], tight[3]).diagonal().max())
    assert (forgotten[:3] == 0).all() and (np.diff(forgotten[3:]) > 0).all()  # from the fourth training on there are more than two steps' centres
    assert np.array_equal(exact[:4], tight[:4]) and 0 < abs(on_exact[3] - on_tight[3]) <= forgotten[3] * largest
    assert 0 < np.abs(exact - tight).max() < 0.1 * np.abs(exact[-1] - exact[0]).max()


@pytest.mark.parametrize("more", [{"carry_over": True}, {"batch": 20, "n_critic": 2}, {"batch": 20, "carry_over": True, "centers": 100}, {"train": {"gradient": "total"}}], ids=str)
def test_ranks_change_no_bit_of_alternating_training(tmp_path, more):
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(70, 2)) + 1, rng.normal(size=(60, 2))
    flows = [run(tmp_path, real, fake, RELU, "lsgan", 1.0, iterations=5, ranks=ranks, name=f"on{ranks}", **more)[0] for ranks in (1, 3)]
    assert np.array_equal(*flows)


def test_a_carried_discriminator_resumes_to_the_last_bit(tmp_path):
    """Stopped with its centres, weights and count of batches in a checkpoint, taken up on another number of ranks."""
    rng = np.random.default_rng(1)
    save(tmp_path, real=rng.normal(size=(30, 2)) + 1, fake=rng.normal(size=(30, 2)))
    study = {
        "study": "carried",
        "data": {side: {"type": "file", "path": str(tmp_path / f"{side}.npy")} for side in ("real", "fake")},
        "discriminator": {"network": yaml.safe_load(RELU), "loss": "lsgan", "time": 0.1, "carry_over": True, "centers": 90, "batch": 10, "ridge": 0.1},
        "train": {"iterations": 600, "step": 0.1},
        "record": {"every": 300, "metrics": []},
        "resources": {"checkpoint_iterations": 20},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / "whole", "--ranks", 1)
    job = launch("run", tmp_path / "study.yaml", "-o", tmp_path / "parts", "--ranks", 1)
    wait_for(lambda: any((tmp_path / "parts").glob("checkpoints/*.previous")), job)
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == 75
    ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / "parts", "--ranks", 2, "--set", "resources.ranks_per_run=2")
    results = []
    for name in ("whole", "parts"):
        (path,) = (tmp_path / name).glob("runs/*.h5")
        with h5py.File(path) as file:
            results.append((file["trajectory/fake"][...], file["loss"][...]))
    assert np.array_equal(results[0][0], results[1][0]) and np.array_equal(results[0][1], results[1][1])
    assert np.abs(results[0][0][-1] - results[0][0][0]).max() > 0.1


@pytest.mark.parametrize("settings, message", [
    ({"centers": 5}, "carry_over"),
    ({"carry_over": True, "momentum": 0.5}, "momentum"),
    ({"loss": "vanilla_closed_form", "n_critic": 2}, "vanilla_closed_form"),
    ({"f0": {"network": {"width": 10}}, "network": {"type": "layers", "layers": [{"dropout": {"rate": 0.5}}, "dense"]}}, "dropout"),
])  # fmt: skip
def test_contradictions_are_refused_before_any_work(tmp_path, settings, message):
    gaussian = {"type": "gaussian", "dimension": 2, "points": 10}
    study = {
        "study": "wrong",
        "data": {"real": gaussian, "fake": gaussian},
        "discriminator": {"network": yaml.safe_load(RELU), "loss": "ipm", **settings},
        "train": {"iterations": 1, "step": 1.0},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    assert message in ntkgan("plan", tmp_path / "study.yaml", status=2).stderr


# --- infinite time, and several times at once ------------------------------------------------------------------------------------------------


def test_lsgan_ends_at_the_projection(tmp_path, clouds, kernel):
    """The labels on all points (their kernel matrix is regular); with a fake and a real point in one place, the mean of their labels there."""
    real, fake = clouds
    both = np.vstack([fake, real])
    value, _, weights = field(tmp_path, real, fake, "lsgan", "infinite", at=both)
    labels = np.r_[-np.ones(len(fake)), np.ones(len(real))]
    assert np.allclose(value, labels, atol=1e-9) and np.allclose(weights, np.linalg.solve(kernel, labels), rtol=1e-6)
    shared = np.vstack([real, fake[:2]])
    value, _, _ = field(tmp_path, shared, fake, "lsgan", ".inf", at=both)
    masses = np.r_[1 / len(fake), 1 / len(shared)]
    assert np.allclose(value[:2], masses @ [-1, 1] / masses.sum(), atol=1e-9) and np.allclose(value[2:], labels[2:], atol=1e-9)
    late, _, _ = field(tmp_path, shared, fake, "lsgan", 1e9, at=both)
    assert np.allclose(value, late, atol=1e-8)


def test_the_rank_of_the_projection_is_told(tmp_path, clouds):
    """Polynomials of degree 2 in the plane: six numbers, whatever the number of points; the least squares on them."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(20, 2)) + 1, rng.normal(size=(15, 2))
    save(tmp_path, real=real, fake=fake, at=np.vstack([fake, real]))
    done = ntkgan("field", tmp_path / "real.npy", tmp_path / "fake.npy", "--network", "{type: mlp, depth: 1, activation: {monomial: {degree: 2}}, bias_stddev: 1}",
                  "--loss", "lsgan", "--time", "inf", "--at", tmp_path / "at.npy", "-o", tmp_path / "field.h5")  # fmt: skip
    assert "numerical rank 6" in done.stdout
    x = np.vstack([fake, real])
    basis = np.c_[np.ones(35), x, x**2, x[:, 0] * x[:, 1]]
    root = np.sqrt(np.r_[np.full(15, 1 / 15), np.full(20, 1 / 20)])
    best = np.linalg.lstsq(root[:, None] * basis, root * np.r_[-np.ones(15), np.ones(20)], rcond=None)[0]
    with h5py.File(tmp_path / "field.h5") as file:
        assert np.allclose(file["value"][...], basis @ best, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in VARIATIONAL if name != "tv"])
def test_the_exact_limit_is_the_divergence(tmp_path, name):
    atoms = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5], [1.5, 2.0]])
    real, fake = np.repeat(atoms, np.rint(10 * P).astype(int), axis=0), np.repeat(atoms, np.rint(10 * Q).astype(int), axis=0)
    t, conjugate, divergence = VARIATIONAL[name]
    f, _, _ = field(tmp_path, real, fake, loss_of(name), "infinite", network=RBF, at=atoms)
    assert P @ t(f) - Q @ conjugate(t(f)) == pytest.approx(divergence, rel=1e-12)
    started, _, _ = field(tmp_path, real, fake, loss_of(name), "infinite", "--f0", "{network: {width: 32}}", network=RELU, at=atoms)
    assert np.allclose(started, f, atol=1e-10)


def test_vanilla_ends_at_the_jensen_shannon_divergence(tmp_path):
    """2 JSD - log 4."""
    atoms = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5], [1.5, 2.0]])
    real, fake = np.repeat(atoms, np.rint(10 * P).astype(int), axis=0), np.repeat(atoms, np.rint(10 * Q).astype(int), axis=0)
    f, _, _ = field(tmp_path, real, fake, "vanilla", "infinite", network=RBF, at=atoms)
    assert np.allclose(f, np.log(P / Q), atol=1e-12)
    assert -(P @ np.logaddexp(0, -f) + Q @ np.logaddexp(0, f)) == pytest.approx(VARIATIONAL["js"][2] - np.log(4), rel=1e-12)


@pytest.mark.parametrize("loss", ["ipm", "lsgan", "vanilla", "hinge", {"fgan": {"divergence": "kl"}}, {"fgan": {"divergence": "pearson"}}], ids=str)
def test_a_ridge_gives_every_loss_a_limit(tmp_path, clouds, loss):
    """ridge w = g(K w): what a long training ends at."""
    real, fake = clouds
    _, _, limit = field(tmp_path, real, fake, loss, "infinite", "--ridge", 0.5)
    _, _, late = field(tmp_path, real, fake, loss, 100.0, "--ridge", 0.5)
    assert np.abs(limit - late).max() <= 1e-9 * np.abs(late).max()


def test_hinge_comes_to_rest(tmp_path, clouds):
    real, fake = clouds
    value, _, _ = field(tmp_path, real, fake, "hinge", "infinite", at=np.vstack([fake, real]))
    assert (np.r_[-np.ones(len(fake)), np.ones(len(real))] * value > 1 - 1e-9).all()


@pytest.mark.parametrize("loss, options, message", [
    ("ipm", (), "no limit"), ("vanilla", (), "no limit"), ("vanilla_closed_form", (), "no limit"), ({"fgan": {"divergence": "kl"}}, (), "no limit"),
    ({"fgan": {"divergence": "tv"}}, (), "no limit"), ("lsgan", ("--momentum", 1), "momentum 1"),
])  # fmt: skip
def test_where_there_is_no_limit_it_says_so(tmp_path, clouds, loss, options, message):
    real, fake = clouds
    save(tmp_path, real=real, fake=fake)
    loss = loss if isinstance(loss, str) else yaml.safe_dump(loss, default_flow_style=True)
    done = ntkgan("field", tmp_path / "real.npy", tmp_path / "fake.npy", "--network", RELU, "--loss", loss, "--time", "infinite", "--at", tmp_path / "fake.npy",
                  "-o", tmp_path / "f.h5", *options, status=None)  # fmt: skip
    assert message in done.stderr
    assert done.returncode == (2 if options or loss in ("ipm", "vanilla_closed_form") else 1)  # known from the request; or the points' fault


@pytest.mark.parametrize("divergence, seed", [("kl", 3), ("reverse_kl", 7)])
def test_divergences_that_blow_up_are_told_and_do_not_hang(tmp_path, clouds, divergence, seed):
    """From a start of some thousands on the side where e^f (e^-f) is beyond all numbers: an error, soon."""
    real, fake = clouds
    save(tmp_path, real=real, fake=fake)
    options = ("--network", "{type: mlp, depth: 2, activation: relu, bias_stddev: 30, weight_stddev: 30}", "--at", tmp_path / "fake.npy", "-o", tmp_path / "f.h5")
    files = (tmp_path / "real.npy", tmp_path / "fake.npy")
    done = ntkgan("field", *files, *options, "--loss", f"{{fgan: {{divergence: {divergence}}}}}", "--time", 1, "--f0", "network", "--seed", seed, status=1, timeout=60)
    assert "blow up" in done.stderr


@pytest.mark.parametrize("loss", ["lsgan", "vanilla"])
def test_several_times_from_one_basis_or_integration(tmp_path, clouds, loss):
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(60, 2)) + 1, rng.normal(size=(50, 2))
    times = [0.1, 10.0, 100.0] + (["infinite"] if loss == "lsgan" else [])
    values, gradients, _ = field(tmp_path, real, fake, loss, str(times).replace("'", ""), *START)
    for k, time in enumerate(times):
        value, gradient, _ = field(tmp_path, real, fake, loss, time, *START)
        assert np.allclose(values[k], value, rtol=1e-8, atol=1e-9) and np.allclose(gradients[k], gradient, rtol=1e-7, atol=1e-8)
