# ranks: 1
"""Accuracy of the ReLU kernel at all distances: |x - x'| = delta |x|, x' at the angle delta from x or from -x, x' = x, against the textbook recursion
(Jacot, Gabriel, Hongler 2018) with 120 digits, on every instruction set of this machine. The reference's derivatives are central differences, so that
no formula is shared with the program. tests/unit/kernel_apply.c compares the sums that runs use with the entries here."""

import decimal
import functools
import itertools
import pathlib
import sys
import tempfile

import h5py
import numpy as np
import pytest

from support import each_instruction_set, instruction_sets, ntkgan

D = decimal.Decimal
DIGITS = 120
PAIRS = 3
DELTAS = np.array([1.0, 0.012, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10])
DEPTHS, BIASES = (3, 1), (1, 0)
PLACES = {"close": None, "longer": 1.7, "shorter": 0.6, "opposite": -1.3}  # x' is at delta |x| from x, or delta the tangent of its angle with +-x
ROUNDOFF = {"double": 2.0**-53, "single": 2.0**-24}

# Most errors in roundoffs, by depth and bias: of value, of gradient, and this over delta in addition. About three times what is reached, on every
# instruction set and in both precisions. Without a bias gradients turn with the angle, which changes by a roundoff/delta when a coordinate is rounded;
# only where x' - x is small and hence exact is no digit lost to that.
LIMITS = {
    (3, 1): {"close": (6, 3, 0), "longer": (6, 4, 0), "shorter": (6, 4, 0), "opposite": (8, 3, 0)},
    (3, 0): {"close": (10, 20, 0), "longer": (12, 20, 5), "shorter": (10, 20, 5), "opposite": (25, 20, 5)},
    (1, 1): {"close": (9, 5, 0), "longer": (10, 7, 0), "shorter": (8, 6, 0), "opposite": (25, 35, 0)},
    (1, 0): {"close": (12, 12, 0), "longer": (12, 10, 2), "shorter": (10, 8, 2), "opposite": (15, 100, 40)},
}
SAME = (10, 3)  # x' = x
DIMENSIONS = [2, 16, 17, 300]  # two of direct differences, two of products of matrices
PRODUCTS = (12, 12)  # where those are not done again, at angles above 1/100: e of value and gradient, times 1/delta and 1/delta^2 without a bias
STEP = D("1e-45")  # of variances, in differences: far below the least distance's square


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


def relu_ntk(q, s, r, depth, bias):
    """NTK of depth hidden ReLU layers, weights of variance 1, biases of variance `bias` (none behind the last layer), of |x|^2/d, |x'|^2/d, x.x'/d."""
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


def value_and_gradient(x, z, depth, bias):
    d = len(x)
    q, s, r = (sum(a * b for a, b in zip(u, v)) / d for u, v in ((x, x), (z, z), (x, z)))
    value = relu_ntk(q, s, r, depth, bias)
    if x == z:  # half of what the diagonal has
        by_q = (relu_ntk(q + STEP, q + STEP, q + STEP, depth, bias) - relu_ntk(q - STEP, q - STEP, q - STEP, depth, bias)) / (2 * STEP)
        return value, [by_q * a / d for a in x]
    by_q = (relu_ntk(q + STEP, s, r, depth, bias) - relu_ntk(q - STEP, s, r, depth, bias)) / (2 * STEP)
    by_r = (relu_ntk(q, s, r + STEP, depth, bias) - relu_ntk(q, s, r - STEP, depth, bias)) / (2 * STEP)
    return value, [(2 * by_q * a + by_r * b) / d for a, b in zip(x, z)]


def exact(values):
    return [D(float(v)) for v in values]


def norm(vector):
    return sum(a * a for a in vector).sqrt()


@functools.cache
def pairs(d):
    """Points and others by place, then distance, PAIRS for each; the reference takes the distance from the doubles themselves. Last, x' = x."""
    rng = np.random.default_rng(d)
    count = len(PLACES) * len(DELTAS) * PAIRS
    x = rng.standard_normal((count + PAIRS, d))
    direction = rng.standard_normal((count, d))
    away = slice(len(DELTAS) * PAIRS, count)
    direction[away] -= (np.sum(direction[away] * x[away], axis=1) / np.sum(x[away] ** 2, axis=1))[:, None] * x[away]
    direction *= np.linalg.norm(x[:count], axis=1, keepdims=True) / np.linalg.norm(direction, axis=1, keepdims=True)
    factor = np.repeat([factor or 1 for factor in PLACES.values()], len(DELTAS) * PAIRS)
    z = x.copy()
    z[:count] = factor[:, None] * (x[:count] + np.tile(np.repeat(DELTAS, PAIRS), len(PLACES))[:, None] * direction)
    return x, z


