"""Pages of small pictures, one a run: which run stands where, and the cells of a page, placed by hand."""

import dataclasses
import math
import textwrap

import matplotlib.pyplot as plt

from . import style

COLUMNS, ROWS = 6, 8  # at most so many on a page


@dataclasses.dataclass
class Shape:
    """Sizes in inches: of a cell, of what stands left of it and below it (numbers on its axes)."""

    width: float
    height: float
    left: float = 0.36
    below: float = 0.3


@dataclasses.dataclass
class Page:
    """rows: labels; heads: of the columns, None where each cell has its title; table: rows x columns of runs or None; titles alike."""

    rows: list
    heads: list | None
    table: list
    titles: list | None = None


def pieces(items, most):
    """`items` cut into as few lists as `most` allows, of nearly equal length."""
    size = math.ceil(len(items) / math.ceil(len(items) / most))
    return [items[i : i + size] for i in range(0, len(items), size)]


def lay_out(study, runs):
    """Pages for these runs. Two or more swept paths: the one with most values that still fit runs across, the others down. One: cells in reading order."""
    table = study.runs.set_index("id")
    axes = study.free_axes
    rows_of = {run.id: table.loc[run.id] for run in runs}
    if len(axes) < 2:
        return wrapped(runs, [style.value_label(axes[0], rows_of[run.id][axes[0]]) if axes else "" for run in runs])
    count = {axis: len({row[axis] for row in rows_of.values()}) for axis in axes}
    across = max(axes, key=lambda axis: (count[axis] if count[axis] <= COLUMNS else 0, axes.index(axis)))
    down = [axis for axis in axes if axis != across]
    place, columns = {}, {}
    for run in runs:
        row = rows_of[run.id]
        place.setdefault(tuple(row[axis] for axis in down), {})[row[across]] = run
        columns[row[across]] = style.value_label(across, row[across])
    pages = []
    for keys in pieces(list(place), ROWS):
        labels = ["\n".join(style.value_label(axis, value) for axis, value in zip(down, key)) for key in keys]
        for heads in pieces(list(columns), COLUMNS):
            pages.append(Page(labels, [columns[head] for head in heads], [[place[key].get(head) for head in heads] for key in keys]))
    return pages


def wrapped(runs, titles):
    """Cells in reading order, each with its title."""
    columns = min(COLUMNS, max(1, round(1.3 * math.sqrt(len(runs)))))
    pages = []
    for part in pieces(list(zip(runs, titles)), columns * ROWS):
        lines = [part[i : i + columns] for i in range(0, len(part), columns)]
        pages.append(Page([""] * len(lines), None, [[run for run, _ in line] for line in lines], [[title for _, title in line] for line in lines]))
    return pages


def draw(page, shape, note, handles, draw_line, path):
    """Writes one page. draw_line(cells, runs) draws one row of it and returns a short remark on each cell, to stand above it at the right."""
    gap, band, foot = 0.12, 0.22 if page.heads else 0.36, 0.05
    left = 0.15 + 0.085 * max(len(word) for label in page.rows for word in label.split("\n"))
    step = (shape.left + shape.width + gap, band + shape.height + shape.below)
    legend = 0.35 + sum(0.45 + 0.075 * len(handle.get_label()) for handle in handles)
    width = max(left + max(map(len, page.table)) * step[0] + 0.1, legend, 4.5)
    note = "\n".join(textwrap.fill(line, int((width - 0.2) / 0.075)) for line in note.split("\n"))
    text = 0.15 + 0.17 * (note.count("\n") + 1)
    head = text + (0.3 if handles else 0.05) + (0.28 if page.heads else 0.0)
    height = head + len(page.table) * step[1] + foot
    figure = plt.figure(figsize=(width, height), layout="none")
    figure.text(0.1 / width, (height - 0.1) / height, note, va="top", fontsize=9.5)
    if handles:
        place = (0.02 / width, (height - text + 0.04) / height)
        figure.legend(handles=handles, loc="upper left", bbox_to_anchor=place, ncol=len(handles), fontsize=8.5, columnspacing=1.2)
    for i, line in enumerate(page.table):
        bottom = height - head - (i + 1) * step[1] + shape.below
        figure.text((left - 0.05) / width, (bottom + shape.height / 2) / height, page.rows[i], ha="right", va="center", fontsize=9.5)
        places = [left + j * step[0] + shape.left for j in range(len(line))]
        for j, start in enumerate(places):
            if i == 0 and page.heads:
                figure.text((start + shape.width / 2) / width, (height - head + 0.02) / height, page.heads[j], ha="center", fontsize=10, fontweight="bold")
        cells = [figure.add_axes((x / width, bottom / height, shape.width / width, shape.height / height)) for x, run in zip(places, line) if run]
        remarks = draw_line(cells, [run for run in line if run])
        titles = [title for title, run in zip(page.titles[i] if page.titles else [""] * len(line), line) if run]
        for cell, remark, title in zip(cells, remarks, titles):
            y = shape.height + 0.04
            cell.text(1.0, y / shape.height, remark, transform=cell.transAxes, ha="right", va="bottom", fontsize=6.5, color="#444444")
            cell.text(0.5, (y + 0.13) / shape.height, title, transform=cell.transAxes, ha="center", va="bottom", fontsize=9, fontweight="bold")
    figure.savefig(path)
    plt.close(figure)
    return path
