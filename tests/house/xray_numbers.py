"""One finding of a chest X-ray, and how each of its numbers reads in each output."""

from __future__ import annotations

from tests.house.shown import shown
from triaged.exams.xray.finding import LungNumbers, XrayNumbers
from triaged.study.coding import Output

XRAY_FINDING = XrayNumbers(
    right=LungNumbers(0.521, 0.547, (0.113, 0.519, 0.927), 0.151),
    left=LungNumbers(0.213, 0.229, (0.031, 0.197, 0.417), 0.047),
    estimated=0.347,
    low=0.208,
    high=0.513,
    score=3,
    presence=0.973,
    gate=0.531,
    repeat_sd=0.041,
).finding("networks", ())

XRAY_SHOWN = {
    "opacity_probability": shown(
        {"opacity_probability": 0.973},
        {"OPACITY-PROBABILITY": "0.973"},
        {("OPACITY_PROB", 0.973)},
        (),  # the words of a chest X-ray are its own
        ("<dd>0.97",),
    ),
    "opacity_threshold": shown(
        {"opacity_threshold": 0.531}, {"OPACITY-THRESHOLD": "0.531"}, {("OPACITY_THRESH", 0.531)}, (), ("≥ 0.531",)
    ),
    "estimated_severity": shown(
        {"estimated_severity": 0.347},
        {"ESTIMATED-SEVERITY": "34.7"},
        {("SEVERITY_EST", 34.7)},
        ("Estimated affected share of the worse lung: 35 %",),
        ("of the worse lung</dt><dd>≈35 % (",),
    ),
    "estimated_low": shown(
        {"estimated_low": 0.208}, {"ESTIMATED-LOW": "20.8"}, {("SEVERITY_EST_LOW", 20.8)}, (), ("≈35 % (21 to ",)
    ),
    "estimated_high": shown(
        {"estimated_high": 0.513},
        {"ESTIMATED-HIGH": "51.3"},
        {("SEVERITY_EST_HI", 51.3)},
        (),
        (" to 51 %, 80 % interval)</dd>",),
    ),
    "zone_score": shown(
        {"zone_score": 3.0},
        {"ZONE-SCORE": "3"},
        {("ZONE_SCORE", 3.0)},
        ("Affected zones of six: 3",),
        ("3 of 6 zones affected",),
    ),
    "zone_share": shown(
        {"zone_right_upper": 0.113, "zone_left_lower": 0.417},
        {"ZONE-RIGHT_UPPER": "11.3", "ZONE-LEFT_LOWER": "41.7"},
        {("ZONE_SHARE", 11.3), ("ZONE_SHARE", 51.9), ("ZONE_SHARE", 92.7), ("ZONE_SHARE", 41.7)},
        ("Affected share of the area of the upper zone of the right lung: 11 %",),
        ("<title>upper zone of the right lung: 11 %</title>", "<title>lower zone of the left lung: 42 %</title>"),
    ),
    "extent": shown(
        {"extent_right": 0.521, "extent_left": 0.213},
        {"EXTENT-RIGHT": "52.1", "EXTENT-LEFT": "21.3"},
        {("EXTENT", 52.1), ("EXTENT", 21.3)},
        ("Affected share of the area of the right lung: 52 %",),
        ("right lung 52 %, left lung 21 %",),
    ),
    "ungated_extent": shown(
        {"ungated_extent_right": 0.547, "ungated_extent_left": 0.229}, {}, {("UNGATED_EXTENT", 54.7)}, ()
    ),
    "consolidated_extent": shown(
        {"consolidated_extent_right": 0.151, "consolidated_extent_left": 0.047},
        {},
        {("EXTENT_SOLID", 15.1), ("EXTENT_SOLID", 4.7)},
        ("Consolidated share of the area of the right lung: 15 %",),
    ),
    "repeat_sd": shown({"repeat_sd": 0.041}, {}, set(), ()),
}

BESIDE = "words say it beside the estimate"
FOLLOWS = "follows from other numbers; reports and evaluations compare it"
EXPLAINS = "explains the shares to who reads the report; nobody else acts on it"
ENGINES = "a property of the engine, not of the patient"
XRAY_LEFT_OUT: dict[tuple[str, Output], str] = {
    ("opacity_threshold", Output.LIST): "the list shows the threshold of the site",
    ("estimated_low", Output.WORDS): BESIDE,
    ("estimated_high", Output.WORDS): BESIDE,
    **{("ungated_extent", each): FOLLOWS for each in Output if each not in (Output.REPORT, Output.EVALUATION)},
    **{("consolidated_extent", each): EXPLAINS for each in (Output.LIST, Output.NOTIFICATION, Output.PAGE)},
    **{("repeat_sd", each): ENGINES for each in Output if each is not Output.EVALUATION},
}
