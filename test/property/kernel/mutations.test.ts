/** The shadow checker can fail: each way of breaking a sound kernel is found in every kernel that it can be done to. */
import { describe, expect, it } from 'vitest';
import { checkProgram, rulesOf } from '../../../src/kernel/check/program.js';
import { ShadowChecker } from '../../../src/kernel/check/shadow.js';
import type { Kernel, KernelPhase, Program } from '../../../src/kernel/kernel.js';
import { lowerProgram } from '../../../src/kernel/lower.js';
import { Access, type OpStream, RUN_HEADER_WORDS, STREAM_WORDS } from '../../../src/kernel/op-stream.js';
import { applySchedule } from '../../../src/schedule/apply.js';
import { buildTrainingStep } from '../../../src/training/build.js';
import { makeTarget, SOFTWARE } from '../../unit/kernel/streaming/fixtures.js';
import { loadZooNetwork } from '../../unit/network/zoo.js';

const THREADS = 3;
const NETWORK = { imageSize: { height: 32, width: 32 }, channelDivisor: 4 };

function lower(network: string, schedule: string) {
  const step = applySchedule(buildTrainingStep(loadZooNetwork(network, NETWORK), { batch: 2 }), schedule);
  return { step, program: lowerProgram(step, makeTarget({ threads: THREADS, totalBatch: 2 }), SOFTWARE) };
}

/** Changes what one phase emits; null where there is nothing to change. */
type Mutation = (kernel: Kernel) => Kernel | null;

function replacePhase(kernel: Kernel, index: number, change: Partial<KernelPhase>): Kernel {
  const phases = kernel.phases.map((phase, at) => (at === index ? { ...phase, ...change } : phase));
  return { ...kernel, phases, reads: kernel.reads, writes: kernel.writes };
}

/** Rewrites the op stream of each tile of the last phase that stores to an output. */
function rewriteStores(kernel: Kernel, rewrite: (words: Int32Array, word: number) => void): Kernel | null {
  const isOutput = (line: number) =>
    kernel.writes.some(({ base, lines }) => line >= base && line < base + lines);
  let changed = false;
  const visit = (out: OpStream): void => {
    for (let at = 0; at < out.length; ) {
      const streams = out.words[at] as number;
      for (let s = 0; s < streams && !changed; s++) {
        const word = at + RUN_HEADER_WORDS + s * STREAM_WORDS;
        const kind = out.words[word] as number;
        const isStore = kind === Access.Store || kind === Access.StoreNonTemporal;
        if (!isStore || !isOutput(out.words[word + 1] as number)) continue;
        rewrite(out.words, word);
        changed = true;
      }
      at += RUN_HEADER_WORDS + streams * STREAM_WORDS;
    }
  };
  const phases = kernel.phases.map((phase) => ({
    ...phase,
    tileCount: (thread: number) => phase.tileCount(thread),
    emit(thread: number, tile: number, out: OpStream) {
      phase.emit(thread, tile, out);
      if (!changed) visit(out);
    },
  }));
  return { ...kernel, reads: kernel.reads, writes: kernel.writes, phases };
}

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a tile left out'(kernel) {
    const last = kernel.phases.length - 1;
    const phase = kernel.phases[last] as KernelPhase;
    const thread = [0, 1, 2].find((each) => phase.tileCount(each) > 0) as number;
    return replacePhase(kernel, last, {
      tileCount: (each) => phase.tileCount(each) - (each === thread ? 1 : 0),
    });
  },
  'a tile done by two threads'(kernel) {
    const last = kernel.phases.length - 1;
    const phase = kernel.phases[last] as KernelPhase;
    if (phase.tileCount(0) === 0) return null;
    return replacePhase(kernel, last, {
      tileCount: (thread) => phase.tileCount(thread) + (thread === 2 ? 1 : 0),
      emit(thread, tile, out) {
        if (thread === 2 && tile === phase.tileCount(2)) phase.emit(0, 0, out);
        else phase.emit(thread, tile, out);
      },
    });
  },
  'a dropped barrier'(kernel) {
    if (kernel.phases.length < 2) return null;
    // All phases of a thread run into each other: nothing waits for the other threads.
    const tileCount = (thread: number) =>
      kernel.phases.reduce((sum, phase) => sum + phase.tileCount(thread), 0);
    const merged: KernelPhase = {
      name: 'all',
      tileCount,
      emit(thread, tile, out) {
        let at = tile;
        for (const phase of kernel.phases) {
          const count = phase.tileCount(thread);
          if (at < count) {
            phase.emit(thread, at, out);
            return;
          }
          at -= count;
        }
      },
    };
    return { ...kernel, reads: kernel.reads, writes: kernel.writes, phases: [merged] };
  },
  'a store that goes astray'(kernel) {
    return rewriteStores(kernel, (words, word) => {
      words[word + 1] = (words[word + 1] as number) + 64 * 1024 * 16;
    });
  },
  'a store that became a load'(kernel) {
    return rewriteStores(kernel, (words, word) => {
      words[word] = Access.Load;
    });
  },
  'a flop too many'(kernel) {
    const last = kernel.phases.length - 1;
    const phase = kernel.phases[last] as KernelPhase;
    return replacePhase(kernel, last, {
      tileCount: (thread) => phase.tileCount(thread),
      emit(thread, tile, out) {
        phase.emit(thread, tile, out);
        if (thread === 0 && tile === 0) out.flops++;
      },
    });
  },
};

