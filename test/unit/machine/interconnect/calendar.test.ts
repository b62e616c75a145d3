import fc from 'fast-check';
import seedrandom from 'seedrandom';
import { describe, expect, it } from 'vitest';
import { Clock, createClock } from '../../../../src/machine/clock.js';
import { book, type Calendar, createCalendar } from '../../../../src/machine/interconnect/calendar.js';
import { LINE_FLITS, serialisationPs } from '../../../../src/machine/interconnect/message.js';

/** 8 bytes per 100 ps: round numbers to reckon with. */
const SLOT_PS = 100;
const BANDWIDTH = 8e12 / SLOT_PS;
const LINE_PS = LINE_FLITS * SLOT_PS;
const AHEAD_PS = 1_000_000;

function oneLink(): Calendar {
  return createCalendar(1, BANDWIDTH, AHEAD_PS, createClock());
}

/** @returns how long a message that is ready at `ps` waits */
function bookAt(calendar: Calendar, ps: number, flits = LINE_FLITS): number {
  calendar.clock[Clock.Message] = ps;
  return book(calendar, 0, flits);
}

/** Slots that are taken of the pages that are remembered. */
function takenSlots({ words }: Calendar): number[] {
  const slots: number[] = [];
  for (let at = 0; at < words.length; at += 2) {
    for (let bit = 0; bit < 32; bit++) {
      if ((((words[at + 1] as number) >>> bit) & 1) !== 0) slots.push((words[at] as number) * 32 + bit);
    }
  }
  return slots.sort((a, b) => a - b);
}

