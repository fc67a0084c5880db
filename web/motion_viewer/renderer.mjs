// One WebGL context for all viewers of the page: browsers allow few of them.
import { Color, NeutralToneMapping, WebGLRenderer } from "../vendor/three.mjs";

const CLEAR = new Color(0x000000);

let renderer = null;
let users = 0;

export function acquireRenderer() {
  if (!renderer) {
    renderer = new WebGLRenderer({ antialias: true, alpha: true });
    renderer.toneMapping = NeutralToneMapping;
    renderer.setClearColor(CLEAR, 0);
    renderer.setScissorTest(true);
  }
  users += 1;
}

export function releaseRenderer() {
  users -= 1;
  if (users > 0) return;
  renderer.dispose();
  renderer.forceContextLoss();
  renderer = null;
}

// Draws a scene and copies it to a canvas with a 2D context, at that canvas's own size.
export function drawScene(scene, camera, canvas) {
  const { width, height } = canvas;
  const drawing = renderer.domElement;
  if (drawing.width < width || drawing.height < height) {
    renderer.setSize(Math.max(drawing.width, width), Math.max(drawing.height, height), false);
  }
  renderer.setViewport(0, 0, width, height);
  renderer.setScissor(0, 0, width, height);
  renderer.render(scene, camera);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  // WebGL counts rows from below.
  context.drawImage(drawing, 0, drawing.height - height, width, height, 0, 0, width, height);
}
