// Queue the workflow and watch it: node watch.mjs "Hello." [http://127.0.0.1:8188]   (Node 22 or a browser)
import { readFile } from "node:fs/promises";

const [text = "Hello.", server = "http://127.0.0.1:8188"] = process.argv.slice(2);
const prompt = JSON.parse(await readFile(new URL("text_to_avatar.json", import.meta.url), "utf8"));
const speech = Object.values(prompt).find((node) => node.class_type === "VloggerTextToSpeech");
speech.inputs.text = text;

const clientId = crypto.randomUUID();
const socket = new WebSocket(`${server.replace("http", "ws")}/ws?clientId=${clientId}`);
await new Promise((resolve, reject) => {
  socket.onopen = resolve;
  socket.onerror = () => reject(new Error(`There is no ComfyUI at ${server}.`));
});

const answer = await fetch(`${server}/prompt`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ prompt, client_id: clientId }),
});
if (!answer.ok) throw new Error(await answer.text());
const { prompt_id: id } = await answer.json();

process.once("SIGINT", () =>
  fetch(`${server}/interrupt`, { method: "POST", body: JSON.stringify({ prompt_id: id }) }),
);

const ended = await new Promise((resolve) => {
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string") return; // a preview picture
    const { type, data: told } = JSON.parse(data);
    if (told.prompt_id !== id) return;
    if (type === "progress") console.log(`${prompt[told.node].class_type}: ${told.value} of ${told.max}`);
    if (["execution_success", "execution_error", "execution_interrupted"].includes(type)) resolve({ type, told });
  };
});
socket.close();
if (ended.type !== "execution_success") throw new Error(ended.told.exception_message ?? "cancelled");

const history = await (await fetch(`${server}/history/${id}`)).json();
const files = Object.values(history[id].outputs).flatMap((output) => Object.values(output).flat());
const video = files.find((file) => file.filename?.endsWith(".mp4"));
const { filename, subfolder, type } = video;
console.log(`${server}/view?${new URLSearchParams({ filename, subfolder, type })}`);
