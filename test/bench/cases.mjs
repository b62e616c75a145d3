// What is measured: accesses or requests simulated, on the built package. The peers' figures are those of the reference results, per CPU second of the same host.
import { fileURLToPath } from 'node:url';
import { loadDramPart, loadMachine } from '../../dist/config/load.js';
import { toDramController } from '../../dist/config/machine.js';
import { dramControllerSchema } from '../../dist/config/machine-schema.js';
import { parseGeometry } from '../../dist/machine/cache/functional/geometry.js';
import { runDramExperiment } from '../../dist/machine/dram/experiment.js';
import { referenceMapping } from '../../dist/machine/dram/reference-mapping.js';
import { replayFunctional } from '../../dist/trace/functional-replay.js';
import { createPattern } from '../../dist/trace/patterns.js';
import { replayTimed } from '../../dist/trace/timed-replay.js';

const MACHINE = fileURLToPath(new URL('one-core.yaml', import.meta.url));
/** The same three levels as plain caches. */
const CACHES = '32K/8/lru,256K/8/lru,8M/16/lru';

/** The references' traces as patterns. */
const TRACES = { a: 'stream_r', b: 'random_r', c: 'mixed' };
/** Lines of 256 MiB, after which trace a starts over. */
const STREAM_LINES = 4_194_304;

/** A trace that is made as it is read: a file's parsing is not what is measured. */
function traceReader(name, accesses) {
  const pattern = createPattern(TRACES[name]);
  let left = accesses;
  return {
    read({ kinds, lines }) {
      const count = Math.min(left, kinds.length);
      for (let at = 0; at < count; at++) {
        pattern.next();
        kinds[at] = pattern.isWrite ? 1 : 0;
        lines[at] = name === 'a' ? pattern.line % STREAM_LINES : pattern.line;
      }
      left -= count;
      return count;
    },
    close() {},
  };
}

function timed(trace, accesses, target, peers) {
  return {
    group: 'replay with full timing, one core, 3 levels and DRAM',
    what: `trace ${trace}`,
    count: accesses,
    target,
    peers,
    run: () => replayTimed(loadMachine(MACHINE), [traceReader(trace, accesses)], { flush: false }),
  };
}

function functional(trace, accesses, peers) {
  return {
    group: 'functional replay, 3 levels',
    what: `trace ${trace}`,
    count: accesses,
    target: null,
    peers,
    run: () =>
      replayFunctional(parseGeometry(CACHES), [traceReader(trace, accesses)], {
        flush: false,
        seed: 'bench',
      }),
  };
}

/** Requests enough for the compiler's warm-up, about 0.2 s, to be an eighth of a run at most. */
const DRAM_REQUESTS = 8_000_000;

function dram(what, pattern, peers) {
  return {
    group: 'DRAM alone, one channel, saturated',
    what,
    count: DRAM_REQUESTS,
    target: 2,
    peers,
    run() {
      const part = loadDramPart('ddr4-2400');
      const mapping = referenceMapping('M2', part);
      const controller = toDramController(dramControllerSchema.parse({ mapping }), part);
      const spec = {
        kind: 'dram',
        part,
        controller,
        channelsPerSocket: 1,
        interleaveLines: 1,
        controllerPs: 0,
      };
      return runDramExperiment(spec, { pattern, mode: 'sat', requests: DRAM_REQUESTS });
    },
  };
}

/** By name. Targets and peers are in millions per CPU second. */
export const cases = {
  'timed-a': timed('a', 3_000_000, 4, { 'ChampSim, 1 core': 0.0056 }),
  'timed-b': timed('b', 2_000_000, 3, { 'ChampSim, 1 core': 0.0012 }),
  'timed-c': timed('c', 8_000_000, 12, { 'ChampSim, 1 core': 0.0175 }),
  'functional-a': functional('a', 10_000_000, {
    pycachesim: 14.6,
    'Dinero IV': 1.07,
    'cachegrind D1 + LL': 19,
  }),
  'functional-b': functional('b', 5_000_000, {
    pycachesim: 9.4,
    'Dinero IV': 0.95,
    'cachegrind D1 + LL': 3.9,
  }),
  'functional-c': functional('c', 10_000_000, {
    pycachesim: 18.1,
    'Dinero IV': 3.1,
    'cachegrind D1 + LL': 8.1,
  }),
  'dram-stream': dram('stream_r', 'stream_r', { 'Ramulator 2.1': 0.152, DRAMsim3: 0.247 }),
  'dram-random': dram('random_r', 'random_r', { 'Ramulator 2.1': 0.112, DRAMsim3: 0.103 }),
  'dram-mix': dram('mixed (trace c)', 'mixed', { 'Ramulator 2.1': 0.175, DRAMsim3: 0.192 }),
};
