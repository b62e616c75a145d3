/** Options of the command line from declarations of settings: name, kind, words, default and sentence are those of the schema. */
import type { Argv, Options } from 'yargs';
import type { z } from 'zod';
import { listSettings } from '../config/schema.js';
import { scheduleOptionsSchema, softwareSchema } from '../sweep/point-options.js';

/** Adds an option per setting under a heading of its own. Settings must be words or true-or-false. */
function addOptions<T>(parser: Argv<T>, schema: z.ZodType, heading: string): Argv<T> {
  for (const { path, type, allowed, fallback, sentence } of listSettings(schema)) {
    const option = path.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const isFlag = type === 'true or false';
    const isOn = isFlag && fallback === 'true';
    const settings: Options = isFlag
      ? { type: 'boolean', default: isOn }
      : { choices: allowed.split(', '), default: fallback };
    const describe = isOn ? `${sentence}. To turn off: --no-${option}` : sentence;
    parser.option(option, { ...settings, describe, group: heading });
  }
  return parser;
}

/** The settings on the modelled software that decide which operations there are; the others decide how they run. */
export const graphSchema = softwareSchema.pick({ fuseBnRelu: true });

/** Adds the options on the modelled software and on the schedules' choices. */
export function addSoftwareOptions<T>(parser: Argv<T>): Argv<T> {
  addOptions(parser, softwareSchema, 'The modelled software:');
  return addOptions(parser, scheduleOptionsSchema, 'Choices of the schedules:');
}

/** Adds those of them that change what fuses. */
export function addFusionOptions<T>(parser: Argv<T>): Argv<T> {
  addOptions(parser, graphSchema, 'The modelled software:');
  return addOptions(parser, scheduleOptionsSchema, 'Choices of the schedules:');
}

/** Picks a schema's settings out of parsed arguments, which also have every option under its camel-case name. */
export function pickOptions<Schema extends z.ZodObject>(
  schema: Schema,
  argv: Readonly<Record<string, unknown>>,
): z.output<Schema> {
  return schema.parse(Object.fromEntries(Object.keys(schema.shape).map((key) => [key, argv[key]])));
}
