# ranks: 1
"""record.theory: losses, dissipation and true rates of flows, against NumPy with matrices of `gram` and the laws of the theory."""

import h5py
import numpy as np
import pytest
import yaml

from support import ntkgan

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

ERF = {"type": "mlp", "depth": 2, "activation": "erf", "bias_stddev": 0.5}
GENERATOR = {"type": "mlp", "depth": 2, "activation": "erf", "bias_stddev": 0.3}
TIME = 1.7
THEORY = ["discriminator_loss", "dissipation", "rates"]


@pytest.fixture
def points(tmp_path):
    rng = np.random.default_rng(5)
    real, fake, z = rng.normal(size=(20, 2)) + [3, 0], rng.normal(size=(15, 2)), rng.normal(size=(15, 4))
    for name, value in (("real", real), ("fake", fake), ("z", z)):
        np.save(tmp_path / f"{name}.npy", value)
    return real, fake, z


def run(folder, loss, theory=THEORY, generator="particles", ranks=1, **train):
    generator = {"type": "kernel", "network": GENERATOR, "latent": {"type": "file", "path": str(folder / "z.npy")}} if generator == "kernel" else {"type": generator}
    study = {
        "study": "theory",
        "data": {side: {"type": "file", "path": str(folder / f"{side}.npy")} for side in ("real", "fake")},
        "discriminator": {"network": ERF, "loss": loss, "time": TIME},
        "generator": generator,
        "train": {"iterations": 1, "step": 3.0, **train},
        "record": {"every": 1, "metrics": ["mmd2"], "theory": theory},
        "resources": {"ranks_per_run": ranks},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    ntkgan("run", folder / "study.yaml", "-o", folder / f"out{ranks}", "--ranks", ranks)
    (found,) = (folder / f"out{ranks}" / "runs").glob("*.h5")
    with h5py.File(found) as file:
        assert all("long_name" in file["metrics"][name].attrs for name in file["metrics"])
        return {**{name: file["metrics"][name][...] for name in file["metrics"]}, "loss": file["loss"][...], "fake": file["trajectory/fake"][...]}


def gram(folder, network, x, y):
    np.save(folder / "gx.npy", x)
    np.save(folder / "gy.npy", y)
    ntkgan("gram", folder / "gx.npy", folder / "gy.npy", "--network", yaml.safe_dump(network, default_flow_style=True), "-o", folder / "gram.h5")
    with h5py.File(folder / "gram.h5") as file:
        return file["gram"][...]


def ipm_gradient(folder, real, fake, x, h=1e-5):
    """grad f of the IPM discriminator at x, by central differences of kernel matrices."""
    f = lambda y: TIME * (gram(folder, ERF, y, real).mean(1) - gram(folder, ERF, y, fake).mean(1))
    return np.stack([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(x.shape[1])], -1)


@pytest.mark.parametrize("generator", ["particles", "kernel"])
def test_energy_law(tmp_path, points, generator):
    """L = -t MMD^2 falls back at twice the dissipation: d(t MMD^2)/ds = -2 E|grad f|^2, with a generator's kernel -(2/N^2) sum grad f k_g grad f."""
    real, fake, z = points
    found = run(tmp_path, "ipm", generator=generator)
    assert np.allclose(found["discriminator_loss"], -TIME * found["mmd2"], rtol=1e-9)
    gradient = ipm_gradient(tmp_path, real, fake, fake)
    coupling = gram(tmp_path, GENERATOR, z, z) / 15**2 if generator == "kernel" else np.eye(15) / 15
    assert found["dissipation"][0] == pytest.approx(-np.einsum("ia,ij,ja->", gradient, coupling, gradient), rel=1e-7)
    assert np.allclose(found["discriminator_loss_rate"] / found["dissipation"], -2, rtol=0, atol=1e-8)


def lsgan_levels(folder, real, fake):
    """C and L of LSGAN by a dense solution."""
    both, mass = np.vstack([fake, real]), np.r_[np.full(len(fake), 1 / len(fake)), np.full(len(real), 1 / len(real))]
    root, labels = np.sqrt(mass), np.r_[-np.ones(len(fake)), np.ones(len(real))]
    kernel = gram(folder, ERF, both, both)
    values, vectors = np.linalg.eigh(root[:, None] * kernel * root)
    phi = np.where(values > 1e-14, -np.expm1(-2 * TIME * values) / np.maximum(values, 1e-14), 2 * TIME)
    f = kernel @ (root * (vectors @ (phi * (vectors.T @ (root * labels)))))
    return mass[: len(fake)] @ f[: len(fake)] ** 2, mass @ (f - labels) ** 2


def test_true_rates_are_those_of_the_retrained_discriminator(tmp_path, points):
    """LSGAN: C and L at the points, and their differences along the recorded step (a first Euler step moves along the velocity)."""
    real, fake, _ = points
    found = run(tmp_path, "lsgan", step=1.0)
    assert lsgan_levels(tmp_path, real, fake) == pytest.approx((found["loss"][0], found["discriminator_loss"][0]), rel=1e-9)
    velocity = (found["fake"][1] - found["fake"][0]) * 15  # dx = -(step/N) grad: ds = step/N of the theory's time
    ahead, behind = (lsgan_levels(tmp_path, real, fake + h * velocity) for h in (1e-4, -1e-4))
    for k, name in enumerate(("objective_rate", "discriminator_loss_rate")):
        assert found[name][0] == pytest.approx((ahead[k] - behind[k]) / 2e-4, rel=1e-6), name
    assert found["dissipation"][0] == pytest.approx(-(velocity**2).sum(1).mean(), rel=1e-9)
    assert abs(found["objective_rate"][0] / found["dissipation"][0] - 1) > 1e-3  # f moves too


@pytest.mark.parametrize("loss", ["vanilla", "hinge", {"fgan": {"divergence": "js"}}])
def test_dissipation_is_never_positive(tmp_path, points, loss):
    found = run(tmp_path, loss, ["dissipation", "discriminator_loss"])
    assert np.all(found["dissipation"] < 0) and "objective_rate" not in found and np.all(np.isfinite(found["discriminator_loss"]))


def test_ranks_change_no_bit_and_recording_changes_no_flow(tmp_path, points):
    one, two = (run(tmp_path, "lsgan", generator="kernel", ranks=ranks, integrator="rk4") for ranks in (1, 2))
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)
    (tmp_path / "bare").mkdir()
    for name in ("real", "fake", "z"):
        np.save(tmp_path / "bare" / f"{name}.npy", np.load(tmp_path / f"{name}.npy"))
    bare = run(tmp_path / "bare", "lsgan", [], "kernel", integrator="rk4")
    assert bare["fake"].tobytes() == one["fake"].tobytes()
