/** The built package as a program imports it: by its name. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectShown, readExamples } from './guide-examples.js';
import type { Outcome } from './harness.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'dist');

/** Packages that browsers can load. */
const BROWSER_PACKAGES = ['zod', 'yaml', 'seedrandom'];

beforeAll(() => {
  if (!existsSync(dist)) throw new Error('dist/ is missing: run these tests with npm test, which builds it');
});

/** Runs an ES module that lies in the package's root and so finds the package by its name. */
function runModule(code: string): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status: status ?? -1, out: stdout, err: stderr };
}

/** Runs a module that prints one JSON document. */
function runForJson(code: string): unknown {
  const { status, out, err } = runModule(code);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  return JSON.parse(out);
}

describe('the package, imported by its name', () => {
  it("does what the README's example says", () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const section = /\n## As a library\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? '';
    const code = /```js\n([\s\S]*?)```/.exec(section)?.[1] ?? '';
    const [example] = readExamples(section, 'node');
    expect(code).toContain("from 'normcore'");
    if (example === undefined) throw new Error('the README shows no output');
    expect(example.shown.length).toBeGreaterThan(0);
    expectShown(example, runModule(code));
  });

  it('runs a program, a trace and a DRAM experiment, and verifies a schedule', () => {
    const result = runForJson(`
      import * as normcore from 'normcore';
      const machine = normcore.loadMachine('teaching');
      const network = normcore.loadNetwork('conv-bn-relu-conv', { imageSize: { height: 8, width: 8 }, channelDivisor: 8 });
      const batch = 4;

      const step = normcore.applySchedule(normcore.buildTrainingStep(network, { batch }), 'bnff');
      const run = normcore.runOn(machine, normcore.programFor(machine, step, normcore.DEFAULT_POINT.software));

      const bytes = [];
      const writer = normcore.createBinaryWriter((chunk) => bytes.push(...chunk), 1);
      for (let line = 0; line < 100; line++) writer.write(0, normcore.TraceAccess.Read, line);
      writer.end();
      let at = 0;
      const source = {
        name: 'memory',
        read(target, offset, length) {
          const part = bytes.slice(at, at + length);
          target.set(part, offset);
          at += part.length;
          return part.length;
        },
        close() {},
      };
      const trace = normcore.openTrace(() => source, 1);
      const levels = normcore.parseGeometry('1K/2/lru');
      const { levels: [level] } = normcore.replayFunctional(levels, [trace.open(0)], { flush: true, seed: '' });

      const part = normcore.loadDramPart('ddr4-2400');
      const channel = normcore.dramChannel(part, { mapping: normcore.referenceMapping('M2', part), refresh: false });
      const { percentOfPeak } = normcore.runDramExperiment(channel, { pattern: 'stream_r', mode: 'sat', requests: 10_000 });

      const { passed } = normcore.verifyNetwork(network, { schedules: ['bnff'] });
      console.log(JSON.stringify({
        kernels: run.kernels.length, operations: step.operations.length, level, percentOfPeak, passed,
      }));
    `) as Record<string, unknown> & { kernels: number; percentOfPeak: number };
    expect(result.kernels).toBeGreaterThan(0);
    expect(result).toMatchObject({
      operations: result.kernels,
      level: { name: 'L1', reads: 100, writes: 0, readMisses: 100, writeMisses: 0, writebacks: 0 },
      passed: true,
    });
    expect(result.percentOfPeak).toBeGreaterThan(99);
  });

  it('simulates points side by side and gives them as CSV', () => {
    const result = runForJson(`
      import { DEFAULT_POINT, loadMachine, loadNetwork, POINT_COLUMNS, renderCsv, runPoints, withGains } from 'normcore';
      const network = loadNetwork('conv-bn-relu-conv', { imageSize: { height: 8, width: 8 } });
      const machine = loadMachine('teaching');
      const points = ['baseline', 'bnff'].map((schedule) => ({ ...DEFAULT_POINT, network, machine, schedule, batch: 4 }));
      const results = await runPoints(points, { workers: 2 });
      console.log(JSON.stringify(renderCsv(POINT_COLUMNS, withGains(results)).trimEnd().split('\\n')));
    `) as string[];
    expect(result.map((line) => line.split(',').slice(0, 4).join(','))).toEqual([
      'network,machine,schedule,batch',
      'conv-bn-relu-conv,teaching,baseline,4',
      'conv-bn-relu-conv,teaching,bnff,4',
    ]);
  });

  it('says everything that is wrong with the settings of a channel', () => {
    const message = runForJson(`
      import { ConfigurationError, dramChannel, loadDramPart } from 'normcore';
      try {
        dramChannel(loadDramPart('ddr4-2400'), { readQueue: 0, mapping: 'column:7', refrsh: true, writeLowWatermark: 0.9 });
      } catch (error) {
        console.log(JSON.stringify(error instanceof ConfigurationError ? error.message : String(error)));
      }
    `) as string;
    expect(message).toContain('controller.readQueue: ');
    expect(message).toContain('controller.refrsh: ');
    expect(message).toContain('Did you mean "refresh"?');
    expect(message).toContain('controller.mapping: gives the bank-group 0 bits, but the part needs 2');
    expect(message).toContain('controller.writeLowWatermark: ');
  });

  it('has a docstring for everything that it exports', () => {
    const entry = join(dist, 'index.d.ts');
    const program = ts.createProgram([entry], {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      noLib: true,
      types: [],
    });
    const checker = program.getTypeChecker();
    const file = program.getSourceFile(entry);
    const module = file === undefined ? undefined : checker.getSymbolAtLocation(file);
    const exported = module === undefined ? [] : checker.getExportsOfModule(module);
    expect(exported.length).toBeGreaterThan(50);
    const targets = exported.map((symbol) =>
      symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
    );
    const bare = targets.filter((target) => target.getDocumentationComment(checker).length === 0);
    expect(bare.map(({ name }) => name).sort()).toEqual([]);
  });
});

