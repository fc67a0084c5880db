// Where the camera stands: found from the body as it is posed, whatever its size and wherever it is.
import { Box3, Vector3 } from "../vendor/three.mjs";

const AZIMUTH = (26 * Math.PI) / 180;
const ELEVATION = (5 * Math.PI) / 180;
const MARGIN = 1.1;
const MAX_POINTS = 3000;
const UP = new Vector3(0, 1, 0);

// The parts of the body, in metres, world frame: { whole, head, shoulders: [left, right], forward }.
export function measureBody(scene) {
  scene.updateMatrixWorld(true);
  const points = surfacePoints(scene);
  const whole = new Box3().setFromPoints(points);
  const at = (name) => scene.getObjectByName(name)?.getWorldPosition(new Vector3());
  const [left, right, neck] = ["left_shoulder", "right_shoulder", "neck"].map(at);
  if (!left || !right || !neck) return { whole, bust: whole, face: whole, forward: new Vector3(0, 0, 1) };
  const forward = left.clone().sub(right).cross(UP).normalize();
  const width = left.distanceTo(right);
  const near = (point) => Math.hypot(point.x - neck.x, point.z - neck.z) < width;
  const head = points.filter((point) => point.y > neck.y && near(point));
  const face = new Box3().setFromPoints(head.length ? head : points);
  const bust = face.clone().expandByPoint(left).expandByPoint(right);
  bust.min.y = Math.min(left.y, right.y) - 0.2 * (face.max.y - neck.y);
  return { whole, bust, face, forward };
}

// Puts the camera in three-quarter view before a box, all of it in the picture.
export function frameBox(camera, target, box, forward) {
  const size = box.getSize(new Vector3());
  box.getCenter(target);
  const tangent = Math.tan((camera.fov * Math.PI) / 360);
  const across = Math.hypot(size.x, size.z * Math.sin(AZIMUTH));
  const distance = Math.max(size.y / 2 / tangent, across / 2 / tangent / camera.aspect) * MARGIN + size.z / 2;
  camera.position.copy(forward).applyAxisAngle(UP, AZIMUTH).multiplyScalar(Math.cos(ELEVATION));
  camera.position.y += Math.sin(ELEVATION);
  camera.position.multiplyScalar(distance).add(target);
  camera.near = distance / 50;
  camera.far = distance * 50;
  camera.lookAt(target);
  camera.updateProjectionMatrix();
}

function surfacePoints(scene) {
  const meshes = [];
  scene.traverse((object) => object.isMesh && meshes.push(object));
  const total = meshes.reduce((sum, mesh) => sum + mesh.geometry.attributes.position.count, 0);
  const step = Math.max(1, Math.ceil(total / MAX_POINTS));
  const points = [];
  for (const mesh of meshes) {
    mesh.skeleton?.update();
    for (let i = 0; i < mesh.geometry.attributes.position.count; i += step) {
      points.push(mesh.getVertexPosition(i, new Vector3()).applyMatrix4(mesh.matrixWorld));
    }
  }
  return points;
}
