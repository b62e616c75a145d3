import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { summariseMachine } from '../../../src/cli/machine-text.js';
import { fileSource, listNames, loadDramPart, loadMachine } from '../../../src/config/load.js';
import { machineJsonSchema } from '../../../src/config/machine-schema.js';
import { ConfigurationError } from '../../../src/config/problem.js';
import { hopsBetween } from '../../../src/machine/interconnect/topology.js';
import type { MachineSpec } from '../../../src/machine/spec.js';

describe('shipped configurations', () => {
  it.each(listNames('machine'))('machine %s is right and named like its file', (name) => {
    expect(loadMachine(name).name).toBe(name);
  });

  it.each(listNames('dram-part'))('DRAM part %s is right and named like its file', (name) => {
    expect(loadDramPart(name).name).toBe(name);
  });

  // docs/paper.md, "Machines": peaks and core counts; its TFLOPS are rounded to three or two digits.
  it.each([
    ['skylake-sp-2s', 40, 3.33, 230.4],
    ['skylake-sp-2s-half-bandwidth', 40, 3.33, 115.2],
    ['knl-7210', 64, 5.3, 409.6],
    ['titan-x-pascal', 28, 10.2, 480],
  ])('%s has the cores and the peaks of its table', (name, cores, teraflops, gigabytes) => {
    const summary = summariseMachine(loadMachine(name));
    expect(summary.cores).toBe(cores);
    expect(Math.abs(summary.peakGflops / 1000 / teraflops - 1)).toBeLessThan(0.01);
    expect(Math.abs(summary.peakGBps / gigabytes - 1)).toBeLessThan(0.01);
  });

  it('skylake-sp-2s-half-bandwidth differs from skylake-sp-2s in its channels only', () => {
    const whole = loadMachine('skylake-sp-2s');
    const half = loadMachine('skylake-sp-2s-half-bandwidth');
    expect({
      ...half,
      name: whole.name,
      description: whole.description,
      memory: { ...half.memory, channelsPerSocket: 6 },
    }).toEqual(whole);
  });
});

/** Idle latency in ns from a load to its data in the closed row of local memory, by adding up the way. */
function idleMemoryLatency(machine: MachineSpec): { lastLevel: number; local: number } {
  const { core, l1d, l2, llc, memory, interconnect } = machine;
  if (memory.kind !== 'dram') throw new Error('DRAM is expected');
  const tiles = Math.max(machine.coresPerSocket / (l2?.sharedBy ?? 1), llc?.slicesPerSocket ?? 0);
  let hops = 0;
  let moved = 0;
  for (let from = 0; from < tiles; from++) {
    for (let to = 0; to < tiles; to++) {
      const distance = hopsBetween(interconnect, tiles, from, to);
      hops += distance / tiles ** 2;
      if (distance > 0) moved += 1 / tiles ** 2;
    }
  }
  // A request of 8 B and a line of 72 B on a link, where they leave their tile.
  const messagesPs = (moved * (8 + 72) * 1e12) / interconnect.linkBytesPerSecond;
  const inCore = ((l2 ?? l1d).latencyCycles / core.frequencyHz) * 1e9;
  const lastLevel = inCore + (2 * hops * interconnect.hopPs + messagesPs + (llc?.latencyPs ?? 0)) / 1000;
  const { nRCD, nCL, nBL } = memory.part.timings;
  return {
    lastLevel,
    local: lastLevel + (memory.controllerPs + (nRCD + nCL + nBL) * memory.part.tCKps) / 1000,
  };
}

describe('the latencies that the machine files derive', () => {
  it('are the measured ones for skylake-sp-2s: 89 ns local, 139 ns remote', () => {
    const machine = loadMachine('skylake-sp-2s');
    const { local } = idleMemoryLatency(machine);
    expect(Math.abs(local - 89)).toBeLessThan(2);
    expect(Math.abs(local + (2 * (machine.socketLink?.latencyPs ?? 0)) / 1000 - 139)).toBeLessThan(2);
  });

  it('are the measured ones for knl-7210: 150 ns', () => {
    expect(Math.abs(idleMemoryLatency(loadMachine('knl-7210')).local - 150)).toBeLessThan(4);
  });

  it('are the measured ones for titan-x-pascal: 216 cycles to the L2, about 485 to memory', () => {
    const machine = loadMachine('titan-x-pascal');
    const { lastLevel, local } = idleMemoryLatency(machine);
    const cycles = (ns: number): number => (ns * machine.core.frequencyHz) / 1e9;
    expect(Math.abs(cycles(lastLevel) - 216)).toBeLessThan(3);
    expect(Math.abs(cycles(local) - 485)).toBeLessThan(15);
  });
});

describe('what is found by name or path', () => {
  it('is one and the same machine', () => {
    const found = fileSource.find('machine', 'teaching');
    if ('problem' in found) throw new Error(found.problem);
    expect(basename(found.file)).toBe('teaching.yaml');
    expect(loadMachine(found.file)).toEqual(loadMachine('teaching'));
  });

  it.each([
    [
      'skylake-sp',
      /^there is no machine "skylake-sp"\. Did you mean "skylake-sp-2s"\? There are: .*teaching/,
    ],
    ['./nowhere.yaml', /^\.\/nowhere\.yaml cannot be read: there is no such file/],
    ['configs/machines/teachin.yaml', /Did you mean "teaching\.yaml"\?/],
    ['configs/', /is a directory/],
    ['/dev/null', /not a regular file/],
    ['package.json/x.yaml', /not a directory/],
  ])('%s is refused in one line', (reference, message) => {
    expect(() => loadMachine(reference)).toThrow(ConfigurationError);
    expect(() => loadMachine(reference)).toThrow(message);
  });
});

describe('the JSON Schema of machine files', () => {
  it('asks for a whole machine or for one to extend', () => {
    const schema = machineJsonSchema('x') as {
      anyOf: { required: string[]; properties: Record<string, unknown> }[];
    };
    expect(schema.anyOf[0]?.required).toContain('core');
    expect(schema.anyOf[1]?.required).toEqual(['extends']);
    expect(Object.keys(schema.anyOf[1]?.properties ?? {})).toEqual(
      Object.keys(schema.anyOf[0]?.properties ?? {}),
    );
    expect(JSON.stringify(schema.anyOf[1]?.properties)).not.toContain('"required"');
  });
});
