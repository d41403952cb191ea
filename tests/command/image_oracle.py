"""Kernels of convolutional networks from the definition, slowly and plainly: the covariances of two images as arrays over all pairs of positions (h, w, h', w'),
layer by layer (Novak et al. 2019; Arora et al. 2019, section 4). Layers are those of {type: layers}; activations relu and erf by their closed forms."""

import numpy as np

EPSILON = 1e-12


class State:
    """Covariances within x, between x and z, within z, and the tangent kernel of x and z; channels so far."""

    def __init__(self, xx, xz, zz, t, channels):
        self.covariances, self.t, self.channels = (xx, xz, zz), t, channels

    def linear(self, function, weight, bias, nngp_factor, constant, channels):
        """A layer with weights that sees `function` of the covariances."""
        covariances = [function(k) for k in self.covariances]
        t = nngp_factor * covariances[1] + constant + weight * function(self.t)
        return State(*(weight * k + bias for k in covariances), t, channels)

    def mean(self, function):
        return State(*(function(k) for k in self.covariances), function(self.t), self.channels)

    def __add__(self, other):
        pairs = zip(self.covariances, other.covariances)
        return State(*(a + b for a, b in pairs), self.t + other.t, self.channels)


def covariance(x, z):
    return np.einsum("abc,dec->abde", x, z) / x.shape[-1]


def start_of(x, z):
    xz = covariance(x, z)
    return State(covariance(x, x), xz, covariance(z, z), np.zeros_like(xz), x.shape[-1])


def axis_windows(n, size, stride, padding):
    """Positions that each window sees, -1 for a zero: out x size."""
    if padding == "valid":
        out, before = (n - size) // stride + 1, 0
    else:
        out = -(-n // stride)
        before = max((out - 1) * stride + size - n, 0) // 2
    positions = np.arange(out)[:, None] * stride + np.arange(size)[None, :] - before
    return positions % n if padding == "circular" else np.where((positions >= 0) & (positions < n), positions, -1)


def weights_of(windows, n):
    """The same as counts: out x n for every place of a window, [place, out, n]."""
    return np.stack([(windows[:, t, None] == np.arange(n)[None, :]).astype(float) for t in range(windows.shape[1])])


def together(k, keys):
    """Mean over windows that both positions share, place by place."""
    (height, width), (down, right) = pair(keys["size"]), pair(keys.get("stride", 1))
    rows = weights_of(axis_windows(k.shape[0], height, down, keys.get("padding", "same")), k.shape[0])
    columns = weights_of(axis_windows(k.shape[1], width, right, keys.get("padding", "same")), k.shape[1])
    k = np.einsum("tia,tjc,abcd->ibjd", rows, rows, k, optimize=True)
    return np.einsum("tib,tjd,abcd->aicj", columns, columns, k, optimize=True) / (height * width)


def apart(k, keys):
    """Mean over windows of each position."""
    (height, width), (down, right) = pair(keys["size"]), pair(keys.get("stride", keys["size"]))
    rows = weights_of(axis_windows(k.shape[0], height, down, keys.get("padding", "valid")), k.shape[0]).sum(axis=0)
    columns = weights_of(axis_windows(k.shape[1], width, right, keys.get("padding", "valid")), k.shape[1]).sum(axis=0)
    return np.einsum("ia,jb,kc,ld,abcd->ijkl", rows, columns, rows, columns, k, optimize=True) / (height * width) ** 2


def pair(number):
    return (number, number) if np.isscalar(number) else tuple(number)


def diagonal(k):
    return np.einsum("abab->ab", k)


def spread(q, s):
    return q[:, :, None, None], s[None, None, :, :]


def relu(r, q, s):
    norm = np.sqrt(q * s)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(norm > 0, np.clip(r / norm, -1, 1), 0)
    angle = np.arccos(cosine)
    return (norm * np.sqrt(1 - cosine**2) + r * (np.pi - angle)) / (2 * np.pi), (np.pi - angle) / (2 * np.pi)


def erf(r, q, s):
    root = np.sqrt((1 + 2 * q) * (1 + 2 * s) - 4 * r * r)
    return 2 / np.pi * np.arctan2(2 * r, root), 4 / np.pi / root


def normalised(r, q, s):
    factor = 1 / np.sqrt((q + EPSILON) * (s + EPSILON))
    return r * factor, factor


def pointwise(state, function):
    xx, xz, zz = state.covariances
    q, s = diagonal(xx), diagonal(zz)
    new, slope = function(xz, *spread(q, s))
    return State(function(xx, *spread(q, q))[0], new, function(zz, *spread(s, s))[0], state.t * slope, state.channels)


def dense_numbers(keys, fan_in):
    w2, bias = keys.get("weight_stddev", 1.0) ** 2, keys.get("bias_stddev", 0.0)
    b2 = (bias or 0.0) ** 2
    if keys.get("parameterization", "ntk") == "standard":
        return w2, b2, fan_in, 0.0 if bias is None else 1.0
    return w2, b2, w2, b2


def layer(state, name, keys):
    if name == "conv":
        numbers = dense_numbers(keys, state.channels * np.prod(pair(keys["size"])))
        return state.linear(lambda k: together(k, keys), *numbers, keys.get("width", 128))
    if name == "dense":
        return state.linear(lambda k: k, *dense_numbers(keys, state.channels), keys.get("width", 128))
    if name == "average_pool":
        return state.mean(lambda k: apart(k, keys))
    if name == "global_average_pool":
        return state.mean(lambda k: k.mean(keepdims=True))
    if name == "flatten":
        height, width = state.t.shape[:2]
        flat = state.mean(lambda k: diagonal(k).mean().reshape(1, 1, 1, 1))
        flat.channels *= height * width
        return flat
    if name == "activation":
        return pointwise(state, {"relu": relu, "erf": erf}[keys])
    if name == "layer_norm":
        return pointwise(state, normalised)
    if name == "residual":
        return state + through(state, keys)
    branches = [through(state, branch) for branch in keys]
    return sum(branches[1:], branches[0])


def through(state, layers):
    for entry in layers:
        name, keys = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
        state = layer(state, name, keys)
    return state


def kernel(x, z, layers):
    """(NTK, NNGP) of two images (height, width, channels)."""
    state = through(start_of(x, z), layers)
    assert state.t.shape == (1, 1, 1, 1)
    return state.t.item(), state.covariances[1].item()
