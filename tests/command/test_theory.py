# ranks: 1
"""What the theory says of trained discriminators and flows, through the real command."""

import json

import h5py
import numpy as np
import pytest
import yaml

from support import ntkgan

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

RELU = "{type: mlp, depth: 3, activation: relu, bias_stddev: 1.0}"
ERF = "{type: mlp, depth: 2, activation: erf, bias_stddev: 0.5}"
RBF = "{type: rbf, bandwidth: 1.5}"


@pytest.fixture
def points():
    rng = np.random.default_rng(5)
    return rng.normal(size=(40, 2)) + [3, 0], rng.normal(size=(30, 2))


def field(folder, real, fake, at, network, loss="ipm", time=1.0, *more):
    for name, value in (("real", real), ("fake", fake), ("at", at)):
        np.save(folder / f"{name}.npy", np.atleast_2d(value))
    ntkgan("field", folder / "real.npy", folder / "fake.npy", "--network", network, "--loss", loss, "--time", time, "--at", folder / "at.npy",
           "-o", folder / "field.h5", *more)  # fmt: skip
    with h5py.File(folder / "field.h5") as file:
        return file["value"][...], file["gradient"][...], file["weights"][...]


def gram(folder, x, z, network):
    np.save(folder / "x.npy", np.atleast_2d(x))
    np.save(folder / "z.npy", np.atleast_2d(z))
    ntkgan("gram", folder / "x.npy", folder / "z.npy", "--network", network, "-o", folder / "gram.h5")
    with h5py.File(folder / "gram.h5") as file:
        return file["gram"][...]


@pytest.mark.parametrize("network", [RELU, ERF, RBF])
def test_ipm_is_the_difference_of_mean_embeddings(tmp_path, points, network):
    real, fake = points
    at = np.array([[0.3, -0.2], [5.0, 1.0]])
    value, _, weights = field(tmp_path, real, fake, at, network, "ipm", 2.5)
    expected = 2.5 * (gram(tmp_path, at, real, network).mean(1) - gram(tmp_path, at, fake, network).mean(1))
    assert np.allclose(value, expected, rtol=1e-12, atol=1e-13)
    assert np.allclose(weights[: len(fake)], -2.5 / len(fake)) and np.allclose(weights[len(fake) :], 2.5 / len(real))


def test_mean_gap_of_the_ipm_discriminator_is_mmd2(tmp_path, points):
    real, fake = points
    time = 1.7
    on_real, _, _ = field(tmp_path, real, fake, real, RELU, "ipm", time)
    on_fake, _, _ = field(tmp_path, real, fake, fake, RELU, "ipm", time)
    done = ntkgan("mmd", tmp_path / "real.npy", tmp_path / "fake.npy", "--network", RELU, "--json")
    assert on_real.mean() - on_fake.mean() == pytest.approx(time * json.loads(done.stdout)["mmd2"], rel=1e-11)


def phi(matrix_function, matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(matrix_function(np.maximum(values, 0))) @ vectors.T


@pytest.mark.parametrize("time", [0.1, 1.0, 50.0])
@pytest.mark.parametrize("network", [RELU, ERF])
def test_one_pair_lsgan_closed_form(tmp_path, network, time):
    """One fake and one real point: w = 2t phi1(-2tK) (-1, 1) with a 2 x 2 matrix."""
    fake, real, at = np.array([[0.5, -1.0]]), np.array([[1.5, 0.7]]), np.array([[0.2, 0.1], [0.5, -1.0]])
    both = np.vstack([fake, real])
    kernel = gram(tmp_path, both, both, network)
    weights = phi(lambda s: np.where(s > 0, -np.expm1(-2 * time * s) / np.where(s > 0, s, 1), 2 * time), kernel) @ np.array([-1.0, 1.0])
    value, _, found = field(tmp_path, real, fake, at, network, "lsgan", time)
    assert np.allclose(found, weights, rtol=1e-10)
    assert np.allclose(value, gram(tmp_path, at, both, network) @ weights, rtol=1e-10)


@pytest.mark.parametrize("time", [1.0, 1000.0])
def test_lsgan_against_the_dense_solution(tmp_path, points, time):
    """w = M^1/2 2t phi1(-2t M^1/2 K M^1/2) M^1/2 l on more points than the direct solution is used for."""
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(150, 2)) + 1, rng.normal(size=(90, 2))
    both = np.vstack([fake, real])
    root = np.sqrt(np.r_[np.full(90, 1 / 90), np.full(150, 1 / 150)])
    labels = np.r_[np.full(90, -1.0), np.full(150, 1.0)]
    kernel = gram(tmp_path, both, both, RELU)
    relax = lambda s: np.where(s > 1e-300, -np.expm1(-2 * time * s) / np.maximum(s, 1e-300), 2 * time)
    expected = root * (phi(relax, root[:, None] * kernel * root) @ (root * labels))
    value, _, weights = field(tmp_path, real, fake, both, RELU, "lsgan", time)
    scale = np.abs(kernel @ expected).max()
    assert np.abs(value - kernel @ expected).max() < 1e-9 * scale
    assert np.abs(weights - expected).max() < 1e-8 * np.abs(expected).max()


