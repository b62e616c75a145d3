/**
 * MKL-DNN's `balance211`: cuts `work` items into `threads` contiguous shares that differ by one item at most, the larger ones first.
 * Source: MKL-DNN, src/common/utils.hpp.
 */

/** First item of `thread`'s share; the share of thread t is [shareStart(t), shareStart(t + 1)). */
export function shareStart(work: number, threads: number, thread: number): number {
  const small = Math.floor(work / threads);
  return thread * small + Math.min(thread, work - small * threads);
}

/** Items of `thread`'s share. */
export function shareSize(work: number, threads: number, thread: number): number {
  return shareStart(work, threads, thread + 1) - shareStart(work, threads, thread);
}
