import { it } from 'vitest';
import { applySchedule } from '../../../src/schedule/apply.js';
import { operandsOf } from '../../../src/schedule/operands.js';
import { sweepBytes } from '../../../src/training/tensors.js';
import { zooStep } from './steps.js';
import type { TrainingStep } from '../../../src/training/step.js';
function traffic(step: TrainingStep) {
  const out = { forward: 0, backward: 0, update: 0 };
  for (const op of step.operations) {
    const o = operandsOf(op, step);
    const b = (t: string) => { const x = step.tensors.get(t)!; return x.role === 'feature' || x.role === 'feature-gradient' ? sweepBytes(x) : 0; };
    let r = o.reads.reduce((s, t) => s + b(t), 0);
    const w = o.writes.reduce((s, t) => s + b(t.tensor), 0);
    if (op.kind === 'bn-forward') r *= op.statistics === 'two-pass' ? 3 : 2;
    if (op.kind === 'bn-statistics' && op.statistics === 'two-pass') r *= 2;
    if (op.kind === 'bn-backward') r *= 2;
    out[op.phase] += (r + w) / 1e9;
  }
  return `${out.forward.toFixed(2)} ${out.backward.toFixed(2)} ${(out.forward + out.backward).toFixed(2)}`;
}
it('traffic', () => {
  for (const n of ['densenet121', 'resnet50']) {
    const base = zooStep(n, { batch: 120 });
    for (const s of ['baseline', 'rcf', 'rcf+mvf', 'bnff', 'bnff+icf']) {
      const t = performance.now();
      const st = applySchedule(base, s);
      console.log(n, s, traffic(st), st.operations.length, st.tensors.size, (performance.now() - t).toFixed(0), 'ms');
    }
    console.log(n, 'storeZ', traffic(applySchedule(base, 'bnff', { storeZ: true })), 'noDx', traffic(applySchedule(base, 'bnff', { materialiseDx: false })));
    const fused = zooStep(n, { batch: 120, fuseBnRelu: true });
    for (const s of ['baseline', 'rcf', 'bnff', 'bnff+icf']) console.log('fusedBase', n, s, traffic(applySchedule(fused, s)));
  }
  for (const n of ['vgg16', 'alexnet', 'conv-bn-relu-conv']) for (const s of ['baseline', 'rcf', 'bnff+icf']) console.log(n, s, traffic(applySchedule(zooStep(n, {batch: 120}), s)));
});
