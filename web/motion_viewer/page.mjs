// What the viewer looks like: its elements and its style, kept apart from those of the page by a shadow root.
const ICONS = {
  play: "M7 4.5v15l12.5-7.5z",
  pause: "M6.5 4.5h4v15h-4zM13.5 4.5h4v15h-4z",
  sound: "M3.5 9v6h4l5 4.5v-15L7.5 9zM15.5 8.2a5 5 0 0 1 0 7.6M18 5.5a9 9 0 0 1 0 13",
  muted: "M3.5 9v6h4l5 4.5v-15L7.5 9zM16 9.5l5 5M21 9.5l-5 5",
  loop: "M17 2.5l3.5 3.5L17 9.5M4 11.5V10a4 4 0 0 1 4-4h12M7 21.5L3.5 18 7 14.5M20 12.5V14a4 4 0 0 1-4 4H4",
};
const FILLED = new Set(["play", "pause"]);

export function icon(name) {
  const paint = FILLED.has(name) ? 'fill="currentColor"' : 'fill="none" stroke="currentColor" stroke-width="1.7"';
  return `<svg viewBox="0 0 24 24" aria-hidden="true" ${paint}><path d="${ICONS[name]}"/></svg>`;
}

export const PAGE = `
<style>
  :host {
    --ink: var(--fg-color, #eee);
    --faint: var(--descrip-text, #999);
    --panel: color-mix(in srgb, var(--ink) 5%, transparent);
    display: flex; flex-direction: column; gap: 6px; box-sizing: border-box; min-height: 380px;
    color: var(--ink); font: 12px/1.3 system-ui, sans-serif; outline: none; user-select: none;
  }
  .stage {
    position: relative; flex: 1 1 0; min-height: 140px; overflow: hidden; border-radius: 8px;
    background: radial-gradient(120% 95% at 50% 38%, #7d838c 0%, #4a4f57 55%, #2a2d33 100%);
  }
  .stage canvas { position: absolute; inset: 0; width: 100%; height: 100%; outline: none; cursor: grab; }
  .stage canvas:active { cursor: grabbing; }
  :host(:focus-within) .stage { box-shadow: 0 0 0 1.5px #6aa9ff; }
  .said {
    position: absolute; inset: 0; display: grid; place-content: center; padding: 16px; text-align: center;
    color: #f2f3f5; pointer-events: none; text-wrap: balance;
  }
  .over { position: absolute; top: 8px; display: flex; gap: 4px; }
  .views { right: 8px; }
  .takes { left: 8px; }
  .over button, .takes select {
    padding: 3px 8px; border-radius: 6px; color: #f2f3f5; background: rgba(18, 20, 24, 0.5); font-size: 11px;
  }
  .takes select { border: none; font-family: inherit; }
  .over button[aria-pressed="true"] { background: rgba(18, 20, 24, 0.85); }
  .bar { display: flex; align-items: center; gap: 8px; padding: 0 2px; }
  button { all: unset; box-sizing: border-box; cursor: pointer; }
  button:focus-visible, input:focus-visible, select:focus-visible { outline: 2px solid #6aa9ff; outline-offset: 1px; }
  .bar button { width: 26px; height: 26px; padding: 4px; border-radius: 6px; color: var(--ink); }
  .bar button:hover { background: color-mix(in srgb, var(--ink) 12%, transparent); }
  .bar button[aria-pressed="false"] { color: var(--faint); }
  .bar button[aria-pressed="true"] { color: #6aa9ff; }
  .bar button:disabled { opacity: 0.35; cursor: default; }
  svg { display: block; width: 100%; height: 100%; }
  input[type="range"] { flex: 1; min-width: 40px; height: 16px; margin: 0; accent-color: #f25f5c; cursor: pointer; }
  .time { min-width: 74px; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  .curves {
    display: block; flex: none; width: 100%; border-radius: 8px; background: var(--panel); cursor: crosshair;
    touch-action: none;
  }
  [hidden] { display: none !important; }
</style>
<div class="stage">
  <canvas tabindex="0" role="img" aria-label="The moving body. Drag to turn it, click and scroll to come nearer."></canvas>
  <div class="over takes" hidden><select aria-label="Which motion is shown"></select></div>
  <div class="over views" role="group" aria-label="What is in view">
    <button data-view="face" aria-pressed="false">Face</button>
    <button data-view="bust" aria-pressed="true">Bust</button>
    <button data-view="whole" aria-pressed="false">Body</button>
  </div>
  <div class="said" role="status"></div>
</div>
<div class="bar">
  <button class="play" aria-label="Play" title="Play or pause (space)" disabled>${icon("play")}</button>
  <input type="range" min="0" max="1" step="any" value="0" aria-label="Time" disabled />
  <span class="time">0:00.0 / 0:00.0</span>
  <button class="sound" aria-label="Mute" title="Mute" aria-pressed="false" hidden>${icon("sound")}</button>
  <button class="loop" aria-label="Repeat" title="Repeat" aria-pressed="false">${icon("loop")}</button>
</div>
<canvas class="curves" role="img" aria-label="Speech, jaw, lids and head over time. Click to go to a time." hidden></canvas>
`;
