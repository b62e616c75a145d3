/** Writes the generated files of this folder. Run after a build: node docs/studies/generate.mjs */
import { writeFileSync } from 'node:fs';
import { loadText } from '../../dist/config/load.js';
import { parseNetwork } from '../../dist/network/parse.js';
import { studySinglePassVariance } from '../../dist/numerics/studies/single-pass-variance.js';
import { studyTraining } from '../../dist/numerics/studies/training-accuracy.js';
import { scaledDown } from '../../dist/numerics/verify.js';
import { trainingFiles, varianceFiles } from '../../dist/report/figures/studies.js';

const networks = ['densenet121', 'resnet50'].map((name) => {
  const { file, text } = loadText('network', name);
  return parseNetwork(text, file, scaledDown(parseNetwork(text, file).layers[0].output));
});
const files = {
  ...(await varianceFiles(studySinglePassVariance(), networks)),
  ...(await trainingFiles(studyTraining())),
};
for (const [name, content] of Object.entries(files)) writeFileSync(new URL(name, import.meta.url), content);
