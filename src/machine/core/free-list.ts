/**
 * Miss registers (fill buffers, MSHRs) of all instances of one kind, by when they come free.
 *
 * A register whose answer is known stands in its instance's list, ordered by the time at which it is free again; one that still waits for
 * an answer stands nowhere. Taking the first free one is then one comparison, however many registers there are.
 */
export interface FreeList {
  /** Rings, one per instance, of registers by their offsets in `readyPs`. */
  readonly ring: Int32Array;
  readonly head: Int32Array;
  readonly tail: Int32Array;
  /** log2 of a ring's places. */
  readonly shift: number;
  readonly mask: number;
  /** When the register at an offset is free. */
  readonly readyPs: Float64Array;
}

/**
 * @param readyPs register r of instance i stands at offset `first + (i * size + r) * stride`
 * @returns lists in which every register is free
 */
export function createFreeList(
  instances: number,
  size: number,
  readyPs: Float64Array,
  first: number,
  stride: number,
): FreeList {
  const shift = Math.ceil(Math.log2(size));
  const ring = new Int32Array(instances << shift);
  for (let instance = 0; instance < instances; instance++) {
    for (let register = 0; register < size; register++)
      ring[(instance << shift) + register] = first + (instance * size + register) * stride;
  }
  return {
    ring,
    head: new Int32Array(instances),
    tail: new Int32Array(instances).fill(size),
    shift,
    mask: (1 << shift) - 1,
    readyPs,
  };
}

/** The register that is free first, or -1 when every one still waits for an answer. */
export function firstFree(list: FreeList, instance: number): number {
  const at = list.head[instance];
  return at === list.tail[instance] ? -1 : list.ring[(instance << list.shift) + (at & list.mask)];
}

/** Takes the first register out of the list. */
export function takeFree(list: FreeList, instance: number): void {
  list.head[instance]++;
}

/** Puts a register back: it is free from `readyPs[register]` on. */
export function putFree(list: FreeList, instance: number, register: number): void {
  const { ring, mask, readyPs } = list;
  const base = instance << list.shift;
  const from = list.head[instance];
  let at = list.tail[instance]++;
  const ready = readyPs[register];
  // Answers come nearly in order of their time: the place is close to the end.
  while (at !== from && readyPs[ring[base + ((at - 1) & mask)]] > ready) {
    ring[base + (at & mask)] = ring[base + ((at - 1) & mask)];
    at--;
  }
  ring[base + (at & mask)] = register;
}
