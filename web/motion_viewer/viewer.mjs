// The motion viewer: a moving body, its speech and its curves on one clock. Knows nothing of ComfyUI.
import { Clock } from "./clock.mjs";
import { Curves } from "./curves.mjs";
import { PAGE, icon } from "./page.mjs";
import { Stage } from "./stage.mjs";

const NOTHING = "Run the workflow to see the motion.";

export class MotionViewer {
  // onIdleWheel gets the wheel's turns over the body while the viewer is not in use.
  constructor(host, { onIdleWheel }) {
    this.host = host;
    this.takes = [];
    this.loading = null;
    this.wanted = false;
    this.seen = false;
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    root.innerHTML = PAGE;
    this.find = (selector) => root.querySelector(selector);
    [this.said, this.scrub, this.playButton] = [".said", "input", ".play"].map(this.find);
    this.clock = new Clock({ onState: () => this.ask() });
    this.curves = new Curves(this.find(".curves"), { onSeek: (time_s) => this.seek(time_s) });
    try {
      this.stage = new Stage(this.find(".stage canvas"), { onTurn: () => this.ask() });
    } catch (error) {
      console.warn("VLOGGER Motion Viewer:", error.message);
      this.stage = null;
    }
    this.listen(root, onIdleWheel);
    this.say(NOTHING);
  }

