# ranks: 1
"""Training with every loss, for a time, against independent oracles: the weights' equation integrated by SciPy with derivatives made from the
definitions (Nowozin et al. 2016), closed forms for one pair of points, and divergences of measures with shared atoms."""

import h5py
import numpy as np
import pytest
import yaml
from scipy.integrate import solve_ivp
from scipy.special import expit, wrightomega

from support import ntkgan

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

RELU = "{type: mlp, depth: 2, activation: relu, bias_stddev: 1.0}"
ERF = "{type: mlp, depth: 2, activation: erf, bias_stddev: 0.5}"
RBF = "{type: rbf, bandwidth: 1.0}"
AT = np.array([[0.3, -0.2], [2.0, 1.0], [-4.0, 3.0]])


def save(folder, **arrays):
    for name, value in arrays.items():
        np.save(folder / f"{name}.npy", np.atleast_2d(value))


def field(folder, real, fake, loss, time, *more, network=RELU, at=AT):
    """Values, gradients and weights."""
    save(folder, real=real, fake=fake, at=at)
    loss = loss if isinstance(loss, str) else yaml.safe_dump(loss, default_flow_style=True)
    ntkgan("field", folder / "real.npy", folder / "fake.npy", "--network", network, "--loss", loss, "--time", time, "--at", folder / "at.npy",
           "-o", folder / "field.h5", *more)  # fmt: skip
    with h5py.File(folder / "field.h5") as file:
        return file["value"][...], file["gradient"][...], file["weights"][...]


def gram(folder, x, z, network=RELU):
    save(folder, x=x, z=z)
    ntkgan("gram", folder / "x.npy", folder / "z.npy", "--network", network, "-o", folder / "gram.h5")
    with h5py.File(folder / "gram.h5") as file:
        return file["gram"][...]


# --- losses from their definitions: (l_fake', l_real') as functions of f ------------------------------------------------------------


def of_divergence(inverse, slope, value):
    """T = value(v) with slope T'; l_real' = -T', l_fake' = u T' with phi'(u) = T (the conjugate's derivative is the maximiser)."""
    return lambda v: inverse(value(v)) * slope(v), lambda v: -slope(v)


def alpha_divergence(a):  # phi(u) = (u^a - 1 - a (u - 1)) / (a (a - 1)), phi' = (u^(a-1) - 1) / (a - 1)
    inverse = lambda t: np.maximum(1 + (a - 1) * t, 0) ** (1 / (a - 1))
    if a > 1:
        return of_divergence(inverse, np.ones_like, lambda v: v)
    return of_divergence(inverse, lambda v: expit(-v), lambda v: 1 / (1 - a) - np.logaddexp(0, -v))


PRIMES = {
    "vanilla": (lambda v: expit(v), lambda v: -expit(-v)),
    "lsgan": (lambda v: 2 * (v + 1), lambda v: 2 * (v - 1)),
    "kl": of_divergence(lambda t: np.exp(t - 1), np.ones_like, lambda v: v),
    "reverse_kl": of_divergence(lambda t: -1 / t, lambda v: np.exp(-v), lambda v: -np.exp(-v)),
    "pearson": of_divergence(lambda t: 1 + t / 2, np.ones_like, lambda v: v),
    "hellinger": of_divergence(lambda t: 1 / (1 - t) ** 2, lambda v: np.exp(-v), lambda v: -np.expm1(-v)),
    "js": of_divergence(lambda t: np.exp(t) / (2 - np.exp(t)), lambda v: expit(-v), lambda v: np.log(2) - np.logaddexp(0, -v)),
    "tv": (lambda v: 0.5 / np.cosh(v) ** 2, lambda v: -0.5 / np.cosh(v) ** 2),
    "alpha-0.5": alpha_divergence(0.5),
    "alpha-1.5": alpha_divergence(1.5),
    "alpha--1": alpha_divergence(-1.0),
    "alpha-2.5": alpha_divergence(2.5),
}


def loss_of(name):
    if name in ("vanilla", "lsgan"):
        return name
    return {"fgan": {"divergence": "alpha", "alpha": float(name[6:])}} if name.startswith("alpha-") else {"fgan": {"divergence": name}}


