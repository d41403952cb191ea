"""A study folder: index.h5 as tables, runs/<id>.h5 opened when asked for."""

import os
import pathlib

# Files are replaced, never changed in place: no locks are needed, and some parallel file systems have none. Read when HDF5 is loaded.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")

import h5py
import numpy as np
import pandas as pd
import xarray as xr
import yaml

FORMAT_VERSION = 1
FIXED_COLUMNS = ["id", "label", "repetition", "state", "seconds", "message"]


class StudyError(Exception):
    """The folder or file is not what ntkgan writes, or does not hold what was asked for."""


def open_study(folder):
    """The study in `folder` (results/NAME, or its index.h5)."""
    return Study(folder)


class Study:
    """runs: pandas.DataFrame, one row a run: id, label, repetition, state, seconds, message and one column a swept path.
    metrics: xarray.Dataset with dimensions run and iteration, NaN where a run has no record; run is labelled by `id`, `label`, ...
    axes: the swept paths."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.folder = folder.parent if folder.name == "index.h5" else folder
        self.reload()

    def reload(self):
        """Reads index.h5 anew."""
        with open_file(self.folder / "index.h5") as file:
            self.runs = read_runs(file)
            self.metrics = read_metrics(file, self.runs)
        self.axes = [name for name in self.runs.columns if name not in FIXED_COLUMNS]

    @property
    def name(self):
        return self.folder.resolve().name

    @property
    def free_axes(self):
        """The swept paths without those whose value another one fixes: of paths swept together (zip) the first is left."""
        kept = list(self.axes)
        for axis in reversed(self.axes):
            others = [other for other in kept if other != axis]
            if any(self.runs.groupby(other)[axis].nunique().max() == 1 for other in others):
                kept.remove(axis)
        return kept

    def run(self, key):
        """The run with this id or label."""
        rows = self.runs[(self.runs["id"] == key) | (self.runs["label"] == key)]
        if len(rows) == 0:
            raise StudyError(f"{self.folder}: no run has the id or label '{key}'; labels: {', '.join(self.runs['label'][:12])}")
        if len(rows) > 1:
            raise StudyError(f"{self.folder}: {len(rows)} runs have the label '{key}'; give the id")
        return Run(self, rows.iloc[0])

    def __iter__(self):
        return (Run(self, row) for _, row in self.runs.iterrows())

    def __len__(self):
        return len(self.runs)

    def __repr__(self):
        states = ", ".join(f"{count} {state}" for state, count in self.runs["state"].value_counts().items())
        return f"<study {self.name}: {len(self)} runs ({states})>"


class Run:
    """One run. Arrays are read from its file when their values are used; a run that recorded none, or is not done, has no file."""

    def __init__(self, study, row):
        self.study = study
        self.id, self.label, self.state, self.message = row["id"], row["label"], row["state"], row["message"]
        self.repetition, self.seconds = int(row["repetition"]), float(row["seconds"])
        self.path = study.folder / "runs" / f"{self.id}.h5"

    @property
    def metrics(self):
        """xarray.Dataset over the iterations that this run recorded."""
        index = int(np.flatnonzero(self.study.runs["id"] == self.id)[0])
        return self.study.metrics.isel(run=index).dropna("iteration", how="all")

    @property
    def attributes(self):
        """Provenance: version, revision, compiler, libraries, host, ... as a dict."""
        with open_file(self.path) as file:
            return {name: plain(value) for name, value in file.attrs.items()}

    @property
    def settings(self):
        """The resolved settings of the run as nested dicts."""
        return yaml.safe_load(self.attributes["settings"])

    @property
    def trajectory(self):
        """xarray.DataArray iteration x particle x coordinate: the generated points."""
        return self._dataset("trajectory", {"fake": ["iteration", "particle", "coordinate"]})["fake"]

    @property
    def fresh(self):
        """xarray.DataArray iteration x particle x coordinate: what the generator makes of its fresh latent points; None where it has none."""
        has_fresh = self.has("trajectory/fresh")
        return self._dataset("trajectory", {"fresh": ["iteration", "particle", "coordinate"]})["fresh"] if has_fresh else None

    @property
    def real(self):
        """xarray.DataArray particle x coordinate: the target points."""
        return self._dataset("data", {"real": ["particle", "coordinate"]})["real"]

    @property
    def spectrum(self):
        """xarray.Dataset: `eigenvalues`, iteration x mode, descending."""
        return self._dataset("spectrum", {"eigenvalues": ["iteration", "mode"]})

    @property
    def fields(self):
        """Names of the recorded fields."""
        if not self.has("fields"):
            return []
        with open_file(self.path) as file:
            return list(file["fields"])

    def field(self, name):
        """xarray.Dataset of a field: `value`, `objective`, `objective_slope` (iteration x the lattice's axes), `gradient`, `origin`, `direction`."""
        return self._dataset(f"fields/{name}", {})

    def has(self, name):
        """True when the run's file holds /name."""
        if not self.path.exists():
            return False
        with open_file(self.path) as file:
            return name in file

    def _dataset(self, group, dimensions):
        if not self.has(group):
            reason = "is not there" if not self.path.exists() else f"has no /{group}"
            raise StudyError(f"{self.path} {reason} (run {self.label}: {self.state})")
        data = xr.open_dataset(self.path, group=group, engine="h5netcdf", phony_dims="access")
        for name, wanted in dimensions.items():
            data = data.rename({old: new for old, new in zip(data[name].dims, wanted) if old != new})
        return data

    def __repr__(self):
        return f"<run {self.label} ({self.id}): {self.state}>"


def open_file(path):
    """h5py file for reading; refuses a newer format."""
    if not path.exists():
        raise StudyError(f"{path}: there is no such file")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise StudyError(f"{path}: {error}") from None
    version = int(file.attrs.get("format_version", FORMAT_VERSION))
    if version > FORMAT_VERSION:
        file.close()
        raise StudyError(f"{path}: format_version {version}, this reader knows {FORMAT_VERSION}: take the reader of that ntkgan")
    return file


def plain(value):
    """Attribute value as a Python object."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value


def read_column(dataset):
    if h5py.check_string_dtype(dataset.dtype):
        return dataset.asstr()[...]
    return dataset[...]


def read_runs(file):
    """/runs as a table: the fixed columns first, then the swept paths."""
    if "runs" not in file:
        raise StudyError(f"{file.filename}: no /runs: not an index of ntkgan")
    group = file["runs"]
    count = len(group["id"])
    is_column = {name: group[name].shape == (count,) and (name in FIXED_COLUMNS or not h5py.h5ds.is_scale(group[name].id)) for name in group}
    columns = {name: read_column(group[name]) for name in group if is_column[name]}
    columns.setdefault("message", np.full(count, ""))
    names = FIXED_COLUMNS + [name for name in columns if name not in FIXED_COLUMNS]
    return pd.DataFrame({name: columns[name] for name in names})


def read_metrics(file, runs):
    """/metrics as a dataset over (run, iteration), the columns of `runs` as coordinates of run."""
    group = file.get("metrics")
    iteration = group["iteration"][...] if group is not None and "iteration" in group else np.zeros(0, dtype=np.int64)
    shape = (len(runs), len(iteration))
    series = {}
    for name in group if group is not None else []:
        dataset = group[name]
        if dataset.shape == shape and dataset.ndim == 2:
            attributes = {key: plain(dataset.attrs[key]) for key in ("units", "long_name") if key in dataset.attrs}
            series[name] = (("run", "iteration"), dataset[...], attributes)
    coordinates = {name: ("run", runs[name].to_numpy()) for name in runs.columns if name not in ("seconds", "message", "state")}
    return xr.Dataset(series, coords={"iteration": iteration, **coordinates})
