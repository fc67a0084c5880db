"""Queue every photo with every text, show how far they are, and fetch the videos. Needs Python only.

python batch.py --photos ann.jpg ben.png --texts "Hello." "Good bye." --out videos

Ctrl-C cancels what is queued and what runs. Run again, it makes only the videos that are missing.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any

PROMPT = Path(__file__).with_name("text_to_avatar.json")
POLL_S = 1.0


class Server:
    """ComfyUI's HTTP routes, as far as they are needed here."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, body: bytes, kind: str = "application/json") -> Any:
        request = urllib.request.Request(f"{self.url}{path}", body, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def upload(self, photo: Path) -> str:
        """Put a photo into ComfyUI's input folder; returns its name there."""
        border = uuid.uuid4().hex
        kind = mimetypes.guess_type(photo.name)[0] or "application/octet-stream"
        head = f'--{border}\r\nContent-Disposition: form-data; name="image"; filename="{photo.name}"\r\n'
        body = f"{head}Content-Type: {kind}\r\n\r\n".encode() + photo.read_bytes() + f"\r\n--{border}--\r\n".encode()
        return self.post("/upload/image", body, f"multipart/form-data; boundary={border}")["name"]

    def queue(self, prompt: dict[str, Any]) -> str:
        """Returns the prompt's id. What does not validate is told by node and input."""
        try:
            return self.post("/prompt", json.dumps({"prompt": prompt}).encode())["prompt_id"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"The server refuses the prompt: {error.read().decode()}") from error

    def result(self, prompt_id: str) -> dict[str, Any] | None:
        """The prompt's entry in the history once it has ended."""
        return self.get(f"/history/{prompt_id}").get(prompt_id)

    def cancel(self, prompt_ids: list[str]) -> None:
        """Take prompts out of the queue, and stop the one that runs."""
        self.post("/queue", json.dumps({"delete": prompt_ids}).encode())
        for prompt_id in prompt_ids:
            self.post("/interrupt", json.dumps({"prompt_id": prompt_id}).encode())

    def fetch(self, file: dict[str, str], path: Path) -> None:
        """Download an output; the file appears when it is whole."""
        query = urllib.parse.urlencode({key: file[key] for key in ("filename", "subfolder", "type")})
        partial = path.with_name(f"{path.name}.part")
        with urllib.request.urlopen(f"{self.url}/view?{query}", timeout=600) as answer:
            partial.write_bytes(answer.read())
        partial.replace(path)


def avatar(photo: str, text: str, seed: int) -> dict[str, Any]:
    """The workflow as a prompt, with this photo of the input folder and this text."""
    prompt = json.loads(PROMPT.read_text(encoding="utf-8"))
    of = {node["class_type"]: (key, node) for key, node in prompt.items()}
    of["VloggerTextToSpeech"][1]["inputs"]["text"] = text
    of["VloggerMotionSampler"][1]["inputs"]["seed"] = seed
    example = of["VloggerExampleInput"][0]
    prompt[example] = {"class_type": "LoadImage", "inputs": {"image": photo}}
    return prompt


def outcome(entry: dict[str, Any]) -> dict[str, str] | str:
    """The video's place on the server, or what went wrong."""
    for kind, data in entry["status"]["messages"]:
        if kind == "execution_error":
            return f"{data['node_type']}: {data['exception_message'].strip()}"
        if kind == "execution_interrupted":
            return "cancelled"
    files = [file for output in entry["outputs"].values() for files in output.values() for file in files]
    return next(file for file in files if isinstance(file, dict) and file["filename"].endswith(".mp4"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="http://127.0.0.1:8188")
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--texts", nargs="+", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("videos"))
    args = parser.parse_args()
    server, waiting, failed = Server(args.server), {}, 0
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        for photo in args.photos:
            name = None
            for number, text in enumerate(args.texts, 1):
                path = args.out / f"{photo.stem}_{number:03}.mp4"
                if not path.exists():
                    name = name or server.upload(photo)
                    waiting[server.queue(avatar(name, text, args.seed))] = path
        while waiting:
            for prompt_id, path in list(waiting.items()):
                entry = server.result(prompt_id)
                if entry is None:
                    continue
                del waiting[prompt_id]
                made = outcome(entry)
                if isinstance(made, str):
                    failed += 1
                    print(f"{path.name}: {made}", file=sys.stderr)
                else:
                    server.fetch(made, path)
                    print(f"{path}  ({len(waiting)} left)")
            time.sleep(POLL_S if waiting else 0)
    except KeyboardInterrupt:
        server.cancel(list(waiting))
        print(f"Cancelled; {len(waiting)} videos were not made.", file=sys.stderr)
        return 130
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
