import { growRing, type RequestRing } from '../dram/arrival-queue.js';
import type { MachineImage } from './image.js';

/** Gives the ring of requests at a pointer twice the room, on behalf of compiled functions. */
export function growRingAt(image: MachineImage, pointer: number): void {
  image.copyOut();
  const ring = image.dataAt(pointer) as RequestRing;
  growRing(ring);
  image.rewrite(ring);
}
