# ranks: 2
"""Convolutional networks of any shape against the definition (image_oracle.py): random filters, strides, paddings, pools and branches."""

import concurrent.futures
import json

import h5py
import numpy as np
import pytest

import image_oracle
from support import ntkgan

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

ARCHITECTURES = 50


def random_size(rng, image, most=4):
    """Of a window: one number or two, now and then larger than the image."""
    size = [int(rng.integers(1, most + 1)) for _ in range(2)]
    return size[0] if rng.random() < 0.3 else size


def fits(size, image):
    return all(s <= n for s, n in zip(image_oracle.pair(size), image))


class Builder:
    """A random network, and the size of the image that it has come to. All layers have one width, so that branches can be added."""

    def __init__(self, rng, image, pooled, width):
        self.rng, self.image, self.pooled, self.width = rng, image, pooled, width

    def window(self, paddings):
        rng = self.rng
        keys = {"size": random_size(rng, self.image), "padding": str(rng.choice(paddings))}
        keys["stride"] = int(rng.integers(1, 4)) if rng.random() < 0.4 else [int(rng.integers(1, 3)), 1]
        if keys["padding"] == "valid" and not fits(keys["size"], self.image):
            keys["padding"] = "same"
        return keys

    def take(self, keys):
        self.image = [
            len(image_oracle.axis_windows(n, size, stride, keys["padding"]))
            for n, size, stride in zip(self.image, image_oracle.pair(keys["size"]), image_oracle.pair(keys["stride"]))
        ]

    def weights(self):
        rng = self.rng
        keys = {"weight_stddev": float(rng.uniform(0.7, 1.6)), "bias_stddev": [0.0, None, 0.3][rng.integers(3)], "width": self.width}
        return {**keys, "parameterization": "standard"} if rng.random() < 0.25 else keys

    def conv(self, keys=None):
        keys = keys or self.window(["same", "valid", "circular", "circular"])
        self.take(keys)
        return {"conv": {**keys, **self.weights()}}

    def pool(self):
        keys = self.window(["same", "valid", "circular"])
        self.take(keys)
        return {"average_pool": keys}

    def activation(self):
        return {"activation": str(self.rng.choice(["relu", "relu", "erf"]))}

    def still(self):
        """A convolution that keeps the image's size."""
        return self.conv({"size": random_size(self.rng, self.image), "stride": 1, "padding": str(self.rng.choice(["same", "circular"]))})

    def branches(self):
        """Two ways to one size: by a stride, and by two layers."""
        image, first = self.image, self.window(["same", "circular"])
        one = [self.conv(first)]
        after, self.image = self.image, image
        other = [self.conv({**first, "size": 1, "padding": "same"}), self.activation(), self.still()]
        assert self.image == after
        return {"parallel": [one, other]}

    def layers(self):
        rng, layers = self.rng, [self.conv()] if self.rng.random() < 0.9 else []
        for _ in range(int(rng.integers(1, 4))):
            kind = rng.integers(8)
            if kind == 0:
                layers.append({"residual": [self.activation(), self.still()]})
            elif kind == 1:
                layers.append(self.branches())
            elif kind == 2:
                layers += ["layer_norm", self.activation(), self.conv()]
            elif kind <= 4 and self.pooled:
                layers += [self.activation(), self.pool()]
            else:
                layers += [self.activation(), self.conv()]
        layers.append(self.activation())
        return layers + ["global_average_pool" if self.pooled else "flatten", {"dense": self.weights()}]


def architecture(seed):
    """One channel only would make pixels collinear, where the plain formulas of the oracle lose half of their digits."""
    rng = np.random.default_rng(seed)
    height, width, channels = int(rng.integers(2, 7)), int(rng.integers(2, 7)), int(rng.integers(2, 4))
    layers = Builder(rng, [height, width], seed % 3 > 0, channels).layers()
    images = rng.normal(size=(4, height, width, channels))
    return {"type": "layers", "image": {"height": height, "width": width, "channels": channels}, "layers": layers}, images, rng


def oracle(images, others, layers, kind):
    return np.array([[image_oracle.kernel(x, z, layers)[kind == "nngp"] for z in others] for x in images])


def compare(seed, folder):
    """Largest relative errors of kernel and gradient of one architecture, or a message."""
    network, images, rng = architecture(seed)
    folder.mkdir()
    x, z = images[:2], images[2:]
    np.save(folder / "x.npy", x.reshape(2, -1))
    np.save(folder / "z.npy", z.reshape(2, -1))
    kind = "nngp" if seed % 5 == 0 else "ntk"
    ntkgan("gram", folder / "x.npy", folder / "z.npy", "--network", json.dumps(network), "--kernel", kind, "--gradient", "-o", folder / "k.h5")
    with h5py.File(folder / "k.h5") as file:
        gram, gradient = file["gram"][...], file["gradient"][...]
    expected, direction, h = oracle(x, z, network["layers"], kind), rng.normal(size=x.shape[1:]), 1e-5
    slope = (oracle(x + h * direction, z, network["layers"], kind) - oracle(x - h * direction, z, network["layers"], kind)) / (2 * h)
    error = np.abs(gram - expected).max() / np.abs(expected).max()
    slope_error = np.abs(gradient @ direction.ravel() - slope).max() / (np.abs(slope).max() + 1e-3 * np.abs(expected).max())
    return error, slope_error, json.dumps(network)


