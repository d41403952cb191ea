"""The pictures of fields, fields-NAME.png: the trained discriminator f on planes (heat map, arrows) and along lines (beside the points' densities)."""

import matplotlib.pyplot as plt
import numpy as np

from . import panels, style

ARROWS = 13  # along the longer axis
MAP = "PuOr_r"  # its two hues are told apart by all eyes; orange is high
EDGE = "#303030"
TIMES = ("#E69F00", "#0072B2")  # first and last, of lines


# --- what is drawn ----------------------------------------------------------------------------------------------------------------


def at(series, iteration):
    """The entry of a recorded series at this iteration, None when there is none."""
    found = np.flatnonzero(series["iteration"].values == iteration)
    return series[int(found[0])].values if len(found) else None


class View:
    """One run's field as arrays. positions: one array an axis; alone: each place is trained with a generated point there only."""

    def __init__(self, run, name):
        field = run.field(name)
        self.run, self.field = run, field
        self.iterations = field["iteration"].values
        self.positions = [field[axis].values for axis in field["value"].dims[1:]]
        self.names = field["value"].dims[1:]
        self.origin, self.direction = field["origin"].values, field["direction"].values
        described = run.settings["record"]["fields"]
        self.alone = any(entry["alone"] for entry in described if name == (entry.get("name") or entry["type"]))

    def value(self, iteration):
        return at(self.field["value"], iteration)

    def force(self, iteration):
        """-grad(c o f) along the axes (... x axis), None when gradients were not recorded."""
        if "gradient" not in self.field:
            return None
        gradient = at(self.field["gradient"], iteration)
        if self.field["gradient"].dims[-1] == "coordinate":
            gradient = gradient @ self.direction.T
        return -at(self.field["objective_slope"], iteration)[..., None] * gradient

    def project(self, points):
        """Points x coordinate onto the axes."""
        return (points - self.origin) @ self.direction.T

    def real(self):
        return self.project(self.run.real.values)

    def fake(self, iteration):
        points = at(self.run.trajectory, iteration) if self.run.has("trajectory") else None
        return None if points is None else self.project(points)

    def path(self):
        """Where the only generated point goes: records x axis; None where there are several, which do not go as a lone one would."""
        one = self.run.has("trajectory") and self.run.trajectory.sizes["particle"] == 1
        return self.project(self.run.trajectory.values[:, 0]) if one else None


# --- planes -----------------------------------------------------------------------------------------------------------------------


def scale_of(values):
    """(centre, half) of a colour scale that holds nearly all values: around 0 when they have both signs, else around their median."""
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return 0.0, 1.0
    low, high = np.percentile(values, [0.5, 99.5])
    centre = 0.0 if min(-low, high) > 0.01 * (high - low) or high == low == 0 else float(np.median(values))
    half = max(high - centre, centre - low)
    return centre, float(half) if half > 1e-12 * max(abs(centre), 1e-300) else max(abs(centre), 1.0)


def row_scales(scales):
    """One scale for the row when all are around 0 and of like size."""
    halves = [half for _, half in scales]
    if all(centre == 0 for centre, _ in scales) and max(halves) <= 3 * min(halves):
        return [(0.0, max(halves))] * len(scales)
    return scales


def draw_arrows(cell, view, iteration):
    """Length logarithmic: none at a thousandth of the picture's largest force."""
    force = view.force(iteration)
    if force is None:
        return
    x, y = view.positions
    longer = max(x[-1] - x[0], y[-1] - y[0])
    counts = [min(max(2, round(ARROWS * (p[-1] - p[0]) / longer)), len(p)) for p in (x, y)]
    i, j = (np.unique(np.linspace(0, len(p) - 1, count + 2).round().astype(int))[1:-1] for p, count in zip((x, y), counts))
    force = force[np.ix_(i, j)]
    size = np.linalg.norm(force, axis=-1)
    largest = np.nanmax(size, initial=0.0)
    if not largest > 0 or not np.isfinite(largest):
        return
    shown = np.isfinite(size) & (size > 1e-3 * largest)
    length = (1 + np.log10(size[shown] / largest) / 3) * 0.85 * longer / ARROWS
    arrows = force[shown] / size[shown][:, None] * length[:, None]
    gx, gy = np.meshgrid(x[i], y[j], indexing="ij")
    cell.quiver(gx[shown], gy[shown], *arrows.T, angles="xy", scale_units="xy", scale=1, pivot="mid", width=0.006, headwidth=4.5, headlength=5,
                headaxislength=4.5, color=EDGE, alpha=0.85, zorder=3)  # fmt: skip


