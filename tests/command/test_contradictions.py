# ranks: 1
"""Settings that are right by themselves and contradict one another: `check` finds them, with their place, and so do `plan` and `run` before they start."""

import copy
import re

import numpy as np
import pytest
import yaml

from support import ntkgan

RELU = {"type": "mlp", "depth": 1, "activation": "relu", "bias_stddev": 1.0}
IMAGE = {"height": 2, "width": 2, "channels": 1}
GRID = {"type": "grid", "low": 0, "high": 1, "points": 3}
STUDY = {
    "study": "contradictions",
    "data": {"real": {"type": "ring", "points": 9}, "fake": {"type": "gaussian", "dimension": 2, "points": 7}},
    "discriminator": {"network": RELU, "loss": "ipm"},
    "generator": {"type": "particles"},
    "train": {"iterations": 1, "step": 1.0},
    "record": {"metrics": ["mmd2"]},
}


def cloud(dimension=2, points=7, **more):
    return {"type": "gaussian", "dimension": dimension, "points": points, **more}


def study(changes):
    """The study with values at dotted paths."""
    made = copy.deepcopy(STUDY)
    for path, value in changes.items():
        *above, name = path.split(".")
        inside = made
        for key in above:
            inside = inside[key]
        inside[name] = value
    return made


def write(folder, changes):
    path = folder / "s.yaml"
    path.write_text(yaml.safe_dump(study(changes), sort_keys=False))
    return path


KERNEL = {"type": "kernel", "network": RELU, "latent": cloud()}

# what is changed, and what is said behind FILE:LINE:COLUMN
CASES = [
    ({"data.fake": cloud(3)}, "data.fake has dimension 3, data.real has 2"),
    ({"data.fake": cloud(mean=[1, 2, 3])}, "data.fake.mean: has 3 numbers"),
    ({"data.fake": {"type": "uniform", "dimension": 2, "low": 1, "high": 0, "points": 7}}, "data.fake.high: 0 is not above low = 1"),
    ({"data.real": {"type": "points", "dimension": 2, "values": [1, 2, 3]}}, "data.real.values: has 3 numbers"),
    ({"data.fake": cloud(subset=9)}, "data.fake.subset: 9 asked for, there are 7 points"),
    ({"train.integrator": "rk4", "train.optimizer": "adam"}, "train.optimizer: momentum and adam are made of euler's steps"),
    ({"train.integrator": "adaptive", "discriminator.carry_over": True}, "train.integrator: carry_over and batch"),
    ({"generator": KERNEL, "train.optimizer": "adam"}, "train.optimizer: adam acts on the coordinates of free points"),
    ({"generator": {**KERNEL, "latent": cloud(points=3)}}, "generator.latent has 3 points"),
    ({"train.gradient": "total", "discriminator.loss": "hinge", "discriminator.momentum": 0.5}, "discriminator.momentum: loss hinge has none"),
    ({"train.gradient": "total", "discriminator.loss": "hinge"}, "train.gradient: total differentiates the training of smooth losses"),
    ({"discriminator.time": "infinite"}, "discriminator.time: no limit for infinite time with loss ipm"),
    ({"discriminator.time": "infinite", "discriminator.loss": "vanilla_closed_form"}, "discriminator.time: no limit"),
    ({"discriminator.time": "infinite", "discriminator.loss": "lsgan", "discriminator.momentum": 1.0}, "discriminator.time: no limit .* momentum 1"),
    ({"discriminator.loss": "hinge", "discriminator.momentum": 0.5}, "discriminator.momentum: loss hinge has none"),
    ({"discriminator.loss": "vanilla_closed_form", "discriminator.carry_over": True}, "discriminator.loss: vanilla_closed_form is an approximation"),
    ({"discriminator.momentum": 0.5, "discriminator.n_critic": 2}, "discriminator.momentum: it does not go with"),
    ({"discriminator.centers": 5}, "discriminator.centers: without carry_over nothing is remembered"),
    ({"discriminator.loss": {"fgan": {"divergence": "alpha", "alpha": 1}}}, "discriminator.loss: the alpha divergence with alpha 1"),
    ({"discriminator.network": {"type": "dcgan", "activation": "relu", "image": IMAGE}}, "discriminator.network.image: 2 x 2 pixels"),
    ({"discriminator.network": {**RELU, "activation": "tanh"}, "discriminator.precision": "single"}, "discriminator.precision: single is for"),
    ({"discriminator.network": {**RELU, "activation": []}}, "discriminator.network.activation: expected at least one"),
    ({"discriminator.network": {"type": "layers", "layers": [{"conv": {"size": 3}}]}}, "discriminator.network.layers: conv needs images"),
    ({"record.metrics": ["mmd2", "mmd2"]}, "record.metrics: two numbers are called 'mmd2'"),
    ({"record.metrics": [{"energy": {"name": "A b"}}]}, "record.metrics: metric name 'A b'"),
    ({"record.metrics": [{"energy": {"name": "iteration"}}]}, "record.metrics: 'iteration' names the records themselves"),
    ({"record.metrics": ["w1_1d"]}, "record.metrics: metric w1_1d is for points on the line"),
    ({"record.metrics": [{"energy": {"name": f"e{i}"}} for i in range(64)]}, "record.metrics: more than 64 numbers"),
    ({"record.theory": ["rates"], "train.gradient": "total"}, "record.theory: dissipation and rates are of the motion with f held fixed"),
    ({"record.theory": ["rates"], "discriminator.batch": 3}, "record.theory: rates are of a discriminator trained anew"),
    ({"record.theory": ["dissipation"], "record.metrics": [{"energy": {"name": "dissipation"}}]}, "record.theory: two numbers are called"),
    ({"record.fields": [GRID, GRID]}, "record.fields: two fields have the same name"),
    ({"record.fields": [{**GRID, "low": 1}]}, "record.fields: high: 1 is not above low"),
    ({"record.fields": [{"type": "line", "from": [0, 0], "to": 0, "points": 3}]}, "record.fields: to: is the same point"),
    ({"record.fields": [{**GRID, "type": "slice", "through": ["zero", "real.9"]}]}, "record.fields: through: real.9: there are 9 points"),
    ({"record.fields": [{**GRID, "type": "slice", "through": ["real.0", "real.0"]}]}, "record.fields: through: real.0 is there twice"),
    ({"data.real": cloud(3), "data.fake": cloud(3), "record.fields": [GRID]}, "record.fields: type: a grid is for one or two dimensions"),
]


