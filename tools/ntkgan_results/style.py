"""One look for all pictures: colours that the colour-blind can tell apart (Okabe and Ito 2008), and which run gets which."""

import itertools

import matplotlib

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31"]
DASHES = ["-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5))]
REAL, FAKE, FRESH = "#9A9A9A", "#0072B2", "#D55E00"

SETTINGS = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


def use():
    """Draws into files, whatever the machine's own settings are."""
    matplotlib.use("Agg")
    matplotlib.rcParams.update(matplotlib.rcParamsDefault)
    matplotlib.use("Agg")
    matplotlib.rcParams.update(SETTINGS)


def short(path):
    """'discriminator.loss' -> 'loss'."""
    return path.rpartition(".")[2]


def group_label(row, axes):
    """What a run is called when its repetitions are taken together."""
    return " / ".join(str(row[axis]) for axis in axes) if axes else "run"


def line_styles(runs, axes):
    """{group label: dict(color=, linestyle=)} : with two swept paths the longer one has the colours, the other the dashes."""
    values = {axis: list(dict.fromkeys(runs[axis])) for axis in axes}
    labels = list(dict.fromkeys(group_label(row, axes) for _, row in runs.iterrows()))
    if len(axes) == 2:
        coloured, dashed = sorted(axes, key=lambda axis: -len(values[axis]))
        if len(values[coloured]) <= len(COLOURS) and len(values[dashed]) <= len(DASHES):
            return {
                group_label(row, axes): {
                    "color": COLOURS[values[coloured].index(row[coloured])],
                    "linestyle": DASHES[values[dashed].index(row[dashed])],
                }
                for _, row in runs.iterrows()
            }
    looks = itertools.cycle({"color": colour, "linestyle": dash} for dash in DASHES for colour in COLOURS)
    return dict(zip(labels, looks))


def value_label(axis, value):
    """A swept value where it stands alone: a name as it is, a number with what it is the value of."""
    return value if isinstance(value, str) else f"{short(axis)} {value:g}" if isinstance(value, float) else f"{short(axis)} {value}"
