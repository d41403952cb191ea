"""Kernels and their input gradients against tests/data/kernels.h5: Neural Tangents in double precision, and (`*_ref`, where present) the same
definitions evaluated with 60 digits. `tol_K`, `tol_dK` of a case are relative to its largest entry."""

import concurrent.futures
import json

import h5py
import numpy as np
import pytest
import yaml

from reference import activation_of, image_of, network_of, spelled_out
from support import DATA, ntkgan

FILE = DATA / "kernels.h5"


def network(spec):
    """The case's network in interface words, or None."""
    if spec["type"] == "layers":
        return spelled_out(spec)
    if spec["type"] == "conv":
        out = network_of({**spec, "type": "mlp", "width": spec["width"], "depth": spec["depth"]})
        if out:
            out.update(type="dcgan", image=image_of(spec), variant=spec["dcgan_blocks"], width=spec["width"])
            del out["depth"]
        return out
    return network_of(spec)


def reason_to_skip(spec):
    """Why the program cannot do this case yet, or None."""
    missing = [entry["name"] for entry in spec.get("activations", []) if activation_of(entry) is None]
    if missing:
        return "activation " + ", ".join(missing)
    return None if network(spec) else "network " + spec["type"]


def cases():
    with h5py.File(FILE) as file:
        return {name: yaml.safe_load(file[name].attrs["spec"]) for name in file}


CASES = cases()
RUN = sorted(name for name, spec in CASES.items() if reason_to_skip(spec) is None)


def test_no_case_is_dropped_silently():
    reasons = [reason_to_skip(spec) for spec in CASES.values()]
    assert len(CASES) == 178 and len(RUN) == 178
    assert set(reasons) == {None}


def compare(name, folder):
    """Largest error of k and its gradient over the case's tolerance."""
    with h5py.File(FILE) as file:
        group = file[name]
        data = {key: np.array(value) for key, value in group.items()}
        tolerance, slope_tolerance = group.attrs["tol_K"], group.attrs["tol_dK"]
    folder.mkdir()
    np.save(folder / "x1.npy", data["x1"])
    np.save(folder / "x2.npy", data["x2"])
    options = ["--network", json.dumps(network(CASES[name])), "--kernel", CASES[name]["kernel"], "--gradient"]
    worst = 0
    for suffix, second in (("", "x2"), ("self", "x1")):
        if "K" + suffix not in data:
            continue
        out = folder / f"out{suffix}.h5"
        ntkgan("gram", folder / "x1.npy", folder / f"{second}.npy", *options, "-o", out)
        with h5py.File(out) as file:
            k, slope = file["gram"][...], file["gradient"][...]
        for got, key, limit in ((k, "K", tolerance), (slope, "dK", slope_tolerance)):
            expected = data.get(f"{key}{suffix}_ref", data[f"{key}{suffix}"])
            assert got.shape == expected.shape and np.isfinite(got).all(), name
            worst = max(worst, np.abs(got - expected).max() / np.abs(expected).max() / limit)
    return worst


@pytest.mark.slow
def test_every_case_is_within_its_tolerance(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        worst = dict(zip(RUN, pool.map(lambda name: compare(name, tmp_path / name), RUN)))
    assert len(worst) == 178
    beyond = {name: ratio for name, ratio in worst.items() if not ratio <= 1}
    assert not beyond, beyond


SOME = ["conv_avgpool_ntk", "conv_gap_s2_nngp", "dcgan_published_16_parallel", "relu_nngp", "special_relu_ntk", "special_relu_d32", "layernorm_relu"]


@pytest.mark.parametrize("name", [*SOME, "parallel_relu_erf", "transform_atanh"])
def test_some_cases(name, tmp_path):
    assert compare(name, tmp_path / name) <= 1
