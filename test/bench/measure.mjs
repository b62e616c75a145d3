// Runs one case and prints its CPU seconds, those of the compiler's and the collector's threads included, without the start of Node, the loading of modules and the making of traces.
import { cases } from './cases.mjs';

const run = cases[process.argv[2]].prepare();
const before = process.cpuUsage();
run();
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${(user + system) / 1e6}\n`);
