"""The pictures of the pages, from those that the tests have kept: `python -m tests.vscode.screens DIR` after a run of
tests/vscode with `RGT_SHOTS=DIR`."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.vscode.page import CHROMIUM, EXTENSION, FLAGS

SCREENS = EXTENSION / "media/screens"
NAMED = {"town": "story-5-asked", "terminal": "story-2-attached"}
"""What a page calls a picture, and what a test does."""
WEBP = """async ([png, quality]) => {
    const picture = new Image();
    picture.src = "data:image/png;base64," + png;
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("2d").drawImage(picture, 0, 0);
    return canvas.toDataURL("image/webp", quality).split(",")[1];
}"""


def main(shots: Path) -> None:
    """Write them."""
    SCREENS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        for name, shot in NAMED.items():
            png = base64.b64encode((shots / f"{shot}.png").read_bytes()).decode()
            (SCREENS / f"{name}.webp").write_bytes(base64.b64decode(page.evaluate(WEBP, [png, 0.5])))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
