// Runs one case and prints two CPU times in seconds: that of the run, those of the compiler's and the collector's threads included, without the start of Node, the loading of modules and the
// making of traces; and that of a loop that is always the same, as a measure of the host.
import { cases } from './cases.mjs';

/** CPU seconds that a function takes. */
function timed(run) {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Words of 1 MiB: as much as the hot data of a replay. */
const WORDS = 2 ** 18;
const STEPS = 8_000_000;

/** What a replay does to a host: arithmetic, memory at random, jumps that cannot be foreseen. */
function yardstick(words) {
  let state = 1;
  let sum = 0;
  for (let step = 0; step < STEPS; step++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const at = state & (WORDS - 1);
    if ((state & (1 << 20)) !== 0) sum = (sum + words[at]) | 0;
    else words[at] = sum ^ step;
  }
  return sum;
}

const run = cases[process.argv[2]].prepare();
const words = new Int32Array(WORDS);
// Once for the host's compiler.
yardstick(words);
const before = timed(() => yardstick(words));
const seconds = timed(run);
const after = timed(() => yardstick(words));
process.stdout.write(`${JSON.stringify({ seconds, yardstick: (before + after) / 2 })}\n`);
