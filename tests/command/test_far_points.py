# ranks: 1
"""Points of many coordinates far from the origin, whose products are those of the points less their mean: beside 120 digits (test_accuracy.py), and what
sums of kernels give beside their entries."""

import h5py
import numpy as np
import pytest

from support import each_instruction_set, ntkgan
from test_accuracy import DELTAS, D, exact, norm, value_and_gradient

DEPTH, PAIRS = 3, 3
COORDINATES = [(17, 1), (17, 0), (784, 1)]  # with the bias


def errors(folder, d, bias, offset, isa):
    """Largest relative error of value and gradient at distances delta of the points' own distance from their mean, which is `offset` of it from the
    origin; of pairs that have nothing to do with each other (first), too."""
    rng = np.random.default_rng(d)
    x = rng.standard_normal((len(DELTAS) * PAIRS, d))
    away = offset * rng.standard_normal(d)
    z = x + np.repeat(DELTAS, PAIRS)[:, None] * rng.standard_normal(x.shape) + away
    x += away
    for name, points in (("x", x), ("z", z)):
        np.save(folder / f"{name}.npy", points)
    network = f"{{type: mlp, depth: {DEPTH}, activation: relu, bias_stddev: {bias}}}"
    ntkgan("gram", folder / "x.npy", folder / "z.npy", "--network", network, "--gradient", "-o", folder / "out.h5", env={"NTKGAN_ISA": isa})
    with h5py.File(folder / "out.h5") as file:
        k, slope = file["gram"][...], file["gradient"][...]
    found = []
    for shift in (PAIRS + 1, 0):
        for i in range(len(x)):
            j = (i + shift) % len(x)
            value, grad = value_and_gradient(exact(x[i]), exact(z[j]), DEPTH, D(bias))
            miss = norm([a - b for a, b in zip(grad, exact(slope[i, j]))])
            found.append((float(abs(D(float(k[i, j])) / value - 1)), float(miss / norm(grad))))
    return np.array(found).reshape(2 * len(DELTAS), PAIRS, 2).max(axis=1)


@pytest.mark.parametrize("isa", each_instruction_set())
@pytest.mark.parametrize("offset", [1, 1e3, 1e6])
@pytest.mark.parametrize("d, bias", COORDINATES)
def test_points_far_from_the_origin_have_all_digits(tmp_path, d, bias, offset, isa):
    """1e-10 of the distance from the mean is below the doubles' own rounding at the largest offset."""
    value, slope = errors(tmp_path, d, bias, offset, isa)[: -1 if offset > 1e5 else None].T
    assert value.max() < 1e-15 and slope.max() < 4e-15, (value, slope)


@pytest.mark.parametrize("offset", [0, 1e3, 1e6])
def test_sums_far_from_the_origin_have_all_digits(tmp_path, offset):
    """The gradient of f, whose last step is a matrix product too, beside the entries' own ones."""
    rng = np.random.default_rng(5)
    d, network = 40, "{type: mlp, depth: 2, activation: relu, bias_stddev: 1}"
    real, fake, at = (rng.standard_normal((n, d)) for n in (70, 60, 50))
    away = offset * rng.standard_normal(d)
    for name, points in (("real", real), ("fake", fake), ("at", at), ("both", np.concatenate([fake, real]))):
        np.save(tmp_path / f"{name}.npy", points + away)
    options = ["--network", network, "--loss", "ipm", "--time", 1, "--at", tmp_path / "at.npy", "-o", tmp_path / "field.h5"]
    ntkgan("field", tmp_path / "real.npy", tmp_path / "fake.npy", *options)
    ntkgan("gram", tmp_path / "at.npy", tmp_path / "both.npy", "--network", network, "--gradient", "-o", tmp_path / "gram.h5")
    with h5py.File(tmp_path / "field.h5") as field, h5py.File(tmp_path / "gram.h5") as gram:
        slope, terms = field["gradient"][...], field["weights"][...].astype(np.longdouble)[:, None] * gram["gradient"][...]
    assert np.abs((slope - terms.sum(axis=1)) / np.abs(terms).sum(axis=1)).max() < 2e-15
