/** Operation types as the tables group them. */
import type { OperationType } from '../kernel/kernel.js';

/** Rows of a breakdown by operation type, in order. */
export const OPERATION_GROUPS = ['CONV', 'BN', 'ReLU', 'Concat/Split', 'others'] as const;
export type OperationGroup = (typeof OPERATION_GROUPS)[number];

/** The group of a type: its own, or `others`. */
export function groupOf(type: OperationType): OperationGroup {
  return OPERATION_GROUPS.find((group) => group === type) ?? 'others';
}
