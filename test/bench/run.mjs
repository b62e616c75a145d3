// Measures how fast the simulator is: millions of accesses or requests per CPU second, median of five fresh processes, beside the peers' figures.
// npm run bench [-- CASE...]; without cases all of them. Run it on an idle host: what shares a core or its cache slows CPU time too.
import { spawnSync } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { cases } from './cases.mjs';

const RUNS = 5;
const measure = fileURLToPath(new URL('measure.mjs', import.meta.url));

const known = Object.keys(cases);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`bench: there is no case ${unknown.join(', ')}. There are: ${known.join(', ')}\n`);
  process.exit(2);
}

/** CPU seconds of a case, and of the fixed loop beside it. */
function measured(name) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [measure, name], { encoding: 'utf8' });
  if (status !== 0) {
    process.stderr.write(`bench: ${name} failed\n${stderr}`);
    process.exit(1);
  }
  return JSON.parse(stdout);
}

const load = loadavg()[0];
if (load > availableParallelism() / 2) {
  process.stderr.write(
    `bench: the host is busy (load ${load.toFixed(1)} on ${availableParallelism()} processors): the figures will be too low\n`,
  );
}

const show = (millions) => millions.toPrecision(3);
const median = (sorted) => sorted[sorted.length >> 1];
const ascending = (values) => [...values].sort((a, b) => a - b);
/** Seconds of the fixed loop, all of them. */
const yardsticks = [];
let group = '';
for (const name of wanted.length > 0 ? wanted : known) {
  const { group: title, what, count, target, peers } = cases[name];
  if (title !== group) {
    process.stdout.write(`\n${title}: M/s per CPU second, median of ${RUNS} (slowest to fastest)\n`);
    group = title;
  }
  const runs = Array.from({ length: RUNS }, () => measured(name));
  yardsticks.push(...runs.map(({ yardstick }) => yardstick));
  const rates = ascending(runs.map(({ seconds }) => count / seconds / 1e6));
  const rate = median(rates);
  const goal = target === null ? '' : `; wanted: ${target}${rate >= target ? '' : ', MISSED'}`;
  const others = Object.entries(peers)
    .map(([peer, peerRate]) => `${peer} ${show(peerRate)} (x ${show(rate / peerRate)})`)
    .join(', ');
  process.stdout.write(
    `  ${what.padEnd(16)} ${show(rate).padStart(6)} (${show(rates[0])} to ${show(rates[RUNS - 1])})${goal}; ${others}\n`,
  );
}

const loops = ascending(yardsticks.map((seconds) => seconds * 1e3));
const fastest = loops[0];
const slowest = loops[loops.length - 1];
process.stdout.write(
  `\nhost: a loop that is always the same, beside each run, took ${show(median(loops))} ms (${show(fastest)} to ${show(slowest)}, x ${show(slowest / fastest)}); what varies as much is the host\n`,
);