def dots(cell, points, colour, order):
    size = float(np.clip(900.0 / max(len(points), 1), 1.5, 9.0))
    cell.scatter(*points.T, s=size, color=colour, edgecolors="white", linewidths=0.35 if size > 3 else 0.15, zorder=order)


def draw_plane(cell, view, iteration, scale):
    centre, half = scale
    x, y = view.positions
    cell.pcolormesh(x, y, view.value(iteration).T, cmap=MAP, vmin=centre - half, vmax=centre + half, shading="nearest", rasterized=True, alpha=0.85, linewidth=0)
    draw_arrows(cell, view, iteration)
    if view.alone:
        path = view.path()
        if path is not None:
            cell.plot(*path.T, color=style.FAKE, linewidth=1.6, zorder=4)
            cell.scatter(*path[0], s=16, color=style.FAKE, edgecolors="white", linewidths=0.5, zorder=5)
        real = view.real()
        if len(real) == 1:
            cell.scatter(*real.T, s=75, marker="*", color="black", edgecolors="white", linewidths=0.7, zorder=6)
        else:
            dots(cell, real, "black", 6)
    else:
        dots(cell, view.real(), "black", 4)
        fake = view.fake(iteration)
        if fake is not None:
            dots(cell, fake, style.FAKE, 5)
    cell.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    cell.set_box_aspect((y[-1] - y[0]) / (x[-1] - x[0]))
    tidy(cell)
    return f"f: {number(centre)} ± {number(half)}"


def number(x):
    return f"{x:.2g}"


def tidy(cell):
    cell.grid(False)
    cell.tick_params(labelsize=6, length=2, pad=1.5)
    cell.xaxis.set_major_locator(plt.MaxNLocator(4))
    cell.yaxis.set_major_locator(plt.MaxNLocator(4))
    for spine in cell.spines.values():
        spine.set(visible=True, color="#999999", linewidth=0.6)


def plane_handles(views):
    point = {"marker": "o", "linestyle": "", "markersize": 5, "markeredgecolor": "white"}
    star = views[0].alone and len(views[0].real()) == 1
    real = plt.Line2D([], [], color="black", label="target", **({**point, "marker": "*", "markersize": 9} if star else point))
    patches = [plt.Rectangle((0, 0), 1, 1, facecolor=plt.get_cmap(MAP)(place), label=label) for place, label in ((0.85, "f high"), (0.15, "f low"))]
    fake = plt.Line2D([], [], color=style.FAKE, label="generated", **point)
    path = plt.Line2D([], [], color=style.FAKE, linewidth=1.6, marker="o", markersize=4, markeredgecolor="white", label="way of the generated point")
    if views[0].alone:
        return [*patches, real, *([path] if any(view.path() is not None for view in views) else [])]
    return [*patches, real, *([fake] if any(view.run.has("trajectory") for view in views) else [])]


def plane_note(views, what):
    alone = "trained at each place with a generated point there only" if views[0].alone else what
    arrows = "; arrows: −grad(c∘f), length logarithmic, 3 decades" if any("gradient" in view.field for view in views) else ""
    plane = "; points projected onto the plane" if any(view.direction.shape[1] > 2 for view in views) else ""
    return f"discriminator f {alone}\nf: value of white ± what full colours differ by{arrows}{plane}"


# --- lines ------------------------------------------------------------------------------------------------------------------------


def draw_line(cell, view, iterations):
    """f above, in the lower third the densities of both point sets."""
    x = view.positions[0]
    values = [view.value(iteration) for iteration in iterations]
    finite = np.concatenate([value[np.isfinite(value)] for value in values] + [np.zeros(1)])
    low, high = finite.min(), finite.max()
    span = max(high - low, 1e-300)
    colours = TIMES[-len(iterations) :]
    for value, colour in zip(values, colours):
        cell.plot(x, value, color=colour, linewidth=1.3, zorder=3)
    cell.axhline(0, color="#BBBBBB", linewidth=0.7, zorder=1)
    cell.set(xlim=(x[0], x[-1]), ylim=(low - 0.62 * span, high + 0.06 * span))
    tidy(cell)
    cell.set_yticks([tick for tick in cell.get_yticks() if low - 0.02 * span <= tick <= high + 0.05 * span])
    densities = cell.twinx()
    bins = np.linspace(x[0], x[-1], 50)
    tops = [densities.hist(view.real()[:, 0], bins, density=True, color=style.REAL, alpha=0.6, zorder=1)[0].max()]
    for iteration, colour in zip(iterations, colours):
        fake = view.fake(iteration)
        if fake is not None and ((fake[:, 0] >= x[0]) & (fake[:, 0] <= x[-1])).any():
            tops.append(densities.hist(fake[:, 0], bins, density=True, histtype="step", color=colour, linewidth=0.9, zorder=2)[0].max())
    densities.set(ylim=(0, max([top for top in tops if np.isfinite(top)] + [1e-300]) / 0.31), yticks=[])
    densities.grid(False)
    for spine in densities.spines.values():
        spine.set_visible(False)
    cell.set_zorder(densities.get_zorder() + 1)
    cell.patch.set_visible(False)


