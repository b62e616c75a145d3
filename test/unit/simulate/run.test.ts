import { describe, expect, it } from 'vitest';
import { Access, type OpStream } from '../../../src/kernel/op-stream.js';
import { CoreCounter } from '../../../src/machine/core/layout.js';
import type { MachineSpec } from '../../../src/machine/spec.js';
import { SHAPES } from '../machine/shapes.js';
import { kernelsOf, programOf, run, SMALL } from '../machine/small-machine.js';

const FOUR: MachineSpec = { ...SMALL, coresPerSocket: 4 };

/** Some of everything, different on every thread. */
function mixed(thread: number, out: OpStream): void {
  out
    .run(200, 1.5, 1, 6, 2)
    .stream(Access.Load, 1000 * thread)
    .stream(Access.Load, 40, 1);
  out.compute(30, 20, 60, 10);
  out
    .run(150, 1, 0.5, 4, 1)
    .stream(Access.Load, 300 * thread, 2)
    .stream(Access.Store, 9000 + 500 * thread);
  out.run(50, 1, 0, 2, 1).stream(Access.StoreNonTemporal, 20_000 + 64 * thread);
}

describe('a run', () => {
  it('gives the same result every time', () => {
    for (const spec of [FOUR, ...Object.values(SHAPES)]) {
      const program = programOf(spec.sockets * spec.coresPerSocket, [mixed, mixed]);
      expect(run(spec, program)).toEqual(run(spec, program));
    }
  });

  it('is not touched by runs before it, on the same or another machine', () => {
    const program = programOf(4, [mixed]);
    const fresh = run(FOUR, program);
    run(FOUR, programOf(4, [mixed, mixed, mixed]));
    run(SHAPES['no L2, a streamer, victim last level'] as MachineSpec, program);
    expect(run(FOUR, program)).toEqual(fresh);
  });

  it('leaves the program as it was', () => {
    const program = programOf(4, [mixed]);
    const before = JSON.stringify(program);
    run(FOUR, program);
    expect(JSON.stringify(program)).toBe(before);
  });

  it('is the sum of its kernels', () => {
    const result = run(FOUR, kernelsOf(4, [[mixed], [mixed, mixed], [() => {}]]));
    expect(result.kernels).toHaveLength(3);
    expect(result.kernels.reduce((sum, { timePs }) => sum + timePs, 0)).toBe(result.timePs);
    expect(result.kernels.reduce((sum, { dramReadLines }) => sum + dramReadLines, 0)).toBe(
      result.statistics.memory.readLines,
    );
    for (const { lossPs, timePs } of result.kernels)
      expect(lossPs.reduce((sum, ps) => sum + ps, 0)).toBe(timePs * 4);
  });

  it('keeps the caches from kernel to kernel', () => {
    const work = (_: number, out: OpStream): void => void out.run(32, 1, 0, 1, 1).stream(Access.Load, 0);
    const [cold, warm] = run(SMALL, kernelsOf(1, [[work], [work]])).kernels;
    expect(cold?.dramReadLines).toBe(32);
    expect(warm?.dramReadLines).toBe(0);
    expect(warm?.counters[CoreCounter.L1Misses]).toBe(0);
    expect(warm?.timePs).toBeLessThan((cold?.timePs ?? 0) / 2);
  });

  it('counts the FLOP of each kernel apart', () => {
    const flops = (amount: number) => (_: number, out: OpStream) => {
      out.compute(1, 1, 1);
      out.flops += amount;
    };
    const result = run(FOUR, kernelsOf(4, [[flops(10)], [flops(3), flops(4)]]));
    expect(result.kernels.map((kernel) => kernel.flops)).toEqual([40, 28]);
  });

  it('counts what it wrote at the end, when it is asked to flush', () => {
    const work = (_: number, out: OpStream): void => void out.run(20, 1, 0, 1, 1).stream(Access.Store, 0);
    const program = kernelsOf(1, [[work]]);
    expect(run(SMALL, program).statistics.memory.writtenLines).toBe(0);
    const flushed = run(SMALL, program, { flush: true });
    expect(flushed.flushedLines).toBe(20);
    expect(flushed.timePs).toBe(run(SMALL, program).timePs);
  });

  it('tells of every kernel as it is done', () => {
    const seen: string[] = [];
    run(SMALL, kernelsOf(1, [[() => {}], [() => {}]]), {
      onKernel: (done, kernel) => seen.push(`${done} ${kernel.name}`),
    });
    expect(seen).toEqual(['1 kernel 0', '2 kernel 1']);
  });

  it('walks a thread through its tiles in order, however uneven the threads are', () => {
    const emitted: string[] = [];
    const program = programOf(4, [() => {}]);
    const kernel = program.kernels[0] as (typeof program.kernels)[number];
    const tiles = {
      name: 'tiles',
      tileCount: (thread: number) => 3 * thread,
      emit: (thread: number, tile: number, out: OpStream) => {
        emitted.push(`${thread}.${tile}`);
        out.compute(1, 1, 1);
      },
    };
    run(FOUR, { ...program, kernels: [{ ...kernel, phases: [tiles] }] });
    for (let thread = 0; thread < 4; thread++) {
      const mine = emitted.filter((name) => name.startsWith(`${thread}.`));
      expect(mine).toEqual(Array.from({ length: 3 * thread }, (_, tile) => `${thread}.${tile}`));
    }
  });
});
