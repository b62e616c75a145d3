import type { DramPartSpec } from '../spec.js';

/** Names of the two address mappings of the reference experiments. */
export const REFERENCE_MAPPINGS = ['M1', 'M2'] as const;
/** `M1` keeps a stream in a row, `M2` lets it alternate between bank groups. */
export type ReferenceMapping = (typeof REFERENCE_MAPPINGS)[number];

/**
 * Recipe of a reference mapping in the widths of a part: both have bank, rank and row on top; lowest are the column's bits in M1, so that a stream stays in
 * a row, and the bank group's in M2, so that it alternates groups. The references state them for one rank of DDR4; where a part has more, the rank is below the row.
 */
export function referenceMapping(name: ReferenceMapping, part: DramPartSpec): string {
  const column: Field = ['column', part.linesPerRow];
  const group: Field = ['bank-group', part.bankGroups];
  const lowest = name === 'M1' ? [column, group] : [group, column];
  return [...lowest, ['bank', part.banksPerGroup], ['rank', part.ranks], ['row', part.rows]]
    .filter(([, count]) => count !== 1)
    .map(([field, count]) => `${field}:${Math.log2(count as number)}`)
    .join(' ');
}

type Field = readonly [string, number];