@pytest.mark.parametrize("changes, said", CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_check_finds_it_and_says_where(tmp_path, changes, said):
    path = write(tmp_path, changes)
    answer = ntkgan("check", path, status=2).stderr
    assert re.match(rf"{re.escape(str(path))}:\d+:\d+: {said}", answer) and answer.count("\n") == 1, answer
    place = re.match(r".*?:(\d+):(\d+): ([a-z]+)", answer)  # the line is within the section that is named
    above = [line for line in path.read_text().splitlines()[: int(place[1])] if not line.startswith(" ")]
    assert above[-1].startswith(place[3] + ":")


@pytest.mark.parametrize("changes, said", CASES[::6])
def test_plan_and_run_say_the_same_and_start_nothing(tmp_path, changes, said):
    path = write(tmp_path, changes)
    answer = ntkgan("check", path, status=2).stderr
    assert ntkgan("run", path, "-o", tmp_path / "out", status=2).stderr == answer
    assert ntkgan("plan", path, status=2).stderr == answer
    assert [p.name for p in tmp_path.iterdir()] == ["s.yaml"]


def test_weights_are_read(tmp_path):
    for name, values, said in (("few", np.ones((3, 1)), "holds 3 x 1 numbers, expected 7 x 1"), ("negative", -np.ones((7, 1)), "weight 0 (from 0) is negative")):
        np.save(tmp_path / f"{name}.npy", values)
        assert said in ntkgan("check", write(tmp_path, {"data.fake": cloud(weights=f"{name}.npy")}), status=2).stderr


def test_every_run_of_a_sweep_is_asked_and_every_mistake_told_once(tmp_path):
    losses = {"discriminator.loss": ["lsgan", "hinge", "vanilla"], "discriminator.momentum": [None, 0.5], "data.fake": {"good": cloud(), "bad": cloud(mean=[1, 2, 3])}}
    path = write(tmp_path, {"sweep": losses, "repeat": 3})
    lines = ntkgan("check", path, status=2).stderr.splitlines()
    assert len(lines) == 2
    assert re.search(r"data\.fake\.mean: has 3 numbers.* \(run lsgan/null/bad/r0\)", lines[0])
    assert re.search(r"discriminator\.momentum: loss hinge has none \(run hinge/0\.5/good/r0\)", lines[1])


def test_at_most_five_are_told(tmp_path):
    path = write(tmp_path, {"sweep": {"data.fake": {str(n): cloud(n) for n in range(3, 12)}}})
    assert len(ntkgan("check", path, status=2).stderr.splitlines()) == 5
