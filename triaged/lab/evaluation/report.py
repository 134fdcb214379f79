"""Writes an evaluation as one HTML page that needs no other file; every text from outside is escaped.

Must not know how figures come about.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Any, Final

from triaged.lab.evaluation.pictures import Picture
from triaged.lab.evaluation.row import Row
from triaged.lab.evaluation.summary import DEFINITIONS, HEADLINE
from triaged.lab.evaluation.table import COLUMNS, PAPER, Line

PAGE: Final = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Evaluation of $engine</title><style>
body { font: 15px/1.45 system-ui, sans-serif; color: #1b2430; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .6rem 0 1.6rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #d5dae1; text-align: left; vertical-align: top; }
th { font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; font-size: 13px; } .why { color: #6b7684; } img { max-width: 100%; }
figure { margin: 0 0 1.5rem; } figcaption { color: #4a5563; } .plots { display: flex; flex-wrap: wrap; gap: 1rem; }
.found { color: #c96a00; } .reference { color: #007f99; } pre { font-size: 12px; overflow-x: auto; }
</style></head><body>
<h1>Evaluation of $engine</h1>
<p>$about</p>
<h2>Figures</h2>$figures
<h2>Beside the paper</h2>
<p>Generated images, own images and the paper's are different patients: the columns say nothing about each other.
In the paper ± is the spread over training runs.</p>$comparison
<h3>The paper's table</h3>$paper
<h2>Order, severity and calibration</h2><div class="plots">$plots</div>
<h2>The worst cases</h2>
<p>Left the slice, right with outlines: <b class="found">found</b> and <b class="reference">reference</b>,
lungs darker than lesions.</p>$pictures
<h2>Every case</h2><div class="wide">$cases</div>
<h2>Everything else</h2><pre>$further</pre>
<p class="why">Not a medical device. Pictures show patients: treat this page like their images.</p>
</body></html>
""")
CASE_COLUMNS: Final = (
    ("case", "case"),
    ("group", "group"),
    ("outcome", "outcome"),
    ("slices", "slices"),
    ("lung_dice", "lung Dice"),
    ("lesion_dice", "lesion Dice"),
    ("lesion_surface_dice", "surface Dice"),
    ("severity", "severity"),
    ("severity_reference", "reference"),
    ("grade", "CT-"),
    ("grade_reference", "ref. CT-"),
    ("identification", "P"),
    ("seconds_pipeline", "s"),
    ("peak_mib", "MiB"),
)


def page(
    told: Mapping[str, Any],
    rows: Sequence[Row],
    comparison: Sequence[Line],
    plots: Mapping[str, bytes | None],
    pictures: Sequence[Picture],
) -> str:
    """Return the report as HTML; `told` is the content of the JSON file."""
    engine, counts = told["engine"], told["counts"]
    further = {key: value for key, value in told.items() if key not in (*HEADLINE, "cases", "definitions", "engine")}
    return PAGE.substitute(
        engine=escape(f"{engine['name']} {engine['version']}"),
        about=escape(
            f"{counts['cases']} cases of {counts['patients']} patients, {counts['positives']} with the disease: "
            f"{counts['measured']} measured, {counts['failed']} failed, {counts['not_read']} not read."
        ),
        figures=_figures(told),
        comparison=_table(
            ("", "generated data", "own data", "paper"),
            [(line.name, line.generated, line.own, line.paper) for line in comparison],
        ),
        paper=_table(("", *COLUMNS), [(name, *values) for name, values in PAPER.items()]),
        plots="".join(_image(name, content) for name, content in plots.items() if content is not None)
        or "<p>Too few cases.</p>",
        pictures="".join(map(_picture, pictures)) or "<p>None was measured.</p>",
        cases=_cases(rows),
        further=escape(json.dumps(further, indent=1)),
    )


def _figures(told: Mapping[str, Any]) -> str:
    lines = []
    for name in HEADLINE:
        figure = told[name]
        interval = "–" if figure["low"] is None else f"{figure['low']:.3f} to {figure['high']:.3f}"
        value = "undefined" if figure["value"] is None else f"{figure['value']:.3f}"
        method = figure.get("reason") or figure.get("interval", "")
        lines.append((name.replace("_", " "), value, interval, str(figure["n"]), method, DEFINITIONS[name]))
    return _table(("", "value", "95 % interval", "n", "interval by", "over"), lines)


def _cases(rows: Sequence[Row]) -> str:
    lines = [
        (*(_cell(getattr(row, name)) for name, _ in CASE_COLUMNS), "; ".join((*filter(None, [row.reason]), *row.notes)))
        for row in rows
    ]
    return _table((*(title for _, title in CASE_COLUMNS), "notes"), lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _image(name: str, content: bytes) -> str:
    encoded = base64.b64encode(content).decode("ascii")
    source = f"data:image/png;base64,{encoded}"
    return f'<figure><img alt="{escape(name)}" src="{source}"><figcaption>{escape(name)}</figcaption></figure>'


def _picture(picture: Picture) -> str:
    row = picture.row
    figures = {
        "lung Dice": row.lung_dice,
        "lesion Dice": row.lesion_dice,
        "severity": row.severity,
        "reference": row.severity_reference,
    }
    told = ", ".join(f"{name} {value:.3f}" for name, value in figures.items() if value is not None)
    slices = ", ".join(str(index + 1) for index in picture.slices)
    return _image(f"{row.case} ({row.group}): {told or row.reason}; slices {slices} counted from the feet", picture.png)
