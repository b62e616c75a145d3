/** The data of a program in the memory of its compiled form. */
import { describe, expect, it, vi } from 'vitest';
import { MachineImage } from '../../../src/machine/compiled/image.js';
import type { FieldLayout, MachineCode } from '../../../src/machine/compiled/layout.js';

function field(
  name: string,
  type: string,
  offset: number,
  isMutable = true,
  element: string | null = null,
): FieldLayout {
  return { name, type, element, offset, isMutable };
}

/** A program that runs nothing, over a state that shares an array with the structure in it. */
const CODE: MachineCode = {
  single: ['State', 'Only'],
  shapes: [],
  layout: {
    State: {
      bytes: 40,
      fields: [
        field('timePs', 'f64', 0),
        field('count', 'i32', 8),
        field('words', 'I32s', 12, false),
        field('only', 'Only', 16, false),
        field('parts', 'Objects<Part>', 20, false, 'Part'),
        field('isOpen', 'bool', 24),
        field('limit', 'i32', 28, false),
      ],
    },
    Only: { bytes: 8, fields: [field('words', 'I32s', 0, false), field('bytes', 'U8s', 4, false)] },
    Part: { bytes: 8, fields: [field('value', 'i32', 0), field('only', 'Only', 4, false)] },
  },
};

type Only = { words: Int32Array; bytes: Uint8Array };
type Part = { value: number; only: Only | null };

function createState() {
  const words = Int32Array.of(0, 7, 14, 21);
  const only: Only = { words, bytes: Uint8Array.of(1, 2, 3) };
  const parts: Part[] = [
    { value: -1, only: null },
    { value: 5, only: null },
  ];
  return { timePs: 0.5, count: 3, words, only, parts, isOpen: true, limit: 9 };
}
type State = ReturnType<typeof createState>;

/** The host's global; Node's own declarations have none of it. */
declare const WebAssembly: { readonly Memory: { readonly prototype: { grow(pages: number): number } } };

function imageOf(state: State, ...others: readonly (readonly [string, object | null])[]): MachineImage {
  const image = MachineImage.of(CODE, [['State', state], ...others]);
  if (image === null) throw new Error('the data do not fit');
  return image;
}

function viewOf(image: MachineImage): DataView {
  return new DataView(image.memory.buffer);
}

describe('carrying data into the memory of a compiled program', () => {
  const misfits: readonly (readonly [string, (state: State) => void])[] = [
    ['a fraction in an integer field', (state) => Object.assign(state, { count: 0.5 })],
    ['an integer field beyond 32 bits', (state) => Object.assign(state, { limit: 2 ** 31 })],
    ['an integer field below 32 bits', (state) => Object.assign(state, { limit: -(2 ** 31) - 1 })],
    ['an integer field that holds no number', (state) => Object.assign(state, { count: NaN })],
    ['such a field in an element', (state) => Object.assign(state.parts[1] as Part, { value: 1e10 })],
    [
      'two of what there is one of',
      (state) =>
        Object.assign(state.parts[1] as Part, {
          only: { words: new Int32Array(1), bytes: new Uint8Array(1) },
        }),
    ],
  ];

  it.each(misfits)('refuses, and changes nothing: %s', (_, spoil) => {
    const state = createState();
    spoil(state);
    const { words, only } = state;
    const before = structuredClone(state);
    expect(MachineImage.of(CODE, [['State', state]])).toBeNull();
    expect(state).toEqual(before);
    expect(state.words).toBe(words);
    expect(state.only).toBe(only);
  });

  it('takes the integers at both ends of 32 bits', () => {
    for (const limit of [-(2 ** 31), 2 ** 31 - 1]) {
      const image = imageOf({ ...createState(), limit });
      expect(image.valueAt('$State$limit')).toBe(limit);
    }
  });

  it('leaves out what there is not', () => {
    const image = imageOf(createState(), ['Other', null]);
    expect(image.valueAt('$Other')).toBe(0);
    expect(image.valueAt('$Other$field$field')).toBe(0);
  });

  it('has room for all of it from the start, so that no buffer is taken away', () => {
    const state = createState();
    const bytes = Uint8Array.from({ length: 2 ** 22 }, (_, index) => index);
    state.only.bytes = bytes;
    const grow = vi.spyOn(WebAssembly.Memory.prototype, 'grow');
    const image = imageOf(state);
    expect(grow).not.toHaveBeenCalled();
    grow.mockRestore();
    expect(Buffer.compare(state.only.bytes, bytes)).toBe(0);
    for (const array of [state.words, state.only.words, state.only.bytes])
      expect(array.buffer).toBe(image.memory.buffer);
  });

  it('lets both sides see what either writes to an array, by whatever field', () => {
    const state = createState();
    const image = imageOf(state);
    const pointer = image.valueAt('$State$words');
    expect(image.valueAt('$State$only$words')).toBe(pointer);
    state.words[2] = 77;
    expect(state.only.words[2]).toBe(77);
    expect(viewOf(image).getInt32(pointer + 8, true)).toBe(77);
    viewOf(image).setInt32(pointer + 12, -5, true);
    expect([state.words[3], state.only.words[3]]).toEqual([-5, -5]);
    expect(viewOf(image).getInt32(pointer - 8, true)).toBe(state.words.length);
  });
});

describe('numbers that may change', () => {
  it('are copied in and out, and no others', () => {
    const state = createState();
    const image = imageOf(state);
    const at = image.valueAt('$State');
    Object.assign(state, { timePs: 1e-3, count: -8, isOpen: false, limit: 10 });
    (state.parts[1] as Part).value = 6;
    image.copyIn();
    const view = viewOf(image);
    expect(view.getFloat64(at, true)).toBe(1e-3);
    expect(view.getInt32(at + 8, true)).toBe(-8);
    expect(view.getUint8(at + 24)).toBe(0);
    expect(view.getInt32(at + 28, true)).toBe(9);
    const parts = view.getInt32(at + 20, true);
    const part = view.getInt32(parts + 4, true);
    expect(view.getInt32(part, true)).toBe(6);
    expect(image.dataAt(part)).toBe(state.parts[1]);

    view.setFloat64(at, 2.25, true);
    view.setInt32(at + 8, 12, true);
    view.setUint8(at + 24, 1);
    view.setInt32(at + 28, 13, true);
    view.setInt32(part, 7, true);
    image.copyOut();
    expect(state).toMatchObject({ timePs: 2.25, count: 12, isOpen: true, limit: 10 });
    expect(state.parts.map(({ value }) => value)).toEqual([-1, 7]);
  });
});

describe('a structure that has got other arrays', () => {
  it('has them in memory when it is written anew, though memory grows, and its neighbours keep theirs', () => {
    const state = createState();
    const image = imageOf(state);
    state.words[1] = 99;
    const { buffer } = image.memory;
    const words = Int32Array.from({ length: 2 ** 19 }, (_, index) => index ^ 3);
    state.only.words = words;
    image.rewrite(state.only);
    expect(state.only.words.every((word, index) => word === words[index])).toBe(true);
    expect(state.only.words.buffer).toBe(image.memory.buffer);
    expect(state.only.bytes).toEqual(Uint8Array.of(1, 2, 3));
    expect(buffer.byteLength).toBe(0);
    expect(state.words).toEqual(Int32Array.of(0, 99, 14, 21));
    expect(state.words.buffer).toBe(image.memory.buffer);
    expect(image.valueAt('$State$only$words')).not.toBe(image.valueAt('$State$words'));
    image.copyOut();
    expect(state.count).toBe(3);
  });
});
