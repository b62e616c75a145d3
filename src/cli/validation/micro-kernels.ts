/** Cores and caches against the closed forms of programs that are bound by one thing each. */
import { formatDeviation, type ValidationRow } from '../../report/validation.js';
import type { ValidationPlan } from './job.js';
import { BASE_MACHINE, type MicroKernel } from './micro-kernels/bench.js';
import { chipMicroKernels } from './micro-kernels/chip.js';
import { pipelineMicroKernels } from './micro-kernels/compute.js';
import { memoryMicroKernels } from './micro-kernels/memory.js';
import { shippedMicroKernels } from './micro-kernels/shipped.js';

const TOLERANCE = 0.02;

/** Every micro-kernel, in the order of the page. */
export function microKernels(): MicroKernel[] {
  return [
    ...pipelineMicroKernels(),
    ...memoryMicroKernels(),
    ...chipMicroKernels(),
    ...shippedMicroKernels(),
  ];
}

/** The micro-kernel rows. */
export function planMicroKernels(): ValidationPlan {
  return {
    title: 'Micro-kernels of the cores',
    text:
      `Small programs on a core of \`${BASE_MACHINE}\` with its caches, ideal memory and no prefetcher unless the row says otherwise, each bound by one thing, against the law of that thing. ` +
      'The last rows run on whole shipped machines, without prefetch and refresh. ' +
      'Tolerance: 2 %; 5 % for sharing.',
    columns: [
      { header: 'micro-kernel', align: 'left' },
      { header: 'closed form', align: 'left' },
      { header: 'unit', align: 'left' },
      { header: 'expected', align: 'right' },
      { header: 'simulated', align: 'right' },
      { header: 'deviation', align: 'right' },
      { header: 'tolerance', align: 'right' },
    ],
    jobs: microKernels().map((kernel) => () => [rowOf(kernel)]),
  };
}

/** Runs a micro-kernel and holds it to its law. */
export function rowOf({
  name,
  law,
  unit,
  expected,
  tolerance = TOLERANCE,
  simulate,
}: MicroKernel): ValidationRow {
  const simulated = simulate();
  return {
    cells: [
      name,
      law,
      unit,
      expected.toFixed(3),
      simulated.toFixed(3),
      formatDeviation(simulated, expected),
      `${100 * tolerance} %`,
    ],
    passed: Math.abs(simulated / expected - 1) <= tolerance,
  };
}
