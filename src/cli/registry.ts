import type { CommandRegistry } from './command.js';

/** Every command: a file in `commands/` and a line here. */
export const commands: CommandRegistry = {
  machine: { summary: 'list, show and check machines', load: () => import('./commands/machine.js') },
  schema: {
    summary: 'print the JSON Schema or the reference of a kind of file',
    load: () => import('./commands/schema.js'),
  },
  verify: {
    summary: 'compare what schedules compute with the baseline, on real numbers',
    load: () => import('./commands/verify.js'),
  },
};
