"""The number of ranks changes no bit of what ntkgan computes itself, and only rounding inside ScaLAPACK or ELPA. Twice the same command gives the
same bits."""

import json

import h5py
import numpy as np
import pytest

from support import ntkgan

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

NETWORK = "{type: mlp, depth: 3, activation: relu, bias_stddev: 1.0}"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    rng = np.random.default_rng(1)
    for name, count, dimension in (("real", 203, 2), ("fake", 170, 2), ("real20", 90, 20), ("fake20", 110, 20), ("realfar", 90, 20), ("fakefar", 110, 20)):
        np.save(folder / f"{name}.npy", rng.normal(size=(count, dimension)) + (1e3 if name.endswith("far") else 0))
    return folder


def arrays(path):
    with h5py.File(path) as file:
        return {name: file[name][...] for name in file if isinstance(file[name], h5py.Dataset)}


def identical(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("suffix", ["", "20", "far"], ids=["d2", "d20", "far"])
def test_gram_and_field(files, suffix):
    real, fake = files / f"real{suffix}.npy", files / f"fake{suffix}.npy"
    results = []
    for attempt, ranks in enumerate((1, 1, 2, 3, 4)):
        out = files / f"out{attempt}.h5"
        ntkgan("gram", real, fake, "--network", NETWORK, "--gradient", "-o", out, "--ranks", ranks)
        gram = arrays(out)
        ntkgan("field", real, fake, "--network", NETWORK, "--loss", "lsgan", "--time", 10, "--at", fake, "-o", out, "--ranks", ranks)
        results.append({**gram, **{f"field_{name}": value for name, value in arrays(out).items()}})
    for other in results[1:]:
        assert identical(results[0], other)


def test_metrics(files):
    for metric in ("sinkhorn", "energy", "gaussian_mmd2"):
        values = [json.loads(ntkgan("metric", metric, files / "real.npy", files / "fake.npy", "--json", "--ranks", r).stdout) for r in (1, 2, 4)]
        for value in values:
            value.pop("seconds")
        assert values[0] == values[1] == values[2]
    values = [json.loads(ntkgan("mmd", files / "real.npy", files / "fake.npy", "--network", NETWORK, "--permutations", 50, "--json", "--ranks", r).stdout)
              for r in (1, 3)]  # fmt: skip
    for value in values:
        value.pop("seconds")
    assert values[0] == values[1]


def test_spectrum(files):
    spectra = []
    for ranks in (1, 2, 4):
        ntkgan("spectrum", files / "real.npy", "--network", NETWORK, "-k", 3, "-o", files / "s.h5", "--ranks", ranks)
        spectra.append(arrays(files / "s.h5"))
    for other in spectra[1:]:
        assert np.abs(other["eigenvalues"] - spectra[0]["eigenvalues"]).max() <= 1e-12 * spectra[0]["eigenvalues"][0]
        assert np.abs(other["eigenvectors"] - spectra[0]["eigenvectors"]).max() <= 1e-10


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_entry_that_is_not_finite_is_named(tmp_path, ranks):
    np.save(tmp_path / "x.npy", np.full((300, 1), 1.5e-5))
    network = "{type: mlp, depth: 25, activation: identity, weight_stddev: 9.0e5}"  # values below 1e308, gradients above
    failed = ntkgan("gram", tmp_path / "x.npy", "--network", network, "--gradient", "-o", tmp_path / "out.h5", "--ranks", ranks, status=None)
    assert failed.returncode == 1 and "gradient of k(x_0, z_0) is not finite" in failed.stderr
