"""Shows an acceptance report as one HTML page that needs nothing else; a pure function of the report's JSON.

Must not compute figures: what the page shows stands in the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-variant-numeric:tabular-nums}
th,td{border-bottom:1px solid #ccc;padding:.25rem .75rem;text-align:left;vertical-align:top}
.claim{border-left:.4rem solid #555;padding:.5rem 1rem;background:#f3f3f3}
code{overflow-wrap:anywhere}.meets::before{content:"✓ "}.fails::before{content:"✗ "}.few::before{content:"? "}
.fails{font-weight:bold}.few{color:#555}svg text{font:13px system-ui,sans-serif}
"""
MARKS: Final = {"meets": "meets", "does not meet": "fails", "too few cases to say": "few"}
SHADES: Final = {"fifo": "#777", "head_start": "#0b6", "strict": "#36c", "strict_cap": "#90c", "accumulating": "#c60"}
BAR, GAP, LEFT, WIDE = 12, 10, 150, 520


def acceptance_page(report: Mapping[str, Any], sha256: str) -> str:
    """Return the page of a report whose digest is `sha256`."""
    parts = [
        f"<h1>Acceptance report: {_text(report['package'].get('name'))}</h1>",
        f"<p class=claim>{_text(report['claim'])}</p>",
        _table((), (("Date", report["date"]), ("Signed by", report["signer"] or "nobody"), ("SHA-256", sha256))),
        "<h2>What was asked</h2>",
        _criteria(report),
        "<h2>Cases</h2>",
        _table(("Group", "Cases", "Patients"), ((s["group"], s["cases"], s["patients"]) for s in report["sizes"])),
        "<h2>Figures</h2>",
        _table(("Figure", "These cases", "The paper's"), ((x["name"], x["own"], x["paper"]) for x in report["table"])),
        _figures(report),
        "<h2>Probability</h2>",
        _calibration(report["calibration"]),
        "<h2>Thresholds</h2>",
        _thresholds(report["thresholds"]),
        "<h2>Worklist, simulated</h2>",
        _worklist(report["worklist"]),
        "<h2>How the cases were chosen and read</h2>",
        _table(
            ("Question", "Answer", "In the site's words"),
            ((point["question"], point["answer"], point["detail"]) for point in report["checklist"]),
        ),
        "<h2>What this is about</h2>",
        _table(("File", "SHA-256"), _files(report)),
    ]
    title = f"<title>Acceptance report</title><style>{STYLE}</style>"
    return f'<!doctype html><html lang="en"><meta charset="utf-8">{title}<body>{"".join(parts)}</body></html>\n'