def test_random_networks_are_their_definition(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda seed: compare(seed, tmp_path / str(seed)), range(ARCHITECTURES)))
    wrong = [(seed, *result) for seed, result in enumerate(results) if not (result[0] <= 1e-12 and result[1] <= 1e-6)]
    assert not wrong, wrong


def test_a_trained_discriminator_is_that_of_the_definition(tmp_path):
    """f of the IPM loss is the difference of two kernel means; its gradient by differences of the definition."""
    for seed in (1, 7):
        network, images, rng = architecture(seed)
        at, real, fake = images[:1], images[1:3], images[3:]
        for name, points in (("at", at), ("real", real), ("fake", fake)):
            np.save(tmp_path / f"{name}.npy", points.reshape(len(points), -1))
        files = [tmp_path / "real.npy", tmp_path / "fake.npy"]
        ntkgan("field", *files, "--network", json.dumps(network), "--loss", "ipm", "--time", 1, "--at", tmp_path / "at.npy", "-o", tmp_path / "f.h5")
        with h5py.File(tmp_path / "f.h5") as file:
            value, gradient = file["value"][...].ravel(), file["gradient"][...].reshape(-1)

        def f(point):
            return oracle(point, real, network["layers"], "ntk").mean() - oracle(point, fake, network["layers"], "ntk").mean()

        direction, h = rng.normal(size=at.shape), 1e-5
        slope = (f(at + h * direction) - f(at - h * direction)) / (2 * h)
        assert abs(value[0] - f(at)) <= 1e-11 * oracle(at, at, network["layers"], "ntk").item(), (value, f(at))
        assert abs(gradient @ direction.ravel() - slope) <= 1e-6 * (np.abs(gradient).max() + abs(slope)), network


def test_a_moved_image_looks_the_same_to_pooled_circular_networks(tmp_path):
    for seed in range(4):
        rng = np.random.default_rng(500 + seed)
        builder = Builder(rng, [5, 6], True, 2)
        circular = [builder.conv({"size": random_size(rng, [5, 6]), "stride": 1, "padding": "circular"}) for _ in range(3)]
        layers = [circular[0], {"activation": "relu"}, circular[1], {"residual": [{"activation": "erf"}, circular[2]]}, {"activation": "relu"}]
        network = {"type": "layers", "image": {"height": 5, "width": 6, "channels": 2}, "layers": [*layers, "global_average_pool", "dense"]}
        images = rng.normal(size=(3, 5, 6, 2))
        moved = np.roll(images, (int(rng.integers(1, 5)), int(rng.integers(1, 6))), axis=(1, 2))
        both = np.concatenate([images, moved]).reshape(6, -1)
        np.save(tmp_path / "x.npy", both)
        ntkgan("gram", tmp_path / "x.npy", "--network", json.dumps(network), "-o", tmp_path / "k.h5")
        with h5py.File(tmp_path / "k.h5") as file:
            k = file["gram"][...]
        assert np.abs(k[:3, :3] - k[:3, 3:]).max() <= 1e-12 * np.abs(k).max(), network
        assert np.abs(k[:3, :3] - k[3:, 3:]).max() <= 1e-12 * np.abs(k).max(), network


def test_an_image_of_one_pixel_is_a_vector(tmp_path):
    """Whatever the filters: their windows hold one pixel and zeros, or (around) that pixel again."""
    rng = np.random.default_rng(3)
    np.save(tmp_path / "x.npy", rng.normal(size=(4, 5)))
    weights = {"weight_stddev": 1.3, "bias_stddev": 0.2}
    ends = ["flatten", "global_average_pool"]
    for i in range(4):
        conv = [{"conv": {"size": int(rng.integers(1, 4)), "stride": int(rng.integers(1, 3)), "padding": "circular", **weights}} for _ in range(2)]
        middle = [{"activation": "relu"}, "layer_norm", {"activation": "erf"}]
        image = {"type": "layers", "image": {"height": 1, "width": 1, "channels": 5}}
        kernels = []
        for layers, base in (([conv[0], *middle, conv[1], {"activation": "relu"}, ends[i % 2], "dense"], image),
                             ([{"dense": weights}, *middle, {"dense": weights}, {"activation": "relu"}, "dense"], {"type": "layers"})):
            ntkgan("gram", tmp_path / "x.npy", "--network", json.dumps({**base, "layers": layers}), "-o", tmp_path / "k.h5")
            with h5py.File(tmp_path / "k.h5") as file:
                kernels.append(file["gram"][...])
        assert np.abs(kernels[0] - kernels[1]).max() <= 1e-12 * np.abs(kernels[1]).max()
