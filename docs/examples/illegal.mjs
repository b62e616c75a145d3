// Two rewrites that compute something else. Each is refused, with the reason, before anything is executed or simulated: see docs/passes.md.

/** @param {import('../../src/sweep/user-passes.js').PassToolkit} toolkit */
export default ({ StepEditor, StepIndex, operationsOf }) => [
  {
    name: 'drop-barrier',
    summary: 'Illegal: BN is applied while its statistics are still being summed, without the barrier between the two.',
    apply(step) {
      const editor = new StepEditor(step);
      for (const statistics of operationsOf(step, 'bn-statistics')) {
        const normalise = operationsOf(step, 'bn-normalise').find(
          ({ batchNorm }) => batchNorm === statistics.batchNorm,
        );
        if (normalise !== undefined) editor.moveBefore(normalise, statistics);
      }
      return editor.finish();
    },
  },
  {
    name: 'read-early',
    summary: 'Illegal: a CONV runs before the operation that writes its input.',
    apply(step) {
      const editor = new StepEditor(step);
      const index = new StepIndex(step);
      for (const conv of operationsOf(step, 'conv-forward')) {
        const producer = index.producerOf(conv.input);
        if (producer !== null) editor.moveBefore(conv, producer);
      }
      return editor.finish();
    },
  },
];
