/** The compiled machine does what the sources do as JavaScript, to the last bit. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { loadDramPart, loadMachine } from '../../../src/config/load.js';
import { toDramController } from '../../../src/config/machine.js';
import { dramControllerSchema } from '../../../src/config/machine-schema.js';
import { createChip, wholeChip } from '../../../src/machine/chip.js';
import { compileChip } from '../../../src/machine/compiled/chip.js';
import { runDramExperiment } from '../../../src/machine/dram/experiment.js';
import { referenceMapping } from '../../../src/machine/dram/reference-mapping.js';
import type { DramControllerSpec, DramMemorySpec, LlcSpec, MachineSpec } from '../../../src/machine/spec.js';
import type { RunOptions, RunResult } from '../../../src/simulate/run.js';
import { SHAPES } from '../../unit/machine/shapes.js';
import { programOf, run, SMALL } from '../../unit/machine/small-machine.js';
import { BUILT_CODE } from './built-code.js';
import { emit, RANDOM_LINES, type RandomProgram, randomPrograms } from './programs.js';

/** The host's global; Node's own declarations have none of it. */
declare const WebAssembly: { readonly Memory: { readonly prototype: { grow(pages: number): number } } };

const SPACE = { lines: RANDOM_LINES, parameterBase: 0, parameterEnd: 0 };

function runRandom(spec: MachineSpec, program: RandomProgram, options: RunOptions): RunResult {
  const phases = program.map(
    (threads) => (thread: number, out: Parameters<typeof emit>[1]) => emit(threads[thread] ?? [], out),
  );
  return run(spec, programOf(spec.sockets * spec.coresPerSocket, phases, RANDOM_LINES), options);
}

function isCompiled(spec: MachineSpec): boolean {
  return compileChip(createChip(spec, wholeChip(spec), SPACE), BUILT_CODE) !== null;
}

function dramOf(part: string, changes: Partial<DramControllerSpec> = {}): DramMemorySpec {
  const spec = loadDramPart(part);
  const mapping = referenceMapping('M2', spec);
  const controller = {
    ...toDramController(dramControllerSchema.parse({ mapping }), spec),
    ...changes,
  };
  return { kind: 'dram', part: spec, controller, channelsPerSocket: 1, interleaveLines: 1, controllerPs: 0 };
}

/** Every shape with its own memory, with a slow ideal one whose queue grows, and with DRAM on two channels, or on one where there is one core: that is a shape with code of its own. */
const MACHINES: readonly (readonly [string, MachineSpec])[] = Object.entries({
  ...SHAPES,
  'one core, victim last level': SMALL,
  'one core, a streamer, inclusive last level': {
    ...SMALL,
    prefetch: { kind: 'streamer', streams: 4, degree: 2, distanceLines: 6, pageBytes: 4096 },
    llc: { ...(SMALL.llc as LlcSpec), inclusion: 'inclusive' },
  } satisfies MachineSpec,
}).flatMap(
  ([name, spec]) =>
    [
      [name, spec],
      [
        `${name}, slow memory`,
        { ...spec, memory: { kind: 'ideal', latencyPs: 61_000, bytesPerSecond: 3e9, channelsPerSocket: 2 } },
      ],
      [
        `${name}, DRAM`,
        {
          ...spec,
          memory: {
            ...dramOf('ddr4-2400'),
            channelsPerSocket: Math.min(2, spec.coresPerSocket),
            controllerPs: 10_000,
          },
        },
      ],
    ] as const,
);

describe.each(MACHINES)('a compiled machine with %s', (_, spec) => {
  it('runs any program as JavaScript does', () => {
    expect(isCompiled(spec)).toBe(true);
    fc.assert(
      fc.property(randomPrograms(spec.sockets * spec.coresPerSocket), fc.boolean(), (program, flush) => {
        const asJavaScript = runRandom(spec, program, { flush, code: null });
        expect(runRandom(spec, program, { flush, code: BUILT_CODE })).toEqual(asJavaScript);
      }),
      { seed: 29, numRuns: 12 },
    );
  });
});

describe('an observer of memory', () => {
  it('sees the same requests of a compiled machine, in the same order', () => {
    const spec = SHAPES['two sockets, victim last levels'] as MachineSpec;
    for (const program of fc.sample(randomPrograms(spec.sockets * spec.coresPerSocket), {
      seed: 29,
      numRuns: 5,
    })) {
      const seenOf = (code: RunOptions['code']): string[] => {
        const seen: string[] = [];
        const onMemoryRequest = (line: number, isWrite: boolean): void =>
          void seen.push(`${isWrite ? 'write' : 'read'} ${line}`);
        runRandom(spec, program, { flush: true, onMemoryRequest, code });
        return seen;
      };
      expect(seenOf(BUILT_CODE)).toEqual(seenOf(null));
    }
  });
});

describe('a shipped machine', () => {
  it.each(['knl-7210', 'skylake-sp-2s', 'skylake-sp-2s-infinite-bandwidth', 'teaching', 'titan-x-pascal'])(
    'is compiled, and has room in its memory from the start: %s',
    (name) => {
      const grow = vi.spyOn(WebAssembly.Memory.prototype, 'grow');
      expect(isCompiled(loadMachine(name))).toBe(true);
      expect(grow).not.toHaveBeenCalled();
      grow.mockRestore();
    },
  );
});

describe('a machine that cannot be compiled', () => {
  const { llc, l1d } = SMALL;
  const machines: readonly (readonly [string, MachineSpec])[] = [
    ['tree-PLRU', { ...SMALL, l1d: { ...l1d, replacement: 'plru' } }],
    ['SRRIP', { ...SMALL, llc: llc === null ? null : { ...llc, replacement: 'srrip' } }],
  ];

  it.each(machines)('is run as JavaScript: %s', (_, spec) => {
    expect(isCompiled(spec)).toBe(false);
    for (const program of fc.sample(randomPrograms(1), { seed: 29, numRuns: 3 })) {
      const asJavaScript = runRandom(spec, program, { code: null });
      expect(runRandom(spec, program, { code: BUILT_CODE })).toEqual(asJavaScript);
    }
  });
});

describe('a compiled DRAM', () => {
  const parts: readonly (readonly [string, DramMemorySpec])[] = [
    ['DDR4-2400', dramOf('ddr4-2400')],
    ['HBM2, closed rows', dramOf('hbm2', { rowPolicy: 'closed' })],
    ['GDDR5X, an age limit of 300 cycles', dramOf('gddr5x', { ageLimitCycles: 300 })],
    ['DDR4-3200, rows closed after 4 hits', dramOf('ddr4-3200', { rowPolicy: 'capped', rowHitCap: 4 })],
  ];

  // More requests than sequence numbers, so that those held are numbered anew; arrivals beyond what the channel serves, so that its ring grows.
  it.each(parts)('serves any pattern as JavaScript does: %s', (_, spec) => {
    for (const pattern of ['stream_r', 'random_rw21', 'triad_rw21', 'mixed']) {
      for (const mode of ['sat', 'chase', 'load:0.4', 'load:1']) {
        const experiment = { pattern, mode, requests: mode === 'sat' ? 20_000 : 3000 };
        expect(runDramExperiment(spec, experiment, BUILT_CODE)).toEqual(
          runDramExperiment(spec, experiment, null),
        );
      }
    }
  });
});
