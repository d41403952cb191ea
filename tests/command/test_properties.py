# ranks: 1
"""Properties of kernels that hold for every architecture, and two oracles that need no other software: networks of finite width, and the spectrum of
the circle."""

import json

import h5py
import numpy as np
import pytest

from support import ntkgan

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

SMOOTH = ["erf", "gelu", "sigmoid_like", {"sin": {"b": 0.8, "c": 0.4}}, {"rbf": {"gamma": 0.3}}, {"gaussian": {"b": -0.4}}]
KINKED = ["relu", "abs", {"leaky_relu": {"slope": 0.2}}, "elu", "selu", {"elu": {"alpha": 0.4}}]
SERIES = [{name: {"tolerance": 1e-13}} for name in ("tanh", "sigmoid", "silu", "softplus", "mish")]
CHOICES = {"closed": SMOOTH + KINKED, "series": SERIES + ["elu", "sin"]}


def gram(folder, x, network, kernel="ntk", z=None, gradient=False):
    np.save(folder / "x.npy", x)
    np.save(folder / "z.npy", x if z is None else z)
    more = ["--gradient"] if gradient else []
    ntkgan("gram", folder / "x.npy", folder / "z.npy", "--network", json.dumps(network), "--kernel", kernel, *more, "-o", folder / "k.h5")
    with h5py.File(folder / "k.h5") as file:
        return (file["gram"][...], file["gradient"][...]) if gradient else file["gram"][...]


def random_weights(rng):
    return {"weight_stddev": float(rng.uniform(0.7, 1.5)), "bias_stddev": float(rng.choice([0.0, 0.3]))}


def random_activation(rng, choices):
    return {"activation": choices[rng.integers(len(choices))]}


def random_vector_layers(rng, depth, choices):
    layers = [{"dense": random_weights(rng)}]
    for _ in range(depth):
        block = [random_activation(rng, choices), {"dense": random_weights(rng)}]
        kind = rng.integers(4)
        if kind == 0:
            layers.append({"residual": block})
        elif kind == 1:
            layers.append({"parallel": [block, [random_activation(rng, choices), {"dense": random_weights(rng)}]]})
        else:
            layers += (["layer_norm"] if kind == 2 else []) + block
    return layers + [{"dense": {}}]


def random_image_layers(rng, depth, choices):
    def conv(**keys):
        padding = str(rng.choice(["same", "circular"]))
        return {"conv": {"size": [int(rng.integers(1, 4)), int(rng.integers(1, 4))], "padding": padding, **random_weights(rng), **keys}}

    layers = [conv()]
    for _ in range(depth):
        kind = rng.integers(4)
        if kind == 0:
            layers.append({"residual": [random_activation(rng, choices), conv()]})
        elif kind == 1:
            layers += [random_activation(rng, choices), {"average_pool": {"size": 2, "stride": 1, "padding": "circular"}}, conv()]
        else:
            layers += [random_activation(rng, choices), conv()]
    return layers + [random_activation(rng, choices), str(rng.choice(["flatten", "global_average_pool"])), {"dense": {}}]


def check_gram(folder, rng, x, network):
    """Symmetry, positive semi-definiteness, NTK - NNGP too, gradient = difference quotient, the same from either side."""
    (ntk, slope), nngp = gram(folder, x, network, gradient=True), gram(folder, x, network, "nngp")
    scale = np.abs(ntk).max()
    assert np.isfinite(slope).all(), network
    assert np.abs(ntk - ntk.T).max() <= 1e-12 * scale and np.abs(nngp - nngp.T).max() <= 1e-12 * scale, network
    for matrix in (nngp, ntk, ntk - nngp):
        assert np.linalg.eigvalsh((matrix + matrix.T) / 2).min() >= -1e-11 * scale, network
    other, back = gram(folder, x[3:], network, z=x[:3], gradient=True)
    assert np.abs(other - ntk[3:, :3]).max() <= 1e-12 * scale and np.abs(other.T - ntk[:3, 3:]).max() <= 1e-12 * scale, network
    assert np.abs(back - slope[3:, :3]).max() <= 1e-9 * np.abs(slope).max(), network
    direction, h = rng.normal(size=x.shape[1]), 1e-5
    step = (gram(folder, x[:1] + h * direction, network, z=x[1:]) - gram(folder, x[:1] - h * direction, network, z=x[1:])) / (2 * h)
    assert np.abs(slope[0, 1:] @ direction - step[0]).max() <= 1e-6 * (np.abs(step).max() + 1e-3), network


