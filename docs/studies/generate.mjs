/** Writes the generated pages of this folder. Run after a build: node docs/studies/generate.mjs */
import { writeFileSync } from 'node:fs';
import { loadText } from '../../dist/config/load.js';
import { parseNetwork } from '../../dist/network/parse.js';
import { findLargestRatio } from '../../dist/numerics/studies/mean-to-deviation.js';
import { renderSinglePassVariance } from '../../dist/numerics/studies/render-single-pass-variance.js';
import { DEFAULT_VARIANCE_STUDY, studySinglePassVariance } from '../../dist/numerics/studies/single-pass-variance.js';
import { scaledDown, VERIFY_DEFAULTS } from '../../dist/numerics/verify.js';
import { buildTrainingStep } from '../../dist/training/build.js';

const networks = ['densenet121', 'resnet50'].map((name) => {
  const { file, text } = loadText('network', name);
  const network = parseNetwork(text, file, scaledDown(parseNetwork(text, file).layers[0].output));
  return findLargestRatio(buildTrainingStep(network, { batch: VERIFY_DEFAULTS.batch }), 'normcore');
});
const page = renderSinglePassVariance(studySinglePassVariance(), DEFAULT_VARIANCE_STUDY, networks);
writeFileSync(new URL('single-pass-variance.md', import.meta.url), page);
