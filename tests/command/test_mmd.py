# ranks: 1
"""The command `mmd`: against sums of the kernel matrix, its tests, long evaluations."""

import json
import pathlib
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest

from support import PROGRAM, ntkgan

RELU = "{type: mlp, depth: 3, activation: relu, bias_stddev: 1.0}"


@pytest.fixture
def files(tmp_path):
    """Points of two laws that differ a little."""
    draw = np.random.default_rng(7)
    np.save(tmp_path / "real.npy", draw.normal(size=(120, 2)))
    np.save(tmp_path / "fake.npy", draw.normal(size=(90, 2)) + [0.3, 0])
    return tmp_path


def numbers(*arguments):
    result = json.loads(ntkgan("mmd", *arguments, "--json").stdout)
    del result["seconds"]
    return result


def test_values_are_those_of_the_matrix(files):
    real, fake = files / "real.npy", files / "fake.npy"
    means = {}
    for name, x, z in (("xx", fake, fake), ("yy", real, real), ("xy", fake, real)):
        ntkgan("gram", x, z, "--network", RELU, "-o", files / "gram.h5")
        with h5py.File(files / "gram.h5") as file:
            gram = file["gram"][...]
        means[name] = gram.mean()
        if x == z:
            means[name + "_other"] = (gram.sum() - np.trace(gram)) / (len(gram) * (len(gram) - 1))
    result = numbers(real, fake, "--network", RELU)
    assert result["mmd2"] == pytest.approx(means["xx"] + means["yy"] - 2 * means["xy"], abs=1e-13)
    assert result["mmd2_unbiased"] == pytest.approx(means["xx_other"] + means["yy_other"] - 2 * means["xy"], abs=1e-13)
    assert 0 < result["rounding"] < 1e-12 and "p_value" not in result


def test_single_precision_states_its_own_rounding(files):
    """What single precision changes is more than double's bound and less than the bound it states."""
    double, single = (numbers(files / "real.npy", files / "fake.npy", "--network", RELU, "--precision", word) for word in ("double", "single"))
    change = abs(single["mmd2"] - double["mmd2"])
    assert double["rounding"] < change < single["rounding"] < 1e-4


def test_the_method_is_stated(files):
    arguments = (files / "real.npy", files / "fake.npy", "--network", RELU, "--permutations", 99, "--method")
    result = numbers(*arguments, "labels")
    assert result["method"] == "labels" and result["permutations"] == 99 and result["p_value"] <= 0.1
    for method, says in (("bins", "210 bins of 1 point permuted"), ("wild", "210 bins of 1 point with centred signs")):
        assert says in ntkgan("mmd", *arguments, method).stdout
    assert "did you mean labels" in ntkgan("mmd", *arguments, "labes", status=2).stderr


def test_every_format_gives_the_same(files):
    real, fake = np.load(files / "real.npy"), np.load(files / "fake.npy")
    np.savetxt(files / "real.csv", real, delimiter=",", fmt="%.17g")
    np.save(files / "fortran.npy", np.asfortranarray(fake))
    with h5py.File(files / "points.h5", "w") as file:
        file["fake"] = fake
    expected = numbers(files / "real.npy", files / "fake.npy", "--network", RELU)
    assert numbers(files / "real.csv", files / "fortran.npy", "--network", RELU) == expected
    assert numbers(files / "real.csv", f"{files / 'points.h5'}:/fake", "--network", RELU, "--ranks", 2) == expected


def test_the_witness_is_the_difference_of_the_means(files):
    real, fake = files / "real.npy", files / "fake.npy"
    at = np.array([[0.5, -0.2], [3.0, 1.0], [0.0, 0.0]])
    np.save(files / "at.npy", at)
    ntkgan("mmd", real, fake, "--network", RELU, "--estimator", "linear", "--witness", files / "at.npy", "-o", files / "witness.h5", "--ranks", 2)
    means, slopes = {}, {}
    for name in (real, fake):
        ntkgan("gram", files / "at.npy", name, "--network", RELU, "--gradient", "-o", files / "gram.h5")
        with h5py.File(files / "gram.h5") as file:
            means[name], slopes[name] = file["gram"][...].mean(1), file["gradient"][...].mean(1)
    with h5py.File(files / "witness.h5") as file:
        np.testing.assert_allclose(file["value"][...], means[real] - means[fake], atol=1e-14)
        np.testing.assert_allclose(file["gradient"][...], slopes[real] - slopes[fake], atol=1e-14)
        np.testing.assert_array_equal(file["at"][...], at)


def test_quick_estimators_say_what_they_are(files):
    arguments = (files / "real.npy", files / "fake.npy", "--network", RELU, "--estimator")
    block = numbers(*arguments, "block")
    assert (block["estimator"], block["block"], block["terms"]) == ("block", 9, 10)
    assert "linear estimator, 45 pairs" in ntkgan("mmd", *arguments, "linear").stdout
    assert "quadratic" in ntkgan("mmd", *arguments, "block", "--permutations", 9, status=2).stderr


def wait_for_handlers(process):
    """Until the process catches SIGXCPU, which only an evaluation does."""
    for _ in range(3000):
        caught = next(line for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) >> (signal.SIGXCPU - 1) & 1:
            return
        time.sleep(0.01)
    raise AssertionError("the evaluation did not begin")


def test_a_stopped_evaluation_goes_on_with_the_same_numbers(files):
    draw = np.random.default_rng(8)
    for name, shift in (("a.npy", 0), ("b.npy", 0.1)):
        np.save(files / name, draw.normal(size=(3000, 2)) + shift)
    arguments = [files / "a.npy", files / "b.npy", "--network", RELU, "--permutations", 50]
    expected = numbers(*arguments)
    checkpoint = files / "state.h5"
    process = subprocess.Popen([PROGRAM, "mmd", *map(str, arguments), "--checkpoint", checkpoint], stderr=subprocess.PIPE, text=True)
    wait_for_handlers(process)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 75 and "state.h5" in errors
    before = checkpoint.read_bytes()
    other = ntkgan("mmd", files / "b.npy", files / "a.npy", *arguments[2:], "--checkpoint", checkpoint, status=2)
    assert "another evaluation" in other.stderr
    single = ntkgan("mmd", *arguments, "--checkpoint", checkpoint, "--precision", "single", status=2)
    assert "another evaluation" in single.stderr
    assert checkpoint.read_bytes() == before
    assert numbers(*arguments, "--checkpoint", checkpoint, "--ranks", 2) == expected
    assert not checkpoint.exists()
