/**
 * One growable ring per channel of requests that have arrived and wait for a place in the controller's queue, and of answers that wait
 * to be fetched. Growing is the only allocation.
 */
export interface ArrivalQueue {
  /** Requests waiting, per channel. */
  readonly count: Int32Array;
  push(channel: number, line: number, isWrite: number, timePs: number, tag: number): void;
  /** Index of the oldest waiting request in the four arrays below; valid while `count[channel]` is not 0 and nothing is pushed. */
  front(channel: number): number;
  pop(channel: number): void;
  lineAt(channel: number, index: number): number;
  isWriteAt(channel: number, index: number): number;
  timePsAt(channel: number, index: number): number;
  tagAt(channel: number, index: number): number;
}

interface Ring {
  line: Float64Array;
  timePs: Float64Array;
  tag: Int32Array;
  isWrite: Uint8Array;
  head: number;
}

function createRing(capacity: number): Ring {
  return {
    line: new Float64Array(capacity),
    timePs: new Float64Array(capacity),
    tag: new Int32Array(capacity),
    isWrite: new Uint8Array(capacity),
    head: 0,
  };
}

/** @param initialCapacity a power of two */
export function createArrivalQueue(channels: number, initialCapacity: number): ArrivalQueue {
  const count = new Int32Array(channels);
  const rings = Array.from({ length: channels }, () => createRing(initialCapacity));

  function grow(channel: number): void {
    const old = rings[channel];
    const capacity = old.line.length;
    const ring = createRing(capacity * 2);
    for (let i = 0; i < capacity; i++) {
      const from = (old.head + i) & (capacity - 1);
      ring.line[i] = old.line[from];
      ring.timePs[i] = old.timePs[from];
      ring.tag[i] = old.tag[from];
      ring.isWrite[i] = old.isWrite[from];
    }
    rings[channel] = ring;
  }

  return {
    count,
    push(channel, line, isWrite, timePs, tag) {
      if (count[channel] === rings[channel].line.length) grow(channel);
      const ring = rings[channel];
      const index = (ring.head + count[channel]) & (ring.line.length - 1);
      ring.line[index] = line;
      ring.isWrite[index] = isWrite;
      ring.timePs[index] = timePs;
      ring.tag[index] = tag;
      count[channel]++;
    },
    front: (channel) => rings[channel].head,
    pop(channel) {
      const ring = rings[channel];
      ring.head = (ring.head + 1) & (ring.line.length - 1);
      count[channel]--;
    },
    lineAt: (channel, index) => rings[channel].line[index],
    isWriteAt: (channel, index) => rings[channel].isWrite[index],
    timePsAt: (channel, index) => rings[channel].timePs[index],
    tagAt: (channel, index) => rings[channel].tag[index],
  };
}
