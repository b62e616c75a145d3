import { dramPartSchema, machineJsonSchema, machineSchema } from '../../config/machine-schema.js';
import { renderReference, toJsonSchema } from '../../config/schema.js';
import { sweepSchema } from '../../sweep/sweep-schema.js';
import type { CliContext, CreateCommand } from '../command.js';
import { toJson } from '../json.js';

/** Kinds of file that have a schema. */
const KINDS: Readonly<Record<string, { readonly json: () => unknown; readonly markdown: () => string }>> = {
  machine: {
    json: () => machineJsonSchema('Normcore machine file'),
    markdown: () => renderReference(machineSchema, 'Machine files'),
  },
  'dram-part': {
    json: () => toJsonSchema(dramPartSchema, 'Normcore DRAM part file'),
    markdown: () => renderReference(dramPartSchema, 'DRAM part files'),
  },
  sweep: {
    json: () => toJsonSchema(sweepSchema, 'Normcore sweep file'),
    markdown: () => renderReference(sweepSchema, 'Sweep files'),
  },
};

/** `normcore schema KIND`. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'schema <kind>',
  describe: 'print the JSON Schema of a kind of file, for editors, or its reference',
  builder: (parser) =>
    parser
      .positional('kind', { describe: 'kind of file', choices: Object.keys(KINDS), demandOption: true })
      .option('markdown', {
        describe: 'the reference page: a table with a row per setting',
        type: 'boolean',
        default: false,
      })
      .example('$0 schema machine > machine.schema.json', 'for an editor with YAML support')
      .example('$0 schema dram-part --markdown', 'every setting with its unit, range and default') as never,
  handler: ({ kind, markdown }: { kind: string; markdown: boolean }) => {
    const entry = KINDS[kind];
    if (entry === undefined) throw new Error(`no schema for ${kind}`);
    context.out(markdown ? entry.markdown() : toJson(entry.json()));
  },
});