def trained(kernel, mass, fakes, primes, time, momentum=None, ridge=0.0, start=0, decaying=0):
    """w(time) by SciPy's 8th-order method; f = start + decaying e^(-ridge t) + K w."""
    n = len(mass)
    fake = np.arange(n) < fakes

    def pull(w, t):
        f = start + np.exp(-ridge * t) * decaying + kernel @ w
        return -mass * np.where(fake, primes[0](f), primes[1](f)) - ridge * w

    def slope(t, y):
        return pull(y, t) if momentum is None else np.r_[y[n:], pull(y[:n], t) + (momentum - 1) * y[n:]]

    done = solve_ivp(slope, (0, time), np.zeros(n if momentum is None else 2 * n), method="DOP853", rtol=3e-14, atol=1e-15)
    assert done.success
    return done.y[:n, -1]


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(11)
    return rng.normal(size=(7, 2)) + [1, 0], rng.normal(size=(5, 2))


@pytest.fixture(scope="module")
def kernel(clouds, tmp_path_factory):
    both = np.vstack(clouds[::-1])
    return gram(tmp_path_factory.mktemp("gram"), both, both)


def masses(clouds):
    real, fake = clouds
    return np.r_[np.full(len(fake), 1 / len(fake)), np.full(len(real), 1 / len(real))]


@pytest.mark.parametrize("name, time", [*((name, 20.0) for name in PRIMES), ("vanilla", 500.0), ("kl", 500.0), ("hellinger", 0.5), ("pearson", 0.01), ("pearson", 500.0)])
def test_weights_solve_their_equation(tmp_path, clouds, kernel, name, time):
    """Both sides keep local errors of 1e-13 of the largest weight, over some hundred steps; seen: below 1e-12. At 500 the stiff method takes over."""
    real, fake = clouds
    expected = trained(kernel, masses(clouds), len(fake), PRIMES[name], time)
    _, _, weights = field(tmp_path, real, fake, loss_of(name), time)
    gap = np.abs(weights - expected).max() / np.abs(expected).max()
    assert gap <= 1e-10, f"{gap:.2e}"


@pytest.mark.parametrize("name, more", [("vanilla", {"momentum": 0.9}), ("kl", {"ridge": 0.3}), ("pearson", {"ridge": 0.3}), ("tv", {"momentum": 0.0, "ridge": 0.1}), ("lsgan", {"ridge": 0.3}),
                                        ("lsgan", {"momentum": 0.5}), ("lsgan", {"momentum": 0.9, "ridge": 0.2}), ("lsgan", {"momentum": 1.0})])  # fmt: skip
def test_momentum_and_ridge(tmp_path, clouds, kernel, name, more):
    real, fake = clouds
    expected = trained(kernel, masses(clouds), len(fake), PRIMES[name], 7.0, **more)
    options = [word for key, value in more.items() for word in (f"--{key}", value)]
    _, _, weights = field(tmp_path, real, fake, loss_of(name), 7.0, *options)
    assert np.abs(weights - expected).max() <= 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("options, factor", [(("--ridge", 0.5), (1 - np.exp(-1)) / 0.5), (("--momentum", 1), 2.0), (("--momentum", 0.5), 4 - 4 * (1 - np.exp(-1)))])
def test_ipm_with_momentum_or_ridge(tmp_path, clouds, options, factor):
    """y' = 1 - y/2, y'' = 1, y'' = 1 - y'/2 at t = 2, in place of y = t."""
    real, fake = clouds
    _, _, weights = field(tmp_path, real, fake, "ipm", 2.0, *options)
    assert np.allclose(weights, factor * np.r_[np.full(len(fake), -1 / len(fake)), np.full(len(real), 1 / len(real))], rtol=1e-14)


@pytest.mark.parametrize("name, mass", [("vanilla", 1), ("kl", 2), ("lsgan", 2)])
def test_masses_under_the_peers_normalization(tmp_path, clouds, kernel, name, mass):
    real, fake = clouds
    n = len(real) + len(fake)
    expected = trained(kernel, np.full(n, mass / n), len(fake), PRIMES[name], 3.0)
    _, _, weights = field(tmp_path, real, fake, loss_of(name), 3.0, "--normalization", "peer")
    assert np.abs(weights - expected).max() <= 1e-10 * np.abs(expected).max()


MASS = {"vanilla": 1}  # of each point under the peer's normalization, times the number of points; 2 for the others


@pytest.mark.parametrize("name", PRIMES)
def test_every_loss_with_momentum_ridge_and_equal_masses(tmp_path, clouds, kernel, name):
    real, fake = clouds
    n = len(real) + len(fake)
    expected = trained(kernel, np.full(n, MASS.get(name, 2) / n), len(fake), PRIMES[name], 4.0, momentum=0.4, ridge=0.2)
    _, _, weights = field(tmp_path, real, fake, loss_of(name), 4.0, "--normalization", "peer", "--momentum", 0.4, "--ridge", 0.2)
    assert np.abs(weights - expected).max() <= 1e-10 * np.abs(expected).max()


