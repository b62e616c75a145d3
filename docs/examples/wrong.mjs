// A rewrite that keeps all rules of a training step and computes something else, for normcore verify to find: see docs/verification.md.

/** @param {import('../../src/sweep/user-passes.js').PassToolkit} toolkit */
export default ({ StepEditor, operationsOf }) => ({
  name: 'forget-relu',
  summary: 'Wrong: the CONV behind a ReLU that was fused into it no longer clips what it loads.',
  apply(step) {
    const editor = new StepEditor(step);
    for (const conv of operationsOf(step, 'conv-forward')) {
      if (conv.load?.relu) editor.update(conv, (current) => ({ ...current, load: { ...current.load, relu: false } }));
    }
    return editor.finish();
  },
});