describe('a link', () => {
  it('keeps nobody waiting while it is idle', () => {
    const calendar = oneLink();
    for (let index = 0; index < 1000; index++) expect(bookAt(calendar, index * 5 * LINE_PS + 37)).toBe(0);
    expect(calendar.waitedPs[0]).toBe(0);
    expect(calendar.flits[0]).toBe(1000 * LINE_FLITS);
  });

  it('lets the second of two messages wait for the end of the first', () => {
    const calendar = oneLink();
    bookAt(calendar, 1000);
    expect(bookAt(calendar, 1000 + 2 * SLOT_PS)).toBe(LINE_PS - 2 * SLOT_PS);
    expect(bookAt(calendar, 1000 + LINE_PS * 2)).toBe(0);
  });

  it('has room before messages that were booked first and leave later', () => {
    const calendar = oneLink();
    for (let index = 0; index < 100; index++) expect(bookAt(calendar, 500_000 - index * 2 * LINE_PS)).toBe(0);
  });

  it('cuts a message whose gap is too short: it ends when nine slots were free for it', () => {
    const calendar = oneLink();
    bookAt(calendar, 4 * SLOT_PS);
    // Slots 0 to 3 are free, 4 to 12 taken: five of the nine flits follow behind them.
    expect(bookAt(calendar, 0)).toBe(LINE_PS);
    expect(takenSlots(calendar)).toEqual(Array.from({ length: 18 }, (_, slot) => slot));
  });

  it('carries exactly its bandwidth when more is asked of it, whatever the order', () => {
    const random = seedrandom('saturated');
    for (const jitterPs of [0, 5 * LINE_PS, 100 * LINE_PS]) {
      const calendar = oneLink();
      let lastEnd = 0;
      const count = 20_000;
      for (let index = 0; index < count; index++) {
        // Twice as much as fits.
        const readyPs = Math.floor(index * (LINE_PS / 2) + random() * jitterPs);
        lastEnd = Math.max(lastEnd, readyPs + bookAt(calendar, readyPs) + LINE_PS);
      }
      const bytesPerSecond = (count * LINE_FLITS * 8) / (lastEnd * 1e-12);
      expect(Math.abs(bytesPerSecond / BANDWIDTH - 1)).toBeLessThan(0.01);
      expect(bytesPerSecond).toBeLessThanOrEqual(BANDWIDTH * (1 + SLOT_PS / lastEnd));
    }
  });

  it('gives no slot twice, not even where it has forgotten what is past', () => {
    const random = seedrandom('forgetful');
    // 64 pages of 32 slots are remembered; messages come up to twenty times as late.
    const calendar = createCalendar(1, BANDWIDTH, 0, createClock());
    const rememberedPs = calendar.pages * 32 * SLOT_PS;
    const given = new Set<number>();
    let before: number[] = [];
    for (let index = 0; index < 1500; index++) {
      bookAt(calendar, Math.floor(random() * 20 * rememberedPs));
      const after = takenSlots(calendar);
      const known = new Set(before);
      for (const slot of after) {
        if (known.has(slot)) continue;
        expect(given.has(slot)).toBe(false);
        given.add(slot);
      }
      before = after;
    }
    expect(given.size).toBe(1500 * LINE_FLITS);
  });

  it('goes on when its pages outgrow 32 bits, also after a long rest', () => {
    const calendar = oneLink();
    const pagePs = 32 * SLOT_PS;
    bookAt(calendar, 0);
    for (const page of [2 ** 31 - 1, 2 ** 31 + 5, 2 ** 32 - 1, 2 ** 32 + 3]) {
      expect(bookAt(calendar, page * pagePs)).toBe(0);
      expect(bookAt(calendar, page * pagePs)).toBe(LINE_PS);
    }
    // Four messages end in the page before the numbers begin anew, and the last of them in the one behind.
    const fresh = oneLink();
    const last = (2 ** 32 - 1) * pagePs + 5 * SLOT_PS;
    expect([0, 1, 2, 3].map(() => bookAt(fresh, last))).toEqual([0, LINE_PS, 2 * LINE_PS, 3 * LINE_PS]);
  });

  it('takes the same slots whatever the order of booking', () => {
    const message = fc.tuple(fc.integer({ min: 0, max: 30_000 }), fc.constantFrom(1, LINE_FLITS));
    const messages = fc.array(message, { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(messages, fc.integer(), (some, seed) => {
        const random = seedrandom(String(seed));
        const shuffled = some.map((one) => ({ one, key: random() })).sort((a, b) => a.key - b.key);
        const [inOrder, mixed] = [oneLink(), oneLink()];
        for (const [ps, flits] of some) bookAt(inOrder, ps, flits);
        for (const { one } of shuffled) bookAt(mixed, ...one);
        expect(takenSlots(mixed)).toEqual(takenSlots(inOrder));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('never lets a message leave before its time, and gives it as many slots as it has flits', () => {
    const message = fc.tuple(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 1, max: 31 }));
    fc.assert(
      fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
        const calendar = oneLink();
        let taken = 0;
        for (const [ps, flits] of messages) {
          const before = new Set(takenSlots(calendar));
          const waitPs = bookAt(calendar, ps, flits);
          const own = takenSlots(calendar).filter((slot) => !before.has(slot));
          taken += flits;
          const first = Math.floor(ps / SLOT_PS);
          expect(own).toHaveLength(flits);
          expect(own[0]).toBeGreaterThanOrEqual(first);
          expect(waitPs).toBe(((own[flits - 1] as number) - (first + flits - 1)) * SLOT_PS);
          expect(waitPs).toBeGreaterThanOrEqual(0);
        }
        expect(calendar.flits[0]).toBe(taken);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it.each([0.1, 0.3, 0.5, 0.7])(
    'at load %f makes random arrivals wait as long as a queue with one server of constant service time',
    (load) => {
      // Pollaczek and Khinchine: W = arrival rate x E[S^2] / (2 (1 - load)), which is load x S / (2 (1 - load)) for a constant S.
      const expectedPs = (load * LINE_PS) / (2 * (1 - load));
      const random = seedrandom(`load ${load}`);
      const calendar = oneLink();
      const count = 100_000;
      let now = 0;
      let waited = 0;
      for (let index = 0; index < count; index++) {
        now -= (Math.log(1 - random()) * LINE_PS) / load;
        waited += bookAt(calendar, now);
      }
      expect(Math.abs(waited / count / expectedPs - 1)).toBeLessThan(0.05);
    },
  );

  it.each([0.1, 0.3])(
    'at load %f gives messages that are booked far ahead the right of way over the others, as a queue with preemption does',
    (load) => {
      // Half of the messages are booked 60 ns ahead, as an answer of DRAM is against the requests of meanwhile: they wait for each other only. The others get what is left, as the low
      // class of a queue with preemption that resumes (Kleinrock, Queueing Systems 2, section 3.4): a message takes S / (1 - a) + R / ((1 - a) (1 - load)), where a = load / 2 is the
      // load of the high class and R = load S / 2 what is left of the message in service.
      const ahead = load / 2;
      const early = (ahead * LINE_PS) / (2 * (1 - ahead));
      const left = (load * LINE_PS) / 2;
      const late = LINE_PS / (1 - ahead) + left / ((1 - ahead) * (1 - load)) - LINE_PS;
      const random = seedrandom(`out of order ${load}`);
      const calendar = oneLink();
      const waits = [0, 0];
      const counts = [0, 0];
      let now = 0;
      for (let index = 0; index < 200_000; index++) {
        now -= (Math.log(1 - random()) * LINE_PS) / load;
        const isEarly = random() < 0.5 ? 1 : 0;
        (waits[isEarly] as number) += bookAt(calendar, now + isEarly * 60_000);
        (counts[isEarly] as number)++;
      }
      expect(Math.abs((waits[1] as number) / (counts[1] as number) / early - 1)).toBeLessThan(0.05);
      expect(Math.abs((waits[0] as number) / (counts[0] as number) / late - 1)).toBeLessThan(0.05);
    },
  );

  it('is shared fairly by two flows that each keep as many messages under way', () => {
    const calendar = oneLink();
    const carried = [0, 0];
    // Each flow sends its next message when one of its four has arrived; the flows start 130 ps apart.
    const ready = [0, 0, 0, 0, 130, 130, 130, 130];
    const roundTripPs = 2 * LINE_PS;
    while (Math.min(...ready) < 5000 * LINE_PS) {
      const next = ready.indexOf(Math.min(...ready));
      const from = ready[next] as number;
      ready[next] = from + bookAt(calendar, from) + LINE_PS + roundTripPs;
      carried[next < 4 ? 0 : 1]! += 1;
    }
    const [a, b] = carried as [number, number];
    expect(Math.abs(a / b - 1)).toBeLessThan(0.01);
    // 8 messages under way fill a link that a round trip keeps busy for three: it is saturated.
    expect(a + b).toBeGreaterThan(5000 * 0.99);
  });
});

describe('the time that a message keeps a link busy', () => {
  it('is its flits of eight bytes over the bandwidth, none on a link without limit', () => {
    expect(serialisationPs(LINE_FLITS, BANDWIDTH)).toBe(LINE_PS);
    expect(serialisationPs(1, 3e9)).toBe(2667);
    expect(serialisationPs(LINE_FLITS, Infinity)).toBe(0);
  });
});
