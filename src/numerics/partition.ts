/** How the simulated threads share a sweep over a feature map: contiguous ranges of (image, row), as MKL-DNN's `balance211` splits them. */

/** First and one-past-last item of thread `thread` of `threads`; sizes differ by at most one, the larger shares come first. */
export function shareOf(items: number, threads: number, thread: number): { begin: number; end: number } {
  const small = Math.floor(items / threads);
  const larger = items - small * threads;
  const begin = thread * small + Math.min(thread, larger);
  return { begin, end: begin + small + (thread < larger ? 1 : 0) };
}

/**
 * Visits the rows of all images, thread by thread and within a thread in order, as one call per thread and image.
 * @param visit receives the thread, the image and the rows [firstRow, endRow) of it
 */
export function forEachShare(
  images: number,
  rows: number,
  threads: number,
  visit: (thread: number, image: number, firstRow: number, endRow: number) => void,
): void {
  for (let thread = 0; thread < threads; thread++) {
    const { begin, end } = shareOf(images * rows, threads, thread);
    for (let item = begin; item < end; ) {
      const image = Math.floor(item / rows);
      const firstRow = item - image * rows;
      const endRow = Math.min(rows, firstRow + end - item);
      visit(thread, image, firstRow, endRow);
      item += endRow - firstRow;
    }
  }
}
