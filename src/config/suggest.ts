/** "Did you mean" for keys, names, units and options that nobody knows. */

/** Letters that may differ, per letter of the longer word: beyond this the words have nothing to do with each other. */
const TOLERATED_SHARE = 0.4;

/**
 * Edit distance with transpositions of neighbours (optimal string alignment).
 * @returns how many insertions, deletions, substitutions and swaps turn `a` into `b`
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (last[column - 1] as number) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[column - 2] as number) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] as number;
}

/**
 * The candidate nearest to a misspelt word, or undefined where none is near.
 * Case, hyphens and underscores do not count, and a word that begins a candidate (or the other way round) is near.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = fold(word);
  if (wanted.length === 0) return undefined;
  let best: string | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const known = fold(candidate);
    const longer = Math.max(wanted.length, known.length);
    const isPrefix =
      Math.min(wanted.length, known.length) >= 3 && (known.startsWith(wanted) || wanted.startsWith(known));
    const cost = isPrefix ? Math.min(1.5, editDistance(wanted, known)) : editDistance(wanted, known);
    if (cost > Math.max(1, longer * TOLERATED_SHARE) || cost >= bestCost || cost >= longer) continue;
    best = candidate;
    bestCost = cost;
  }
  return best;
}

/** `Did you mean "x"?` with a leading space, or the empty string. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const nearest = suggest(word, candidates);
  return nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_\s]/g, '');
}
