/** What docs/paper.md leaves open about the modelled software, as settings with a default. */
import type { z } from 'zod';
import type { SoftwareOptions } from '../kernel/kernel.js';
import { choice, flag, section } from './schema.js';

export const softwareSchema = section(
  {
    bnBlocking: choice(
      ['streaming', 'cached'],
      'streaming: every BN loop sweeps the tensor (MKL-DNN up to v0.11, consistent with RCF and MVF being worth reporting). ' +
        'cached: groups of channel blocks that fit the caches (MKL-DNN v0.12 and later).',
    ).default('streaming'),
    nonTemporalStores: flag(
      'Non-temporal stores where MKL-DNN uses them: BN outputs, and 1x1 CONV outputs under its rule.',
    ).default(true),
    softwarePrefetch: flag(
      "Software prefetch of the next tile's input lines in the direct convolutions, as MKL-DNN's AVX-512 kernels do.",
    ).default(true),
  },
  'Options of the modelled software.',
);

/** The options with what is not given filled in by its default. */
export function softwareOptions(given: z.input<typeof softwareSchema> = {}): SoftwareOptions {
  return softwareSchema.parse(given);
}