describe("the package's entry for browsers", () => {
  /** Files of dist/ and packages that a built module imports, itself included. */
  function graphOf(entry: string): { readonly files: string[]; readonly packages: string[] } {
    const files = new Set([join(dist, entry)]);
    const packages = new Set<string>();
    for (const file of files) {
      for (const { fileName: target } of ts.preProcessFile(readFileSync(file, 'utf8')).importedFiles) {
        if (target.startsWith('.')) files.add(join(dirname(file), target));
        else packages.add(target);
      }
    }
    return { files: [...files], packages: [...packages].sort() };
  }

  it('imports nothing of Node, however far one follows it', () => {
    const { files, packages } = graphOf('core.js');
    // The whole way down to the machine is in it.
    expect(files.map((file) => relative(dist, file))).toContain(join('machine', 'dram', 'scheduler.js'));
    expect(packages.filter((name) => !BROWSER_PACKAGES.includes(name))).toEqual([]);
    expect(graphOf('index.js').packages).toContain('node:fs');
  });

  it("works where Node's globals are missing, from texts alone", () => {
    const machine = {
      machine: readFileSync(join(root, 'configs/machines/teaching.yaml'), 'utf8'),
      'dram-part': readFileSync(join(root, 'configs/dram/ddr4-2400.yaml'), 'utf8'),
    };
    const network = readFileSync(join(root, 'workloads/networks/conv-bn-relu-conv.yaml'), 'utf8');
    const cycles = runForJson(`
      const texts = ${JSON.stringify(machine)};
      const { log } = console;
      for (const name of ['process', 'Buffer', 'setImmediate', 'global']) delete globalThis[name];
      const { DEFAULT_POINT, parseNetwork, readMachine, simulatePoint } = await import('normcore/core');
      const machine = readMachine('teaching', { find: (kind, reference) => ({ file: reference, text: texts[kind] }) });
      const network = parseNetwork(${JSON.stringify(network)}, 'network.yaml', { imageSize: { height: 8, width: 8 } });
      log(simulatePoint({ ...DEFAULT_POINT, network, machine, batch: 4 }).cycles);
    `);
    expect(cycles).toBeGreaterThan(0);
  });

  it('is all in the entry for Node too', () => {
    const missing = runForJson(`
      import * as core from 'normcore/core';
      import * as all from 'normcore';
      console.log(JSON.stringify(Object.keys(core).filter((name) => all[name] !== core[name])));
    `);
    expect(missing).toEqual([]);
  });
});
