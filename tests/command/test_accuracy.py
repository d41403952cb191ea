"""Accuracy of the ReLU kernel at all distances: |x - x'| = delta |x| against the textbook recursion (Jacot, Gabriel, Hongler 2018) with 120 digits, on
every instruction set of this machine, and far from the origin. Gradients of the reference are central differences, so that no formula is shared with
the program."""

import decimal
import functools
import pathlib
import sys
import tempfile

import h5py
import numpy as np
import pytest

from support import ntkgan

D = decimal.Decimal
DIGITS = 120
PAIRS, DEPTH = 4, 3
DELTAS = [1.0, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10]


def arctan(t):
    """For t >= 0: half the angle, and again, then the series."""
    scale = 1
    while t > D("0.05"):
        t = t / (1 + (1 + t * t).sqrt())
        scale *= 2
    total, power, n, square = t, t, 1, t * t
    while abs(power) > D(10) ** -DIGITS * abs(total):
        power, n = -power * square, n + 2
        total += power / n
    return scale * total


decimal.getcontext().prec = DIGITS + 10
PI = 4 * arctan(D(1))


def covariances(x, z):
    return [sum(a * b for a, b in zip(u, v)) / len(x) for u, v in ((x, x), (z, z), (x, z))]


def relu_ntk(q, s, r, depth, bias):
    """NTK of depth hidden ReLU layers, weights of variance 1, biases of variance `bias` (none behind the last layer)."""
    ntk = r + bias
    q, s, r = q + bias, s + bias, r + bias
    for layer in range(depth):
        area = (q * s - r * r).sqrt()
        theta = PI / 2 if r == 0 else arctan(area / r) if r > 0 else PI - arctan(area / -r)
        slope = (PI - theta) / (2 * PI)
        last = layer + 1 == depth
        behind = D(0) if last else bias
        r = area / (2 * PI) + slope * r
        ntk = ntk * slope + r + behind
        q, s, r = q / 2 + behind, s / 2 + behind, r + behind
    return ntk


def gradient(x, z, depth, bias):
    """x moves q = x.x/d and r = x.z/d."""
    q, s, r = covariances(x, z)
    step = (q * s - r * r) / (q + s) * D("1e-30")
    by_q = (relu_ntk(q + step, s, r, depth, bias) - relu_ntk(q - step, s, r, depth, bias)) / (2 * step)
    by_r = (relu_ntk(q, s, r + step, depth, bias) - relu_ntk(q, s, r - step, depth, bias)) / (2 * step)
    return [(2 * by_q * a + by_r * b) / len(x) for a, b in zip(x, z)]


def exact(values):
    return [D(float(v)) for v in values]


def pairs(d, offset):
    """Points and others at relative distance delta, PAIRS for each, around a point that is `offset` times as far from the origin as they are from it; the
    reference takes the distance from the doubles themselves."""
    rng = np.random.default_rng(d)
    x = rng.standard_normal((len(DELTAS) * PAIRS, d))
    direction = rng.standard_normal(x.shape)
    direction *= np.linalg.norm(x, axis=1, keepdims=True) / np.linalg.norm(direction, axis=1, keepdims=True)
    away = offset * rng.standard_normal(d)
    return x + away, x + np.repeat(DELTAS, PAIRS)[:, None] * direction + away


@functools.cache
def reference(d, bias, offset):
    x, z = (list(map(exact, points)) for points in pairs(d, offset))
    return [(relu_ntk(*covariances(a, b), DEPTH, D(bias)), gradient(a, b, DEPTH, D(bias))) for a, b in zip(x, z)]


def instruction_sets():
    names = ["x86-64-v4", "x86-64-v3", "x86-64", "generic"]
    return [name for name in names if name in ntkgan("version", env={"NTKGAN_ISA": name}).stdout.split()]


def errors(folder, d, bias, isa, *options, offset=0):
    """Largest relative error of values and gradients at each distance."""
    for name, points in zip(("x", "z"), pairs(d, offset)):
        np.save(folder / f"{name}.npy", points)
    network = f"{{type: mlp, depth: {DEPTH}, activation: relu, bias_stddev: {bias}}}"
    out = folder / "out.h5"
    arguments = ["--network", network, "--gradient", *options, "-o", out]
    ntkgan("gram", folder / "x.npy", folder / "z.npy", *arguments, env={"NTKGAN_ISA": isa})
    with h5py.File(out) as file:
        k, slope = file["gram"][...], file["gradient"][...]
    found = []
    for i, (value, grad) in enumerate(reference(d, bias, offset)):
        miss = sum((g - h) ** 2 for g, h in zip(grad, exact(slope[i, i]))).sqrt()
        found.append((float(abs(D(float(k[i, i])) / value - 1)), float(miss / sum(g * g for g in grad).sqrt())))
    return np.array(found).reshape(len(DELTAS), PAIRS, 2).max(axis=1)


