// The moving body under studio light, drawn only when something asks for it.
import {
  AnimationMixer,
  DirectionalLight,
  GLTFLoader,
  HemisphereLight,
  OrbitControls,
  PerspectiveCamera,
  Scene,
  TextureLoader,
} from "../vendor/three.mjs";
import { frameBox, measureBody } from "./framing.mjs";
import { acquireRenderer, drawScene, releaseRenderer } from "./renderer.mjs";

const FOV_DEG = 26;
const MAX_PIXEL_RATIO = 2;
// Colour, strength, and where from, seen from a body that faces +Z.
const LIGHTS = [
  [0xfff1e2, 1.35, [-1.4, 1.7, 2.6]],
  [0xe6eeff, 0.8, [2.6, 0.6, 1.8]],
  [0xffffff, 1.2, [1.4, 1.8, -2.2]],
];
const SKY = [0xffffff, 0xa39a94, 1.75];

export class Stage {
  constructor(canvas, { onTurn }) {
    acquireRenderer();
    this.canvas = canvas;
    this.camera = new PerspectiveCamera(FOV_DEG, 1);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.enableZoom = false;
    this.controls.mouseButtons = { LEFT: 0, RIGHT: 2 };
    this.controls.addEventListener("change", onTurn);
    this.scene = null;
    this.view = "bust";
    this.turned = false;
    this.controls.addEventListener("start", () => (this.turned = true));
  }

  // Shows another body; the view stays where it was turned to.
  async load(url, signal) {
    const answer = await fetch(url, { signal });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    const gltf = await new GLTFLoader().register(withImages).parseAsync(await answer.arrayBuffer(), "");
    if (signal.aborted) return disposeScene(gltf.scene);
    this.clear();
    this.scene = new Scene();
    this.scene.add(gltf.scene);
    this.mixer = new AnimationMixer(gltf.scene);
    this.actions = gltf.animations.map((clip) => {
      const action = this.mixer.clipAction(clip).play();
      action.paused = true;
      return action;
    });
    // The bounds of a skinned body with blend shapes cost more than drawing it.
    gltf.scene.traverse((object) => (object.frustumCulled = false));
    this.seek(0);
    this.body = measureBody(gltf.scene);
    this.light();
    if (!this.turned) this.look(this.view);
  }

  light() {
    const { whole, forward } = this.body;
    this.scene.add(new HemisphereLight(...SKY));
    const turn = Math.atan2(forward.x, forward.z);
    for (const [colour, strength, from] of LIGHTS) {
      const light = new DirectionalLight(colour, strength);
      light.position.set(...from).applyAxisAngle(light.up, turn);
      whole.getCenter(light.target.position);
      light.position.add(light.target.position);
      this.scene.add(light, light.target);
    }
  }

  // Frames "face", "bust" or "whole" anew.
  look(view) {
    this.view = view;
    this.turned = false;
    if (!this.scene) return;
    frameBox(this.camera, this.controls.target, this.body[view], this.body.forward);
    this.controls.update();
  }

  seek(time_s) {
    for (const action of this.actions ?? []) action.time = Math.min(time_s, action.getClip().duration);
    this.mixer?.update(0);
  }

  resize(width, height) {
    const ratio = Math.min(window.devicePixelRatio, MAX_PIXEL_RATIO);
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.camera.aspect = this.canvas.width / this.canvas.height;
    this.camera.updateProjectionMatrix();
    if (!this.turned) this.look(this.view);
  }

  draw() {
    if (this.scene) drawScene(this.scene, this.camera, this.canvas);
  }

  clear() {
    if (!this.scene) return;
    this.mixer.stopAllAction();
    this.mixer.uncacheRoot(this.mixer.getRoot());
    disposeScene(this.scene);
    this.scene = this.mixer = this.actions = null;
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  dispose() {
    this.clear();
    this.controls.dispose();
    releaseRenderer();
  }
}

// Textures as images: a ComfyUI that stays offline lets no page fetch the blobs of image bitmaps.
function withImages(parser) {
  parser.textureLoader = new TextureLoader(parser.options.manager);
  return { name: "images" };
}

function disposeScene(scene) {
  scene.traverse((object) => {
    object.geometry?.dispose();
    object.skeleton?.dispose();
    for (const material of [object.material ?? []].flat()) {
      for (const value of Object.values(material)) if (value?.isTexture) value.dispose();
      material.dispose();
    }
  });
}
