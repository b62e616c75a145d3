/**
 * Quantities as people write them ("1.3 GHz", "32 KiB", "infinite") and as the models hold them.
 *
 * The base units are those of `machine/spec.ts`: bytes, hertz, picoseconds, bytes per second, cycles. Decimal prefixes are powers of 1000 (kB, MB,
 * GB/s), binary ones powers of 1024 (KiB, MiB). Bits are refused: a bandwidth in Gb/s is off by eight as soon as someone overlooks the small b.
 */
import { didYouMean } from './suggest.js';

/** What a quantity measures. */
export type Dimension = 'bytes' | 'frequency' | 'time' | 'bandwidth' | 'cycles';

/** A parsed quantity in its base unit, or the sentence that says what is wrong with the text. */
export type QuantityResult = { readonly value: number } | { readonly problem: string };

const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Units of each dimension, as multiples of its base unit. Also what the error messages and the JSON Schema list as allowed. */
export const UNITS: Readonly<Record<Dimension, Readonly<Record<string, number>>>> = {
  bytes: BYTE_UNITS,
  frequency: { Hz: 1, kHz: 1e3, MHz: 1e6, GHz: 1e9 },
  time: { ps: 1, ns: 1e3, us: 1e6, ms: 1e9, s: 1e12 },
  bandwidth: Object.fromEntries(Object.entries(BYTE_UNITS).map(([unit, factor]) => [`${unit}/s`, factor])),
  cycles: { cycle: 1, cycles: 1 },
};

const NOUN: Readonly<Record<Dimension, string>> = {
  bytes: 'a size',
  frequency: 'a frequency',
  time: 'a time',
  bandwidth: 'a bandwidth',
  cycles: 'a number of cycles',
};

const EXAMPLE: Readonly<Record<Dimension, string>> = {
  bytes: '32 KiB',
  frequency: '1.3 GHz',
  time: '12.5 ns',
  bandwidth: '19.2 GB/s',
  cycles: '5 cycles',
};

/** How bandwidth without limit is written. */
export const INFINITE = 'infinite';

const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(\D.*)?$/i;
const BITS = /^([kKMGT]?)(i?)(?:b|bit|bits)(\/s|ps)$|^([kKMGT]?)(i?)(?:bit|bits|b)$/;

/**
 * Parses a quantity with its unit.
 * @param text as in the file; a number without unit is refused (the message says how to write it)
 * @returns the value in the dimension's base unit: bytes, Hz, ps, bytes per second (Infinity for "infinite"), cycles
 */
export function parseQuantity(text: unknown, dimension: Dimension): QuantityResult {
  if (typeof text === 'number') {
    return {
      problem: `${text} has no unit; write ${NOUN[dimension]} as in "${EXAMPLE[dimension]}". ${allowed(dimension)}`,
    };
  }
  if (typeof text !== 'string')
    return { problem: `${NOUN[dimension]} is expected, as in "${EXAMPLE[dimension]}"` };
  const trimmed = text.trim();
  if (trimmed === INFINITE) {
    if (dimension === 'bandwidth') return { value: Number.POSITIVE_INFINITY };
    return {
      problem: `"infinite" is legal for a bandwidth only; write ${NOUN[dimension]} as in "${EXAMPLE[dimension]}"`,
    };
  }
  const match = QUANTITY.exec(trimmed);
  if (match === null) {
    const hint = dimension === 'bandwidth' ? didYouMean(trimmed, [INFINITE]) : '';
    return { problem: `"${text}" is not ${NOUN[dimension]}; write it as in "${EXAMPLE[dimension]}".${hint}` };
  }
  const amount = Number(match[1]);
  const unit = (match[2] ?? '').trim();
  if (unit === '')
    return {
      problem: `"${text}" has no unit; write it as in "${EXAMPLE[dimension]}". ${allowed(dimension)}`,
    };
  const factor = Object.hasOwn(UNITS[dimension], unit) ? UNITS[dimension][unit] : undefined;
  if (factor === undefined) return { problem: unknownUnit(amount, unit, dimension) };
  const value = scale(amount, factor);
  if (!Number.isFinite(value)) return { problem: `"${text}" is too large` };
  return { value };
}

function unknownUnit(amount: number, unit: string, dimension: Dimension): string {
  if (BITS.test(unit)) {
    const inBytes = unit.replace(/(?:bits|bit|b)(\/s|ps)?$/, (_all, rate: string | undefined) =>
      rate === undefined ? 'B' : 'B/s',
    );
    return `${unit} counts bits; write bytes instead: ${amount} ${unit} is ${amount / 8} ${inBytes.replace(/^K(?!i)/, 'k')}`;
  }
  if (/^KB(\/s)?$/.test(unit)) {
    return `the unit "${unit}" is ambiguous: kB is 1000 bytes, KiB is 1024. ${allowed(dimension)}`;
  }
  for (const [other, units] of Object.entries(UNITS) as [Dimension, Readonly<Record<string, number>>][]) {
    if (other !== dimension && Object.hasOwn(units, unit)) {
      return `${amount} ${unit} is ${NOUN[other]}, and ${NOUN[dimension]} is expected. ${allowed(dimension)}`;
    }
  }
  const units = Object.keys(UNITS[dimension]);
  return `the unit "${unit}" is unknown.${didYouMean(unit, units)} ${allowed(dimension)}`;
}

function allowed(dimension: Dimension): string {
  return `Allowed: ${Object.keys(UNITS[dimension]).join(', ')}${dimension === 'bandwidth' ? `, or ${INFINITE}` : ''}`;
}

/** Multiplies without the dust of binary fractions: 0.417 ns is 417 ps, 833.3333 ps stays. */
function scale(amount: number, factor: number): number {
  const exact = amount * factor;
  const rounded = Math.round(exact);
  return rounded !== 0 && Math.abs(exact - rounded) < Math.abs(exact) * 1e-14 ? rounded : exact;
}

/** A pattern that texts of the dimension match, for JSON Schema: editors check it as one types. */
export function quantityPattern(dimension: Dimension): string {
  const units = Object.keys(UNITS[dimension]).join('|');
  const number = '[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?';
  return dimension === 'bandwidth' ? `^(${number} *(${units})|${INFINITE})$` : `^${number} *(${units})$`;
}

/**
 * Writes a quantity with the largest unit in which it stays short, so that `parseQuantity` gives the same value back (to 6 digits).
 * @param value in the dimension's base unit
 */
export function formatQuantity(value: number, dimension: Dimension): string {
  if (value === Number.POSITIVE_INFINITY) return INFINITE;
  if (dimension === 'cycles') return `${short(value)} ${value === 1 ? 'cycle' : 'cycles'}`;
  if (dimension === 'bytes' && value !== 0 && value % 1024 === 0)
    return largest(value, ['KiB', 'MiB', 'GiB', 'TiB'], BYTE_UNITS);
  const units = UNITS[dimension];
  const decimal = Object.keys(units).filter((unit) => !unit.includes('i'));
  return largest(value, decimal, units);
}

function largest(value: number, names: readonly string[], units: Readonly<Record<string, number>>): string {
  let chosen = names[0] as string;
  for (const name of names) if (Math.abs(value) >= (units[name] as number)) chosen = name;
  return `${short(value / (units[chosen] as number))} ${chosen}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(7)));
}
