"""A headless browser of the system: none is downloaded. As a program, it takes a picture of a page for the docs.

python tests/browser.py results/latest_s_demo-4l_0.01/report.html#a3.h6 docs/images/report.png
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = f"no browser is installed: none of {', '.join(NAMES)} is on the PATH"


def installed() -> str | None:
    """The path of a browser."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Any, path: str) -> Any:
    """Start it. Its sandbox does not work for root."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if as_root else [])


def main(address: str, picture: str) -> None:
    """Take a picture of the top of what an address, a path with a fragment, shows."""
    from playwright.sync_api import sync_playwright

    path, _, fragment = address.partition("#")
    with sync_playwright() as playwright:
        browser = launch(playwright, installed() or sys.exit(MISSING))
        page = browser.new_page(viewport={"width": 1180, "height": 800}, color_scheme="light")
        page.goto(f"{Path(path).resolve().as_uri()}#{fragment}")
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
