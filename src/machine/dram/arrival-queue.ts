/**
 * A growable ring of requests (line, direction, time, tag). Once it is made, only `growRing` allocates. Memories have one per channel in front of
 * their queues, and one of answers that wait to be fetched.
 */
export interface RequestRing {
  count: number;
  head: number;
  line: Float64Array;
  timePs: Float64Array;
  tag: Int32Array;
  direction: Uint8Array;
}

/** @param capacity a power of two */
export function createRequestRing(capacity: number): RequestRing {
  return {
    count: 0,
    head: 0,
    line: new Float64Array(capacity),
    timePs: new Float64Array(capacity),
    tag: new Int32Array(capacity),
    direction: new Uint8Array(capacity),
  };
}

export function pushRequest(
  ring: RequestRing,
  line: number,
  direction: number,
  timePs: number,
  tag: number,
): void {
  if (ring.count === ring.line.length) growRing(ring);
  const index = (ring.head + ring.count) & (ring.line.length - 1);
  ring.line[index] = line;
  ring.direction[index] = direction;
  ring.timePs[index] = timePs;
  ring.tag[index] = tag;
  ring.count++;
}

/** Drops the oldest request, which is the one at index `head` of the arrays. */
export function popRequest(ring: RequestRing): void {
  ring.head = (ring.head + 1) & (ring.line.length - 1);
  ring.count--;
}

/** Doubles the room of a full ring, whose arrays it replaces; the oldest request is then at index 0. */
export function growRing(ring: RequestRing): void {
  const capacity = ring.line.length;
  const larger = createRequestRing(capacity * 2);
  for (let i = 0; i < capacity; i++) {
    const from = (ring.head + i) & (capacity - 1);
    pushRequest(larger, ring.line[from], ring.direction[from], ring.timePs[from], ring.tag[from]);
  }
  Object.assign(ring, larger);
}