@pytest.mark.parametrize("kind", CHOICES)
@pytest.mark.parametrize("seed", range(4))
def test_random_networks_of_vectors(seed, kind, tmp_path):
    rng = np.random.default_rng(seed)
    dimension = int(rng.integers(2, 24))
    x = rng.normal(size=(8, dimension))
    network = {"type": "layers", "layers": random_vector_layers(rng, int(rng.integers(0, 4)), CHOICES[kind])}
    check_gram(tmp_path, rng, x, network)
    rotation = np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    k = gram(tmp_path, x, network)
    assert np.abs(gram(tmp_path, x @ rotation, network) - k).max() <= 1e-11 * np.abs(k).max(), network


@pytest.mark.parametrize("kind", CHOICES)
@pytest.mark.parametrize("seed", range(3))
def test_random_networks_of_images(seed, kind, tmp_path):
    rng = np.random.default_rng(100 + seed)
    height, width, channels = (int(i) for i in rng.integers(3, 6, size=3))
    network = {"type": "layers", "image": {"height": height, "width": width, "channels": channels}}
    network["layers"] = random_image_layers(rng, int(rng.integers(0, 3)), CHOICES[kind])
    check_gram(tmp_path, rng, rng.normal(size=(5, height * width * channels)), network)


def test_depth_0_is_linear(tmp_path):
    x = np.random.default_rng(1).normal(size=(5, 3))
    network = {"type": "mlp", "depth": 0, "activation": "relu", "weight_stddev": 1.3, "bias_stddev": 0.4}
    nngp = 1.69 * x @ x.T / 3 + 0.16
    assert np.allclose(gram(tmp_path, x, network, "nngp"), nngp, rtol=1e-13)
    assert np.allclose(gram(tmp_path, x, network), nngp, rtol=1e-13)


def windows(images, size):
    """All size x size windows (zeros around) of images (n, H, W, C) as (n, H, W, size*size*C)."""
    n, height, width, _ = images.shape
    before = (size - 1) // 2
    padded = np.pad(images, ((0, 0), (before, size - 1 - before), (before, size - 1 - before), (0, 0)))
    return np.concatenate([padded[:, i : i + height, j : j + width] for i in range(size) for j in range(size)], axis=-1)


