import seedrandom from 'seedrandom';

/**
 * A stream of whole numbers in [0, 2^32): 32-bit xorshift with shifts 13, 17 and 5 (Marsaglia, "Xorshift RNGs", 2003), started from the run's seed and the name of the
 * component that draws, so that no component's draws depend on another's.
 */
export function createRandomStream(seed: string, name: string): () => number {
  let state = seedrandom(`${seed}/${name}`).int32();
  // Zero is the one state that xorshift never leaves.
  if (state === 0) state = 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
