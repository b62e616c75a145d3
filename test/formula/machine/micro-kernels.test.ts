/** The micro-kernels that `normcore validate` reports, each against its law. */
import { expect, it } from 'vitest';
import { microKernels, rowOf } from '../../../src/cli/validation/micro-kernels.js';

it.each(microKernels().map((kernel) => [kernel.name, kernel] as const))('%s', (_, kernel) => {
  const { passed, cells } = rowOf(kernel);
  expect({ passed, cells }).toEqual({ passed: true, cells });
});