def scatter(columns, size, channels):
    """Adjoint of windows()."""
    n, height, width, _ = columns.shape
    before = (size - 1) // 2
    padded = np.zeros((n, height + size - 1, width + size - 1, channels))
    for k in range(size * size):
        padded[:, k // size : k // size + height, k % size : k % size + width] += columns[..., k * channels : (k + 1) * channels]
    return padded[:, before : before + height, before : before + width]


def empirical_ntk(rng, images, width, w, b, pooled):
    """NTK of conv 3x3, relu, conv 3x3, relu, flatten or global average pool, dense, of finite width, for one draw of its weights."""
    n, height, breadth, channels = images.shape
    u1, u2 = windows(images, 3), None
    w1, w2 = rng.normal(size=(9 * channels, width)), rng.normal(size=(9 * width, width))
    h1 = w * u1 @ w1 / np.sqrt(9 * channels) + b * rng.normal(size=width)
    u2 = windows(np.maximum(h1, 0), 3)
    h2 = w * u2 @ w2 / np.sqrt(9 * width) + b * rng.normal(size=width)
    features = np.maximum(h2, 0)
    pixels = height * breadth
    if pooled:
        read, v = features.mean(axis=(1, 2)), rng.normal(size=width) / np.sqrt(width)
        back = np.broadcast_to(v / pixels, features.shape)
        last = read @ read.T / width
    else:
        read, v = features.reshape(n, -1), rng.normal(size=(height, breadth, width)) / np.sqrt(width * pixels)
        back = np.broadcast_to(v, features.shape)
        last = read @ read.T / (width * pixels)
    g2 = back * (h2 > 0)
    g1 = scatter(w * g2 @ w2.T / np.sqrt(9 * width), 3, width) * (h1 > 0)
    total = last
    for inputs, g, fan_in in ((u1, g1, 9 * channels), (u2, g2, 9 * width)):
        weights = np.einsum("nijf,nijc->nfc", inputs, g).reshape(n, -1)
        biases = g.sum(axis=(1, 2))
        total = total + w * w / fan_in * weights @ weights.T + b * b * biases @ biases.T
    return total


@pytest.mark.slow
@pytest.mark.parametrize("pooled", [False, True])
def test_finite_networks_converge(pooled, tmp_path):
    rng = np.random.default_rng(7)
    images = rng.normal(size=(3, 4, 4, 2))
    conv = {"conv": {"size": 3, "weight_stddev": 1.4, "bias_stddev": 0.3}}
    read = "global_average_pool" if pooled else "flatten"
    layers = [conv, {"activation": "relu"}, conv, {"activation": "relu"}, read, "dense"]
    network = {"type": "layers", "image": {"height": 4, "width": 4, "channels": 2}, "layers": layers}
    k = gram(tmp_path, images.reshape(3, -1), network)
    errors = {}
    for width, draws in ((32, 64), (128, 32), (512, 12)):
        samples = [empirical_ntk(rng, images, width, 1.4, 0.3, pooled) - k for _ in range(draws)]
        errors[width] = np.sqrt(np.mean(np.square(samples))) / np.abs(k).max()
    rate = np.polyfit(np.log(list(errors)), np.log(list(errors.values())), 1)[0]
    assert errors[512] < 0.1 and -0.65 < rate < -0.35, (errors, rate)


def test_finite_multilayer_perceptrons_converge(tmp_path):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(4, 3))
    k = gram(tmp_path, x, {"type": "mlp", "depth": 2, "activation": "relu", "weight_stddev": 1.4, "bias_stddev": 0.3, "last_bias_stddev": 0.3})
    errors = {}
    for width, draws in ((32, 96), (128, 48), (512, 16)):
        squares = []
        for _ in range(draws):
            w1, w2, v = rng.normal(size=(3, width)), rng.normal(size=(width, width)), rng.normal(size=width)
            h1 = 1.4 * x @ w1 / np.sqrt(3) + 0.3 * rng.normal(size=width)
            h2 = 1.4 * np.maximum(h1, 0) @ w2 / np.sqrt(width) + 0.3 * rng.normal(size=width)
            g2 = 1.4 * v / np.sqrt(width) * (h2 > 0)
            g1 = 1.4 * g2 @ w2.T / np.sqrt(width) * (h1 > 0)
            a1, a2 = np.maximum(h1, 0), np.maximum(h2, 0)
            empirical = 1.96 / width * a2 @ a2.T + 0.09
            empirical += (1.96 / width * a1 @ a1.T + 0.09) * (g2 @ g2.T) + (1.96 / 3 * x @ x.T + 0.09) * (g1 @ g1.T)
            squares.append(np.mean((empirical - k) ** 2))
        errors[width] = np.sqrt(np.mean(squares)) / np.abs(k).max()
    rate = np.polyfit(np.log(list(errors)), np.log(list(errors.values())), 1)[0]
    assert errors[512] < 0.12 and -0.65 < rate < -0.35, (errors, rate)


def test_relu_without_bias_does_not_see_odd_frequencies_of_the_circle(tmp_path):
    """Two layers: eigenvalues of odd frequencies >= 3 vanish, the others fall as k^-2 (Bietti and Mairal 2019; Basri et al. 2019)."""
    n = 512
    angle = 2 * np.pi * np.arange(n) / n
    k = gram(tmp_path, np.stack([np.cos(angle), np.sin(angle)], axis=1), {"type": "mlp", "depth": 1, "activation": "relu", "bias_stddev": None})
    # The eigenvalues at the n points are sums over frequencies that are equal modulo n; 512 is far above those looked at.
    spectrum = np.fft.fft(k[0]).real / n
    assert np.abs(spectrum[3:40:2]).max() < 1e-12 * spectrum[0]
    assert spectrum[1] > 0.1 * spectrum[0]
    even = np.arange(8, 25, 2)
    rate = np.polyfit(np.log(even), np.log(spectrum[even]), 1)[0]
    assert -2.15 < rate < -1.9, rate


def test_dropout_enters_through_the_variances(tmp_path):
    """Independent masks leave E[x x'] and grow E[x^2] by 1/keep: the arc-cosine kernel of one hidden layer with the grown variances."""
    rng, rate = np.random.default_rng(4), 0.4
    x = rng.normal(size=(7, 3))
    np.save(tmp_path / "x.npy", x)
    network = "{type: layers, layers: [dense: {}, dropout: {rate: 0.4}, activation: relu, dense: {}]}"
    ntkgan("gram", tmp_path / "x.npy", "--network", network, "--kernel", "nngp", "-o", tmp_path / "g.h5")
    with h5py.File(tmp_path / "g.h5") as file:
        gram = file["gram"][...]
    r = x @ x.T / 3
    q = np.diag(r) / (1 - rate)
    norms = np.sqrt(np.outer(q, q))
    angle = np.arccos(r / norms)
    assert np.allclose(gram, norms * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi), rtol=1e-13)
