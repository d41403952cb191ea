"""Random networks: values and gradients of `ntkgan gram` beside Neural Tangents', which computes them from its own description of the network.

usage: kernels.py [--count N] [--seed S] [--images]   (NTKGAN: the program; a Python with Neural Tangents: `make check-peers`)
Prints every network that differs, with the command's input, and exits with 1 if there was one. Points are generic: at coincident or collinear points
Neural Tangents loses half of the digits (and tests/command has references of 60 digits there)."""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import types
import warnings

import h5py
import jax
import jax.numpy as jnp
import numpy as np

sys.modules["neural_tangents.experimental"] = types.ModuleType("unused")  # alone needs TensorFlow
from neural_tangents import stax

warnings.filterwarnings("ignore", message="`FanIn` layers|Got potentially")
jax.config.update("jax_enable_x64", True)
VALUE_TOLERANCE, GRADIENT_TOLERANCE = 1e-10, 1e-8  # relative to the largest entry; the peer's own error is near 1e-12, 1e-10


def rounded(generator, low, high):
    return round(generator.uniform(low, high), 2)


def random_activation(g):
    """(the program's words, the peer's layer). Not rectified_monomial, where the peer gives NaN."""
    a, b, c = rounded(g, 0.5, 1.5), rounded(g, 0.3, 1.2), rounded(g, -0.5, 0.5)
    return g.choice([
        lambda: ("relu", stax.Relu()),
        lambda: ({"leaky_relu": {"slope": a / 4}}, stax.LeakyRelu(a / 4)),
        lambda: ("abs", stax.Abs()),
        lambda: ({"ab_relu": {"a": -b, "b": a}}, stax.ABRelu(-b, a)),
        lambda: ({"erf": {"a": a, "b": b, "c": c}}, stax.Erf(a, b, c)),
        lambda: ("sigmoid_like", stax.Sigmoid_like()),
        lambda: ("gelu", stax.Gelu()),
        lambda: ({"sin": {"a": a, "b": b, "c": c}}, stax.Sin(a, b, c)),
        lambda: ({"cos": {"a": a, "b": b, "c": c}}, stax.Cos(a, b, c)),
        lambda: ({"rbf": {"gamma": b}}, stax.Rbf(b)),
        lambda: ({"gaussian": {"a": a, "b": -b}}, stax.Gaussian(a, -b)),
        lambda: ({"exp": {"a": a / 2, "b": b / 4}}, stax.Exp(a / 2, b / 4)),
        lambda: ("identity", stax.Identity()) if g.pixels else ("sign", stax.Sign()),  # a pixel beside itself: no derivative
        lambda: ({"monomial": {"degree": 2}}, stax.Monomial(2)),
        lambda: ({"polynomial": {"coefficients": [c, a, b / 4]}}, stax.Polynomial([c, a, b / 4])),
    ])()


def random_affine(g):
    """Keys that dense and conv share, in the program's words and in the peer's. The width enters the standard parameterization only."""
    weight, bias = rounded(g, 0.5, 1.6), g.choice([None, 0.0, rounded(g, 0.1, 1.0)])
    kind, width = g.choice(["ntk", "ntk", "standard"]), g.width
    return ({"weight_stddev": weight, "bias_stddev": bias, "parameterization": kind, "width": width},
            {"W_std": weight, "b_std": bias, "parameterization": kind}, width)


def dense(g):
    words, peer, width = random_affine(g)
    return {"dense": words}, stax.Dense(width, **peer)


def conv(g, side):
    words, peer, width = random_affine(g)
    size, stride = [g.randint(1, 3), g.randint(1, 3)], [g.randint(1, 2), g.randint(1, 2)]
    padding = g.choice(["same", "valid", "circular"])
    if padding == "valid" and min(side) < 4 or padding == "circular" and min(side) < 4:
        padding = "same"
    if padding == "circular":
        stride = [1, 1]
    words = {"size": size, "stride": stride, "padding": padding, **words}
    return {"conv": words}, stax.Conv(width, tuple(size), tuple(stride), padding.upper(), **peer)


def pool(g):
    size, stride = [g.randint(1, 2), g.randint(1, 3)], [g.randint(1, 2), g.randint(1, 2)]
    padding = g.choice(["same", "valid"])
    return {"average_pool": {"size": size, "stride": stride, "padding": padding}}, stax.AvgPool(tuple(size), tuple(stride), padding.upper(), normalize_edges=False)


def with_activation(g, layer):
    """[layer norm], activation, layer."""
    norm = [("layer_norm", stax.LayerNorm(axis=-1))] if g.random() < 0.15 else []
    return [*norm, random_activation(g), layer]


def named(word):
    """An activation stands as {activation: ...} in a list of layers."""
    known = ("dense", "conv", "layer_norm", "average_pool", "global_average_pool", "flatten", "residual", "parallel")
    name = word if isinstance(word, str) else next(iter(word))
    return word if name in known else {"activation": word}


def words_of(pairs):
    return [named(word) for word, _ in pairs]


