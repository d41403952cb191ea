"""The table of final values: mean and standard deviation over repetitions, as text, Markdown and LaTeX."""

import numpy as np
import pandas as pd

from . import style


def final_values(study, metric):
    """Last recorded value of each run (NaN where there is none) beside the columns of study.runs."""
    values = study.metrics[metric].values
    last = [row[np.isfinite(row)][-1] if np.isfinite(row).any() else np.nan for row in values]
    return study.runs.assign(final=last)


def summarise(study, metric):
    """One row a combination of swept values: mean, standard deviation (n - 1; NaN for one), number of values, number of runs, states."""
    final = final_values(study, metric)
    keys = study.free_axes or ["id"]
    groups = final.groupby(keys, sort=False)["final"]
    return pd.DataFrame(
        {
            "mean": groups.mean(),
            "std": groups.std(),
            "count": groups.count(),
            "runs": groups.size(),
            "states": final.groupby(keys, sort=False)["state"].agg(lambda states: ", ".join(dict.fromkeys(s for s in states if s != "done"))),
        }
    )


def number(value):
    return f"{value:.3g}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"


def text_of(row):
    if row["count"] == 0:
        return row["states"] or "-"
    spread = f" ± {number(row['std'])}" if row["count"] > 1 else ""
    lost = f" ({row['count']} of {row['runs']})" if row["count"] < row["runs"] else ""
    return number(row["mean"]) + spread + lost


def latex_of(text):
    """'9.40e-07 ± 1.0e-08' with powers of ten and LaTeX's own signs."""
    words = []
    for word in text.split():
        mantissa, e, exponent = word.partition("e")
        is_power = e and exponent.lstrip("+-").isdigit()
        words.append(f"${mantissa}\\cdot 10^{{{int(exponent)}}}$" if is_power else "$\\pm$" if word == "±" else escape(word))
    return " ".join(words)


def escape(text):
    for sign in "&%#_$":
        text = text.replace(sign, "\\" + sign)
    return text


def grid(study, metric):
    """(head of the table, rows of text): with two swept paths one runs down and the other across."""
    summary = summarise(study, metric)
    cells = summary.apply(text_of, axis=1)
    if len(study.free_axes) == 2:
        across, down = sorted(study.free_axes, key=lambda axis: study.runs[axis].nunique())
        columns, rows = list(dict.fromkeys(study.runs[across])), list(dict.fromkeys(study.runs[down]))
        look_up = {dict_key(summary.index.names, key, down, across): text for key, text in cells.items()}
        return [style.short(down), *map(str, columns)], [[str(r), *(look_up.get((r, c), "-") for c in columns)] for r in rows]
    head = [*(map(style.short, study.free_axes) if study.free_axes else ["run"]), metric]
    return head, [[*(map(str, key) if isinstance(key, tuple) else [str(key)]), text] for key, text in cells.items()]


def dict_key(names, key, down, across):
    value = dict(zip(names, key))
    return value[down], value[across]


def caption(study, metric):
    """What the numbers are."""
    name = study.metrics[metric].attrs.get("long_name") or metric
    repetitions = study.runs["repetition"].nunique()
    averaged = f", mean ± standard deviation of {repetitions} repetitions" if repetitions > 1 else ""
    recorded = np.isfinite(study.metrics[metric].values).any(axis=0)
    last = study.metrics["iteration"].values[recorded].max() if recorded.any() else 0
    return f"{study.name}: {name} at the last record (step {int(last)}){averaged}"


def as_text(title, head, rows):
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in [head, *rows]]
    return "\n".join([title, "", lines[0], "  ".join("-" * width for width in widths), *lines[1:], ""])


def as_markdown(title, head, rows):
    lines = ["| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows]]
    return "\n".join([title, "", *lines, ""])


def as_latex(title, head, rows):
    body = [" & ".join(latex_of(cell) for cell in line) + r" \\" for line in rows]
    return "\n".join(
        [
            "% " + title,
            rf"\begin{{tabular}}{{{'l' * len(head)}}}",
            r"\hline",
            " & ".join(escape(cell) for cell in head) + r" \\",
            r"\hline",
            *body,
            r"\hline",
            r"\end{tabular}",
            "",
        ]
    )


def write_tables(study, folder, metric="sinkhorn"):
    """table.txt, table.md and table.tex of the final values of `metric` (the first recorded one when that was not)."""
    recorded = [name for name in study.metrics.data_vars if np.isfinite(study.metrics[name].values).any()]
    if not recorded:
        return []
    metric = metric if metric in recorded else recorded[0]
    title, (head, rows) = caption(study, metric), grid(study, metric)
    written = []
    for name, write in {"table.txt": as_text, "table.md": as_markdown, "table.tex": as_latex}.items():
        path = folder / name
        path.write_text(write(title, head, rows), encoding="utf-8")
        written.append(path)
    return written
