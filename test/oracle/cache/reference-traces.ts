/** The references' three address traces, as lines (byte address / 64) and directions. */
import { createXorshift } from '../../../src/trace/patterns.js';

export type TraceName = 'a' | 'b' | 'c';

export interface ReferenceTrace {
  readonly lines: Float64Array;
  /** 1: a write. */
  readonly writes: Uint8Array;
}

/** Makes `accesses` accesses of a trace as the references' description says. */
export function referenceTrace(name: TraceName, accesses: number): ReferenceTrace {
  const lines = new Float64Array(accesses);
  const writes = new Uint8Array(accesses);
  const draw = createXorshift(0x12345678);
  let streamed = 0;
  for (let index = 0; index < accesses; index++) {
    if (name === 'a') lines[index] = index % 4_194_304;
    else if (name === 'b') lines[index] = draw() & 0xffffff;
    else {
      const share = draw() % 100;
      const value = draw();
      if (share < 70) lines[index] = value % 384;
      else if (share < 90) lines[index] = 0x1000_0000 / 64 + (value % 8192);
      else lines[index] = 0x4000_0000 / 64 + streamed++;
      writes[index] = (value >>> 16) % 5 === 0 ? 1 : 0;
    }
  }
  return { lines, writes };
}