def test_there_is_an_instruction_set():
    assert instruction_sets()


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("bias", [1, 0])
@pytest.mark.parametrize("d", [2, 20])
def test_close_points_have_all_digits(tmp_path, d, bias, isa):
    """The naive recursion has 1e-5 and nothing at the least distance, the one with q - r 2e-5 in the gradient."""
    value, slope = errors(tmp_path, d, bias, isa).T
    assert value.max() < 1e-15 and slope.max() < 4e-15, (value, slope)


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("offset", [1, 1e3, 1e6])
@pytest.mark.parametrize("d, bias", [(17, 1), (17, 0), (784, 1)])
def test_points_far_from_the_origin_have_all_digits(tmp_path, d, bias, offset, isa):
    """The products of such points, less their mean; 1e-10 of the distance from it is below the doubles' own rounding at the largest offset."""
    last = -1 if offset > 1e5 else len(DELTAS)
    value, slope = errors(tmp_path, d, bias, isa, offset=offset)[:last].T
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
    ntkgan("field", tmp_path / "real.npy", tmp_path / "fake.npy", "--network", network, "--loss", "ipm", "--time", 1, "--at", tmp_path / "at.npy", "-o",
           tmp_path / "field.h5")  # fmt: skip
    ntkgan("gram", tmp_path / "at.npy", tmp_path / "both.npy", "--network", network, "--gradient", "-o", tmp_path / "gram.h5")
    with h5py.File(tmp_path / "field.h5") as field, h5py.File(tmp_path / "gram.h5") as gram:
        slope, terms = field["gradient"][...], field["weights"][...].astype(np.longdouble)[:, None] * gram["gradient"][...]
    assert np.abs((slope - terms.sum(axis=1)) / np.abs(terms).sum(axis=1)).max() < 2e-15


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("bias", [1, 0])
@pytest.mark.parametrize("d", [2, 20])
def test_single_precision_is_right_for_close_points_too(tmp_path, d, bias, isa):
    value, slope = errors(tmp_path, d, bias, isa, "--precision", "single").T
    assert value.max() < 4e-7 and slope.max() < 1e-6, (value, slope)
    assert value.max() > 1e-9, "this is double precision"


def test_single_precision_is_refused_where_it_is_not_there(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 2)))
    network = "{type: mlp, depth: 1, activation: tanh}"
    failed = ntkgan("gram", tmp_path / "x.npy", "--network", network, "--precision", "single", "-o", tmp_path / "out.h5", status=None)
    assert failed.returncode == 2 and "precision: single is for networks of relu" in failed.stderr
    wrong = ntkgan("gram", tmp_path / "x.npy", "--network", network, "--precision", "half", "-o", tmp_path / "out.h5", status=None)
    assert wrong.returncode == 2 and "expected double or single" in wrong.stderr


def test_a_study_runs_in_single_precision(tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text(
        "study: single\n"
        "data:\n  real: {type: ring, modes: 8, points: 60}\n  fake: {type: gaussian, dimension: 2, points: 50}\n"
        "discriminator:\n  network: {type: mlp, depth: 2, activation: relu, bias_stddev: 1.0}\n  loss: lsgan\n"
        "train: {iterations: 3, step: 10}\nrecord: {every: 3, metrics: [mmd2]}\n"
    )
    value = {}
    for precision in ("double", "single"):
        ntkgan("run", study, "-o", tmp_path / precision, "--ranks", 1, "--set", f"discriminator.precision={precision}")
        with h5py.File(tmp_path / precision / "index.h5") as index:
            value[precision] = index["metrics/mmd2"][0, -1]
    assert 0 < abs(value["single"] / value["double"] - 1) < 1e-5


if __name__ == "__main__":
    # The table: python3 tests/command/test_accuracy.py [OPTION OF gram]...
    with tempfile.TemporaryDirectory() as name:
        for d in (2, 20):
            for bias in (1, 0):
                for delta, (value, slope) in zip(DELTAS, errors(pathlib.Path(name), d, bias, instruction_sets()[0], *sys.argv[1:])):
                    print(f"d = {d:2}, bias {bias}, delta {delta:5.0e}: value {value:.0e}, gradient {slope:.0e}")
