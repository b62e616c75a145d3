import { describe, expect, it } from 'vitest';
import { checkKernel, ShadowChecker } from '../../../src/kernel/check/shadow.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { Access, type OpStream } from '../../../src/kernel/op-stream.js';

/** A kernel of one phase and one tile per thread that should read lines 0 to 7 and write lines 8 to 15. */
function kernelOf(emit: (thread: number, out: OpStream) => void): Kernel {
  return {
    name: 'k',
    type: 'ReLU',
    phase: 'forward',
    shape: '',
    flops: 8,
    reads: [{ tensor: 'x', base: 0, lines: 8 }],
    writes: [{ tensor: 'y', base: 8, lines: 8 }],
    parameters: 'whole',
    phases: [{ name: 'loop', tileCount: () => 1, emit: (thread, _tile, out) => emit(thread, out) }],
  };
}

/** A sound loop over lines [from, from + lines). */
function copy(out: OpStream, from: number, lines: number): void {
  out
    .run(lines, 1, 0, 2, 1)
    .stream(Access.Load, from)
    .stream(Access.Store, 8 + from);
  out.flops += lines;
}

describe('the shadow checker', () => {
  it('finds nothing wrong with a sound kernel', () => {
    expect(
      checkKernel(
        kernelOf((thread, out) => copy(out, thread * 4, 4)),
        2,
      ),
    ).toEqual([]);
  });

  it('finds lines left out, and flops with them', () => {
    const problems = checkKernel(
      kernelOf((_thread, out) => copy(out, 0, 7)),
      1,
    );
    expect(problems).toContain('a line of x is never loaded');
    expect(problems).toContain('line 7 of 8 of y is never stored');
    expect(problems).toContain('emitted 7 flops of 8');
  });

  it('finds a line that two threads store', () => {
    const problems = checkKernel(
      kernelOf((thread, out) => copy(out, thread * 3, 5)),
      2,
    );
    expect(problems).toContain('loop: threads 0 and 1 both store a line of y');
  });

  it('finds a line stored twice by one thread, unless the kernel accumulates', () => {
    const twice = (loadsBack: boolean) =>
      kernelOf((_thread, out) => {
        copy(out, 0, 8);
        if (loadsBack) out.run(1, 1, 0, 1, 1).stream(Access.Load, 8);
        out.run(1, 1, 0, 1, 0).stream(Access.Store, 8);
      });
    expect(checkKernel(twice(true), 1)).toEqual(['loop: a line of y is stored more than once']);
    expect(checkKernel(twice(true), 1, { accumulates: true })).toEqual([]);
    expect(checkKernel(twice(false), 1, { accumulates: true })).toEqual([
      'loop: a line of y is stored again before what was stored is loaded back',
    ]);
  });

  it('finds an input that is read after it was overwritten in place', () => {
    const inPlace = (again: boolean): Kernel => ({
      ...kernelOf((_thread, out) => {
        out.run(8, 1, 0, 2, 1).stream(Access.Load, 0).stream(Access.Store, 0);
        if (again) out.run(1, 1, 0, 1, 1).stream(Access.Load, 3);
        out.flops += 8;
      }),
      writes: [{ tensor: 'y', base: 0, lines: 8 }],
    });
    expect(checkKernel(inPlace(false), 1)).toEqual([]);
    expect(checkKernel(inPlace(true), 1)).toEqual([
      'loop: a line of y is loaded as an input after it was overwritten',
    ]);
  });

  it('finds a touch of anything that is neither operand nor scratch, a prefetch included', () => {
    const rules = { operands: [{ tensor: 'x and y', base: 0, lines: 16 }], scratchBase: 64 };
    const touching = (line: number) =>
      kernelOf((_thread, out) => {
        copy(out, 0, 8);
        out.run(1, 1, 0, 1, 0).stream(Access.PrefetchL1, line);
      });
    expect(checkKernel(touching(64), 1, rules)).toEqual([]);
    expect(checkKernel(touching(15), 1, rules)).toEqual([]);
    expect(checkKernel(touching(16), 1, rules)).toEqual([
      'loop: a line of another tensor is touched (line 16), which is no operand',
    ]);
  });

  it('carries nothing over from one kernel to the next', () => {
    const checker = new ShadowChecker();
    const sound = kernelOf((_thread, out) => copy(out, 0, 8));
    const short = kernelOf((_thread, out) => copy(out, 0, 7));
    expect(checker.check(sound, 1)).toEqual([]);
    expect(checker.check(short, 1)).toHaveLength(3);
    expect(checker.check(sound, 1)).toEqual([]);
  });

  it('finds a load of what another thread stores before the barrier', () => {
    const racing = kernelOf((thread, out) => {
      copy(out, thread * 4, 4);
      if (thread === 1) out.run(1, 1, 0, 1, 1).stream(Access.Load, 8);
    });
    expect(checkKernel(racing, 2)).toContain('loop: thread 1 loads a line of y that thread 0 stores');
  });

  it('finds a load of what nobody has stored', () => {
    const early = kernelOf((_thread, out) => {
      out.run(1, 1, 0, 1, 1).stream(Access.Load, 100);
      copy(out, 0, 8);
    });
    expect(checkKernel(early, 1)).toEqual(['loop: a line of scratch is loaded before it is stored']);
  });
});
