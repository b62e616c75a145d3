import type { DramPartSpec } from '../spec.js';

/**
 * Address mapping: which bits of a channel-local line number choose the column, bank group, bank, rank and row.
 *
 * A recipe lists the fields from the lowest bit up, `field:bits` separated by spaces. A field may come in several pieces, the lower bits
 * first. A piece of the bank group, bank or rank may be hashed: `bank:2^row` XORs it with the lowest bits of the row, `bank:2^row+3` with
 * those from row bit 3 up, so that strides that would meet in one bank are spread (permutation-based interleaving: Zhang, Zhu and Zhang,
 * MICRO 2000). The hash keeps the mapping one to one.
 */
export interface AddressMap {
  /**
   * Where a line lies: its row above its bank. Every bit of both is an XOR of bits of the line, so the place of a line is the XOR of the places of its four
   * bytes, each alone: 256 words for each byte, the lowest byte's first.
   */
  readonly places: Int32Array;
  readonly bankBits: number;
}

/** Pieces of a field (or of the flat bank number): bits `mask << shift` of the line are bits `mask << out` of the field. */
interface CompiledPiece {
  readonly shift: number;
  readonly mask: number;
  readonly out: number;
  /** Row bit that is XORed to the piece's lowest bit, or -1. */
  readonly hash: number;
}

const FIELDS = ['column', 'bank-group', 'bank', 'rank', 'row'] as const;
type Field = (typeof FIELDS)[number];

interface Piece {
  readonly field: Field;
  readonly bits: number;
  /** Lowest bit of the piece in the line number. */
  readonly shift: number;
  /** Lowest bit of the piece in its field. */
  readonly fieldShift: number;
  /** Row bit that the hash starts at, or -1. */
  readonly hashFrom: number;
}

/**
 * Compiles a recipe for a part.
 * @throws RangeError that says what is wrong with the recipe: an unknown field, a field whose bits do not match the part's count, a count that
 * is not a power of two, a hash where none can be, more than 32 bits in all.
 */
export function compileMapping(recipe: string, part: DramPartSpec): AddressMap {
  const pieces = parsePieces(recipe);
  const wanted: Record<Field, number> = {
    column: bitsOf('linesPerRow', part.linesPerRow),
    'bank-group': bitsOf('bankGroups', part.bankGroups),
    bank: bitsOf('banksPerGroup', part.banksPerGroup),
    rank: bitsOf('ranks', part.ranks),
    row: bitsOf('rows', part.rows),
  };
  for (const field of FIELDS) {
    const given = pieces.filter((piece) => piece.field === field).reduce((sum, piece) => sum + piece.bits, 0);
    if (given !== wanted[field]) {
      throw new RangeError(
        `mapping "${recipe}" gives ${field} ${given} bits, but the part needs ${wanted[field]}`,
      );
    }
  }
  for (const piece of pieces) {
    if (piece.hashFrom >= 0 && piece.hashFrom + piece.bits > wanted.row) {
      throw new RangeError(
        `mapping "${recipe}": the hash of ${piece.field} reaches beyond the ${wanted.row} bits of the row`,
      );
    }
  }
  return createMap(pieces, wanted);
}

function bitsOf(name: string, count: number): number {
  const bits = Math.round(Math.log2(count));
  if (count < 1 || 2 ** bits !== count) {
    throw new RangeError(`${name} must be a power of two to be chosen by address bits, got ${count}`);
  }
  return bits;
}

function parsePieces(recipe: string): Piece[] {
  const pieces: Piece[] = [];
  const used = new Map<Field, number>();
  let shift = 0;
  for (const text of recipe.trim().split(/\s+/)) {
    const match = /^([a-z-]+):(\d+)(?:\^row(?:\+(\d+))?)?$/.exec(text);
    if (match === null) {
      throw new RangeError(
        `mapping element "${text}" is not of the form field:bits, field:bits^row or field:bits^row+k`,
      );
    }
    const field = FIELDS.find((name) => name === match[1]);
    if (field === undefined) {
      throw new RangeError(`mapping element "${text}" names no field. Allowed: ${FIELDS.join(', ')}`);
    }
    const bits = Number(match[2]);
    const hashed = text.includes('^');
    if (hashed && (field === 'row' || field === 'column')) {
      throw new RangeError(`mapping element "${text}": only bank-group, bank and rank can be hashed`);
    }
    pieces.push({
      field,
      bits,
      shift,
      fieldShift: used.get(field) ?? 0,
      hashFrom: hashed ? Number(match[3] ?? 0) : -1,
    });
    used.set(field, (used.get(field) ?? 0) + bits);
    shift += bits;
  }
  if (shift > 32)
    throw new RangeError(`mapping "${recipe}" has ${shift} bits; a channel is addressed by at most 32`);
  return pieces;
}

function createMap(pieces: readonly Piece[], wanted: Record<Field, number>): AddressMap {
  // A flat bank number has the bank in its lowest bits, then the bank group, then the rank: counts are powers of two.
  const base: Record<Field, number> = {
    column: 0,
    row: 0,
    bank: 0,
    'bank-group': wanted.bank,
    rank: wanted.bank + wanted['bank-group'],
  };
  const compile = (chosen: readonly Piece[]): CompiledPiece[] =>
    chosen.map((piece) => ({
      shift: piece.shift,
      mask: 2 ** piece.bits - 1,
      out: base[piece.field] + piece.fieldShift,
      hash: piece.hashFrom,
    }));
  const some = pieces.filter((piece) => piece.bits > 0);
  const rows = compile(some.filter((piece) => piece.field === 'row'));
  const banks = compile(some.filter((piece) => piece.field !== 'row' && piece.field !== 'column'));
  const bankBits = wanted.bank + wanted['bank-group'] + wanted.rank;
  const places = new Int32Array(4 * 256);
  for (let byte = 0; byte < 4; byte++) {
    for (let value = 0; value < 256; value++) {
      const line = value << (8 * byte);
      const row = extract(rows, line);
      places[byte * 256 + value] = (row << bankBits) | (extract(banks, line) ^ hashOf(banks, row));
    }
  }
  return { places, bankBits };
}

/** Row and bank of a line within its channel, packed as in `AddressMap.places`. Takes the low 32 bits of the local line. */
export function placeOfLine(map: AddressMap, line: number): number {
  const { places } = map;
  return (
    places[line & 255] ^
    places[256 + ((line >>> 8) & 255)] ^
    places[512 + ((line >>> 16) & 255)] ^
    places[768 + (line >>> 24)]
  );
}

/** Bank of a line within its channel: (rank * bankGroups + bankGroup) * banksPerGroup + bank. Takes the low 32 bits of the local line. */
export function bankOfLine(map: AddressMap, line: number): number {
  return placeOfLine(map, line) & (2 ** map.bankBits - 1);
}

/** Row of a line within its bank. Lines beyond the part's capacity wrap around. */
export function rowOfLine(map: AddressMap, line: number): number {
  return placeOfLine(map, line) >>> map.bankBits;
}

function extract(pieces: readonly CompiledPiece[], line: number): number {
  let value = 0;
  for (const { shift, mask, out } of pieces) value |= ((line >>> shift) & mask) << out;
  return value;
}

function hashOf(banks: readonly CompiledPiece[], row: number): number {
  let value = 0;
  for (const { mask, out, hash } of banks) if (hash >= 0) value |= ((row >>> hash) & mask) << out;
  return value;
}
