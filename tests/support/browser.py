"""A headless Chromium that opens a page at some widths; what it saw, asked and complained of."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
OWN_HOSTS = ("update.googleapis.com", "clients2.google.com", "accounts.google.com")
"""Whom the browser asks on its own account, whatever page it shows."""
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions"),
    *("--disable-background-networking", "--disable-component-update", "--disable-default-apps"),
    *("--disable-sync", "--enable-logging=stderr", "--allow-file-access-from-files"),
)
ATTEMPTS, SECONDS = 3, 60
FRAME = """<iframe width="{width}" height="1200" src="{address}"></iframe><pre></pre>"""
WRAPPER = """<!doctype html>{frames}<script>
for (const frame of document.querySelectorAll("iframe")) frame.onload = async () => {{
  const window = frame.contentWindow, page = frame.contentDocument, root = page.documentElement;
  const box = (shape) => {{
    const found = shape.getBoundingClientRect();
    return [found.width, found.height, found.right];
  }};
  frame.nextSibling.textContent = JSON.stringify({{
    width: root.clientWidth,
    needs: root.scrollWidth,
    pictures: [...page.querySelectorAll("svg[role=img]")].map(box).filter(([width]) => width > 0),
    ids: [...page.querySelectorAll("[id]")].map((each) => each.id),
    broken: [...page.querySelectorAll('a[href^="#"]')].map((each) => each.getAttribute("href").slice(1))
      .filter((id) => !page.getElementById(id)),
    text: page.body.innerText,
    tags: [...new Set([...page.querySelectorAll("*")].map((each) => each.localName))],
    probed: await (async () => {{ {probe} }})().catch((error) => String(error.stack)),
  }});
}};
</script>"""


@dataclass(frozen=True, kw_only=True)
class Page:
    """`seen` is what the page's own document tells; `asked` the addresses beyond the file itself.

    What is asked and complained of is that of all widths, since they are opened together.
    """

    seen: Any
    asked: set[str]
    complaints: list[str]


def chromium() -> str:
    """The browser's command, or a skip that says what is missing."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and not MAC.exists():
        pytest.skip("no Chromium or Chrome here to open the page in")
    return found or str(MAC)


def look(file: Path, scratch: Path, *, widths: Sequence[int], probe: str = "") -> dict[int, Page]:
    """Opens a page in a frame of each width, since a window cannot be as narrow as a phone.

    `probe` is the body of an async function of JavaScript that may use the page's `window` and its
    document, `page`; what it returns is `seen["probed"]`, or what it complained of.
    """
    wrapper, log = scratch / "wrapper.html", scratch / "net.json"
    address = file.resolve().as_uri()
    frames = "".join(FRAME.format(width=width, address=address) for width in widths)
    wrapper.write_text(WRAPPER.format(frames=frames, probe=probe), encoding="utf-8")
    done = _opened(wrapper, scratch, log)
    told = re.findall(r"<pre>(.+?)</pre>", done.stdout.decode("utf-8", "replace"), re.DOTALL)
    assert len(told) == len(widths), "the page did not load"
    events = json.loads(log.read_text())["events"]
    addresses = {event["params"]["url"] for event in events if "url" in event.get("params", {})}
    asked = {
        url for url in addresses if url.split("/")[2:3] and url.split("/")[2] not in ("", *OWN_HOSTS)
    }
    complaints = re.findall(r"CONSOLE.*", done.stderr.decode("utf-8", "replace"))
    return {
        width: Page(seen=json.loads(unescape(seen)), asked=asked, complaints=complaints)
        for width, seen in zip(widths, told, strict=True)
    }


def _opened(address: Path, scratch: Path, log: Path) -> subprocess.CompletedProcess[bytes]:
    """Prints the document of a page. Raises TimeoutExpired, CalledProcessError.

    A headless Chromium sometimes never ends, whatever the page: it gets further attempts.
    """

    def attempt(number: int) -> subprocess.CompletedProcess[bytes]:
        command = [
            *(chromium(), *QUIET, f"--user-data-dir={scratch / f'profile {number}'}"),
            *(f"--log-net-log={log}", "--virtual-time-budget=5000", "--dump-dom", address.as_uri()),
        ]
        return subprocess.run(command, capture_output=True, check=True, timeout=SECONDS)

    for number in range(1, ATTEMPTS):
        with suppress(subprocess.TimeoutExpired):
            return attempt(number)
    return attempt(ATTEMPTS)