def _criteria(report: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{number} × {verdict}" for verdict, number in report["verdicts"].items())
    rows = "".join(
        f"<tr><td>{_text(each['asked'])}<td>{_text(each['found'])}"
        f"<td class={MARKS[each['verdict']]}>{_text(each['verdict'])}"
        for each in report["criteria"]
    )
    return f"<p>{_text(counts)}.</p><table><tr><th>Asked<th>Found<th>Verdict{rows}</table>"


def _figures(report: Mapping[str, Any]) -> str:
    figures = {
        name: each
        for name, each in report["figures"].items()
        if isinstance(each, Mapping) and {"value", "n"} <= set(each)
    }
    against = {f"auc against {group}": each for group, each in report["figures"]["auc_by_group"].items()}
    return _table(
        ("Figure", "Value (95 % interval)", "Cases"),
        ((name, _estimate(each), each["n"]) for name, each in {**figures, **against}.items()),
    )


def _calibration(fit: Mapping[str, Any] | None) -> str:
    if fit is None:
        return "<p>No score, or cases of one kind only: nothing can be fitted.</p>"
    said = (
        f"{fit['cases']} cases, {fit['positives']} with the disease. Method: {fit['method']}; log-odds of the score × "
        f"{_number(fit['line']['slope'])} + {_number(fit['line']['intercept'])}. Fits are judged on the cases that "
        "they were made on."
    )
    columns = ("brier", "log_loss", "calibration_error", "intercept")
    rows = ((each["name"], *(_number(each[column]) for column in columns)) for each in fit["quality"])
    return f"<p>{_text(said)}</p>" + _table(
        ("Probability", "Brier", "Log-loss", "Calibration error", "Intercept"), rows
    )


def _thresholds(thresholds: Mapping[str, Any]) -> str:
    if thresholds["lacking"]:
        return f"<p>No threshold is proposed: {_text(thresholds['lacking'])}.</p>"
    said = (
        f"Chosen on {thresholds['tuned_on']} cases, measured on {thresholds['measured_on']} cases of other patients; "
        f"simulated under the scheme {thresholds['scheme_of_simulated_choice']}."
    )
    rows = (
        (
            f"{each['name']}: {each['chosen']}",
            _number(each["threshold"]),
            _estimate(each["sensitivity"]),
            _estimate(each["specificity"]),
            f"{_number(each['ppv'])} / {_number(each['npv'])} at {_number(each['prevalence'])}",
            _estimate(each["flagged_share"]),
        )
        for each in thresholds["proposals"]
    )
    names = ("Threshold", "P from", "Sensitivity", "Specificity", "PPV / NPV at prevalence", "Flagged")
    return f"<p>{_text(said)}</p>{_table(names, rows)}"


def _worklist(worklist: Mapping[str, Any] | None) -> str:
    if worklist is None:
        return "<p>No case could be drawn: nothing was simulated.</p>"
    remarks = "".join(f"<li>{_text(remark)}" for remark in worklist["remarks"])
    rows = (
        (
            group,
            discipline,
            each["studies"],
            _estimate(each["mean_min"], 1),
            _number(each["median_min"]["value"], 1),
            _number(each["p95_min"]["value"], 1),
            _number(each["max_min"], 0),
            _number(each["inside_target"]["value"], 2),
            _estimate(each["change_min"], 1),
            _number(each["overtaken"]["value"], 2),
            each["starved"],
        )
        for group in worklist["waits"]["fifo"]
        for discipline, each in ((name, groups[group]) for name, groups in worklist["waits"].items())
    )
    names = ("Studies", "Order", "n", "Mean wait", "Median", "95 %", "Longest", "In target", "Change", "Overtaken")
    return f"<ul>{remarks}</ul>{_bars(worklist['waits'])}<p>Minutes.</p>{_table((*names, 'Starved'), rows)}"


def _bars(waits: Mapping[str, Mapping[str, Any]]) -> str:
    groups = list(waits["fifo"])
    most = max([each["mean_min"]["value"] or 0.0 for table in waits.values() for each in table.values()] + [1e-9])
    step = len(waits) * BAR + GAP
    drawn = []
    for row, group in enumerate(groups):
        top = row * step
        drawn.append(f'<text x="{LEFT - 8}" y="{top + step / 2}" text-anchor="end">{_text(group)}</text>')
        for place, (name, table) in enumerate(waits.items()):
            value = table[group]["mean_min"]["value"] or 0.0
            y, wide = top + place * BAR, WIDE * value / most
            drawn.append(
                f'<rect x="{LEFT}" y="{y}" width="{wide:.1f}" height="{BAR - 2}" fill="{SHADES.get(name, "#000")}"/>'
            )
            drawn.append(f'<text x="{LEFT + wide + 4:.1f}" y="{y + BAR - 2}">{name} {value:.0f}</text>')
    size = f'width="{LEFT + WIDE + 130}" height="{len(groups) * step}"'
    return f"<p>Mean wait in minutes.</p><svg {size} role=img aria-label='Mean wait by order'>{''.join(drawn)}</svg>"


def _files(report: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
    yield "package", report["package"].get("sha256", "")
    yield from sorted(report["package"].get("files", {}).items())
    for name, each in report["files"].items():
        if isinstance(each, Mapping):
            yield from ((f"{name}: {key}", value) for key, value in each.items())
        else:
            yield name, each


def _table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "<tr>" + "".join(f"<th>{_text(name)}" for name in names) if names else ""
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}" for cell in row) for row in rows)
    return f"<table>{head}{body}</table>"


def _estimate(figure: Mapping[str, Any], digits: int = 3) -> str:
    if figure["value"] is None:
        return f"undefined: {figure.get('reason', 'nothing measured')}"
    if figure["low"] is None or figure["high"] is None:
        return f"{_number(figure['value'], digits)} (no interval)"
    return f"{_number(figure['value'], digits)} ({_number(figure['low'], digits)} to {_number(figure['high'], digits)})"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _text(value: Any) -> str:
    return escape("" if value is None else str(value))
