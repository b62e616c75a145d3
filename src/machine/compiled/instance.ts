/** Instances of the compiled machine. */
import type { MachineImage } from './image.js';
import type { CodeForShape, MachineCode } from './layout.js';

/** What this folder uses of the host's global: Node's own declarations have none of it, and those of browsers come with everything else. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    readonly exports: object;
    constructor(module: Module, imports: object);
  }
}

/** What the compiled machine asks of JavaScript. */
export interface Host {
  /** Appends a core's next tile to its stream. @returns 1, or 0 when there is none */
  refill(core: number): number;
  /** Sees a request before memory takes it; see `MemoryPort.observe`. @param isWrite 1 or 0 */
  observe(line: number, isWrite: number): void;
  /** Gives a ring of requests twice the room. @param pointer of the ring in memory */
  growRing(pointer: number): void;
}

/** The functions of an instance: those of the sources, without the structures that a machine has one of. */
export interface MachineInstance {
  runEvents(events: number, running: number): number;
  enqueueRequest(channel: number, line: number, direction: number, timePs: number, tag: number): void;
  stepChannel(channel: number): number;
  acceptsRequest(channel: number, direction: number): number;
  channelOfLine(line: number): number;
  offerRequests(first: number, end: number, tag: number): number;
}

/** The compiled machine for the data of an image. @throws RangeError where the code lacks that for any shape */
export function instantiate(code: MachineCode, image: MachineImage, host: Host): MachineInstance {
  const imports = {
    env: { memory: image.memory, abort },
    prelude: {
      refill: (core: number) => host.refill(core),
      observe: (line: number, isWrite: number) => host.observe(line, isWrite),
      growRing: (pointer: number) => host.growRing(pointer),
    },
  };
  const fitting = code.shapes.find(({ shape }) =>
    Object.entries(shape).every(([path, value]) => image.valueAt(path) === value),
  );
  if (fitting === undefined) throw new RangeError('the compiled machine has no code for any shape');
  const module = new WebAssembly.Module(specialise(fitting, image));
  return new WebAssembly.Instance(module, imports).exports as unknown as MachineInstance;
}

/** The code with the constants of a machine filled in: what of it never changes is no data to the compiler behind it. */
function specialise({ wasm, constants }: CodeForShape, image: MachineImage): Uint8Array {
  const letters = atob(wasm);
  // A loop: `from` with a function takes fifteen times as long, half of what the start of a short run takes.
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = letters.charCodeAt(at);
  const view = new DataView(bytes.buffer);
  for (const { path, isDouble, places } of constants) {
    const value = image.valueAt(path);
    for (const at of places) {
      if (isDouble) view.setFloat64(at, value, true);
      else writeInteger(bytes, at, value);
    }
  }
  return bytes;
}

/** A 32-bit integer as signed LEB128 in all of its five bytes. */
function writeInteger(bytes: Uint8Array, at: number, value: number): void {
  for (let index = 0; index < 4; index++) bytes[at + index] = ((value >> (7 * index)) & 127) | 128;
  bytes[at + 4] = (value >> 28) & 127;
}

function abort(): never {
  throw new Error('the compiled machine has stopped at an assertion');
}
