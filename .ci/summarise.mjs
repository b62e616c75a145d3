// Counts what passed and failed: summarise.mjs TESTS.json CHECKS TESTS-STATUS. TESTS.json is the runner's report, CHECKS has a line "passed NAME" or
// "failed NAME" per check. The last line printed is "N passed, N failed".
import { readFileSync } from 'node:fs';

const [reportFile, checksFile, testsStatus] = process.argv.slice(2);

let passed = 0;
const failed = [];
const skipped = [];

function readReport() {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8'));
  } catch (error) {
    failed.push(`tests: the runner left no report (${error.message})`);
    return { testResults: [] };
  }
}

for (const file of readReport().testResults) {
  const name = file.name.replace(`${process.cwd()}/`, '');
  // A file that cannot even be loaded has no tests of its own to fail.
  if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
    failed.push(`${name}: ${(file.message ?? '').split('\n')[0]}`);
  }
  for (const test of file.assertionResults) {
    if (test.status === 'passed') passed++;
    else if (test.status === 'failed') failed.push(`${name}: ${test.fullName}`);
    else skipped.push(`${name}: ${test.fullName} (${test.meta?.skipReason ?? test.status})`);
  }
}
// The runner also fails for reasons that are no test's, such as an error outside all of them.
if (testsStatus !== '0' && failed.length === 0)
  failed.push(`tests: npm test ended with status ${testsStatus}`);

for (const line of readFileSync(checksFile, 'utf8').split('\n').filter(Boolean)) {
  if (line.startsWith('passed ')) passed++;
  else failed.push(line.slice('failed '.length));
}

if (skipped.length > 0) console.log(`skipped:\n  ${skipped.join('\n  ')}`);
if (failed.length > 0) console.log(`failed:\n  ${failed.join('\n  ')}`);
console.log(`${passed} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;
