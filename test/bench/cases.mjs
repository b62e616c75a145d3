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

/** A trace that lies in memory: neither a file's parsing nor the drawing of random numbers is what is measured. */
function traceReader(name, accesses) {
  const pattern = createPattern(TRACES[name]);
  const kinds = new Uint8Array(accesses);
  const lines = new Float64Array(accesses);
  for (let at = 0; at < accesses; at++) {
    pattern.next();
    kinds[at] = pattern.isWrite ? 1 : 0;
    lines[at] = name === 'a' ? pattern.line % STREAM_LINES : pattern.line;
  }
  let at = 0;
  return {
    read(batch) {
      const count = Math.min(accesses - at, batch.kinds.length);
      batch.kinds.set(kinds.subarray(at, at + count));
      batch.lines.set(lines.subarray(at, at + count));
      at += count;
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
    prepare() {
      const spec = loadMachine(MACHINE);
      const reader = traceReader(trace, accesses);
      return () => replayTimed(spec, [reader], { flush: false });
    },
  };
}

function functional(trace, accesses, peers) {
  return {
    group: 'functional replay, 3 levels',
    what: `trace ${trace}`,
    count: accesses,
    target: null,
    peers,
    prepare() {
      const reader = traceReader(trace, accesses);
      return () => replayFunctional(parseGeometry(CACHES), [reader], { flush: false, seed: 'bench' });
    },
  };
}

/** Requests enough for the compiler's warm-up, about 0.1 s, to be a small part of a run. */
const DRAM_REQUESTS = 16_000_000;

function dram(what, pattern, peers) {
  return {
    group: 'DRAM alone, one channel, saturated',
    what,
    count: DRAM_REQUESTS,
    target: 2,
    peers,
    prepare() {
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
      return () => runDramExperiment(spec, { pattern, mode: 'sat', requests: DRAM_REQUESTS });
    },
  };
}

/**
 * By name. Targets and peers are in millions per CPU second. A run takes several seconds, since the host's compilers take a tenth of a second of CPU time or two for the code of a chip: what
 * one process does for the first million accesses is not the rate of a long run.
 */
export const cases = {
  'timed-a': timed('a', 18_000_000, 4, { 'ChampSim, 1 core': 0.0056 }),
  'timed-b': timed('b', 12_000_000, 3, { 'ChampSim, 1 core': 0.0012 }),
  'timed-c': timed('c', 48_000_000, 12, { 'ChampSim, 1 core': 0.0175 }),
  'functional-a': functional('a', 30_000_000, {
    pycachesim: 14.6,
    'Dinero IV': 1.07,
    'cachegrind D1 + LL': 19,
  }),
  'functional-b': functional('b', 15_000_000, {
    pycachesim: 9.4,
    'Dinero IV': 0.95,
    'cachegrind D1 + LL': 3.9,
  }),
  'functional-c': functional('c', 30_000_000, {
    pycachesim: 18.1,
    'Dinero IV': 3.1,
    'cachegrind D1 + LL': 8.1,
  }),
  'dram-stream': dram('stream_r', 'stream_r', { 'Ramulator 2.1': 0.152, DRAMsim3: 0.247 }),
  'dram-random': dram('random_r', 'random_r', { 'Ramulator 2.1': 0.112, DRAMsim3: 0.103 }),
  'dram-mix': dram('mixed (trace c)', 'mixed', { 'Ramulator 2.1': 0.175, DRAMsim3: 0.192 }),
};