# --- closed forms --------------------------------------------------------------------------------------------------------------------


def logistic(x):
    """u + e^u = 1 + x."""
    return x + 1 - np.real(wrightomega(x + 1))


@pytest.mark.parametrize("time", [0.3, 1e7])
@pytest.mark.parametrize("loss, solution", [("vanilla", logistic), ("vanilla_closed_form", logistic), ("hinge", lambda x: min(x, 1)), ("ipm", lambda x: x)])
def test_one_pair(tmp_path, loss, solution, time):
    """One point each and k(x, x) = k(y, y): f = -u, u there, where u' = s l'(u), s = k(x, x) - k(x, y); hinge stops at its margin."""
    real, fake = np.array([[1.0, 0.5]]), np.array([[0.2, -0.4]])
    s = 1 - np.exp(-((real - fake) ** 2).sum() / 2)
    value, _, weights = field(tmp_path, real, fake, loss, time, network=RBF, at=np.vstack([fake, real]))
    u = solution(time * s)
    assert value == pytest.approx([-u, u], rel=1e-10) and weights == pytest.approx([-u / s, u / s], rel=1e-10)


@pytest.mark.parametrize("time", [0.1, 1000.0])
def test_vanilla_closed_form_is_exact_where_the_labels_are_an_eigenvector(tmp_path, time):
    """Fake and real points in turn on a circle: a kernel that rotations leave alone has the alternating labels for an eigenvector."""
    angle = np.arange(12) * np.pi / 6
    circle = np.c_[np.cos(angle), np.sin(angle)]
    real, fake = circle[::2], circle[1::2]
    by_equation, gradient, _ = field(tmp_path, real, fake, "vanilla", time, network=ERF)
    closed, closed_gradient, _ = field(tmp_path, real, fake, "vanilla_closed_form", time, network=ERF)
    # Both are differences of nearly equal kernel values: 1e-9 of the values at the points, which are order one.
    assert np.abs(by_equation - closed).max() <= 1e-9 and np.abs(gradient - closed_gradient).max() <= 1e-9


def test_vanilla_closed_form_is_an_approximation_elsewhere(tmp_path, clouds):
    real, fake = clouds
    by_equation, _, _ = field(tmp_path, real, fake, "vanilla", 10.0)
    closed, _, _ = field(tmp_path, real, fake, "vanilla_closed_form", 10.0)
    assert 1e-3 < np.abs(by_equation - closed).max() / np.abs(by_equation).max() < 0.5


# --- f-GAN: the divergence of measures on shared atoms ----------------------------------------------------------------------------------

P, Q = np.array([1, 2, 3, 4]) / 10, np.array([4, 1, 3, 2]) / 10  # real, fake
U = P / Q
VARIATIONAL = {  # T(f) and the conjugate phi*(T)
    "kl": (lambda v: v, lambda t: np.exp(t - 1), Q @ (U * np.log(U))),
    "reverse_kl": (lambda v: -np.exp(-v), lambda t: -1 - np.log(-t), -Q @ np.log(U)),
    "pearson": (lambda v: v, lambda t: t * t / 4 + t, ((P - Q) ** 2 / Q).sum()),
    "hellinger": (lambda v: 1 - np.exp(-v), lambda t: t / (1 - t), ((np.sqrt(P) - np.sqrt(Q)) ** 2).sum()),
    "js": (lambda v: np.log(2) - np.logaddexp(0, -v), lambda t: -np.log(2 - np.exp(t)), P @ np.log(2 * P / (P + Q)) + Q @ np.log(2 * Q / (P + Q))),
    "tv": (lambda v: np.tanh(v) / 2, lambda t: t, np.abs(P - Q).sum() / 2),
    "alpha-0.5": (lambda v: 2 - np.logaddexp(0, -v), lambda t: 2 / (1 - t / 2) - 2, Q @ (np.sqrt(U) - 1 - (U - 1) / 2) / -0.25),
    "alpha-2.5": (lambda v: v, lambda t: (np.maximum(1 + 1.5 * t, 0) ** (2.5 / 1.5) - 1) / 2.5, Q @ (U**2.5 - 1 - 2.5 * (U - 1)) / 3.75),
}


