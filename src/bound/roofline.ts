/** The roofline bound (Williams, Waterman and Patterson, CACM 52(4), 2009): no kernel is faster than its bytes over the bandwidth, or its flops over the peak. */

/** What a machine can do at most. */
export interface Peaks {
  /** Peak bandwidth of main memory, bytes per second; Infinity is legal. */
  readonly bytesPerSecond: number;
  /** Peak arithmetic rate, floating-point operations per second (a fused multiply-add counts 2). */
  readonly flopsPerSecond: number;
}

/** What a kernel, or a whole step, must do at least. */
export interface Work {
  /** Bytes between chip and main memory. */
  readonly bytes: number;
  readonly flops: number;
}

/** Time that the work takes at least, in seconds. */
export function rooflineSeconds({ bytes, flops }: Work, { bytesPerSecond, flopsPerSecond }: Peaks): number {
  return Math.max(bytes / bytesPerSecond, flops / flopsPerSecond);
}

/** What bounds the work: whichever takes longer. At the ridge, compute. */
export function rooflineLimit(work: Work, peaks: Peaks): 'memory' | 'compute' {
  return work.bytes / peaks.bytesPerSecond > work.flops / peaks.flopsPerSecond ? 'memory' : 'compute';
}

/** Floating-point operations per byte from which on the machine is bound by compute. */
export function ridgePoint({ bytesPerSecond, flopsPerSecond }: Peaks): number {
  return flopsPerSecond / bytesPerSecond;
}
