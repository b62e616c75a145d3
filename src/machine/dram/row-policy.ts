import type { DramControllerSpec } from '../spec.js';

/** What a row-buffer policy decides, as data that the scheduler reads after each column command. */
export interface RowPolicy {
  /** Close the row (auto-precharge) with the last column command that a queued request wants of it. */
  readonly closeWhenUnwanted: boolean;
  /** Close the row (auto-precharge) after this many column commands, wanted or not. */
  readonly columnsPerActivate: number;
}

/** The row-buffer policies by name: a new one is a line here and a name in the schema. */
export const ROW_POLICIES: Record<DramControllerSpec['rowPolicy'], (spec: DramControllerSpec) => RowPolicy> =
  {
    /** A row stays open until another one of its bank is wanted or the rank is refreshed. */
    open: () => ({ closeWhenUnwanted: false, columnsPerActivate: 2 ** 30 }),
    closed: () => ({ closeWhenUnwanted: true, columnsPerActivate: 2 ** 30 }),
    capped: (spec) => ({ closeWhenUnwanted: false, columnsPerActivate: spec.rowHitCap }),
  };
