// The 3D viewer inside VLOGGER Motion Viewer; it and three.js are loaded when a node first has a motion to show.
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const NODE = "VloggerMotionViewer";
const RESULT = "vlogger_motion";
const MIN_HEIGHT_PX = 440;
const NODE_SIZE_PX = [440, 640];
const MIDDLE = 1;

const shown = new Map(); // Node to its ViewerWidget.

class ViewerWidget {
  constructor(node) {
    this.node = node;
    this.element = document.createElement("div");
    this.element.className = "vlogger-motion-viewer";
    this.element.dataset.captureWheel = "true";
    this.element.style.minHeight = `${MIN_HEIGHT_PX}px`;
    for (const kind of ["pointerdown", "pointermove", "pointerup"]) {
      this.element.addEventListener(kind, (event) => this.forwardMiddle(event));
    }
    const options = { serialize: false, getMinHeight: () => MIN_HEIGHT_PX };
    node.addDOMWidget("viewer", "vlogger_motion_viewer", this.element, options).serialize = false;
    this.element.textContent = "Run the workflow to see the motion.";
    this.result = null;
  }

  show(result) {
    if (!result?.length || JSON.stringify(result) === this.result) return;
    this.result = JSON.stringify(result);
    const takes = result.map((take) => Object.fromEntries(Object.entries(take).map(([k, file]) => [k, fileUrl(file)])));
    this.open(takes).catch((error) => console.error("VLOGGER Motion Viewer:", error));
  }

  async open(takes) {
    const { MotionViewer } = await import("./motion_viewer/viewer.mjs");
    if (!shown.has(this.node)) return;
    this.element.viewer ??= new MotionViewer(this.element, { onIdleWheel: (event) => this.forwardWheel(event) });
    await this.element.viewer.show(takes);
  }

  // ComfyUI's new nodes pass on the wheel themselves.
  forwardWheel(event) {
    if (!LiteGraph.vueNodesMode) app.canvas.processMouseWheel(event);
  }

  // The middle button moves the canvas, wherever it is pressed.
  forwardMiddle(event) {
    if (event.type === "pointermove" ? !(event.buttons & 4) : event.button !== MIDDLE) return;
    const handlers = { pointerdown: "processMouseDown", pointermove: "processMouseMove", pointerup: "processMouseUp" };
    app.canvas[handlers[event.type]](event);
  }

  dispose() {
    this.element.viewer?.dispose();
  }
}

function fileUrl({ filename, subfolder, type }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}

// What the last run gave, also after a change of the workflow tab.
function restore(node) {
  const { graph, id } = node;
  const key = !graph || graph.isRootGraph ? `${id}` : `${graph.id}:${id}`;
  shown.get(node)?.show(app.nodeOutputs?.[key]?.[RESULT]);
}

app.registerExtension({
  name: "VLOGGER.MotionViewer",
  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    shown.set(node, new ViewerWidget(node));
    node.setSize(NODE_SIZE_PX.map((least, i) => Math.max(least, node.size[i])));
    const { onExecuted, onRemoved } = node;
    node.onExecuted = function (output) {
      onExecuted?.apply(this, arguments);
      shown.get(node)?.show(output[RESULT]);
    };
    node.onRemoved = function () {
      onRemoved?.apply(this, arguments);
      shown.get(node)?.dispose();
      shown.delete(node);
    };
  },
  loadedGraphNode(node) {
    restore(node);
  },
  onNodeOutputsUpdated() {
    for (const node of shown.keys()) restore(node);
  },
});
