"""What a person does in JupyterLab, in headless Chromium: open a notebook, run it, type, press Validate, look.

Every wait is for something to appear, with a limit generous enough for a busy computer; nothing sleeps.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import nbformat
from nbformat import NotebookNode
from playwright.sync_api import Locator, Page, expect

ROOT: Final = Path(__file__).resolve().parents[2]
ARTIFACTS: Final = ROOT / "artifacts" / "browser"

SECONDS: Final = 1000  # Playwright counts in milliseconds
PATIENCE: Final = 90 * SECONDS

ERROR: Final = '.jp-Notebook [data-mime-type="application/vnd.jupyter.error"]'

# Chromium as root and offline: no sandbox of its own, and none of its calls home, which would fail and be retried.
CHROMIUM_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
CHROMIUM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_CHROME: Final = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


class NoBrowser(Exception):
    """There is no Chromium to test with."""


def find_chromium(which=shutil.which) -> str:
    """Return the path of Chromium or Chrome.

    Raises:
        NoBrowser: there is none; the message says how to install one.
    """
    named = os.environ.get("USEROPS_CHROMIUM")
    for name in [named] if named else [*CHROMIUM_NAMES, MAC_CHROME]:
        found = which(name)
        if found:
            return found
    raise NoBrowser(
        f"The browser tests need Chromium or Chrome, and {named or 'none'} was found: install it "
        "(Debian or Ubuntu: sudo apt install chromium), or name its program in USEROPS_CHROMIUM."
    )


# ---------------------------------------------------------------- the server


def free_environment(home: Path, site: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's own Jupyter is read or written."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTEST", "USEROPS"))}
    return kept | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "run"),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        # The copy's packages, not the checkout's.
        "PYTHONPATH": str(site),
    }


@dataclass
class Lab:
    """A running ``userops lab`` on the checkout copy ``site``."""

    site: Path
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def base(self) -> str:
        """The server's address without path and key."""
        return self.url.split("/lab", 1)[0]

    @property
    def token(self) -> str:
        """The key that lets a browser in."""
        return self.url.rpartition("token=")[2]

    def address(self, path: Path) -> str:
        """The address that opens a file of the site, in a workspace of its own (no tabs of an earlier test)."""
        name = re.sub(r"\W", "", path.stem)
        relative = path.relative_to(self.site).as_posix()
        return f"{self.base}/lab/workspaces/{name}/tree/{relative}?token={self.token}&reset"


@contextmanager
def running_lab(site: Path, home: Path, *options: str) -> Iterator[Lab]:
    """Start ``userops lab`` on ``site``, wait until it prints its address, stop it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "autograder.cli", "lab", "--no-browser", *options],
        cwd=site,
        env=free_environment(home, site),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    lab = Lab(site, process)
    ready = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lab.said.append(line)
            if match := re.search(r"http://\S+token=\w+", line):
                lab.url = match[0]
                ready.set()
        ready.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        ready.wait(timeout=90)
        assert lab.url, "userops lab did not start; it said:\n" + "".join(lab.said)
        yield lab
    finally:
        process.terminate()
        process.wait(timeout=30)
        listener.join(timeout=10)
        assert process.stdout is not None
        process.stdout.close()


# ---------------------------------------------------------------- notebooks


def read_notebook(path: Path) -> NotebookNode:
    """Return the notebook as it stands on disk."""
    return nbformat.read(path, as_version=4)


def complaints(notebook: NotebookNode) -> list[str]:
    """Return what went wrong in a run notebook: cells not run, errors, anything on stderr."""
    found = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        where = f"cell {number}: {cell.source.strip().splitlines()[0]}"
        if cell.execution_count is None:
            found.append(f"{where} was not run")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{where} raised {output.ename}: {output.evalue}")
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"{where} wrote to stderr: {output.text.strip()}")
    return found


def open_notebook(page: Page, lab: Lab, path: Path) -> None:
    """Open a notebook of the site and wait until its kernel is there."""
    page.goto(lab.address(path))
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=PATIENCE)
    # The tool bar's sign says "idle" before there is a kernel, and what is run then is lost; this line does not.
    expect(page.locator("#jp-main-statusbar")).to_contain_text("(ipykernel) | Idle")


def indicator(page: Page) -> Locator:
    """The kernel's sign in the notebook's tool bar."""
    return page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator").first


def menu(page: Page, *words: str) -> None:
    """Choose an entry from JupyterLab's menus, such as ``menu(page, "Run", "Run All Cells")``."""
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{words[0]}$")).click()
    for word in words[1:]:
        page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(word)}$")).click()


def run_all(page: Page, path: Path) -> NotebookNode:
    """Run every cell, save, and return the notebook from disk."""
    last = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").last
    done = last.filter(has_text=re.compile(r"\[\d+\]:"))
    # JupyterLab stops at the first error; so does the wait.
    menu(page, "Run", "Run All Cells")
    expect(done.or_(page.locator(ERROR)).first).to_be_attached(timeout=2 * PATIENCE)
    expect(indicator(page)).to_have_attribute("data-status", "idle")
    return save(page, path)


def save(page: Page, path: Path) -> NotebookNode:
    """Save with the keyboard and return the notebook from disk."""
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    expect(page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
    return read_notebook(path)


def cell_with(page: Page, text: str) -> Locator:
    """The code cell whose source holds ``text``."""
    return page.locator(".jp-Notebook .jp-CodeCell").filter(
        has=page.locator(".jp-InputArea-editor", has_text=text)
    )


def type_into(cell: Locator, text: str) -> None:
    """Replace a cell's source as a person would: click, select all, type."""
    editor = cell.locator(".cm-content").first
    editor.scroll_into_view_if_needed()
    editor.click()
    page = cell.page
    page.keyboard.press("Control+a")
    # One insertion, not key by key: the editor would add its own indents and closing brackets.
    page.keyboard.insert_text(text)


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page among the artefacts."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")
