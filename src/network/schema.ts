/** The schema of a network file; `parse.ts` has the format in prose. */
import { z } from 'zod';

/** A parameter of a block, `$name`, or the number of the repetition, `$i`. */
const PLACEHOLDER = /^\$[a-z][A-Za-z0-9]*$/;
const LAYER_NAME = /^[A-Za-z0-9_][A-Za-z0-9_/-]*$/;
const BLOCK_NAME = /^(?:[A-Za-z0-9_]|\$i)(?:[A-Za-z0-9_/-]|\$i)*$/;

const placeholder = z.string().regex(PLACEHOLDER);

function count(sentence: string) {
  return z
    .union([z.int().min(1), placeholder], {
      error: 'expected a whole number of at least 1, or a parameter such as $channels',
    })
    .describe(sentence);
}

function pair(minimum: number, sentence: string) {
  const one = z.int().min(minimum);
  return z
    .union([one, placeholder, z.tuple([one, one])], {
      error: `expected a whole number of at least ${minimum}, a pair [vertical, horizontal], or a parameter such as $stride`,
    })
    .describe(sentence);
}

const name = z
  .string()
  .regex(LAYER_NAME, { error: 'expected a name of letters, digits, and _ / -' })
  .describe(
    'Name of the layer and of its output; inside a block it gets the block’s name and a slash in front.',
  );

const from = z
  .union([z.string(), z.array(z.string()).min(1)], {
    error: 'expected the name of a layer, or a list of names',
  })
  .optional()
  .describe(
    'Layer, or list of layers, whose output it takes. Default: the layer above. Inside a block, `input` is the block’s input.',
  );

const kernel = pair(1, 'Height and width of the window: one number, or [vertical, horizontal].');
const stride = pair(1, 'Stride: one number, or [vertical, horizontal].').default(1);
const pad = pair(0, 'Padding at each edge: one number, or [vertical, horizontal].').default(0);

const conv = z.strictObject({
  type: z.literal('conv'),
  name,
  from,
  channels: count('Output channels.'),
  kernel,
  stride,
  pad,
  groups: count('Groups that the channels are split into.').default(1),
  bias: z.boolean().default(false).describe('Whether a bias is added per output channel.'),
});

const bn = z.strictObject({
  type: z.literal('bn'),
  name,
  from,
  // Caffe's BatchNorm defaults: eps 1e-5 and moving_average_fraction 0.999.
  epsilon: z.number().positive().default(1e-5).describe('Added to the variance.'),
  momentum: z
    .number()
    .min(0)
    .max(1)
    .default(0.999)
    .describe('Share of the old running statistics that an iteration keeps.'),
});

const pool = z.strictObject({
  type: z.literal('pool'),
  name,
  from,
  mode: z.enum(['max', 'average']).describe('What a window is reduced to.'),
  kernel,
  stride,
  pad,
  rounding: z
    .enum(['floor', 'caffe'])
    .default('floor')
    .describe(
      'Output size: `floor` leaves out a last window that does not fit; `caffe` rounds up, unless that window would start in the padding.',
    ),
});

const fc = z.strictObject({
  type: z.literal('fc'),
  name,
  from,
  channels: count('Outputs.'),
  bias: z.boolean().default(true).describe('Whether a bias is added per output.'),
});

const lrn = z.strictObject({
  type: z.literal('lrn'),
  name,
  from,
  // Caffe's LRN defaults.
  localSize: z.int().min(1).default(5).describe('Channels that are summed over; odd.'),
  alpha: z.number().default(1).describe('Factor of the sum of squares, before the division by localSize.'),
  beta: z.number().default(0.75).describe('Exponent.'),
});

const dropout = z.strictObject({
  type: z.literal('dropout'),
  name,
  from,
  ratio: z.number().min(0).lt(1).default(0.5).describe('Probability that an element is dropped.'),
});

function plain<T extends string>(type: T) {
  return z.strictObject({ type: z.literal(type), name, from });
}

const block = z.strictObject({
  type: z.literal('block'),
  of: z.string().describe('Name of the block.'),
  name: z
    .string()
    .regex(BLOCK_NAME, {
      error: 'expected a name of letters, digits, _ / -, and $i for the number of the repetition',
    })
    .describe('Name in front of the names of its layers; also stands for its last layer.'),
  from,
  repeat: z
    .int()
    .min(1)
    .max(1000)
    .default(1)
    .describe('How many of it follow one another; `$i` in its name is the number.'),
  start: z.int().min(0).default(1).describe('Number of the first repetition.'),
  with: z
    .record(z.string(), z.int().min(0))
    .default({})
    .describe('Values of the block’s parameters: a layer’s `$name` takes the value of `name`.'),
});

const layerEntry = z.discriminatedUnion('type', [
  conv,
  bn,
  plain('relu'),
  pool,
  plain('global-pool'),
  plain('concat'),
  plain('sum'),
  fc,
  lrn,
  dropout,
  plain('softmax-loss'),
  block,
]);

const side = z.int().min(1);

/** The whole file. */
export const networkSchema = z.strictObject({
  name: z.string().min(1).describe('Name of the network.'),
  description: z.string().describe('What it is and where its shapes come from, in a sentence or two.'),
  input: z
    .strictObject({
      channels: side.describe('Channels of an image.'),
      height: side.describe('Rows of an image.'),
      width: side.describe('Columns of an image.'),
    })
    .describe('One image.'),
  blocks: z
    .record(
      z.string(),
      z.strictObject({ layers: z.array(layerEntry).min(1).describe('Layers of the block, in order.') }),
    )
    .default({})
    .describe('Groups of layers that `type: block` entries place.'),
  layers: z.array(layerEntry).min(1).describe('Layers of the network, in order.'),
});

export type NetworkFile = z.output<typeof networkSchema>;
export type LayerEntry = z.output<typeof layerEntry>;
export type BlockEntry = Extract<LayerEntry, { type: 'block' }>;
export type PlainEntry = Exclude<LayerEntry, { type: 'block' }>;
