// The licence of what is bundled goes beside it.
import { copyFileSync } from "node:fs";

copyFileSync("node_modules/three/LICENSE", "../web/vendor/three.LICENSE.txt");
