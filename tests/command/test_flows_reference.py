# ranks: 1
"""Particle flows and trained discriminators against reference trajectories in double precision (tests/data/flows.h5, from GAN(TK)^2's own
loss functions; `tol` of each case is what a correct other implementation may differ by)."""

import h5py
import numpy as np
import pytest
import yaml

from reference import network_of
from support import DATA, ntkgan

LOSSES = {
    "inf_ipm": "ipm",
    "inf_ipm_external": "ipm_external",
    "inf_lsgan": "lsgan",
    "inf_vanilla": "vanilla_closed_form",
    "inf_vanilla_ode": "vanilla",
}
FILE = DATA / "flows.h5"


def specs():
    with h5py.File(FILE) as file:
        return {name: yaml.safe_load(file[name].attrs["spec"]) for name in file}


def usable(spec):
    return spec["loss"] in LOSSES and network_of(spec["arch"]) is not None


CASES = {name: spec for name, spec in specs().items() if usable(spec)}


def test_no_case_is_dropped_silently():
    assert CASES.keys() == specs().keys() and len(CASES) == 50


QUICK = {"ipm_relu_d2", "ipm_sigmoid_d2_big", "ipmext_rbf_d2", "lsgan_relu_d2_n48_m80", "lsgan_relu_erf_d2"}  # of `make check`; `make test` runs all


@pytest.fixture(params=[name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in sorted(CASES)])
def case(request, tmp_path):
    with h5py.File(FILE) as file:
        data = {key: np.array(value) for key, value in file[request.param].items()}
    np.save(tmp_path / "fake.npy", data["x0"])
    np.save(tmp_path / "real.npy", data["y"])
    np.save(tmp_path / "at.npy", data["q"])
    return CASES[request.param], data, tmp_path


def study_of(spec, folder):
    return {
        "study": "flow",
        "data": {
            "real": {"type": "file", "path": str(folder / "real.npy")},
            "fake": {"type": "file", "path": str(folder / "fake.npy")},
        },
        "discriminator": {
            "kernel": spec["arch"]["kernel"],
            "network": network_of(spec["arch"]),
            "loss": LOSSES[spec["loss"]],
            "time": spec["time"],
            "normalization": "peer",
            "momentum": spec["momentum"],
        },
        "train": {"iterations": 100, "step": spec["eta"]},
        "record": {"at": [0, 1, 2, 10, 100], "trajectory": True, "metrics": []},
    }


def test_trajectory(case):
    spec, data, folder = case
    (folder / "study.yaml").write_text(yaml.safe_dump(study_of(spec, folder)))
    ntkgan("run", folder / "study.yaml", "-o", folder / "out", "--ranks", 1)
    (run,) = (folder / "out" / "runs").glob("*.h5")
    with h5py.File(run) as file:
        x, loss, steps = file["trajectory/fake"][...], file["loss"][...], file["trajectory/iteration"][...]
    assert list(steps) == [0, 1, 2, 10, 100]
    chaotic = data["tol"][4] > 1e-4
    for k in range(5):
        if k == 4 and chaotic:  # particles jump across each other: only the start of the flow is determined
            continue
        worst = np.abs(x[k] - data["x"][k]).max()
        assert worst <= data["tol"][k], f"after {steps[k]} steps: {worst:.3e}, tolerance {data['tol'][k]:.3e}"
        slope = np.abs(data["grad_c_0"]).sum(1).max()  # what moving every particle by the tolerance may do to the mean of c
        assert loss[k] == pytest.approx(data["loss"][k], rel=1e-9, abs=1e-11 + 4 * slope * data["tol"][k])


def test_discriminator(case):
    """f and grad f at the query points, trained on (x0, y): relative 1e-10 of the largest, 1e-9 where the reference integrates an equation."""
    spec, data, folder = case
    network = yaml.safe_dump(network_of(spec["arch"]), default_flow_style=True)
    ntkgan(
        "field", folder / "real.npy", folder / "fake.npy", "--network", network, "--loss", LOSSES[spec["loss"]], "--time", spec["time"],
        "--kernel", spec["arch"]["kernel"], "--normalization", "peer", "--momentum", "null" if spec["momentum"] is None else spec["momentum"], "--at", folder / "at.npy", "-o", folder / "field.h5",
    )  # fmt: skip
    with h5py.File(folder / "field.h5") as file:
        value, gradient = file["value"][...], file["gradient"][...]
    relative = 1e-9 if spec["loss"] == "inf_vanilla_ode" else 1e-10
    assert np.abs(value - data["f_0"]).max() <= relative * np.abs(data["f_0"]).max()
    # At 5e-4 from a centre with a cusp the reference itself is off by 7e-11 (lsgan_relu_d1_overlap; 50 digits give ours to 1e-15).
    distance = np.abs(data["q"][:, None, :] - np.vstack([data["x0"], data["y"]])).max(2)
    near = ((distance > 0) & (distance < 1e-3)).any(1)
    allowed = np.where(near, 1e-9, relative) * np.abs(data["grad_f_0"]).max()
    assert (np.abs(gradient - data["grad_f_0"]).max(1) <= allowed).all()
