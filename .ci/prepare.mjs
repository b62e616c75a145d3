// Makes a fresh clone ready: checks Node's version, installs the dependencies and builds, each only if needed. Needs no dependency itself and says
// nothing when there is nothing to do; what it says goes to standard error, so that a command's output stays clean.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// The oldest release line that yargs 18 runs on ("^20.19.0 || ^22.12.0 || >=23"); the other dependencies ask for less.
const NODE_LINES = [
  [20, 19],
  [22, 12],
];

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const line = NODE_LINES.find(([known]) => known === major);
  if (line === undefined ? major >= 23 : minor >= line[1]) return;
  fail(
    `Normcore needs Node 20.19 or newer, 22.12 or newer, or 23 and up; this is Node ${process.versions.node}.\n` +
      'Install a current release (https://nodejs.org) and run the command again.',
    2,
  );
}

/** The dependencies that are installed are those of the lock file whose hash the stamp holds. */
function install() {
  const lock = join(root, 'package-lock.json');
  const modules = join(root, 'node_modules');
  const stamp = join(modules, '.normcore-lock-hash');
  const hash = createHash('sha256').update(readFileSync(lock)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  // Without a stamp the dependencies were installed by hand; npm's own record tells whether that was after the lock file changed.
  const record = join(modules, '.package-lock.json');
  const isCurrent = !existsSync(stamp) && existsSync(record) && modified(record) >= modified(lock);
  if (!isCurrent)
    run('installing dependencies (npm ci)', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(stamp, hash);
}

/** The build is current if the sources are those that the stamp of the last good build lists, and none of them is newer. */
function build() {
  const dist = join(root, 'dist');
  const stamp = join(dist, '.built');
  const started = Date.now();
  const sources = listFiles(join(root, 'src'));
  const inputs = [...sources.map((file) => join('src', file)), 'package-lock.json', 'tsconfig.json'];
  const newest = Math.max(...inputs.map((file) => modified(join(root, file))));
  const isBuilt = existsSync(stamp);
  const isSameSet = isBuilt && readFileSync(stamp, 'utf8') === sources.join('\n');
  if (isSameSet && modified(stamp) >= newest) return;
  // A file that was deleted or renamed must not live on in the build.
  if (!isSameSet) rmSync(dist, { recursive: true, force: true });
  else rmSync(stamp);
  run('building (npm run build)', ['run', '--silent', 'build']);
  writeFileSync(stamp, sources.join('\n'));
  // A source that was saved while the compiler ran is newer than this.
  utimesSync(stamp, new Date(), new Date(started));
}

function listFiles(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function modified(file) {
  return statSync(file).mtimeMs;
}

function run(what, args) {
  process.stderr.write(`normcore: ${what} ...\n`);
  // npm's own report goes to standard error with ours.
  const windows = process.platform === 'win32';
  const result = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: windows });
  if (result.error) fail(`npm could not be started: ${result.error.message}`, 2);
  if (result.status !== 0) fail(`failed: ${what}, see above`, 1);
}

function fail(message, status) {
  process.stderr.write(`normcore: ${message}\n`);
  process.exit(status);
}

checkNode();
install();
build();