describe.each(Object.entries(MUTATIONS))('%s', (title, mutate) => {
  it.each([
    ['conv-bn-relu-conv', 'baseline'],
    ['conv-bn-relu-conv', 'bnff'],
  ])('is found in every kernel of %s under %s', (network, schedule) => {
    const { step, program } = lower(network, schedule);
    const checker = new ShadowChecker(program.lines);
    let mutated = 0;
    program.kernels.forEach((kernel, index) => {
      const operation = step.operations[index] as (typeof step.operations)[number];
      const broken = mutate(kernel);
      if (broken === null) return;
      mutated++;
      const rules = rulesOf(operation);
      expect(checker.check(kernel, THREADS, rules), kernel.name).toEqual([]);
      expect(checker.check(broken, THREADS, rules), `${kernel.name}: ${title}`).not.toEqual([]);
    });
    expect(mutated).toBeGreaterThan(title === 'a dropped barrier' ? 1 : 15);
  });
});

describe('the check of a program', () => {
  const { step, program } = lower('conv-bn-relu-conv', 'bnff');
  const withKernel = (name: string, change: (kernel: Kernel) => Partial<Kernel>): Program => ({
    ...program,
    kernels: program.kernels.map((kernel) => {
      if (kernel.name !== name) return kernel;
      const { reads, writes } = kernel;
      return { ...kernel, reads, writes, ...change(kernel) };
    }),
  });

  it('finds nothing wrong with the program as it is', () => {
    expect(checkProgram(step, program).problems).toEqual([]);
  });

  it('finds a kernel that reads what no kernel has written yet', () => {
    const kernels = program.kernels.toReversed();
    const operations = step.operations.toReversed();
    const { problems } = checkProgram(
      { ...step, operations },
      { ...program, kernels },
      { select: () => false },
    );
    expect(problems.some((problem) => problem.includes('is read before a kernel writes it'))).toBe(true);
  });

  it('finds a kernel that declares or touches a tensor that its operation does not name', () => {
    const other = program.kernels.find(({ name }) => name === 'stem.forward') as Kernel;
    const [foreign] = other.reads as [Kernel['reads'][number]];
    const declaring = withKernel('b.forward', ({ reads }) => ({ reads: [...reads, foreign] }));
    expect(checkProgram(step, declaring).problems).toContain(
      `b.forward: reads ${foreign.tensor}, which is no operand`,
    );
    const touching = withKernel('b.forward', ({ phases }) => ({
      phases: phases.map((phase, index) => ({
        name: phase.name,
        tileCount: (thread: number) => phase.tileCount(thread),
        emit(thread: number, tile: number, out: OpStream) {
          phase.emit(thread, tile, out);
          if (index === 0 && thread === 0 && tile === 0)
            out.run(1, 1, 0, 1, 1).stream(Access.PrefetchL2, foreign.base);
        },
      })),
    }));
    expect(checkProgram(step, touching).problems.join()).toContain('which is no operand');
  });

  it('finds flops that differ from the mathematics, even where the kernel emits what it charges', () => {
    const cheap = withKernel('a.forward', ({ flops }) => ({ flops: flops - 1 }));
    const { problems } = checkProgram(step, cheap, { select: () => false });
    expect(problems.some((problem) => /charges \d+ flops for \d+/.test(problem))).toBe(true);
  });
});
