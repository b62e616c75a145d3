/**
 * The vocabulary in which settings are declared, once each: type, unit, range, default and sentence.
 *
 * Validation messages, `--json` schemas for editors and the reference pages all come from these declarations. A default is written with
 * `.prefault('4 cycles')`, in the user's own notation.
 */
import { z } from 'zod';
import { type Dimension, parseQuantity, quantityPattern } from './units.js';

/** Legal range of a quantity, in the user's notation, both ends included. */
export interface QuantityRange {
  readonly min?: string;
  readonly max?: string;
  /** Whether the value must be a whole number of base units (bytes, ps, ...); true unless said otherwise. */
  readonly whole?: boolean;
}

/** A quantity with a unit; the parsed value is a number in the dimension's base unit (see `units.ts`). */
export function quantity(dimension: Dimension, range: QuantityRange, sentence: string) {
  const min = bound(range.min, dimension, Number.NEGATIVE_INFINITY);
  const max = bound(range.max, dimension, Number.POSITIVE_INFINITY);
  const whole = range.whole ?? true;
  const between = renderRange(range.min, range.max);
  return z
    .unknown()
    .transform((text, context): number => {
      const result = parseQuantity(text, dimension);
      let problem: string | undefined;
      if ('problem' in result) problem = result.problem;
      else if (result.value < min || result.value > max)
        problem = `${String(text)} is out of range. Allowed: ${between}`;
      else if (whole && Number.isFinite(result.value) && !Number.isInteger(result.value)) {
        problem = `${String(text)} is no whole number of ${BASE_UNIT[dimension]}`;
      }
      if (problem === undefined && 'value' in result) return result.value;
      context.addIssue({ code: 'custom', message: problem ?? '' });
      return z.NEVER;
    })
    .meta({
      description: sentence,
      type: 'string',
      pattern: quantityPattern(dimension),
      'x-unit': dimension,
      ...(between === '' ? {} : { 'x-range': between }),
    });
}

const BASE_UNIT: Readonly<Record<Dimension, string>> = {
  bytes: 'bytes',
  frequency: 'Hz',
  time: 'ps',
  bandwidth: 'bytes per second',
  cycles: 'cycles',
};

/** A whole number without unit: how many there are of something. */
export function count(min: number, max: number, sentence: string) {
  return z.int().min(min).max(max).meta({ description: sentence });
}

/** A ratio or another plain number. */
export function ratio(min: number, max: number, sentence: string) {
  return z.number().min(min).max(max).meta({ description: sentence });
}

/** One of a few words. */
export function choice<const Words extends readonly [string, ...string[]]>(words: Words, sentence: string) {
  return z.enum(words).meta({ description: sentence });
}

/** true or false. */
export function flag(sentence: string) {
  return z.boolean().meta({ description: sentence });
}

/** A text of at least one character. */
export function text(sentence: string) {
  return z.string().min(1).meta({ description: sentence });
}

/** A mapping with known keys only. */
export function section<Shape extends z.core.$ZodShape>(shape: Shape, sentence: string) {
  return z.strictObject(shape).meta({ description: sentence });
}

function bound(text: string | undefined, dimension: Dimension, otherwise: number): number {
  if (text === undefined) return otherwise;
  const result = parseQuantity(text, dimension);
  if ('problem' in result) throw new Error(`the schema's own bound is wrong: ${result.problem}`);
  return result.value;
}

function renderRange(min: string | undefined, max: string | undefined): string {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `at least ${min}`;
  return max === undefined ? '' : `at most ${max}`;
}

/** JSON Schema (draft 2020-12) of what a file may hold, for editors. */
export function toJsonSchema(schema: z.ZodType, title: string): Record<string, unknown> {
  const { $schema, ...body } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return { $schema, title, ...body };
}

/** One setting as the reference pages list it. */
export interface SettingRow {
  /** `core.frequency`; of a variant: `memory(kind: dram).part`. */
  readonly path: string;
  readonly type: string;
  /** Legal range or words; empty where everything of the type is legal. */
  readonly allowed: string;
  /** In the user's notation; `required` where there is none. */
  readonly fallback: string;
  readonly sentence: string;
}

/** The settings of a schema in the order of their declaration, sections before what is in them. */
export function listSettings(schema: z.ZodType): SettingRow[] {
  const rows: SettingRow[] = [];
  collect(toJsonSchema(schema, '') as JsonSchema, '', rows);
  return rows;
}

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly 'x-unit'?: Dimension;
  readonly 'x-range'?: string;
}

function collect(node: JsonSchema, path: string, rows: SettingRow[]): void {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    if (child.const !== undefined) continue;
    const at = path === '' ? key : `${path}.${key}`;
    const nullable = child.anyOf?.some((option) => option.type === 'null') ?? false;
    const inner = child.anyOf?.find((option) => option.type !== 'null') ?? child;
    const required = node.required?.includes(key) ?? false;
    let fallback = required ? 'required' : nullable ? 'absent' : 'optional';
    if (child.default !== undefined && child.default !== null) fallback = plain(child.default);
    rows.push({
      path: at,
      type: typeName(inner),
      allowed: allowedBy(inner),
      fallback,
      sentence: child.description ?? inner.description ?? '',
    });
    collect(inner, at, rows);
    for (const variant of inner.oneOf ?? []) {
      const kind = variant.properties?.kind?.const;
      collect(variant, `${at}(kind: ${String(kind)})`, rows);
    }
    if (inner.items !== undefined) collect(inner.items, `${at}[]`, rows);
  }
}

function typeName(node: JsonSchema): string {
  if (node['x-unit'] !== undefined) return node['x-unit'];
  if (node.oneOf !== undefined) return 'variant';
  if (node.enum !== undefined) return 'word';
  return (
    { object: 'section', integer: 'count', number: 'number', boolean: 'true or false', array: 'list' }[
      node.type ?? ''
    ] ?? 'text'
  );
}

function allowedBy(node: JsonSchema): string {
  if (node['x-range'] !== undefined) return node['x-range'];
  if (node.enum !== undefined) return node.enum.join(', ');
  if (node.oneOf !== undefined)
    return `kind: ${node.oneOf.map((variant) => String(variant.properties?.kind?.const)).join(', ')}`;
  if (node.minimum !== undefined && node.maximum !== undefined) return `${node.minimum} to ${node.maximum}`;
  return '';
}

function plain(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The reference page of a schema: a Markdown table with a row per setting. */
export function renderReference(schema: z.ZodType, title: string): string {
  const cell = (value: string): string => value.replaceAll('|', '\\|');
  const lines = listSettings(schema).map(
    (row) =>
      `| \`${row.path}\` | ${row.type} | ${cell(row.allowed)} | ${cell(row.fallback)} | ${cell(row.sentence)} |`,
  );
  return [
    `# ${title}`,
    '',
    '| Setting | Type | Allowed | Default | Meaning |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}
