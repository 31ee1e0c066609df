"""Chromium and Firefox without a window, without a network, behind the same few calls."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.waiting import PATIENCE

TAB, ENTER, SPACE = "\ue004", "\ue007", " "
LEFT, RIGHT, HOME, END = "\ue012", "\ue014", "\ue011", "\ue010"
NOWHERE = "127.0.0.1:9"
"""A proxy that is not there: nothing from a network can be reached."""


class Browser(Protocol):
    """What the tests ask of a browser; scripts run in the frame that was entered last."""

    def get(self, address: str) -> None: ...
    def run(self, script: str, *arguments: Any) -> Any: ...
    def run_async(self, script: str) -> Any: ...
    def click(self, selector: str, place: int = 0) -> None: ...
    def press(self, keys: str) -> None: ...
    def enter_frame(self, selector: str) -> None: ...
    def darken(self, dark: bool) -> None: ...
    def errors(self) -> list[str]: ...


class Chromium:
    """Chromium, by selenium and chromedriver."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def get(self, address: str) -> None:
        self.driver.switch_to.default_content()
        self.driver.get("about:blank")
        self.driver.get(address)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def run_async(self, script: str) -> Any:
        return self.driver.execute_async_script(script)

    def click(self, selector: str, place: int = 0) -> None:
        self.driver.find_elements("css selector", selector)[place].click()

    def press(self, keys: str) -> None:
        chains = pytest.importorskip("selenium.webdriver.common.action_chains")
        chains.ActionChains(self.driver).send_keys(keys).perform()

    def enter_frame(self, selector: str) -> None:
        self.driver.switch_to.frame(self.driver.find_element("css selector", selector))

    def darken(self, dark: bool) -> None:
        """Says that the reader prefers dark colours, or light ones."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def errors(self) -> list[str]:
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def spoken(self) -> list[str]:
        """What assistive technology is told of the page: every name, value and description."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        parts = [node.get(key, {}) for node in nodes for key in ("name", "value", "description")]
        return [str(part["value"]) for part in parts if part.get("value")]


class Firefox:
    """Firefox, by its own protocol, Marionette; no driver program is needed."""

    def __init__(self, marionette: Any) -> None:
        self.marionette = marionette

    def get(self, address: str) -> None:
        self.marionette.switch_to_frame()
        self.marionette.navigate("about:blank")
        self.errors()  # of the page before, whose scripts may have been ended in the middle
        self.marionette.navigate(address)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.marionette.execute_script(script, script_args=arguments, sandbox=None)

    def run_async(self, script: str) -> Any:
        return self.marionette.execute_async_script(script, sandbox=None)

    def click(self, selector: str, place: int = 0) -> None:
        self.marionette.find_elements("css selector", selector)[place].click()

    def press(self, keys: str) -> None:
        self.marionette.actions.sequence("key", "keyboard").send_keys(keys).perform()

    def enter_frame(self, selector: str) -> None:
        self.marionette.switch_to_frame(self.marionette.find_element("css selector", selector))

    def darken(self, dark: bool) -> None:
        """Says that the reader prefers dark colours, or light ones."""
        name = "layout.css.prefers-color-scheme.content-override"  # 0: dark, 1: light
        with self.marionette.using_context("chrome"):
            self.marionette.execute_script(f"Services.prefs.setIntPref('{name}', {int(not dark)})")

    def errors(self) -> list[str]:
        """Without those of media, which are in `audio.error` too."""
        script = """
            const messages = Services.console.getMessageArray();
            Services.console.reset();
            return messages.filter((one) => one instanceof Ci.nsIScriptError)
              .filter((one) => one.sourceName.startsWith("file:") || one.category.includes("CSP"))
              .filter((one) => !one.errorMessage.startsWith("Media resource data:"))
              .map((one) => one.errorMessage);"""
        with self.marionette.using_context("chrome"):
            return list(self.marionette.execute_script(script))


def _program(*names: str) -> str:
    found = [path for path in map(shutil.which, names) if path]
    if not found:
        missing = f"{' or '.join(names)} is not on PATH"
        if os.environ.get("CI") == "true" and sys.platform == "linux":
            pytest.fail(f"{missing}; .ci/run installs it")  # there these tests never skip
        pytest.skip(missing)
    return found[0]


@contextmanager
def chromium(downloads: Path) -> Iterator[Chromium]:
    """Starts Chromium.

    Args:
        downloads: folder that it saves files in.
    """
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program, driver_program = _program("chromium", "google-chrome"), _program("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root has none
    for argument in ["--headless=new", f"--proxy-server={NOWHERE}", "--disable-dev-shm-usage"]:
        options.add_argument(argument)
    for argument in [*sandbox, "--window-size=1400,1000", "--force-device-scale-factor=1"]:
        options.add_argument(argument)
    service = webdriver.ChromeService(driver_program)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_script_timeout(PATIENCE)
        yield Chromium(driver)
    finally:
        driver.quit()


def _preferences(port: int, downloads: Path) -> str:
    host, _, proxy_port = NOWHERE.partition(":")
    values = {
        "marionette.port": str(port),
        "network.proxy.type": "1",
        "network.proxy.http": f'"{host}"',
        "network.proxy.http_port": proxy_port,
        "network.proxy.ssl": f'"{host}"',
        "network.proxy.ssl_port": proxy_port,
        "browser.download.folderList": "2",
        "browser.download.dir": f'"{downloads}"',
        "browser.shell.checkDefaultBrowser": "false",
        "dom.max_script_run_time": "0",  # however busy the machine is, no script is ended
        "dom.max_chrome_script_run_time": "0",
        "datareporting.policy.dataSubmissionEnabled": "false",
        "layout.css.devPixelsPerPx": '"1.0"',
    }
    return "".join(f'user_pref("{name}", {value});\n' for name, value in values.items())


@contextmanager
def firefox(downloads: Path, profile: Path) -> Iterator[Firefox]:
    """Starts Firefox.

    Args:
        downloads: folder that it saves files in.
        profile: an empty folder for its settings.
    """
    driver = pytest.importorskip("marionette_driver.marionette", reason="needs marionette_driver")
    program = _program("firefox", "firefox-esr")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (profile / "user.js").write_text(_preferences(port, downloads), encoding="utf-8")
    command = [program, "--headless", "--marionette", "--remote-allow-system-access"]
    command += ["--no-remote", "--width", "1400", "--height", "1000", "--profile", str(profile)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*command, "about:blank"], stdout=quiet, stderr=quiet)
    try:
        marionette = driver.Marionette(host="127.0.0.1", port=port)
        marionette.raise_for_port(timeout=PATIENCE)
        marionette.start_session()
        marionette.timeout.script = PATIENCE
        yield Firefox(marionette)
        marionette.delete_session()
    finally:
        process.terminate()
        process.wait(PATIENCE)
