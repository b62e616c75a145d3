import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createTagArray,
  Flag,
  find,
  forEachEntry,
  INVALID,
  lineAt,
  place,
  promote,
  remove,
  setOf,
  type TagArray,
  victimOf,
} from '../../../src/machine/cache/tag-array.js';

/** Enough for the four flags of a private cache. */
const FLAG_BITS = 4;

/** LRU caches written for clarity: per instance and set a list, most recent first. */
class NaiveCaches {
  readonly #sets = new Map<string, { line: number; flags: number }[]>();

  constructor(
    readonly sets: number,
    readonly ways: number,
  ) {}

  #set(instance: number, line: number) {
    const key = `${instance}/${line % this.sets}`;
    const known = this.#sets.get(key) ?? [];
    this.#sets.set(key, known);
    return known;
  }

  flags(instance: number, line: number): number | null {
    return this.#set(instance, line).find((entry) => entry.line === line)?.flags ?? null;
  }

  promote(instance: number, line: number): void {
    const set = this.#set(instance, line);
    const at = set.findIndex((entry) => entry.line === line);
    set.unshift(...set.splice(at, 1));
  }

  insert(instance: number, line: number, flags: number): { line: number; flags: number } | null {
    const set = this.#set(instance, line);
    set.unshift({ line, flags });
    return set.length > this.ways ? (set.pop() as { line: number; flags: number }) : null;
  }

  remove(instance: number, line: number): void {
    const set = this.#set(instance, line);
    set.splice(
      set.findIndex((entry) => entry.line === line),
      1,
    );
  }

  contents(instance: number): string[] {
    return [...this.#sets]
      .filter(([key]) => key.startsWith(`${instance}/`))
      .flatMap(([, set]) => set.map(({ line, flags }) => `${line}:${flags}`))
      .sort();
  }
}

function contents(tags: TagArray, instance: number): string[] {
  const found: string[] = [];
  forEachEntry(tags, instance, (line, flags, at) => {
    expect(lineAt(tags, at)).toBe(line);
    found.push(`${line}:${flags}`);
  });
  return found.sort();
}

describe('a tag array', () => {
  it('is a set of LRU caches: same hits, same victims, same flags as a naive model', () => {
    const shape = fc.record({
      instances: fc.integer({ min: 1, max: 3 }),
      setBits: fc.integer({ min: 0, max: 4 }),
      ways: fc.integer({ min: 1, max: 16 }),
    });
    const step = fc.record({
      instance: fc.nat(2),
      near: fc.nat(80),
      far: fc.nat(3),
      flags: fc.nat(15),
      kind: fc.nat(9),
    });
    fc.assert(
      fc.property(shape, fc.array(step, { maxLength: 400 }), ({ instances, setBits, ways }, steps) => {
        const sets = 2 ** setBits;
        const tags = createTagArray(instances, sets, ways, FLAG_BITS);
        const naive = new NaiveCaches(sets, ways);
        for (const { instance: any, near, far, flags, kind } of steps) {
          const instance = any % instances;
          // Lines up to the last that the tags are said to hold.
          const line = far === 3 ? tags.lineLimit - 1 - near : (far * tags.lineLimit) / 4 + near;
          const at = find(tags, instance, line);
          const expected = naive.flags(instance, line);
          expect(at >= 0).toBe(expected !== null);
          if (at < 0) {
            const set = setOf(tags, instance, line);
            const position = victimOf(tags, set);
            const entry = tags.words[position] as number;
            const victim = naive.insert(instance, line, flags);
            expect(entry === INVALID).toBe(victim === null);
            if (victim !== null) {
              expect(lineAt(tags, position)).toBe(victim.line);
              expect(entry & 15).toBe(victim.flags);
            }
            place(tags, position, line, flags);
            expect(find(tags, instance, line)).toBe(position);
          } else {
            expect((tags.words[at] as number) & 15).toBe(expected);
            expect(lineAt(tags, at)).toBe(line);
            if (kind === 0) {
              remove(tags, at);
              naive.remove(instance, line);
            } else {
              promote(tags, at);
              expect(find(tags, instance, line)).toBe(at);
              naive.promote(instance, line);
            }
          }
        }
        for (let instance = 0; instance < instances; instance++)
          expect(contents(tags, instance)).toEqual(naive.contents(instance));
      }),
      { seed: 7, numRuns: 150 },
    );
  });

  it('keeps its flags in the low bits of an entry', () => {
    const tags = createTagArray(1, 1, 2, FLAG_BITS);
    const set = setOf(tags, 0, 123);
    const at = victimOf(tags, set);
    place(tags, at, 123, Flag.Dirty | Flag.Writable);
    expect((tags.words[at] as number) & (Flag.Dirty | Flag.Writable | Flag.InFlight | Flag.Prefetched)).toBe(
      Flag.Dirty | Flag.Writable,
    );
  });
});
