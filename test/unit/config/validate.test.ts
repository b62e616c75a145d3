import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseDocument } from '../../../src/config/document.js';
import { ConfigurationError } from '../../../src/config/problem.js';
import {
  choice,
  count,
  listSettings,
  quantity,
  section,
  text,
  toJsonSchema,
} from '../../../src/config/schema.js';
import { validate } from '../../../src/config/validate.js';

const schema = section(
  {
    name: text('Name.'),
    frequency: quantity('frequency', { min: '1 MHz', max: '10 GHz' }, 'Clock.'),
    ways: count(1, 64, 'Associativity.'),
    policy: choice(['lru', 'fifo'], 'Policy.').default('lru'),
    latency: quantity('time', {}, 'Latency.').prefault('3 ns'),
    shape: z.discriminatedUnion('kind', [
      section({ kind: z.literal('mesh'), columns: count(1, 9, 'Columns.') }, 'Mesh.'),
      section({ kind: z.literal('ring') }, 'Ring.'),
    ]),
    layers: z.array(section({ size: count(1, 9, 'Size.') }, 'Layer.')).default([]),
    extra: section({ on: z.boolean() }, 'Extra.').nullable().default(null),
  },
  'A thing.',
);

const GOOD = 'name: x\nfrequency: 1 GHz\nways: 8\nshape: {kind: ring}\n';

function messagesOf(yaml: string): string[] {
  try {
    validate(schema, parseDocument(yaml, 'x.yaml'));
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message.split('\n');
    throw error;
  }
}

describe('validation', () => {
  it('fills in defaults in base units', () => {
    expect(validate(schema, parseDocument(GOOD, 'x.yaml'))).toEqual({
      name: 'x',
      frequency: 1e9,
      ways: 8,
      policy: 'lru',
      latency: 3000,
      shape: { kind: 'ring' },
      layers: [],
      extra: null,
    });
  });

  it('renders file:line:column, path, what is wrong, did-you-mean and what is allowed', () => {
    expect(messagesOf('name: x\nfrequncy: 1 GHz\nways: 8\nshape: {kind: ring}\n')).toEqual([
      'x.yaml:2:1 frequncy: is not a known key. Did you mean "frequency"? Allowed: name, frequency, ways, policy, latency, shape, layers, extra',
    ]);
    expect(messagesOf(GOOD.replace('ring', 'rng'))).toEqual([
      'x.yaml:4:15 shape.kind: "rng" is unknown. Did you mean "ring"? Allowed: mesh, ring',
    ]);
    expect(messagesOf(GOOD.replace('8', '65'))).toEqual([
      'x.yaml:3:7 ways: 65 is out of range. Allowed: 1 to 64',
    ]);
  });

  it('gives all problems at once, at whatever depth, in the order of the file', () => {
    const messages = messagesOf(`name: ''
frequency: 20 GHz
ways: eight
policy: lrru
latency: 1.5 ps
shape: {kind: mesh, rows: 2}
layers: [{size: 1}, {size: 0}, {sise: 1}, 5]
extra: {on: maybe}
`);
    const paths = messages.map((message) => message.split(' ')[1]?.replace(/:$/, ''));
    expect(paths).toEqual([
      'name',
      'frequency',
      'ways',
      'policy',
      'latency',
      'shape.columns',
      'shape.rows',
      'layers[1].size',
      'layers[2].sise',
      'layers[3]',
      'extra.on',
    ]);
  });

  it('says what a missing setting means, and nothing twice when it was only misspelt', () => {
    expect(messagesOf('name: x\nshape: {kind: ring}\nways: 1\n')).toEqual([
      'x.yaml:1:1 frequency: is missing: clock',
    ]);
    expect(messagesOf('name: x\nfrequency: 1 GHz\nway: 8\nshape: {kind: ring}\n')).toHaveLength(1);
  });

  it('lets checks across settings see what is right although other settings are wrong', () => {
    const check = (): void =>
      void validate(
        schema,
        parseDocument('nam: x\nfrequency: 2 GHz\nways: 8\nshape: {kind: ring}\n', 'x.yaml'),
        (partial, report) => {
          expect(partial.name).toBeUndefined();
          if (partial.ways === 8 && partial.frequency === 2e9) report(['ways'], 'do not go with 2 GHz');
        },
      );
    expect(check).toThrow(/x.yaml:1:1 nam: is not a known key.*\nx.yaml:3:7 ways: do not go with 2 GHz/);
  });

  it('takes an empty value for an absent optional section and refuses it elsewhere', () => {
    expect(messagesOf(`${GOOD}extra:\n`)).toEqual([]);
    expect(messagesOf(GOOD.replace('name: x', 'name:'))).toEqual([
      'x.yaml:1:6 name: a text is expected; it is empty',
    ]);
  });

  it('refuses __proto__ as the unknown key it is', () => {
    expect(messagesOf(`${GOOD}__proto__: {ways: 3}\n`)[0]).toContain('__proto__: is not a known key');
  });
});

describe('what is generated from a schema', () => {
  it('is a JSON Schema with sentences, defaults and unit patterns', () => {
    const json = toJsonSchema(schema, 'Thing') as {
      properties: Record<string, Record<string, unknown>>;
      required: string[];
    };
    expect(json.required).toEqual(['name', 'frequency', 'ways', 'shape']);
    expect(json.properties.ways).toMatchObject({
      type: 'integer',
      minimum: 1,
      maximum: 64,
      description: 'Associativity.',
    });
    expect(json.properties.latency).toMatchObject({ default: '3 ns', description: 'Latency.' });
    expect('1.3 GHz').toMatch(new RegExp(json.properties.frequency?.pattern as string));
    expect('1.3 Gb').not.toMatch(new RegExp(json.properties.frequency?.pattern as string));
  });

  it('is a reference with a row per setting, those of variants included', () => {
    const rows = listSettings(schema);
    expect(rows.map((row) => row.path)).toEqual([
      'name',
      'frequency',
      'ways',
      'policy',
      'latency',
      'shape',
      'shape(kind: mesh).columns',
      'layers',
      'layers[].size',
      'extra',
      'extra.on',
    ]);
    expect(rows[1]).toEqual({
      path: 'frequency',
      type: 'frequency',
      allowed: '1 MHz to 10 GHz',
      fallback: 'required',
      sentence: 'Clock.',
    });
    expect(rows[4]?.fallback).toBe('3 ns');
  });
});
