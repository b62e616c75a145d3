// A pass of one's own: batch normalisation (BN) clips what it stores, so that the ReLU behind it needs no sweeps of its own.
// Forward, two sweeps go (ReLU's read and write). Backward, BN masks dZ as it loads it, in both of its loops, and ReLU's three sweeps become two reads of the mask.
//
// The function gets the tools that the shipped passes are written with; see docs/passes.md.

/** @param {import('../../src/sweep/user-passes.js').PassToolkit} toolkit */
export default ({ StepEditor, StepIndex, operationsOf, nothingLeft }) => {
  /** BN and ReLU pairs in which nobody but the ReLU sees what BN writes. */
  function findPairs(step) {
    const index = new StepIndex(step);
    return operationsOf(step, 'relu-forward').flatMap((relu) => {
      const bn = index.producerOf(relu.input);
      if (bn?.kind !== 'bn-forward' || bn.relu) return [];
      const readers = index.readersOf(bn.output);
      if (readers.some((reader) => reader !== relu)) return [];
      // The backward halves: ReLU's turns dZ into dY, BN's turns dY into dX.
      const mask = index.readersOf(relu.output).find(({ kind }) => kind === 'relu-backward');
      if (mask === undefined) return [];
      const [backward, ...others] = index.readersOf(mask.output);
      if (backward?.kind !== 'bn-backward' || others.length > 0) return [];
      return [{ bn, relu, mask, backward }];
    });
  }

  return {
    name: 'bn-relu',
    summary: 'BN clips what it stores, and masks the gradient that it loads: the ReLU behind it goes.',
    requires: [],
    ensures: [
      nothingLeft('No ReLU is left that alone reads what a BN writes.', (step) =>
        findPairs(step).map(({ relu }) => relu),
      ),
    ],
    apply(step) {
      const editor = new StepEditor(step);
      for (const { bn, relu, mask, backward } of findPairs(step)) {
        editor.update(bn, (current) => ({ ...current, output: relu.output, relu: true }));
        editor.remove(relu);
        editor.update(backward, (current) => ({
          ...current,
          gradient: mask.gradient,
          maskedBy: mask.value,
        }));
        editor.remove(mask);
      }
      return editor.finish();
    },
  };
};
