"""`make ui` as its reader sees it: from the printed link to two runs in one chart."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import shipped
from tests.browsers import chromium
from tests.listening import pages
from tests.repository import client_of, runs_of
from tests.waiting import until
from tonerow import tracking
from tonerow.listening.page import write_page

CURVES = {"lstm_full": [2.5, 1.9, 1.7], "rnn_vanilla": [2.4, 2.0, 1.8]}
"""The nats on val after each epoch of two models."""
TEXT = "return document.body.innerText"
COMPARE = "[data-testid=runs-compare-button]"
SELECTED = f"return document.querySelector('{COMPARE}')?.disabled === false"
CHART = "a[href*='#/metric'][href*=val_nll]"
LINES = """
return [...new Set([...document.querySelectorAll(".scatterlayer .js-line")]
  .map((one) => one.getAttribute("d")))].length;"""


def train(root: Path) -> None:
    """Logs two trainings."""
    for model, curve in CURVES.items():
        with tracking.start(shipped.settings({"model": model})) as run:
            for i, nats in enumerate(curve):
                run.log_epoch(i + 1, {"val_nll": nats})
            (root / "model.pt").write_text(model, encoding="utf-8")
            run.finish(root / "model.pt")


HEARD = "return document.querySelector('audio').currentTime > 0.1"
OPENED = "opened.txt"


def with_page(root: Path) -> str:
    """The id of a run that has a page of samples now."""
    write_page(root / "listen.html", pages.groups(root))
    run = runs_of(root)[0].info.run_id
    client_of(root).log_artifact(run, str(root / "listen.html"))
    return str(run)


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Runs what `make ui` runs on a desktop, and gives the link that it prints.

    The desktop's browser opens nothing, but writes the link into `OPENED`.
    """
    browser = root / "browser"
    browser.write_text(f"#!/bin/sh\necho \"$1\" > '{root / OPENED}'\n", encoding="utf-8")
    browser.chmod(0o755)
    command = [sys.executable, "-m", "tonerow.tracking.ui", "0"]  # 0: any port that is free
    changes = {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "BROWSER": str(browser),
        "DISPLAY": ":0",
    }
    own_group: Any = {"cwd": root, "env": os.environ | changes, "start_new_session": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **own_group) as server:
        try:
            lines: Iterator[str] = iter(server.stdout or ())
            yield next(found[1] for line in lines if (found := re.match("the runs: (.+)", line)))
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # by itself it waits for open connections


def test_leads_from_its_link_to_two_runs_in_one_chart(root: Path, tmp_path: Path) -> None:
    (root / "params.yaml").write_text(shipped.text(), encoding="utf-8")
    with chromium(tmp_path) as browser:  # first: where there is none, nothing else is begun
        train(root)
        with served(root) as link:
            opened = root / OPENED
            until(
                lambda: opened.is_file() and opened.read_text("utf-8") == f"{link}\n", "a browser"
            )
            browser.get(link)
            until(lambda: all(f"{name} " in browser.run(TEXT) for name in CURVES), "two runs")
            for place in range(len(CURVES)):
                browser.click(".ag-row .ag-checkbox-input", place)
            until(lambda: browser.run(SELECTED), "two runs that can be compared")
            browser.click(COMPARE)
            until(lambda: browser.run(f'return document.querySelector("{CHART}")'), "two columns")
            browser.click(CHART)
            until(lambda: browser.run(LINES) == len(CURVES), "two curves")
            legend = re.findall(r"(\w+) small \w+ \(val_nll\)", browser.run(TEXT))
            assert sorted(legend) == sorted(CURVES)
            browser.get(link.replace("/runs?", f"/runs/{with_page(root)}/artifacts/listen.html?"))
            until(
                lambda: browser.run("return document.querySelector('iframe')"), "the page's frame"
            )
            browser.enter_frame("iframe")
            until(lambda: browser.run("return document.querySelector('.play')"), "a track")
            browser.click(".play")
            until(lambda: browser.run(HEARD), "the sound of a track")
