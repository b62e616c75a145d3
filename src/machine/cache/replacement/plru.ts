import type { ReplacementKind } from './policy.js';

/**
 * Tree pseudo-LRU: a binary tree of one bit per inner node over the ways of a set (So and Rechtschaffen, "Cache operations by MRU change", IEEE Transactions on
 * Computers 37(6), 1988; the i486 has it over 4 ways). An access makes every node on the way to its line point to the other half; the victim is where the nodes point to from the root.
 */
export const plru: ReplacementKind = {
  sentence: 'where a tree of one bit per pair of halves points to, each access making its path point away',
  refuses: (ways) =>
    Number.isInteger(Math.log2(ways))
      ? undefined
      : `${ways} ways have no binary tree; plru needs a power of two`,
  create({ sets, ways }) {
    // Node 1 of a set is the root, node n has the children 2n (left) and 2n + 1; way w is node ways + w. 1: the victim is on the right.
    const nodes = new Uint8Array(sets * ways);

    function touch(_entries: unknown, base: number, at: number): number {
      for (let node = ways + at - base; node > 1; node >>= 1) nodes[base + (node >> 1)] = 1 - (node & 1);
      return at;
    }

    return {
      hit: touch,
      fill: touch,
      victim(_entries, base) {
        let node = 1;
        while (node < ways) node = 2 * node + (nodes[base + node] as number);
        return base + node - ways;
      },
    };
  },
};
