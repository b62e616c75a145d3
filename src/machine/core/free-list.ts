/**
 * Miss registers (fill buffers, MSHRs) of all instances of one kind, by when they come free.
 *
 * A register whose answer is known stands in its instance's list, ordered by the time at which it is free again; one that still waits for
 * an answer stands nowhere. Taking the first free one is then one comparison, however many registers there are.
 */
export interface FreeList {
  /** The register that is free first, or -1 when every one still waits for an answer. */
  first(instance: number): number;
  /** Takes the first register out of the list. */
  take(instance: number): void;
  /** Puts a register back: it is free from `readyPs[register]` on. */
  put(instance: number, register: number): void;
}

/** @param readyPs by register; register r of instance i is i * size + r */
export function createFreeList(instances: number, size: number, readyPs: Float64Array): FreeList {
  let capacity = 1;
  while (capacity < size) capacity *= 2;
  const mask = capacity - 1;
  const ring = new Int32Array(instances * capacity);
  const head = new Int32Array(instances);
  const tail = new Int32Array(instances);
  for (let instance = 0; instance < instances; instance++) {
    for (let register = 0; register < size; register++)
      ring[instance * capacity + register] = instance * size + register;
    tail[instance] = size;
  }
  return {
    first(instance) {
      const at = head[instance] as number;
      return at === (tail[instance] as number) ? -1 : (ring[instance * capacity + (at & mask)] as number);
    },
    take(instance) {
      head[instance] = (head[instance] as number) + 1;
    },
    put(instance, register) {
      const base = instance * capacity;
      const from = head[instance] as number;
      let at = tail[instance] as number;
      tail[instance] = at + 1;
      const ready = readyPs[register] as number;
      // Answers come nearly in order of their time: the place is close to the end.
      while (at !== from && (readyPs[ring[base + ((at - 1) & mask)] as number] as number) > ready) {
        ring[base + (at & mask)] = ring[base + ((at - 1) & mask)] as number;
        at--;
      }
      ring[base + (at & mask)] = register;
    },
  };
}
