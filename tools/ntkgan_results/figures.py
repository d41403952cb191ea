"""The pictures of a study: trajectories, metrics against iteration, spectra. Each function returns the files it wrote."""

import math

import matplotlib.pyplot as plt
import numpy as np

from . import style
from .fields import draw_fields

ROWS_A_PAGE = 12
TIMES = 5
LINES, COLUMNS = 16, 6  # in a cell of metrics.png, before one swept path has cells of its own; columns then


def add_legend(cell, axes, looks):
    """Beside the picture, where it covers no data."""
    handles = [plt.Line2D([], [], **look) for look in looks.values()]
    title = " / ".join(map(style.short, axes)) or None
    cell.legend(handles, list(looks), loc="upper left", bbox_to_anchor=(1.02, 1.0), title=title, alignment="left", handlelength=2.8)


# --- trajectories -----------------------------------------------------------------------------------------------------------------


def choose_times(iterations, count=TIMES):
    """Indices of up to `count` of the recorded iterations: first, last, and between them spread evenly on a logarithmic axis."""
    iterations = np.asarray(iterations, dtype=float)
    if len(iterations) <= count:
        return list(range(len(iterations)))
    position = np.log1p(iterations)
    wanted = np.linspace(position[0], position[-1], count)
    chosen = sorted({int(np.abs(position - w).argmin()) for w in wanted})
    spare = [i for i in range(len(iterations)) if i not in chosen]
    while len(chosen) < count:  # neighbours fell together
        chosen.append(spare.pop())
    return sorted(chosen)


def projection(real):
    """(map of points to the plane, what its axes are): the points themselves in 1 and 2 dimensions, else the target's principal axes."""
    dimension = real.shape[1]
    if dimension <= 2:
        return (lambda points: points), None
    centre = real.mean(axis=0)
    axes = np.linalg.svd(real - centre, full_matrices=False)[2][:2]
    return (lambda points: (points - centre) @ axes.T), f"first two principal axes of the target, of {dimension}"


def draw_cell(cell, real, fake, fresh, limits):
    """Target, generated points and, unless None, what the generator makes of fresh latent points."""
    if real.shape[1] == 1:
        bins = np.linspace(*limits[0], 60)
        cell.hist(real[:, 0], bins, density=True, color=style.REAL, alpha=0.6)
        cell.hist(fake[:, 0], bins, density=True, histtype="step", color=style.FAKE, linewidth=1.4)
        if fresh is not None:
            cell.hist(fresh[:, 0], bins, density=True, histtype="step", color=style.FRESH, linewidth=1.0)
        outside = (fake[:, 0] < limits[0][0]) | (fake[:, 0] > limits[0][1])
        cell.set_yticks([])
        cell.set_xlim(limits[0])
    else:
        many = max(len(real), len(fake))
        size = float(np.clip(2500.0 / many, 0.3, 7.0))
        cell.scatter(real[:, 0], real[:, 1], s=size, color=style.REAL, alpha=0.55, linewidths=0, rasterized=True)
        if fresh is not None:
            cell.scatter(fresh[:, 0], fresh[:, 1], s=size, color=style.FRESH, alpha=0.7, linewidths=0, rasterized=True)
        cell.scatter(fake[:, 0], fake[:, 1], s=size, color=style.FAKE, alpha=0.8, linewidths=0, rasterized=True)
        outside = np.any((fake < limits[:, 0]) | (fake > limits[:, 1]), axis=1)
        cell.set(xlim=limits[0], ylim=limits[1], aspect="equal", xticks=[], yticks=[])
    cell.grid(False)
    for spine in cell.spines.values():
        spine.set(visible=True, color="#BBBBBB", linewidth=0.6)
    if outside.any():
        cell.text(0.97, 0.03, f"{int(outside.sum())} outside", transform=cell.transAxes, ha="right", va="bottom", fontsize=6.5, color="#555555")


def frame(real):
    """Limits (coordinate x 2) that hold the target with a margin."""
    low, high = real.min(axis=0), real.max(axis=0)
    if real.shape[1] == 1:
        half = 0.65 * np.maximum(high - low, 1e-12)
    else:
        half = np.full(2, 0.62 * max((high - low).max(), 1e-12))
    centre = (low + high) / 2
    return np.stack([centre - half, centre + half], axis=1)


def blocks_of(study, runs):
    """Runs as rows of blocks: with two swept paths (the shorter of at most three values) one row a value of the longer; else a row a run."""
    if len(study.free_axes) == 2:
        across, down = sorted(study.free_axes, key=lambda axis: study.runs[axis].nunique())
        if study.runs[across].nunique() <= 3:
            row_of = {run.id: study.runs[study.runs["id"] == run.id].iloc[0] for run in runs}
            columns = list(dict.fromkeys(study.runs[across]))
            rows = list(dict.fromkeys(row_of[run.id][down] for run in runs))
            place = {(row_of[run.id][down], row_of[run.id][across]): run for run in runs}
            return [str(r) for r in rows], [str(c) for c in columns], [[place.get((r, c)) for c in columns] for r in rows]
    labels = [style.group_label(study.runs[study.runs["id"] == run.id].iloc[0], study.free_axes) for run in runs]
    return labels, [""], [[run] for run in runs]