@functools.cache
def reference(d, depth, bias):
    return [value_and_gradient(exact(a), exact(b), depth, D(bias)) for a, b in zip(*pairs(d))]


def errors(folder, d, depth, bias, isa, precision):
    """Largest errors of value and gradient in roundoffs of the larger of |k| and |x| |grad k|, as k or its gradient may go through 0: by place, at
    each distance; of x' = x."""
    points = pairs(d)
    for name, some in zip(("x", "z"), points):
        np.save(folder / f"{name}.npy", some)
    network = f"{{type: mlp, depth: {depth}, activation: relu, bias_stddev: {bias}}}"
    arguments = ["--network", network, "--gradient", "--precision", precision, "-o", folder / "out.h5"]
    ntkgan("gram", folder / "x.npy", folder / "z.npy", *arguments, env={"NTKGAN_ISA": isa})
    with h5py.File(folder / "out.h5") as file:
        k, slope = file["gram"][...], file["gradient"][...]
    found = []
    for x, (value, grad), got, slopes in zip(points[0], reference(d, depth, bias), k.diagonal(), np.einsum("iid->id", slope)):
        length = norm(exact(x))
        size = max(abs(value), length * norm(grad))
        miss = norm([g - h for g, h in zip(grad, exact(slopes))])
        found.append((float(abs(D(float(got)) - value) / size), float(length * miss / size)))
    found = np.array(found) / ROUNDOFF[precision]
    places = found[:-PAIRS].reshape(len(PLACES), len(DELTAS), PAIRS, 2).max(axis=2)
    return dict(zip(PLACES, places)), found[-PAIRS:].max(axis=0)


def limits(d, depth, bias, place):
    """Of each distance: value, gradient."""
    value, slope, slope_by = LIMITS[depth, bias][place]
    product = (DELTAS > 1e-2) if d > 16 else 0 * DELTAS
    angle = 1 if bias else DELTAS
    return np.array([value + product * PRODUCTS[0] / angle, slope + slope_by / DELTAS + product * PRODUCTS[1] / angle**2]).T


@pytest.mark.parametrize("isa", each_instruction_set())
@pytest.mark.parametrize("precision", ROUNDOFF)
@pytest.mark.parametrize("d", [d if d in (2, 17) else pytest.param(d, marks=pytest.mark.slow) for d in DIMENSIONS])
def test_digits_at_all_distances(tmp_path, d, precision, isa):
    """The naive recursion has a value's first 5 digits and no gradient at the least distance, the one with q - r 5 of the gradient."""
    for depth, bias in itertools.product(DEPTHS, BIASES):
        table, same = errors(tmp_path, d, depth, bias, isa, precision)
        for place in PLACES:
            assert (table[place] < limits(d, depth, bias, place)).all(), f"{depth} layers, bias {bias}, {place}: {table[place]}"
        assert (same < SAME).all(), f"{depth} layers, bias {bias}: {same}"
        assert precision == "double" or table["close"].max() > 1e-4, "this is double precision"


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
    # The table: python3 tests/command/test_accuracy.py [SET]
    with tempfile.TemporaryDirectory() as name:
        isa = sys.argv[1] if len(sys.argv) > 1 else instruction_sets()[0]
        for precision, d, depth, bias in itertools.product(ROUNDOFF, DIMENSIONS, DEPTHS, BIASES):
            table, same = errors(pathlib.Path(name), d, depth, bias, isa, precision)
            print(f"{precision}, d = {d}, {depth} layers, bias {bias}: value and gradient in roundoffs; x' = x: {same[0]:.1f} {same[1]:.1f}")
            for place, numbers in table.items():
                print(f"  {place:10}" + "".join(f" | {value:8.2g} {slope:8.2g}" for value, slope in numbers))
