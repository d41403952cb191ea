#!/usr/bin/python3
"""A server like build/bench/operations for other programs: bench_peer.py neural-tangents | keops | numpy.

It reads the requests of tests/bench/operations.c that its program can answer and does the same on the same points, all in double precision. The
first two run in the environment that `make bench-peers` builds; numpy, the formulas written down plainly, runs everywhere.
"""

import json
import os
import sys
import time
import types
import warnings

import numpy as np

WARM = 0.05  # seconds: a shorter task runs once before it is timed


class Numpy:
    """Symmetric ReLU Gram matrices and Gaussian sums as anybody would write them first."""

    def matrix(self, request, x, _):
        return lambda: {"value": relu_ntk(x, request["network"])}

    def sum(self, request, x, z):
        w, gamma = signs(len(z)), 0.5 / request["network"]["bandwidth"] ** 2

        def run():
            k = np.exp(-gamma * ((x[:, None] - z) ** 2).sum(-1)) * w
            return {"value": k.sum(1), "gradient": 2 * gamma * (k @ z - k.sum(1)[:, None] * x)}

        return run


def signs(n):
    return np.where(np.arange(n) % 2, -1.0, 1.0)


def relu_ntk(x, network):
    """Arc-cosine kernels layer by layer (Cho, Saul 2009; Jacot et al. 2018), with the read-out's bias 0."""
    weight, bias = network.get("weight_stddev", 1) ** 2, network["bias_stddev"] ** 2
    k = weight * (x @ x.T) / x.shape[1] + bias
    ntk = k
    for layer in range(network["depth"]):
        root = np.sqrt(np.diag(k))
        rho = np.clip(k / np.outer(root, root), -1, 1)
        theta = np.arccos(rho)
        dot = (np.pi - theta) / (2 * np.pi)
        last = layer == network["depth"] - 1
        k = weight * np.outer(root, root) * (np.sqrt(1 - rho**2) / (2 * np.pi) + rho * dot) + (0 if last else bias)
        ntk = k + weight * dot * ntk
    return ntk


class NeuralTangents:
    """Novak et al. 2020, with its functions compiled by JAX."""

    def __init__(self):
        sys.modules["neural_tangents.experimental"] = types.ModuleType("unused")  # alone needs TensorFlow
        import jax

        warnings.simplefilter("ignore")  # about its quadrature
        jax.config.update("jax_enable_x64", True)
        from neural_tangents import stax

        self.jax, self.stax = jax, stax

    def kernel(self, network, quadrature=0):
        stax = self.stax
        dense = {"W_std": network.get("weight_stddev", 1.0), "b_std": network["bias_stddev"]}
        # tanh has no closed form there: Gauss-Hermite quadrature
        activations = {"relu": stax.Relu, "erf": stax.Erf, "tanh": lambda: stax.ElementwiseNumerical(self.jax.numpy.tanh, deg=quadrature)}
        layers = []
        for _ in range(network["depth"]):
            layers += [stax.Dense(1, **dense), activations[network["activation"]]()]
        kernel = stax.serial(*layers, stax.Dense(1, W_std=dense["W_std"], b_std=None))[2]
        return lambda x, z: kernel(x, z, "ntk")

    def matrix(self, request, x, _):
        kernel = self.kernel(request["network"], request.get("quadrature", 0))
        compiled = self.jax.jit(lambda points: kernel(points, None))
        points = self.jax.numpy.asarray(x)
        return lambda: {"value": compiled(points).block_until_ready()}

    gram = matrix

    def step(self, request, fake, real):
        """c = -f at the fake points and its gradient, f = mean_j k(., y_j) - mean_i k(., x_i) held fixed."""
        jax, kernel = self.jax, self.kernel(request["discriminator"]["network"])

        def objective(x, fake, real):
            c = kernel(x, fake).mean(1) - kernel(x, real).mean(1)
            return c.mean(), c

        compiled = jax.jit(jax.value_and_grad(objective, has_aux=True))
        x, y = jax.numpy.asarray(fake), jax.numpy.asarray(real)
        count = len(fake)

        def run():
            (_, c), gradient = compiled(x, x, y)
            gradient.block_until_ready()
            return {"value": c, "gradient": gradient * count}

        return run


class Keops:
    """Charlier et al. 2021: reductions compiled for this machine, never storing the matrix."""

    def sum(self, request, x, z):
        from pykeops.numpy import Genred

        kernel = "Exp(-g*SqDist(x,z))*w"
        formula = f"Concat({kernel}, IntCst(2)*g*(z-x)*{kernel})" if request.get("gradient") else kernel
        d = x.shape[1]
        reduce = Genred(formula, [f"x = Vi({d})", f"z = Vj({d})", "w = Vj(1)", "g = Pm(1)"], reduction_op="Sum", axis=1)
        w, gamma = signs(len(z))[:, None], np.array([0.5 / request["network"]["bandwidth"] ** 2])

        def run():
            out = reduce(x, z, w, gamma)
            return {"value": out[:, 0], "gradient": out[:, 1:]}

        return run


PROGRAMS = {"numpy": Numpy, "neural-tangents": NeuralTangents, "keops": Keops}


class Task:
    def __init__(self, program, request):
        x, z = (np.load(request[key]) if key in request else None for key in ("points", "others"))
        self.run_once = getattr(program, request["operation"])(request, x, z)
        self.answers = {}

    def timed(self):
        start = time.monotonic()
        self.answers = self.run_once()
        return time.monotonic() - start

    def run(self, budget):
        times = [self.timed()]
        if times[0] < WARM:
            times = []
        while not times or (sum(times) < budget and len(times) < 1000):
            times.append(self.timed())
        return {"seconds": float(np.median(times)), "repetitions": len(times), "work": 0}


def obey(program, tasks, request):
    name = request["task"]
    if request["do"] == "make":
        tasks[name] = Task(program, request)
        tasks[name].timed()  # compiles
        return {}
    if request["do"] == "run":
        return tasks[name].run(request["seconds"])
    if request["do"] == "answer":
        values = np.ascontiguousarray(tasks[name].answers[request["name"]], dtype=float)
        values.tofile(request["file"])
        return {"count": values.size}
    del tasks[name]
    return {}


def main():
    replies = os.fdopen(os.dup(1), "w")  # programs greet on standard output: that must not disturb the replies
    os.dup2(2, 1)
    program, tasks = PROGRAMS[sys.argv[1]](), {}
    for line in sys.stdin:
        try:
            reply = obey(program, tasks, json.loads(line))
        except Exception as error:  # whatever another program throws: the driver reports it
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