@pytest.mark.parametrize("name", VARIATIONAL)
def test_the_limit_is_the_divergence(tmp_path, name):
    """Four atoms that both measures have: E_real T - E_fake phi*(T) rises to D(real | fake), quadratically in the error of f; tv's f diverges
    logarithmically, and its gap falls as 1/t. Before, it is below."""
    atoms = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5], [1.5, 2.0]])
    real, fake = np.repeat(atoms, np.rint(10 * P).astype(int), axis=0), np.repeat(atoms, np.rint(10 * Q).astype(int), axis=0)
    t, conjugate, divergence = VARIATIONAL[name]
    gaps = []
    for time in (3.0, 3000.0):
        f, _, _ = field(tmp_path, real, fake, loss_of(name), time, network=RBF, at=atoms)
        gaps.append(divergence - (P @ t(f) - Q @ conjugate(t(f))))
    assert gaps[0] > 1e-3 * divergence and -1e-13 < gaps[1] < (1e-3 if name == "tv" else 1e-10)


# --- hinge -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time, ridge", [(1.0, 0.0), (3.0, 0.0), (10.0, 0.0), (3.0, 0.3)])
def test_hinge_against_small_steps(tmp_path, clouds, kernel, time, ridge):
    """Euler's error is of the order of its step: f moves by about step * 2 max k a step, and hops over the margin by as much where it slides."""
    real, fake = clouds
    mass, labels = masses(clouds), np.r_[-np.ones(len(fake)), np.ones(len(real))]
    w, step = np.zeros(len(mass)), time / 20000
    for _ in range(20000):
        w += step * (np.where(labels * (kernel @ w) < 1, mass * labels, 0) - ridge * w)
    _, _, weights = field(tmp_path, real, fake, "hinge", time, "--ridge", ridge)
    assert np.abs(kernel @ (weights - w)).max() <= 4 * step * kernel.max()


def test_hinge_with_ridge_ends_at_the_support_vector_machine(tmp_path, clouds, kernel):
    """min sum of mass hinge(f) + ridge/2 |f|^2: w = mass labels a / ridge, 0 <= a <= 1, with the conditions of an optimum at every point."""
    real, fake = clouds
    mass, labels, ridge = masses(clouds), np.r_[-np.ones(len(fake)), np.ones(len(real))], 0.1
    _, _, weights = field(tmp_path, real, fake, "hinge", 1000.0, "--ridge", ridge)
    part, margin = ridge * weights * labels / mass, labels * (kernel @ weights)
    assert ((part > 0.01) & (part < 0.99)).any() and (part > 0.99).any()  # both kinds of points are there
    assert (part > -1e-10).all() and (part < 1 + 1e-10).all()
    for a, m in zip(part, margin):
        assert (a < 1e-10 and m > 1 - 1e-10) or (a > 1 - 1e-10 and m < 1 + 1e-10) or abs(m - 1) < 1e-10


# --- what holds for every loss ---------------------------------------------------------------------------------------------------------

EVERY = ["ipm", "ipm_external", "lsgan", "vanilla", "vanilla_closed_form", "hinge", *[loss_of(name) for name in PRIMES if name not in ("vanilla", "lsgan")]]


@pytest.mark.parametrize("loss", EVERY, ids=str)
def test_duplicated_points_leave_the_discriminator_unchanged(tmp_path, clouds, loss):
    real, fake = clouds
    value, gradient, _ = field(tmp_path, real, fake, loss, 5.0)
    twice, twice_gradient, _ = field(tmp_path, np.vstack([real, real]), np.repeat(fake, 2, axis=0), loss, 5.0)
    assert np.allclose(twice, value, rtol=1e-10, atol=1e-11) and np.allclose(twice_gradient, gradient, rtol=1e-9, atol=1e-10)


def test_weights_of_real_points_count_as_repetitions(tmp_path, clouds):
    """A flow towards points of weights 2, 1, 1, ... is that towards the first one twice."""
    real, fake = clouds
    save(tmp_path, real=real, twice=np.vstack([real[:1], real]), fake=fake, weights=np.r_[2.0, np.ones(len(real) - 1)][:, None])
    flows = []
    for name, more in (("twice", {}), ("real", {"weights": str(tmp_path / "weights.npy")})):
        study = {
            "study": name,
            "data": {"real": {"type": "file", "path": str(tmp_path / f"{name}.npy"), **more}, "fake": {"type": "file", "path": str(tmp_path / "fake.npy")}},
            "discriminator": {"network": yaml.safe_load(ERF), "time": 3.0},
            "train": {"iterations": 3, "step": 1.0},
            "record": {"every": 3, "metrics": []},
            "sweep": {"discriminator.loss": EVERY},
        }
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
        ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / f"out-{name}", "--ranks", 1)
        with h5py.File(tmp_path / f"out-{name}" / "index.h5") as index:
            links = [index["links"][key]["trajectory/fake"][-1] for key in index["links"]]
            flows.append({index["links"][key].attrs["settings"].split("loss:")[1].split("time:")[0]: x for key, x in zip(index["links"], links)})
    assert flows[0].keys() == flows[1].keys() and len(flows[0]) == len(EVERY)
    for loss, x in flows[0].items():
        assert np.abs(x - flows[1][loss]).max() <= 1e-11 and np.abs(x - fake).max() > 1e-3


