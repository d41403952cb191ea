"""A study folder in the layout that ntkgan writes, made by hand: to try the tools without running anything."""

import h5py
import numpy as np

LOSSES = ["ipm", "lsgan"]
NETWORKS = ["relu", "relu-no-bias", "sigmoid", "rbf"]
FINAL = {("ipm", "relu"): 1e-6, ("ipm", "rbf"): 2e-2, ("lsgan", "relu-no-bias"): 12.75}
TEXT = h5py.string_dtype("utf-8")


def ring(count, rng):
    angle = 2 * np.pi * rng.integers(0, 8, count) / 8
    return 5 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.5 * rng.standard_normal((count, 2))


def scales(file, dataset, *paths):
    for axis, path in enumerate(paths):
        if path not in file:
            file[path] = np.arange(dataset.shape[axis])
        if not h5py.h5ds.is_scale(file[path].id):
            file[path].make_scale(path.rpartition("/")[2])
        dataset.dims[axis].attach_scale(file[path])


def write_run(path, label, iterations, fake, real):
    with h5py.File(path, "w") as file:
        file.attrs["format_version"] = 1
        file.attrs["settings"] = "{study: synthetic, train: {iterations: 1000, step: 1000.0}}"
        file.attrs["label"] = label
        file["trajectory/iteration"] = iterations
        file["trajectory/fake"] = fake
        scales(file, file["trajectory/fake"], "trajectory/iteration", "trajectory/point", "trajectory/coordinate")
        file["data/real"] = real
        scales(file, file["data/real"], "data/point", "data/coordinate")
        file["spectrum/iteration"] = iterations[[0, -1]]
        values = np.arange(1, 2 * len(real) + 1, dtype=float) ** -2.0
        file["spectrum/eigenvalues"] = np.stack([values, 0.5 * values])
        scales(file, file["spectrum/eigenvalues"], "spectrum/iteration", "spectrum/mode")


def write_study(folder, repetitions=2, points=60, dimension=2, skip=()):
    """Runs ipm/relu/r0 ... ; those whose label is in `skip` are failed and have no file."""
    (folder / "runs").mkdir(parents=True)
    iterations = np.array([0, 10, 100, 1000])
    rows, series = [], []
    for loss in LOSSES:
        for network in NETWORKS:
            for repetition in range(repetitions):
                label = f"{loss}/{network}" + (f"/r{repetition}" if repetitions > 1 else "")
                identity = f"{len(rows):016x}"
                rng = np.random.default_rng(len(rows))
                final = FINAL.get((loss, network), 1.0) * (1 + 0.1 * repetition)
                failed = label in skip
                rows.append((identity, label, repetition, "failed" if failed else "done", 0.25, "not finite" if failed else "", loss, network))
                share = np.array([1.0, 0.7, 0.3, 0.0])
                series.append(np.full(4, np.nan) if failed else final + (12 - final) * share)
                if failed:
                    continue
                real = ring(points, rng)
                start = rng.standard_normal((points, 2))
                fake = share[:, None, None] * start + (1 - share)[:, None, None] * real[rng.permutation(points)]
                pad = [(0, 0)] * 2 + [(0, dimension - 2)] if dimension > 2 else None
                if pad:
                    fake, real = np.pad(fake, pad), np.pad(real, pad[1:])
                write_run(folder / "runs" / f"{identity}.h5", label, iterations, fake[..., :dimension], real[:, :dimension])
    write_index(folder, rows, iterations, np.array(series))
    return rows


def write_index(folder, rows, iterations, sinkhorn):
    with h5py.File(folder / "index.h5", "w") as file:
        file.attrs["format_version"] = 1
        names = ["id", "label", "repetition", "state", "seconds", "message", "discriminator.loss", "discriminator.network"]
        for name, column in zip(names, zip(*rows)):
            text = isinstance(column[0], str)
            file.create_dataset(f"runs/{name}", data=list(column), dtype=TEXT if text else None)
        file["metrics/iteration"] = iterations
        for name, values in {"sinkhorn": sinkhorn, "mmd2": sinkhorn * 1e-2, "mmd2_unbiased": sinkhorn * 1e-2 - 1e-3}.items():
            file[f"metrics/{name}"] = values
            scales(file, file[f"metrics/{name}"], "metrics/run", "metrics/iteration")
        for row in rows:
            if row[3] == "done":
                file[f"links/{row[0]}"] = h5py.ExternalLink(f"runs/{row[0]}.h5", "/")
