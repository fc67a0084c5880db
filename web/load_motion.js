// The upload button of VLOGGER Load Motion.
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const ENDINGS = ".safetensors,.bvh";

async function upload(file) {
  const body = new FormData();
  body.append("image", file);
  const answer = await api.fetchApi("/upload/image", { method: "POST", body });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.statusText}`);
  const { name, subfolder } = await answer.json();
  return subfolder ? `${subfolder}/${name}` : name;
}

app.registerExtension({
  name: "VLOGGER.LoadMotion",
  nodeCreated(node) {
    if (node.comfyClass !== "VloggerLoadMotion") return;
    const motion = node.widgets.find((widget) => widget.name === "motion");
    const choose = () => {
      const picker = document.createElement("input");
      picker.type = "file";
      picker.accept = ENDINGS;
      picker.onchange = async () => {
        try {
          const name = await upload(picker.files[0]);
          if (!motion.options.values.includes(name)) motion.options.values.push(name);
          motion.value = name;
          motion.callback?.(name);
          app.graph.setDirtyCanvas(true);
        } catch (error) {
          app.extensionManager.toast.add({ severity: "error", summary: "The upload failed", detail: error.message });
        }
      };
      picker.click();
    };
    node.addWidget("button", "choose file to upload", "motion", choose, { serialize: false }).serialize = false;
  },
});
