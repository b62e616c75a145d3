// Walks the op streams of all kernels of a network under a schedule, for every thread of a machine, and prints each rule that one breaks:
// node docs/examples/check-kernels.mjs NETWORK SCHEDULE MACHINE BATCH [PASS-FILE ...], after a build. See docs/verification.md.
import { loadMachine, loadText } from '../../dist/config/load.js';
import { checkProgram } from '../../dist/kernel/check/program.js';
import { lowerProgram } from '../../dist/kernel/lower.js';
import { parseNetwork } from '../../dist/network/parse.js';
import { applySchedule } from '../../dist/schedule/apply.js';
import { wholeSample } from '../../dist/simulate/share.js';
import { targetOf } from '../../dist/simulate/target.js';
import { DEFAULT_SCHEDULE, DEFAULT_SOFTWARE } from '../../dist/sweep/point-options.js';
import { loadUserPasses } from '../../dist/sweep/user-passes.js';
import { buildTrainingStep } from '../../dist/training/build.js';

const [network = 'conv-bn-relu-conv', schedule = 'bnff', machine = 'teaching', images = '4', ...passFiles] =
  process.argv.slice(2);
const batch = Number(images);
const spec = loadMachine(machine);
const { file, text } = loadText('network', network);
const baseline = buildTrainingStep(parseNetwork(text, file), { batch });
const step = applySchedule(baseline, schedule, DEFAULT_SCHEDULE, await loadUserPasses(passFiles));
const target = targetOf(spec, wholeSample(spec, batch), batch);
const { kernels, problems } = checkProgram(step, lowerProgram(step, target, DEFAULT_SOFTWARE));
for (const problem of problems) console.log(problem);
console.log(
  `${network}, ${schedule}: ${kernels} kernels on ${target.threads} threads, ${problems.length} broken rules`,
);
process.exitCode = problems.length > 0 ? 1 : 0;
