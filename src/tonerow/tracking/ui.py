"""MLflow's page of this project's runs: ``python -m tonerow.tracking.ui [PORT]``.

By itself MLflow 3 opens an experiment where traces of language models are, and shows no run
(mlflow/mlflow#24498); the link that is printed here opens it at its runs.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser

from tonerow import params
from tonerow.tracking.store import Store, set_environment

HOST, PORT = "127.0.0.1", 5000
START_SECONDS = 120.0
"""Within which a server answers, or something is wrong."""


def link(address: str, experiment_id: str) -> str:
    """The page of an experiment's runs on the server at `address`."""
    runs = f"#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    return f"{address.rstrip('/')}/{runs}"


def free_port(wanted: int = PORT) -> int:
    """The port, or if something listens there another one."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, wanted))
        except OSError:
            listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    """Waits until the server answers; exits if it ends or does not."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    server.terminate()
    sys.exit(f"mlflow ui did not start at {address}; what it says stands above")


def main() -> None:
    """Starts a server where the store is a file or a database, and says where to look."""
    set_environment()
    store = Store(params.load().track.experiment)
    _ = store.client  # makes the experiment if it is not there yet
    if store.uri.startswith(("http:", "https:")):
        print(f"the runs: {link(store.uri, store.experiment_id)}")
        return
    port = free_port(int(sys.argv[1]) if len(sys.argv) > 1 else PORT)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri]
    command += ["--host", HOST, "--port", str(port)]
    command += ["--workers", "1"]  # by itself four, for one reader
    # Else it keeps a row of processes for jobs of language models; each imports all of MLflow.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    server = subprocess.Popen(command, cwd=store.root)
    address = f"http://{HOST}:{port}"
    try:
        wait_for(address, server)
        print(f"the runs: {link(address, store.experiment_id)}\nCtrl-C ends the server", flush=True)
        if (
            sys.platform == "darwin"
            or os.environ.get("DISPLAY")
            or os.environ.get("WAYLAND_DISPLAY")
        ):
            webbrowser.open(link(address, store.experiment_id))
        sys.exit(server.wait())
    except KeyboardInterrupt:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