OBJECTIVES = [
    ("vanilla", lambda f: np.logaddexp(0, -f)),
    ({"vanilla": {"generator": "minimax"}}, lambda f: -np.logaddexp(0, f)),
    ("hinge", lambda f: -f),
    ({"fgan": {"divergence": "kl"}}, lambda f: -np.exp(f - 1)),
    ({"fgan": {"divergence": "kl", "generator": "nonsaturating"}}, lambda f: -f),
    ({"lsgan": {"generator": 0.5}}, lambda f: (f - 0.5) ** 2),
]


@pytest.mark.parametrize("loss, objective", OBJECTIVES, ids=lambda x: str(x) if not callable(x) else "")
def test_objective_of_the_generator(tmp_path, clouds, loss, objective):
    """The recorded loss is the mean of c(f); a step is -(step/N) c'(f) grad f, with c' by differences."""
    real, fake = clouds
    save(tmp_path, real=real, fake=fake)
    study = {
        "study": "objective",
        "data": {side: {"type": "file", "path": str(tmp_path / f"{side}.npy")} for side in ("real", "fake")},
        "discriminator": {"network": yaml.safe_load(ERF), "time": 3.0, "loss": loss},
        "train": {"iterations": 1, "step": 2.0},
        "record": {"every": 1, "metrics": []},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    ntkgan("run", tmp_path / "study.yaml", "-o", tmp_path / "out", "--ranks", 1)
    (run,) = (tmp_path / "out" / "runs").glob("*.h5")
    with h5py.File(run) as file:
        x, recorded = file["trajectory/fake"][...], file["loss"][...]
    f, gradient, _ = field(tmp_path, real, fake, loss, 3.0, network=ERF, at=fake)
    assert recorded[0] == pytest.approx(objective(f).mean(), rel=1e-13)
    slope = (objective(f + 1e-5) - objective(f - 1e-5)) / 2e-5
    assert np.allclose(x[1] - x[0], -2.0 / len(fake) * slope[:, None] * gradient, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("loss, options", [("vanilla", ("--momentum", 0.5)), ({"fgan": {"divergence": "kl"}}, ()), ("hinge", ("--ridge", 0.1)), ("vanilla_closed_form", ())],
                         ids=str)  # fmt: skip
def test_ranks_change_no_bit(tmp_path, loss, options):
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(90, 2)) + 0.5, rng.normal(size=(75, 2))
    results = [field(tmp_path, real, fake, loss, 20.0, *options, "--ranks", ranks) for ranks in (1, 2, 4)]
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other))


@pytest.mark.parametrize("loss, options, message", [
    ({"fgan": {"divergence": "alpha", "alpha": 1}}, (), "kl"),
    ("vanilla_closed_form", ("--momentum", 0.9), "momentum"),
    ("vanilla_closed_form", ("--ridge", 0.9), "ridge"),
    ("hinge", ("--momentum", 0.9), "momentum"),
    ({"fgan": {"divergence": "chi"}}, (), "pearson"),
])  # fmt: skip
def test_what_cannot_be_trained_is_refused(tmp_path, clouds, loss, options, message):
    save(tmp_path, real=clouds[0], fake=clouds[1])
    done = ntkgan("field", tmp_path / "real.npy", tmp_path / "fake.npy", "--network", RELU, "--loss", yaml.safe_dump(loss, default_flow_style=True).split("\n")[0],
                  "--time", 1, "--at", tmp_path / "fake.npy", "-o", tmp_path / "o.h5", *options, status=2)  # fmt: skip
    assert message in done.stderr


@pytest.mark.parametrize("loss", ["vanilla", {"fgan": {"divergence": "kl"}}], ids=str)
def test_an_equation_that_cannot_be_followed_ends_with_the_time_reached(tmp_path, clouds, loss):
    save(tmp_path, real=clouds[0], fake=clouds[1])
    done = ntkgan("field", tmp_path / "real.npy", tmp_path / "fake.npy", "--network", RELU, "--loss", yaml.safe_dump(loss, default_flow_style=True).split("\n")[0],
                  "--time", 1e300, "--at", tmp_path / "fake.npy", "-o", tmp_path / "o.h5", status=1)  # fmt: skip
    assert "at time" in done.stderr and not (tmp_path / "o.h5").exists()
