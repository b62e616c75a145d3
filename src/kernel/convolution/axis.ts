/**
 * One axis of a convolution's sliding window, forward or backward-data: which input index an output index reads through a tap, and what follows from
 * it for the order in which rows are first needed.
 */

/** One axis of the sliding window as seen from the tensor that is produced. */
export interface Axis {
  /** Extent of the produced tensor. */
  readonly outSize: number;
  /** Extent of the tensor that is read. */
  readonly inSize: number;
  readonly taps: number;
  /** Index that output `out` reads through tap `tap`, or -1 where the tap falls into the padding or between strides. */
  hit(out: number, tap: number): number;
}

/** The axis of a forward convolution: in = out * stride - pad + tap. */
export function forwardAxis(
  inSize: number,
  outSize: number,
  taps: number,
  stride: number,
  pad: number,
): Axis {
  return {
    outSize,
    inSize,
    taps,
    hit(out, tap) {
      const at = out * stride - pad + tap;
      return at >= 0 && at < inSize ? at : -1;
    },
  };
}

/** The axis of backward-data, which produces the input's gradient from the output's: out = (in + pad - tap) / stride where that is whole. */
export function backwardAxis(
  inSize: number,
  outSize: number,
  taps: number,
  stride: number,
  pad: number,
): Axis {
  return {
    outSize: inSize,
    inSize: outSize,
    taps,
    hit(out, tap) {
      const scaled = out + pad - tap;
      if (scaled < 0 || scaled % stride !== 0) return -1;
      const at = scaled / stride;
      return at < outSize ? at : -1;
    },
  };
}

/** For each output index of an axis: the range of input indices that it needs and the taps that hit. */
export interface AxisNeeds {
  /** Lowest index that this output or a later one needs; never falls from one output to the next. */
  readonly low: Int32Array;
  /** Exclusive; never falls from one output to the next. */
  readonly high: Int32Array;
  readonly hits: Int32Array;
}

export function axisNeeds(axis: Axis): AxisNeeds {
  const low = new Int32Array(axis.outSize);
  const high = new Int32Array(axis.outSize);
  const hits = new Int32Array(axis.outSize);
  let reached = 0;
  for (let out = 0; out < axis.outSize; out++) {
    let from = Number.POSITIVE_INFINITY;
    let to = 0;
    for (let tap = 0; tap < axis.taps; tap++) {
      const at = axis.hit(out, tap);
      if (at < 0) continue;
      from = Math.min(from, at);
      to = Math.max(to, at + 1);
      hits[out] = (hits[out] as number) + 1;
    }
    reached = Math.max(reached, to);
    high[out] = reached;
    low[out] = Math.min(from, reached);
  }
  for (let out = axis.outSize - 2; out >= 0; out--)
    low[out] = Math.min(low[out] as number, low[out + 1] as number);
  return { low, high, hits };
}

/** Indices of the read tensor that no output needs (a stride larger than the filter, or a remainder at the end): false there. */
export function neededIndices(axis: Axis): boolean[] {
  const needed = new Array<boolean>(axis.inSize).fill(false);
  for (let out = 0; out < axis.outSize; out++) {
    for (let tap = 0; tap < axis.taps; tap++) {
      const at = axis.hit(out, tap);
      if (at >= 0) needed[at] = true;
    }
  }
  return needed;
}

/**
 * Calls `visit` with the stretches of input rows that output rows [from, to) need beyond row `reached`, merged where they touch. Rows that
 * fall between strides are left out.
 */
export function visitFreshRows(
  needs: AxisNeeds,
  from: number,
  to: number,
  reached: number,
  visit: (from: number, to: number) => void,
): void {
  let start = reached;
  let end = reached;
  for (let out = from; out < to; out++) {
    const low = Math.max(end, needs.low[out] as number);
    const high = needs.high[out] as number;
    if (high <= low) continue;
    if (low > end && end > start) {
      visit(start, end);
    }
    if (low > end || end === start) start = low;
    end = high;
  }
  if (end > start) visit(start, end);
}

/** Maximal runs [from, to) of flags that are set. */
export function spansOf(flags: readonly boolean[]): [number, number][] {
  const spans: [number, number][] = [];
  let from = -1;
  for (let i = 0; i <= flags.length; i++) {
    const isSet = flags[i] === true;
    if (isSet && from < 0) from = i;
    if (!isSet && from >= 0) {
      spans.push([from, i]);
      from = -1;
    }
  }
  return spans;
}
