/** Instances of the compiled machine. */
import type { MachineCode } from './layout.js';

/** What this file uses of the host's global: Node's own declarations have none of it, and those of browsers come with everything else. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    readonly exports: object;
    constructor(module: Module, imports: object);
  }
}

/** Memory of a compiled machine. */
export interface LinearMemory {
  /** Another one whenever memory has grown. */
  readonly buffer: ArrayBuffer;
  /** @param pages of 64 KiB */
  grow(pages: number): number;
}

/** What the compiled machine asks of JavaScript. */
export interface Host {
  /** Appends a core's next tile to its stream. @returns 1, or 0 when there is none */
  refill(core: number): number;
  /** Gives a ring of requests twice the room. */
  growRing(pointer: number): void;
}

/** The functions of an instance. Pointers are bytes in its memory. */
export interface MachineInstance {
  readonly memory: LinearMemory;
  dataStart(): number;
  bindState(engine: number, port: number, channels: number, ideal: number): void;
  runEvents(engine: number, events: number, running: number): number;
  enqueueRequest(
    set: number,
    channel: number,
    line: number,
    direction: number,
    timePs: number,
    tag: number,
  ): void;
  stepChannel(set: number, channel: number): number;
  acceptsRequest(set: number, channel: number, direction: number): number;
  channelOfLine(set: number, line: number): number;
}

const modules = new WeakMap<MachineCode, WebAssembly.Module>();

export function instantiate(code: MachineCode, host: Host): MachineInstance {
  let module = modules.get(code);
  if (module === undefined) {
    module = new WebAssembly.Module(Uint8Array.from(atob(code.wasm), (letter) => letter.charCodeAt(0)));
    modules.set(code, module);
  }
  const imports = {
    host: { refill: (core: number) => host.refill(core), growRing: (ring: number) => host.growRing(ring) },
    env: { abort },
  };
  return new WebAssembly.Instance(module, imports).exports as unknown as MachineInstance;
}

function abort(): never {
  throw new Error('the compiled machine has stopped at an assertion');
}