def draw_trajectories(study, folder):
    first = [run for run in study if run.repetition == min(study.runs["repetition"]) and run.has("trajectory")]
    if not first:
        return []
    rows, columns, table = blocks_of(study, first)
    pages = [slice(i, i + ROWS_A_PAGE) for i in range(0, len(rows), ROWS_A_PAGE)]
    written = []
    for number, page in enumerate(pages, 1):
        path = folder / (f"trajectories-{number}.png" if len(pages) > 1 else "trajectories.png")
        draw_page(study, rows[page], columns, table[page], path)
        written.append(path)
    return written


def draw_page(study, rows, columns, table, path):
    """Cells of one inch and a bit, placed by hand: label | times of the first block | gap | times of the second ..."""
    times = max(len(choose_times(run.trajectory["iteration"].values, TIMES - len(columns) // 2)) for line in table for run in line if run)
    cell, step, gap, top = 1.25, 1.5, 0.3, 0.85
    left = 0.3 + 0.075 * max(len(part) for label in rows for part in label.split(" / "))
    width = left + len(columns) * (times * (cell + 0.06) + gap)
    height = top + step * len(rows)
    figure = plt.figure(figsize=(width, height), layout="none")
    notes = set()
    for i, (label, line) in enumerate(zip(rows, table)):
        bottom = height - top - i * step - cell
        figure.text((left - 0.12) / width, (bottom + cell / 2) / height, label.replace(" / ", "\n"), ha="right", va="center", fontsize=10)
        for j, run in enumerate(line):
            start = left + j * (times * (cell + 0.06) + gap)
            if i == 0:
                figure.text(start / width, (height - 0.62) / height, columns[j], fontsize=11, fontweight="bold", va="bottom")
            if run is not None:
                places = [((start + k * (cell + 0.06)) / width, bottom / height, cell / width, cell / height) for k in range(times)]
                notes.add(draw_run(figure, places, run))
    note = ", ".join(sorted(notes - {None}))
    figure.text(0.012, (height - 0.12) / height, f"{study.name}: points after so many generator steps" + (f" ({note})" if note else ""), va="top", fontsize=10)
    named = {"target": style.REAL, "generated": style.FAKE}
    if any(run.fresh is not None for line in table for run in line if run):
        named["fresh"] = style.FRESH
    handles = [plt.Line2D([], [], marker="o", linestyle="", markersize=5, color=colour) for colour in named.values()]
    place = {"loc": "upper right", "bbox_to_anchor": (1, (height - 0.02) / height)}
    figure.legend(handles, list(named), ncol=len(named), borderpad=0.3, columnspacing=1.0, **place)
    figure.savefig(path)
    plt.close(figure)


def draw_run(figure, places, run):
    """One run at several times; returns what the axes are."""
    trajectory, fresh, real = run.trajectory, run.fresh, run.real.values
    seen = real if len(real) > 2 else np.concatenate([real, trajectory.values.reshape(-1, real.shape[1])])  # one point spans no plane
    project, note = projection(seen)
    limits = frame(project(seen))
    for place, time in zip(places, choose_times(trajectory["iteration"].values, len(places))):
        cell = figure.add_axes(place)
        draw_cell(cell, project(real), project(trajectory[time].values), None if fresh is None else project(fresh[time].values), limits)
        cell.set_title(f"{int(trajectory['iteration'][time]):,}", fontsize=8, pad=2, color="#444444")
    return note


# --- metrics ----------------------------------------------------------------------------------------------------------------------


def split_of(study):
    """The swept path whose values get cells of their own, for a cell would hold too many lines; None when it does not."""
    lines = len(style.line_styles(study.runs, study.free_axes))
    few = [axis for axis in study.free_axes if 1 < study.runs[axis].nunique() <= COLUMNS]
    return min(few, key=lambda axis: study.runs[axis].nunique()) if lines > LINES and len(study.free_axes) > 1 and few else None


def metric_cells(names, parts, lines):
    """(figure, {(name, part): cell}, cell beside which the legend stands): a row a name where there are several parts, else two names a row."""
    columns = len(parts) if len(parts) > 1 else min(len(names), 2)
    rows = math.ceil(len(names) * len(parts) / columns)
    size = (4.4 * columns + 2.0, max(3.1 * rows + 0.4, 0.19 * lines + 0.8))
    figure, cells = plt.subplots(rows, columns, figsize=size, squeeze=False, sharey="row" if len(parts) > 1 else "none")
    keys = [(name, part) for name in names for part in parts]
    for cell in list(cells.flat)[len(keys) :]:
        cell.set_visible(False)
    return figure, dict(zip(keys, cells.flat)), cells[0][-1]


def draw_metrics(study, folder):
    metrics = study.metrics
    names = [name for name in metrics.data_vars if np.isfinite(metrics[name].values).any()]
    names.sort(key=lambda name: name == "loss")  # what was asked for comes first
    if not names or metrics.sizes["iteration"] == 0:
        return []
    split = split_of(study)
    axes = [axis for axis in study.free_axes if axis != split]
    looks = style.line_styles(study.runs, axes)
    groups = study.runs.apply(lambda row: style.group_label(row, axes), axis=1).to_numpy()
    parts = study.runs[split].map(lambda value: style.value_label(split, value)).to_numpy() if split else np.full(len(groups), "")
    figure, cells, last = metric_cells(names, list(dict.fromkeys(parts)), len(looks))
    for (name, part), cell in cells.items():
        draw_metric(cell, metrics["iteration"].values, metrics[name], np.where(parts == part, groups, None), looks)
        if part:
            cell.set_title(f"{cell.get_title()}: {part}")
    add_legend(last, axes, looks)
    repetitions = study.runs["repetition"].nunique()
    if repetitions > 1:
        figure.suptitle(f"mean of {repetitions} repetitions; shaded: smallest to largest", x=0.01, ha="left", fontsize=9)
    path = folder / "metrics.png"
    figure.savefig(path)
    plt.close(figure)
    return [path]


def draw_metric(cell, iterations, series, groups, looks):
    values = series.values
    finite = values[np.isfinite(values)]
    for label, look in looks.items():
        group = values[groups == label]
        recorded = np.isfinite(group).any(axis=0)
        if not recorded.any():
            continue
        x, group = iterations[recorded], group[:, recorded]
        marker = "o" if recorded.sum() <= 12 else None
        cell.plot(x, np.nanmean(group, axis=0), marker=marker, markersize=3, **look)
        if len(group) > 1:
            cell.fill_between(x, np.nanmin(group, axis=0), np.nanmax(group, axis=0), color=look["color"], alpha=0.15, linewidth=0)
    positive = iterations[iterations > 0]
    if len(positive) > 1:
        cell.set_xscale("symlog", linthresh=positive.min(), linscale=0.3)
        cell.set_xlim(left=0)
    scale_values(cell, finite)
    cell.set(xlabel="generator steps", title=series.attrs.get("long_name") or series.name)


def scale_values(cell, finite):
    """Logarithmic where the values are positive and span it; linear around zero when a few of a long range are negative."""
    positive, negative = finite[finite > 0], finite[finite < 0]
    if len(positive) == 0:
        return
    largest, below = float(positive.max()), float(-negative.min(initial=0.0))
    if below == 0 and finite.min() > 0 and largest > 20 * positive.min():
        cell.set_yscale("log")
    elif below == 0 and largest > 20 * positive.min():
        cell.set_yscale("symlog", linthresh=10.0 ** math.floor(math.log10(positive.min())))
    elif below > 0 and largest > 100 * below:
        threshold = max(below, largest * 1e-12)
        cell.set_yscale("symlog", linthresh=10.0 ** math.ceil(math.log10(threshold)))


# --- spectra ----------------------------------------------------------------------------------------------------------------------


def draw_spectra(study, folder):
    first = [run for run in study if run.repetition == min(study.runs["repetition"]) and run.has("spectrum")]
    if not first:
        return []
    looks = style.line_styles(study.runs, study.free_axes)
    figure, cells = plt.subplots(1, 2, figsize=(10.8, 3.9), sharex=True, sharey=True)
    top, count, iterations = 0.0, 1, ([], [])
    for run in first:
        spectrum = run.spectrum
        label = style.group_label(study.runs[study.runs["id"] == run.id].iloc[0], study.free_axes)
        for cell, at, seen in zip(cells, (0, -1), iterations):
            values = np.asarray(spectrum["eigenvalues"][at].values, dtype=float)
            values = values[np.isfinite(values)]
            seen.append(int(spectrum["iteration"][at]))
            top, count = max(top, values.max(initial=0.0)), max(count, len(values))
            index = np.arange(1, len(values) + 1)
            cell.loglog(index[values > 0], values[values > 0], label=label, **looks[label])
    rounding = count * np.finfo(float).eps * top
    for cell, seen in zip(cells, iterations):
        cell.axhspan(rounding * 1e-4, rounding, color="#EEEEEE", zorder=0)
        cell.text(1.15, rounding * 0.5, "rounding error", va="top", fontsize=7, color="#777777")
        cell.set(xlabel="index", title="at step " + " to ".join(f"{i:,}" for i in sorted({min(seen), max(seen)})))
    if top > 0:
        cells[0].set_ylim(rounding * 0.05, top * 3)
    cells[0].set_ylabel("eigenvalue of the kernel operator")
    add_legend(cells[1], study.free_axes, looks)
    path = folder / "spectra.png"
    figure.savefig(path)
    plt.close(figure)
    return [path]


def draw_all(study, folder):
    """All pictures that the recorded data allow."""
    style.use()
    return draw_trajectories(study, folder) + draw_metrics(study, folder) + draw_spectra(study, folder) + draw_fields(study, folder)
