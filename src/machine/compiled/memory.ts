/** What this folder uses of the host's global (see `instance.ts`). */
declare namespace WebAssembly {
  class Memory implements LinearMemory {
    readonly buffer: ArrayBuffer;
    constructor(limits: { readonly initial: number });
    grow(pages: number): number;
  }
}

/** Memory of a compiled machine. */
export interface LinearMemory {
  /** Another one whenever memory has grown. */
  readonly buffer: ArrayBuffer;
  /** @param pages of `PAGE_BYTES` */
  grow(pages: number): number;
}

/** Fixed by WebAssembly. */
export const PAGE_BYTES = 2 ** 16;

export function createMemory(pages: number): LinearMemory {
  return new WebAssembly.Memory({ initial: pages });
}
