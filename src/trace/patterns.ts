/**
 * Address patterns that reference experiments are made of, as generators of line accesses.
 * Definitions: the reference results' description of the traces and DRAM patterns; all are reproducible bit for bit.
 */
export interface Pattern {
  /** Line number (byte address / 64) and direction of the access that `next` has moved to. */
  line: number;
  isWrite: boolean;
  /** Moves to the next access. */
  next(): void;
}

/** 32-bit xorshift with shifts 13, 17, 5; returns unsigned values. The seed must not be 0. */
export function createXorshift(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Seed of the reference traces' generator. */
const TRACE_SEED = 0x12345678;
/** Lines of 1 GiB: the span of random patterns. */
const RANDOM_LINE_MASK = 0xffffff;
/** Two reads to a write. */
const PERIOD_RW21 = 3;
/**
 * Distance between the arrays of the triad: 256 MiB and 32 KiB. The references do not state theirs; with this one the arrays lie in one bank group but
 * in different banks of their DDR4 mappings, and the row-hit rates and bandwidths of both mappings agree with theirs.
 */
const TRIAD_SPACING_LINES = 2 ** 22 + 2 ** 9;

function create(step: (pattern: Pattern, index: number) => void): Pattern {
  let index = 0;
  const pattern: Pattern = {
    line: 0,
    isWrite: false,
    next() {
      step(pattern, index);
      index++;
    },
  };
  return pattern;
}

function random(writeEvery: number): Pattern {
  const draw = createXorshift(TRACE_SEED);
  return create((pattern, index) => {
    pattern.line = draw() & RANDOM_LINE_MASK;
    pattern.isWrite = writeEvery > 0 && index % writeEvery === writeEvery - 1;
  });
}

/** Trace c: 70 % of the accesses to 24 KiB, 20 % to 512 KiB, 10 % to a stream; every fifth a write, drawn at random. */
function mixed(): Pattern {
  const draw = createXorshift(TRACE_SEED);
  let streamed = 0;
  return create((pattern) => {
    const share = draw() % 100;
    const value = draw();
    if (share < 70) pattern.line = value % 384;
    else if (share < 90) pattern.line = 0x10000000 / 64 + (value % 8192);
    else pattern.line = 0x40000000 / 64 + streamed++;
    pattern.isWrite = (value >>> 16) % 5 === 0;
  });
}

/** The named patterns; `strideN` is made by `createPattern`. */
export const PATTERNS = {
  /** Consecutive lines, read. */
  stream_r: () =>
    create((pattern, index) => {
      pattern.line = index;
    }),
  /** Consecutive lines, written. */
  stream_w: () =>
    create((pattern, index) => {
      pattern.line = index;
      pattern.isWrite = true;
    }),
  /** Consecutive lines, every third one written. */
  stream_rw21: () =>
    create((pattern, index) => {
      pattern.line = index;
      pattern.isWrite = index % PERIOD_RW21 === PERIOD_RW21 - 1;
    }),
  /** Two read streams and a write stream, one line of each in turn. */
  triad_rw21: () =>
    create((pattern, index) => {
      const array = index % PERIOD_RW21;
      pattern.line = array * TRIAD_SPACING_LINES + Math.floor(index / PERIOD_RW21);
      pattern.isWrite = array === PERIOD_RW21 - 1;
    }),
  /** Random lines of 1 GiB, read. */
  random_r: () => random(0),
  /** Random lines of 1 GiB, every third one written. */
  random_rw21: () => random(PERIOD_RW21),
  /** Trace c of the cache references: hot set, warm set and a stream, a fifth of it writes. */
  mixed,
} satisfies Record<string, () => Pattern>;

/**
 * Creates a pattern by name: one of `PATTERNS`, or `strideN` with N bytes between reads, a multiple of 64.
 * @throws RangeError for another name
 */
export function createPattern(name: string): Pattern {
  const stride = /^stride(\d+)$/.exec(name);
  if (stride !== null) {
    const lines = Number(stride[1]) / 64;
    if (!Number.isInteger(lines) || lines < 1)
      throw new RangeError(`${name}: a stride is a multiple of 64 bytes`);
    return create((pattern, index) => {
      pattern.line = index * lines;
    });
  }
  if (!Object.hasOwn(PATTERNS, name)) {
    throw new RangeError(`"${name}" is no pattern. Allowed: ${Object.keys(PATTERNS).join(', ')}, strideN`);
  }
  return PATTERNS[name as keyof typeof PATTERNS]();
}