def serial(pairs):
    return stax.serial(*(layer for _, layer in pairs))


def residual(g, make):
    inner = with_activation(g, make(g))
    return {"residual": words_of(inner)}, stax.serial(stax.FanOut(2), stax.parallel(stax.Identity(), serial(inner)), stax.FanInSum())


def branches(g, make):
    both = [with_activation(g, make(g)) for _ in range(2)]
    return {"parallel": [words_of(one) for one in both]}, stax.serial(stax.FanOut(2), stax.parallel(*map(serial, both)), stax.FanInSum())


def random_dense(g):
    pairs = [dense(g)]
    for _ in range(g.randint(0, 3)):
        pairs += g.choice([lambda: with_activation(g, dense(g)), lambda: with_activation(g, dense(g)), lambda: [residual(g, dense)],
                           lambda: [branches(g, dense)]])()
    return {"type": "layers", "layers": words_of(pairs)}, serial(pairs), (g.choice([2, 3, 20]),)


def random_image(g):
    side, channels = [g.randint(4, 7), g.randint(4, 7)], g.randint(1, 3)
    def same(g):  # keeps the shape
        words, peer, width = random_affine(g)
        return {"conv": {"size": [3, 3], "padding": "same", **words}}, stax.Conv(width, (3, 3), (1, 1), "SAME", **peer)
    pairs = [conv(g, side)]
    for _ in range(g.randint(0, 2)):
        pairs += g.choice([lambda: with_activation(g, conv(g, [1, 1])), lambda: with_activation(g, conv(g, [1, 1])), lambda: [pool(g)],
                           lambda: [residual(g, same)], lambda: [branches(g, same)]])()
    pairs += [g.choice([("flatten", stax.Flatten()), ("global_average_pool", stax.GlobalAvgPool())])]
    if g.random() < 0.5:
        pairs += [dense(g)]
    image = {"height": side[0], "width": side[1], "channels": channels}
    return {"type": "layers", "image": image, "layers": words_of(pairs)}, serial(pairs), (*side, channels)


def peer_answer(layer, kind, x, z):
    kernel = layer[2]
    one = lambda a, b: kernel(a[None], b[None], kind).mean()
    values = jax.vmap(lambda a: jax.vmap(lambda b: one(a, b))(z))
    slopes = jax.vmap(lambda a: jax.vmap(lambda b: jax.grad(one)(a, b))(z))
    return np.array(jax.jit(values)(x)), np.array(jax.jit(slopes)(x)).reshape(len(x), len(z), -1)


def own_answer(network, kind, x, z, folder):
    np.save(f"{folder}/x.npy", x.reshape(len(x), -1))
    np.save(f"{folder}/z.npy", z.reshape(len(z), -1))
    command = [os.environ.get("NTKGAN", "build/ntkgan"), "gram", f"{folder}/x.npy", f"{folder}/z.npy", "--network", json.dumps(network), "--kernel", kind,
               "--gradient", "--ranks", "1", "-o", f"{folder}/out.h5"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    with h5py.File(f"{folder}/out.h5") as file:
        return file["gram"][...], file["gradient"][...]


def difference(got, expected):
    """Relative to the largest entry; where the peer has NaN (gradients at pixels that a stride skips) there is nothing to compare."""
    if not np.isfinite(got).all():
        return np.inf
    known = np.isfinite(expected)
    got, expected = got[known], expected[known]
    scale = np.abs(expected).max(initial=0)
    return np.abs(got - expected).max(initial=0) / (scale or 1)


def check(g, make, folder):
    """None, or what is wrong with a network."""
    g.pixels = make is random_image
    g.width = g.choice([3, 16, 128])  # one for all: branches that are added must agree
    network, layer, shape = make(g)
    kind = g.choice(["ntk", "ntk", "nngp"])
    points = np.random.default_rng(g.randint(0, 2**32)).standard_normal((5, *shape)) * g.choice([0.3, 1, 3])
    x, z = points[:3], points[3:]
    try:
        values, slopes = own_answer(network, kind, x, z, folder)
        peer_values, peer_slopes = peer_answer(layer, kind, jnp.array(x), jnp.array(z))
    except Exception as error:  # a network that one of them refuses: said, not counted as equal
        return f"{json.dumps(network)} {kind}: {str(error).splitlines()[0][:300]}"
    errors = difference(values, peer_values), difference(slopes, peer_slopes)
    if errors[0] < VALUE_TOLERANCE and errors[1] < GRADIENT_TOLERANCE:
        return None
    return f"{json.dumps(network)} {kind} {shape}: k differs by {errors[0]:.1e}, its gradient by {errors[1]:.1e}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--images", action="store_true", help="convolutional networks")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.count):
            said = check(random.Random(f"{options.seed}/{number}"), random_image if options.images else random_dense, folder)
            wrong += said is not None
            if said:
                print(f"{number}: {said}", flush=True)
    print(f"{options.count} networks, {wrong} differ")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
