"""Writes docs/assets/report.png, the picture in the README, from a report made here and now.

Run: python tools/screenshot.py [--page FILE] [--seconds N]

Needs Chromium or Chrome on the path; nothing is loaded from the network.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

import phoropter

PICTURE = Path(__file__).parents[1] / "docs" / "assets" / "report.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SIZE_PX = (1040, 1180)
MOST_BYTES = 200_000
COLOURS = 128


def main() -> None:
    """Makes the report unless a page is given, takes its picture and makes that small."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--page", type=Path, help="a report that is there already")
    options.add_argument("--seconds", type=float, default=180.0, help="the budget of the run")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = asked.page
        if page is None:
            result = phoropter.run(
                "digits", project=Path(folder) / "digits", budget_s=asked.seconds
            )
            page = Path(result.report)
        shot = Path(folder) / "shot.png"
        photograph(page, shot)
        Image.open(shot).convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)
    if PICTURE.stat().st_size > MOST_BYTES:
        sys.exit(f"{PICTURE} has {PICTURE.stat().st_size:,} bytes, more than {MOST_BYTES:,}.")


def photograph(page: Path, target: Path) -> None:
    """Writes a PNG of the top of a page, as a headless browser shows it."""
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        sys.exit(f"None of {', '.join(BROWSERS)} is installed.")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                found[0],
                "--headless",
                "--no-sandbox",  # containers have no user namespaces; the page runs no script
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--screenshot={target.resolve()}",
                f"--window-size={SIZE_PX[0]},{SIZE_PX[1]}",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


if __name__ == "__main__":
    main()
