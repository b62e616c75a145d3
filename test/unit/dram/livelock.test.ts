import { expect, it } from 'vitest';
import { createDram } from '../../../src/machine/dram/dram.js';
import { createPattern } from '../../../src/trace/patterns.js';
import { DDR4_2400, M1, M2, memorySpec } from './memory-spec.js';

it.each([
  [M1, 500],
  [M2, 500],
  [M2, 4000],
])(
  'the mixed trace at saturation never waits longer than the age limit and the requests before it: %s, %d cycles',
  (mapping, ageLimitCycles) => {
    const requests = 60_000;
    const spec = memorySpec(DDR4_2400, { mapping, refresh: true, ageLimitCycles });
    const dram = createDram(spec, 1);
    const pattern = createPattern('mixed');
    pattern.next();
    const acceptedPs = new Float64Array(requests);
    let sent = 0;
    let answered = 0;
    let reads = 0;
    let longest = 0;
    let now = 0;
    while (sent < requests || (dram.nextPs[0] as number) < Infinity) {
      while (sent < requests && dram.accepts(0, pattern.isWrite)) {
        acceptedPs[sent] = now;
        dram.enqueue(0, pattern.line, pattern.isWrite, now, pattern.isWrite ? -1 : sent);
        if (!pattern.isWrite) reads++;
        sent++;
        pattern.next();
      }
      now = dram.nextPs[0] as number;
      const tag = dram.step(0);
      if (tag === -1) continue;
      answered++;
      longest = Math.max(longest, (dram.answerPs[0] as number) - (acceptedPs[tag] as number));
    }
    expect(answered).toBe(reads);
    // At worst all other requests held are older and overaged too, and each takes a row cycle of its own with its turnaround; meanwhile refreshes.
    const t = DDR4_2400.timings;
    const { readQueueEntries, writeQueueEntries } = spec.controller;
    const held = readQueueEntries + writeQueueEntries + 16;
    const each = t.nRC + t.nCWL + t.nBL + t.nWR;
    const bound = (ageLimitCycles + held * each) * (1 + (t.nRFC + t.nRC) / t.nREFI) + t.nRFC + t.nRC;
    expect(longest / DDR4_2400.tCKps).toBeLessThan(bound);
  },
);
