/** The settings of a sweep file: declared once, for messages, JSON Schema and the reference page. What they mean together is in `axes.ts` and `sweep-file.ts`. */
import { z } from 'zod';
import { count, flag, section, text } from '../config/schema.js';
import {
  DEFAULT_BATCH,
  DEFAULT_SEED,
  LARGEST_BATCH,
  scheduleOptionsSchema,
  softwareSchema,
} from './point-options.js';

/** What a point is made of; an axis may set each of them by its path. */
const pointShape = {
  network: text('Name of a network, or path of a YAML file, relative to the sweep file.'),
  machine: text('Name of a machine, or path of a YAML file, relative to the sweep file.'),
  schedule: text('Name of a schedule, or names of passes joined by +.').default('baseline'),
  batch: count(1, LARGEST_BATCH, 'Images of the mini-batch.').default(DEFAULT_BATCH),
  exact: flag('Simulate every core and every image instead of a share that stands for them.').default(false),
  seed: text('Draws the operations that the sampling error is measured on.').default(DEFAULT_SEED),
  software: softwareSchema.prefault({}),
  scheduleOptions: scheduleOptionsSchema.prefault({}),
};

/** One point's settings, the machine and the network by reference. */
export const pointSchema = section(pointShape, 'The settings of a point.');
export type PointConfig = z.output<typeof pointSchema>;

const assignments = (sentence: string) =>
  z
    .record(z.string(), z.unknown())
    .meta({ description: sentence, examples: [{ 'machine.coresPerSocket': 28 }] });

/** Several settings that change together, under one label. */
export const bundleSchema = section(
  {
    label: z
      .union([z.string().min(1), z.number()])
      .meta({ description: 'The cell in the column of the axis.' }),
    set: assignments('Settings by their paths.'),
  },
  'Several settings that change together.',
);
export type Bundle = z.output<typeof bundleSchema>;

const { $schema: _dialect, ...bundleJson } = z.toJSONSchema(bundleSchema, { io: 'input' });
const scalar = { type: ['string', 'number', 'boolean', 'null'] };

const axisShape = {
  path: text(
    'Setting that the values are of, by its path: machine.core.frequency, schedule, batch.',
  ).optional(),
  name: text("Name of the axis's column in the results; absent: the path.").optional(),
  unit: text(
    'Unit of the column. For a setting with a unit: one of its units; for labels: what they are in.',
  ).optional(),
  values: z
    .array(
      z.unknown().meta({
        description: 'A value of the setting at the path; or a label and the settings that it stands for.',
        anyOf: [scalar, bundleJson],
      }),
    )
    .meta({ description: 'Values of the axis, each a point of the grid.', minItems: 1 })
    .optional(),
};

export const axisSchema = section(
  {
    ...axisShape,
    linked: z
      .array(section(axisShape, 'An axis of the group.'))
      .meta({
        description: 'Axes that step together: the first values of all, then the second ones.',
        minItems: 2,
      })
      .optional(),
  },
  'An axis of the grid: a path and its values, a name and labelled values, or several axes that are linked.',
);
export type AxisConfig = z.output<typeof axisSchema>;

export const sweepSchema = section(
  {
    name: text('Name, as the file is called; also that of the folder of its results.'),
    description: text('One line for lists.'),
    runTime: text('How long it takes, measured, and on what.'),
    base: section(
      {
        ...pointShape,
        set: assignments(
          'Settings of the machine that differ from its file in all points, by their paths.',
        ).default({}),
      },
      'What all points have in common.',
    ),
    axes: z
      .array(axisSchema)
      .meta({
        description: 'The grid: every combination of the values of all axes. This or points.',
        minItems: 1,
      })
      .optional(),
    points: z
      .array(assignments('Settings of one point by their paths; every point sets the same ones.'))
      .meta({ description: 'A list of points. This or axes.', minItems: 1 })
      .optional(),
  },
  'A sweep.',
);
export type SweepConfig = z.output<typeof sweepSchema>;
