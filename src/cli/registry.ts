import type { CommandRegistry } from './command.js';

/** Every command: a file in `commands/` and a line here. */
export const commands: CommandRegistry = {
  reproduce: {
    summary:
      'the main job: DenseNet-121 under five schedules, as a table and a CSV file (what runs without a command)',
    load: () => import('./commands/reproduce.js'),
    isDefault: true,
  },
  run: {
    summary: 'simulate a training iteration of networks on machines under schedules',
    load: () => import('./commands/run.js'),
  },
  sweep: {
    summary: 'simulate a grid of settings from a file, going on where it stopped, into CSV files',
    load: () => import('./commands/sweep.js'),
  },
  figures: {
    summary: 'draw the figures from simulations, as SVG and PNG with their CSV and specification',
    load: () => import('./commands/figures.js'),
  },
  network: { summary: 'list and show networks', load: () => import('./commands/network.js') },
  schedule: {
    summary: 'list schedules and show what fuses where',
    load: () => import('./commands/schedule.js'),
  },
  machine: { summary: 'list, show and check machines', load: () => import('./commands/machine.js') },
  schema: {
    summary: 'print the JSON Schema or the reference of a kind of file',
    load: () => import('./commands/schema.js'),
  },
  edge: {
    summary: 'count the sweeps of one CONV-BN-ReLU-CONV edge from simulated lines',
    load: () => import('./commands/edge.js'),
  },
  traffic: {
    summary: 'sort the DRAM bytes of a training iteration by what they hold and why they move',
    load: () => import('./commands/traffic.js'),
  },
  verify: {
    summary: 'compare what schedules compute with the baseline, on real numbers',
    load: () => import('./commands/verify.js'),
  },
  replay: {
    summary: 'run address traces through the caches or the whole of a machine',
    load: () => import('./commands/replay.js'),
  },
  record: {
    summary: "write the accesses of one operation's kernel as a trace",
    load: () => import('./commands/record.js'),
  },
  dram: {
    summary:
      'run an address pattern through one DRAM channel: bandwidth, latency and where the bus time went',
    load: () => import('./commands/dram.js'),
  },
  validate: {
    summary: 'hold caches, cores and DRAM to the results of other simulators and to closed forms',
    load: () => import('./commands/validate.js'),
  },
};
