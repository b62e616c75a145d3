/** The single-pass variance forms by name. */
import type { VarianceForm } from './accumulator.js';
import { plainVariance } from './plain.js';
import { shiftedVariance } from './shifted.js';
import { welfordVariance } from './welford.js';

export type VarianceFormName = 'plain' | 'shifted' | 'welford';

/** Literal registry: a new form is one file and one line here. Each form combines only accumulators that it created itself. */
export const VARIANCE_FORMS: Readonly<Record<VarianceFormName, VarianceForm>> = {
  plain: plainVariance,
  shifted: shiftedVariance,
  welford: welfordVariance,
};
