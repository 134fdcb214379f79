"""What is kept of a projection image beside what is kept of every image; knows no meaning of any of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RadiographHeader:
    """What a projection image says of itself beyond what every image does; None or empty where it does not say.

    `view_code` and `view_meaning` are of the first item of View Code Sequence; `posture` joins all that the header says
    of how the patient stood or lay. `detector_spacing_mm` is (between rows, between columns). `patient_orientation` is
    where rows and columns run to, such as ("L", "F"). `intent` is Presentation Intent Type. `acquired_at` is date and
    time of the exposure as digits, so that later ones sort behind. `descriptions` are the words that people and
    machines gave the exposure, `ordered` those of the study that it is part of. Never logged.
    """

    view_position: str | None = None
    view_code: str | None = None
    view_meaning: str | None = None
    posture: str | None = None
    photometric_interpretation: str | None = None
    intent: str | None = None
    detector_spacing_mm: tuple[float, float] | None = None
    spacing_calibration: str | None = None
    burned_in_annotation: str | None = None
    patient_orientation: tuple[str, ...] = ()
    laterality: str | None = None
    anatomic_region: str | None = None
    acquired_at: str | None = None
    descriptions: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