def line_handles(iterations, views):
    colours = TIMES[-len(iterations) :]
    lines = [plt.Line2D([], [], color=colour, label=f"step {i:,}") for i, colour in zip(iterations, colours)]
    return [*lines, plt.Rectangle((0, 0), 1, 1, facecolor=style.REAL, alpha=0.6, label="density of the target")]


# --- pages ------------------------------------------------------------------------------------------------------------------------


def file_of(folder, name, moment, number):
    """A field's name has no dots: no two files have the same name."""
    return folder / ".".join([f"fields-{name}", *([moment] if moment else []), *([str(number)] if number > 1 else []), "png"])


def draw_planes(study, folder, name, views):
    """The last record; the first one as well, when there is another."""
    moments = [("", -1)]
    if any(len(view.iterations) > 1 for view in views.values()):
        moments.append(("start", 0))
    first = next(iter(views.values()))
    x, y = first.positions
    ratio = float(np.clip((y[-1] - y[0]) / (x[-1] - x[0]), 0.4, 1.6))
    shape = panels.Shape(width=1.75, height=1.75 * ratio)
    written = []
    for moment, index in moments:

        def draw_row(cells, runs):
            row = [views[run.id] for run in runs]
            scales = row_scales([scale_of(view.value(view.iterations[index])) for view in row])
            return [draw_plane(cell, view, view.iterations[index], scale) for cell, view, scale in zip(cells, row, scales)]

        steps = sorted({int(view.iterations[index]) for view in views.values()})
        what = f"trained after {steps[0]:,} generator steps" if len(steps) == 1 else f"trained after {steps[0]:,} to {steps[-1]:,} generator steps"
        note = f"{study.name}, field '{name}': {plane_note(list(views.values()), what)}"
        for number_, page in enumerate(panels.lay_out(study, [view.run for view in views.values()]), 1):
            path = file_of(folder, name, moment, number_)
            written.append(panels.draw(page, shape, note, plane_handles(list(views.values())), draw_row, path))
    return written


def draw_lines(study, folder, name, views):
    moments = sorted({int(view.iterations[0]) for view in views.values()})[:1] + sorted({int(view.iterations[-1]) for view in views.values()})[-1:]
    moments = sorted(set(moments))

    def draw_row(cells, runs):
        for cell, run in zip(cells, runs):
            draw_line(cell, views[run.id], [i for i in moments if i in views[run.id].iterations])
        return [""] * len(runs)

    first = next(iter(views.values()))
    above = "trained at each place with a generated point there only" if first.alone else "after so many generator steps"
    note = f"{study.name}, field '{name}': discriminator f {above};\nbelow it the densities of the points" + (" (projected)" if len(first.origin) > 1 else "")
    shape = panels.Shape(width=2.3, height=1.55)
    written = []
    for number_, page in enumerate(panels.lay_out(study, [view.run for view in views.values()]), 1):
        written.append(panels.draw(page, shape, note, line_handles(moments, views), draw_row, file_of(folder, name, "", number_)))
    return written


def draw_fields(study, folder):
    """One picture a recorded name, of the first repetition; a name that some runs give to a line and others to a plane is drawn as what the first has."""
    runs = [run for run in study if run.repetition == min(study.runs["repetition"])]
    names = dict.fromkeys(name for run in runs for name in run.fields)
    written = []
    for name in names:
        views = {run.id: View(run, name) for run in runs if name in run.fields}
        axes = len(next(iter(views.values())).positions)
        views = {key: view for key, view in views.items() if len(view.positions) == axes}
        written += (draw_planes if axes == 2 else draw_lines)(study, folder, name, views)
    return written
