/** Layer types as figures group and colour them. */
import type { OperationType } from '../../kernel/kernel.js';
import type { OperationResult } from '../../simulate/point.js';
import { COLOURS } from './theme.js';

/** In the order in which bars are stacked. What a CONV takes over in a fused schedule is counted to CONV. */
export const LAYER_GROUPS = [
  { name: 'CONV/FC', types: ['CONV', 'FC'], colour: COLOURS.blue },
  { name: 'BN', types: ['BN'], colour: COLOURS.vermilion },
  { name: 'ReLU', types: ['ReLU'], colour: COLOURS.skyBlue },
  { name: 'Concat/Split', types: ['Concat/Split'], colour: COLOURS.green },
  { name: 'others', types: [], colour: COLOURS.lightGrey },
] as const satisfies readonly { name: string; types: readonly OperationType[]; colour: string }[];

export type LayerGroup = (typeof LAYER_GROUPS)[number]['name'];

/** The group that a type is counted to. */
export function layerGroupOf(type: OperationType): LayerGroup {
  const found = LAYER_GROUPS.find(({ types }) => (types as readonly OperationType[]).includes(type));
  return found?.name ?? 'others';
}

/** Sums a quantity of operations by group, every group in order. */
export function sumByGroup(
  operations: readonly OperationResult[],
  value: (operation: OperationResult) => number,
): { readonly group: LayerGroup; readonly sum: number }[] {
  return LAYER_GROUPS.map(({ name }) => ({
    group: name,
    sum: operations.reduce((sum, of) => sum + (layerGroupOf(of.type) === name ? value(of) : 0), 0),
  }));
}

/** The colour channel of marks with a field `group`. */
export function groupColour(legend: object | null = { title: null, orient: 'top', direction: 'horizontal' }) {
  return {
    field: 'group',
    type: 'nominal' as const,
    scale: { domain: LAYER_GROUPS.map(({ name }) => name), range: LAYER_GROUPS.map(({ colour }) => colour) },
    legend,
  };
}

/** The order channel that stacks marks with a field `place`. */
export const STACK_ORDER = { field: 'place', type: 'quantitative' as const, sort: 'ascending' as const };

/** Place of a group in a stack. */
export function placeOf(group: LayerGroup): number {
  return LAYER_GROUPS.findIndex(({ name }) => name === group);
}