  listen(root, onIdleWheel) {
    const host = this.host;
    this.playButton.onclick = () => this.toggle();
    this.scrub.oninput = () => this.seek(Number(this.scrub.value));
    this.find(".loop").onclick = (event) => press(event.currentTarget, (this.repeats = !this.repeats));
    this.find(".sound").onclick = () => this.mute(!this.clock.muted);
    this.find("select").onchange = (event) => this.open(Number(event.target.value));
    for (const button of root.querySelectorAll("[data-view]")) button.onclick = () => this.look(button.dataset.view);
    const canvas = this.find(".stage canvas");
    canvas.ondblclick = () => this.look(this.stage?.view ?? "bust");
    canvas.addEventListener("pointerdown", () => canvas.focus({ preventScroll: true }));
    // Zooms the body only after a click on it: who passes by means the page below.
    canvas.onfocus = () => this.stage && (this.stage.controls.enableZoom = true);
    canvas.onblur = () => this.stage && (this.stage.controls.enableZoom = false);
    host.addEventListener("wheel", (event) => {
      if (root.activeElement === canvas && event.composedPath()[0] === canvas) event.stopPropagation();
      else onIdleWheel?.(event);
    });
    root.addEventListener("keydown", (event) => this.onKey(event));
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.find(".stage"));
    this.sizes.observe(this.find(".curves"));
    this.sight = new IntersectionObserver(([entry]) => {
      this.seen = entry.isIntersecting;
      this.ask();
    });
    this.sight.observe(host);
    this.theme = new MutationObserver(() => this.curves.render());
    for (const element of [document.documentElement, document.body]) {
      this.theme.observe(element, { attributes: true, attributeFilter: ["class", "style"] });
    }
  }

  // Each take is { model, curves, audio }: addresses of a GLB, a JSON and, if there is speech, a sound.
  show(takes) {
    this.takes = takes;
    const select = this.find("select");
    select.replaceChildren(...takes.map((_, i) => new Option(`Motion ${i + 1} of ${takes.length}`, i)));
    this.find(".takes").hidden = takes.length < 2;
    return this.open(0);
  }

  async open(index) {
    this.loading?.abort();
    const { signal } = (this.loading = new AbortController());
    const { model, curves, audio } = this.takes[index];
    this.clock.close();
    this.say("Loading the motion …");
    try {
      const data = await readJson(curves, signal);
      await this.stage?.load(model, signal);
      if (signal.aborted) return;
      this.say(this.stage ? "" : "This browser shows no 3D: WebGL is switched off.");
      await this.clock.load(audio, data.duration_s).catch((error) => this.say(`No sound: ${error.message}.`));
      if (signal.aborted) return;
      this.fill(data);
    } catch (error) {
      if (!signal.aborted) this.say(`The motion could not be loaded (${error.message}). ${NOTHING}`);
    }
  }

  fill(data) {
    this.data = data;
    this.scrub.max = data.duration_s;
    this.scrub.disabled = this.playButton.disabled = false;
    this.find(".sound").hidden = !this.clock.hasAudio;
    this.find(".curves").hidden = false;
    this.curves.show(data);
    this.seek(0);
    this.host.dataset.ready = "";
  }

  say(text) {
    this.said.textContent = text;
    if (text) delete this.host.dataset.ready;
  }

  toggle() {
    if (!this.data) return;
    if (this.clock.playing) this.clock.pause();
    else this.clock.play();
  }

  seek(time_s) {
    this.clock.seek(time_s);
    this.ask();
  }

  mute(muted) {
    this.clock.setMuted(muted);
    const button = this.find(".sound");
    button.innerHTML = icon(muted ? "muted" : "sound");
    press(button, muted);
  }

  look(view) {
    this.stage?.look(view);
    for (const button of this.find(".views").children) press(button, button.dataset.view === view);
    this.ask();
  }

  onKey(event) {
    const onButton = event.target.closest("button, select");
    const frame_s = this.data ? 1 / this.data.fps : 0;
    const actions = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.seek(this.clock.time_s - frame_s),
      ArrowRight: () => this.seek(this.clock.time_s + frame_s),
      Home: () => this.seek(0),
      End: () => this.seek(this.clock.duration_s),
    };
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation();
    if (onButton) return;
    event.preventDefault();
    action();
  }

  resize() {
    const [stage, curves] = [this.find(".stage"), this.find(".curves")];
    if (stage.clientWidth) this.stage?.resize(stage.clientWidth, stage.clientHeight);
    if (curves.clientWidth) this.curves.resize(curves.clientWidth, curves.clientHeight);
    this.draw();
  }

  // Draws once before the next picture of the page, and again after it while the motion plays.
  ask() {
    if (this.wanted || !this.host) return;
    this.wanted = true;
    requestAnimationFrame(() => {
      this.wanted = false;
      if (!this.host) return;
      if (this.clock.playing && this.clock.time_s >= this.clock.duration_s) this.end();
      if (!this.seen) return;
      this.draw();
      if (this.clock.playing) this.ask();
    });
  }

  end() {
    if (!this.repeats) return this.clock.pause();
    this.clock.seek(0);
    this.clock.play();
  }

  draw() {
    const time_s = this.clock.time_s;
    this.stage?.seek(time_s);
    this.stage?.draw();
    this.curves.draw(time_s);
    this.scrub.value = time_s;
    this.scrub.setAttribute("aria-valuetext", `${time_s.toFixed(1)} seconds`);
    this.find(".time").textContent = `${clockText(time_s)} / ${clockText(this.clock.duration_s)}`;
    const shown = this.clock.playing ? "pause" : "play";
    if (this.playButton.dataset.shown === shown) return;
    this.playButton.dataset.shown = shown;
    this.playButton.innerHTML = icon(shown);
    this.playButton.setAttribute("aria-label", shown === "play" ? "Play" : "Pause");
  }

  dispose() {
    this.loading?.abort();
    for (const observer of [this.sizes, this.sight, this.theme]) observer.disconnect();
    this.clock.close();
    this.stage?.dispose();
    this.host.shadowRoot.replaceChildren();
    this.host = null;
  }
}

async function readJson(url, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.json();
}

function press(button, pressed) {
  button.setAttribute("aria-pressed", String(pressed));
}

function clockText(time_s) {
  const tenths = Math.floor(time_s * 10 + 1e-6);
  const [minutes, rest] = [Math.floor(tenths / 600), tenths % 600];
  return `${minutes}:${String(Math.floor(rest / 10)).padStart(2, "0")}.${rest % 10}`;
}