def test_normalizations_agree_at_equal_numbers_only(tmp_path, points):
    real, fake = points
    at = real[:3]
    same, _, _ = field(tmp_path, real[:30], fake, at, ERF, "lsgan", 2.0)
    peer, _, _ = field(tmp_path, real[:30], fake, at, ERF, "lsgan", 2.0, "--normalization", "peer")
    assert np.allclose(same, peer, rtol=1e-11)
    same, _, _ = field(tmp_path, real, fake, at, ERF, "lsgan", 2.0)
    peer, _, _ = field(tmp_path, real, fake, at, ERF, "lsgan", 2.0, "--normalization", "peer")
    assert np.abs(same - peer).max() > 1e-3


@pytest.mark.parametrize("loss", ["ipm", "lsgan"])
def test_duplicated_points_leave_the_discriminator_unchanged(tmp_path, points, loss):
    real, fake = points
    at = np.array([[0.3, -0.2], [5.0, 1.0], [0.0, 0.0]])
    value, gradient, _ = field(tmp_path, real, fake, at, RELU, loss)
    twice, twice_gradient, _ = field(tmp_path, np.vstack([real, real]), np.repeat(fake, 2, axis=0), at, RELU, loss)
    assert np.allclose(twice, value, rtol=1e-10) and np.allclose(twice_gradient, gradient, rtol=1e-9, atol=1e-11)


def flow(folder, real, fake, network, step, loss="ipm", iterations=1, time=1.0, metrics=("mmd2",)):
    np.save(folder / "real.npy", real)
    np.save(folder / "fake.npy", fake)
    study = {
        "study": "flow",
        "data": {side: {"type": "file", "path": str(folder / f"{side}.npy")} for side in ("real", "fake")},
        "discriminator": {"network": yaml.safe_load(network), "loss": loss, "time": time},
        "train": {"iterations": iterations, "step": step},
        "record": {"every": 1, "trajectory": True, "metrics": list(metrics)},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    out = folder / f"out-{step}"
    ntkgan("run", folder / "study.yaml", "-o", out, "--ranks", 1)
    (run,) = (out / "runs").glob("*.h5")
    with h5py.File(run) as file:
        return file["trajectory/fake"][...], {name: file["metrics"][name][...] for name in file["metrics"]}


def test_energy_law_of_the_ipm_flow(tmp_path, points):
    """d(t MMD^2)/ds = -2 E|grad f|^2 along dx/ds = grad f: one Euler step of ds = step/N, its first-order error taken out by two step sizes."""
    real, fake = points
    time, ratios = 1.7, []
    for ds in (2e-4, 1e-4):
        x, metrics = flow(tmp_path, real, fake, ERF, ds * len(fake), time=time)
        dissipation = ((x[1] - x[0]) ** 2).sum(1).mean() / ds**2
        ratios.append(time * (metrics["mmd2"][1] - metrics["mmd2"][0]) / ds / dissipation)
    assert 2 * ratios[1] - ratios[0] == pytest.approx(-2, abs=1e-5)


def test_permuting_points_permutes_the_flow(tmp_path, points):
    real, fake = points
    x, _ = flow(tmp_path, real, fake, ERF, 30.0, iterations=5)
    (tmp_path / "b").mkdir()
    order = np.random.default_rng(0).permutation(len(fake))
    y, _ = flow(tmp_path / "b", real[::-1], fake[order], ERF, 30.0, iterations=5)
    assert np.allclose(y[-1], x[-1][order], rtol=0, atol=1e-11)


def test_rotating_data_rotates_the_flow(tmp_path, points):
    real, fake = points
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    x, _ = flow(tmp_path, real, fake, RELU, 10.0, iterations=5)
    (tmp_path / "b").mkdir()
    y, _ = flow(tmp_path / "b", real @ turn.T, fake @ turn.T, RELU, 10.0, iterations=5)
    assert np.allclose(y[-1], x[-1] @ turn.T, rtol=0, atol=1e-10)


def test_relu_without_bias_is_not_characteristic(tmp_path):
    """MMD(delta_x, (delta_0 + delta_2x)/2) = 0 for a homogeneous kernel, and the command says so; 0.69 with bias."""
    np.save(tmp_path / "a.npy", np.array([[1.0, 0.5]]))
    np.save(tmp_path / "b.npy", np.array([[0.0, 0.0], [2.0, 1.0]]))
    files = (tmp_path / "a.npy", tmp_path / "b.npy")
    without = json.loads(ntkgan("mmd", *files, "--network", "{type: mlp, depth: 3, activation: relu}", "--json").stdout)
    with_bias = json.loads(ntkgan("mmd", *files, "--network", RELU, "--json").stdout)
    assert abs(without["mmd2"]) < 1e-15 and "warning" in without
    assert with_bias["mmd2"] > 1e-3 and "warning" not in with_bias
