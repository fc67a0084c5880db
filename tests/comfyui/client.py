"""A real ComfyUI with this pack in `custom_nodes`, and what its web page would send it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import requests

PROJECT = Path(__file__).parents[2]
PACK = "comfyui-vlogger"
START_S, RUN_S = 300, 900


def comfyui_dir() -> Path:
    """Where the real ComfyUI is looked for."""
    return Path(os.environ.get("COMFYUI_DIR") or Path.home() / "comfy" / "ComfyUI")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of a prompt."""

    messages: list[dict[str, Any]]
    """Everything the websocket told, in order, each with `time_s`."""
    history: dict[str, Any]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def ended(self) -> str:
        """execution_success, execution_error or execution_interrupted."""
        return self.messages[-1]["type"]

    @property
    def error(self) -> str:
        """What a user reads in the dialog."""
        (message,) = self.of("execution_error")
        return message["data"]["exception_message"]


@dataclass(kw_only=True)
class ComfyServer:
    """One server process with a base directory of its own."""

    base: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    startup_log: str = ""
    """What it said until it was ready."""
    client_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        answer = requests.get(self.url + path, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def upload(self, path: Path) -> str:
        """Put a file into ComfyUI's input folder, as the page does; returns its name there."""
        with path.open("rb") as file:
            answer = requests.post(f"{self.url}/upload/image", files={"image": (path.name, file)}, timeout=60)
        answer.raise_for_status()
        return answer.json()["name"]

    def submit(self, prompt: dict[str, Any]) -> requests.Response:
        body = {"prompt": prompt, "client_id": self.client_id}
        return requests.post(f"{self.url}/prompt", json=body, timeout=60)

    def run(self, prompt: dict[str, Any], on_message: Callable[[dict[str, Any]], None] | None = None) -> Run:
        """Send a prompt that validates, follow it to its end."""
        return asyncio.run(asyncio.wait_for(self._run(prompt, on_message or (lambda message: None)), RUN_S))

    async def _run(self, prompt: dict[str, Any], on_message: Callable[[dict[str, Any]], None]) -> Run:
        messages = []
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self.url}/ws?clientId={self.client_id}", max_msg_size=0) as socket_,
        ):
            answer = await asyncio.to_thread(self.submit, prompt)
            assert answer.status_code == 200, answer.text
            assert answer.json()["node_errors"] == {}
            prompt_id = answer.json()["prompt_id"]
            async for event in socket_:
                if event.type != aiohttp.WSMsgType.TEXT:
                    continue
                message = json.loads(event.data)
                if message.get("data", {}).get("prompt_id", prompt_id) != prompt_id:
                    continue
                messages.append({**message, "time_s": time.monotonic()})
                await asyncio.to_thread(on_message, message)
                if message["type"] in ("execution_success", "execution_error", "execution_interrupted"):
                    break
        return Run(messages=messages, history=await asyncio.to_thread(self._history, prompt_id))

    def _history(self, prompt_id: str) -> dict[str, Any]:
        """A run's entry, which ComfyUI writes a moment after it has told that the run ended."""
        while not (history := self.get(f"/history/{prompt_id}")):
            time.sleep(0.05)
        return history[prompt_id]

    def saved(self, run: Run) -> list[Path]:
        """The files that a run's output nodes wrote."""
        assert run.ended == "execution_success", run.of("execution_error")
        files = [
            entry
            for output in run.history["outputs"].values()
            for entries in output.values()
            for entry in entries
            if isinstance(entry, dict) and "filename" in entry
        ]
        return [self.base / entry["type"] / entry["subfolder"] / entry["filename"] for entry in files]

    def view(self, path: Path) -> bytes:
        """A file of the output folder as the page gets it."""
        query = urlencode(
            {"filename": path.name, "subfolder": str(path.parent.relative_to(self.base / "output")), "type": "output"}
        )
        return requests.get(f"{self.url}/view?{query}", timeout=60).content

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_comfyui(base: Path) -> ComfyServer:
    """Start ComfyUI on a free port, with nothing but this pack, and wait until it answers."""
    (base / "custom_nodes").mkdir(parents=True)
    (base / "custom_nodes" / PACK).symlink_to(PROJECT, target_is_directory=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "main.py", "--cpu", "--disable-api-nodes", "--database-url", "sqlite:///:memory:"]
    command += ["--base-directory", str(base), "--port", str(port)]
    log = base / "comfyui.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=comfyui_dir(), stdout=output, stderr=subprocess.STDOUT)
    server = ComfyServer(base=base, port=port, process=process, log=log)
    deadline = time.monotonic() + START_S
    while True:
        try:
            server.get("/system_stats")
            break
        except requests.RequestException:
            if process.poll() is not None or time.monotonic() > deadline:
                server.stop()
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
                raise RuntimeError(f"ComfyUI in {comfyui_dir()} did not start:\n{tail}") from None
            time.sleep(0.5)
    server.startup_log = log.read_text(errors="replace")
    # Else a dialog with templates covers the page.
    requests.post(f"{server.url}/settings", json={"Comfy.TutorialCompleted": True}, timeout=60).raise_for_status()
    return server
