/** Requests carry numbers of few bits, so that those a channel holds are numbered anew from time to time; nobody may notice. */
import { expect, it } from 'vitest';
import { accept, issue } from '../../../src/machine/dram/controller.js';
import { createDram } from '../../../src/machine/dram/dram.js';
import { BANK, ENTRY, SEQUENCE_LIMIT } from '../../../src/machine/dram/layout.js';
import { renumber } from '../../../src/machine/dram/offers.js';
import { choose } from '../../../src/machine/dram/scheduler.js';
import { bankAt, createDramState } from '../../../src/machine/dram/state.js';
import { memorySpec, ROUND_CLOCK } from './memory-spec.js';

const BANKS = ROUND_CLOCK.bankGroups * ROUND_CLOCK.banksPerGroup;

it('numbers what a channel holds in order of acceptance, over banks, lists and opened rows', () => {
  const d = createDramState(memorySpec(ROUND_CLOCK), 2);
  const words = d.words;
  const sequenceOf = (entry: number): number => words[entry + ENTRY.SEQUENCE] as number;
  /** Requests held by each channel, in order of acceptance. */
  const held: [number[], number[]] = [[], []];
  /** Spreads 48 reads and writes over seven banks, three rows in each. */
  const fill = (channel: 0 | 1): void => {
    const ch = d.channelStates[channel];
    if (ch === undefined) throw new Error('no such channel');
    for (let i = 0; i < 48; i++) {
      const at = bankAt(d, channel, (i * 5) % 7);
      held[channel].push(accept(d, ch, i, at, i % 3, i % 2, i));
    }
  };
  fill(0);
  fill(1);
  const ch = d.channelStates[1];
  if (ch === undefined) throw new Error('no such channel');

  // Serve until there are gaps in the numbers and several rows have been opened for requests that still wait for their column command.
  const opened = (): number[] =>
    Array.from({ length: BANKS }, (_, bank) => words[bankAt(d, 1, bank) + BANK.ACTIVE] as number).filter(
      (entry) => entry >= 0,
    );
  choose(d, ch, 100);
  while (held[1].length > 40 || opened().length < 2) {
    const cycle = ch.next;
    const served = issue(d, ch, cycle);
    if (served >= 0) held[1].splice(held[1].indexOf(served), 1);
    ch.commandFree = cycle + 1;
    choose(d, ch, cycle + 1);
  }
  expect(ch.held).toBe(held[1].length);
  expect(held[1].length).toBeGreaterThan(20);

  renumber(d, ch);
  expect(held[1].map(sequenceOf)).toEqual(held[1].map((_, index) => index));
  expect(ch.sequence).toBe(held[1].length);
  expect(held[0].map(sequenceOf)).toEqual(held[0].map((_, index) => index));
  expect(d.channelStates[0]?.sequence).toBe(48);

  // What the banks offer goes by the new numbers.
  for (let bank = 0; bank < BANKS; bank++) {
    const at = bankAt(d, 1, bank);
    const active = words[at + BANK.ACTIVE] as number;
    for (let direction = 0; direction < 2; direction++) {
      const offered = active >= 0 ? active : (words[at + BANK.OFFER_ENTRY + direction] as number);
      if (offered < 0 || (active >= 0 && direction === 1)) continue;
      const key = words[at + BANK.KEY + direction] as number;
      expect(key % SEQUENCE_LIMIT).toBe(sequenceOf(offered));
    }
  }
});

it('answers the same requests at the same times wherever it numbers anew', () => {
  /** Sends 1500 random requests to a memory whose first request has a number `before` ones below the limit. */
  const answersWith = (before: number): { tag: number; ps: number }[] => {
    const dram = createDram(memorySpec(ROUND_CLOCK, { rowPolicy: 'capped', refresh: true }), 1);
    if (dram.data?.kind !== 'dram') throw new Error('a DRAM tells its state');
    const ch = dram.data.set.d.channelStates[0];
    if (ch === undefined) throw new Error('no such channel');
    ch.sequence = SEQUENCE_LIMIT - before;
    const answers: { tag: number; ps: number }[] = [];
    const stepUntil = (timePs: number): void => {
      while ((dram.nextPs[0] as number) < timePs) {
        const tag = dram.step(0);
        if (tag >= 0) answers.push({ tag, ps: dram.answerPs[0] as number });
      }
    };
    let random = 1;
    for (let i = 0; i < 1500; i++) {
      random = (random * 48271) % 2147483647;
      const timePs = i * 4000;
      stepUntil(timePs);
      dram.enqueue(0, random % 2 ** 18, random % 5 === 0, timePs, i);
    }
    stepUntil(Infinity);
    expect(answers).toHaveLength(1500);
    // Numbers only fall when they are given anew, which more requests than `before` bring about.
    expect(ch.sequence < SEQUENCE_LIMIT - before).toBe(before < 1500);
    return answers;
  };
  const never = answersWith(SEQUENCE_LIMIT - 2000);
  for (const before of [1, 40, 333, 1200]) expect(answersWith(before)).toEqual(never);
});
