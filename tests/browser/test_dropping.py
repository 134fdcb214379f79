"""Images that are dropped on the list, or chosen there, are stored; of each other file it is said why not."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.web.dicomweb.site import ODD_STUDY, STUDY, chest, odd_files
from tests.web.scene import Scene

DROP = """([name, content]) => {
    const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name));
    document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


def test_chosen_files_are_kept_and_others_named_with_the_reason(
    page: Page, scene: Scene, address: str, tmp_path: Path
) -> None:
    paths = []
    for number, content in enumerate(chest()[1][:5]):
        paths.append(tmp_path / f"slice-{number}.dcm")
        paths[-1].write_bytes(content)
    hostile = tmp_path / "<img src=x onerror=alert(1)>.txt"
    hostile.write_text("no image")
    page.goto(address)
    page.set_input_files("#drop-files", [*paths, hostile])
    said = page.locator("#drop .drop-said")
    expect(said).to_have_text("6 files sent: 5 kept, 1 not kept", timeout=60_000)
    expect(page.locator("#drop .drop-refused li")).to_have_text(
        f"{hostile.name} is no DICOM image that can be filed under a study"
    )
    assert page.locator("#drop img").count() == 0
    assert len(scene.studies.instances(STUDY)) == 5
    assert "sent by DICOMweb" in page.request.get(f"{address}/studies/{STUDY}").text()


def test_a_file_that_is_dropped_anywhere_on_the_page_is_kept(page: Page, scene: Scene, address: str) -> None:
    page.goto(address)
    page.evaluate(DROP, ["image.dcm", base64.b64encode(odd_files()["rle"]).decode()])
    expect(page.locator("#drop .drop-said")).to_have_text("1 file sent: 1 kept, 0 not kept", timeout=60_000)
    assert len(scene.studies.instances(ODD_STUDY)) == 1
