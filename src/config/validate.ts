/**
 * Holds a document to a schema and finds everything that is wrong with it in one go.
 *
 * Zod stops at the first level that fails: a misspelt key in one section would hide the impossible cache in another. So mappings are walked here
 * key by key, Zod judges the leaves, and the checks across settings see every setting that is itself all right.
 */
import type { z } from 'zod';
import { type ConfigDocument, isMapping, problemAt } from './document.js';
import { ConfigurationError, type Path, type Problem } from './problem.js';
import { didYouMean, suggest } from './suggest.js';

/** A configuration of which some settings may be missing because they are wrong. */
export type Partially<T> = T extends readonly (infer Item)[]
  ? readonly Partially<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]?: Partially<T[Key]> }
    : T;

/** Says that the setting at a path does not go with others. */
export type Report = (path: Path, message: string) => void;

/** Checks across settings; sees only settings that are legal in themselves. */
export type CrossCheck<T> = (partial: Partially<T>, report: Report) => void;

/**
 * Holds a document to a schema.
 * @param check checks across settings, run even if parts of the document are wrong
 * @returns the parsed data, defaults filled in
 * @throws ConfigurationError with all problems, in the order of the file
 */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  document: ConfigDocument,
  check?: CrossCheck<z.output<Schema>>,
): z.output<Schema> {
  const { problems, partial } = inspect(schema, document);
  check?.(partial as Partially<z.output<Schema>>, (path, message) =>
    problems.push(problemAt(document, path, message)),
  );
  if (problems.length > 0) throw new ConfigurationError(problems);
  return schema.parse(document.data);
}

/** Everything that is wrong with a document by itself, and the part of it that is right. For callers that go on to check across files. */
export function inspect(
  schema: z.ZodType,
  document: ConfigDocument,
): { problems: Problem[]; partial: unknown } {
  const problems: Problem[] = [];
  const report: Reporter = (path, message, of) => {
    problems.push(problemAt(document, path, message, of));
  };
  const partial = walk(schema, document.data, [], report);
  if (problems.length === 0) {
    const whole = schema.safeParse(document.data);
    if (!whole.success)
      for (const issue of whole.error.issues)
        report(issue.path as Path, describe(issue, undefined), undefined);
  }
  return { problems, partial };
}

type Reporter = (path: Path, message: string, of?: 'value' | 'key') => void;

/** The members of Zod's definitions that the walk needs. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: unknown;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly discriminator?: string;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly getter?: () => z.ZodType;
  readonly values?: readonly unknown[];
}

function definitionOf(schema: z.ZodType): Definition {
  return schema._zod.def as unknown as Definition;
}

function walk(schema: z.ZodType, value: unknown, path: Path, report: Reporter): unknown {
  const definition = definitionOf(schema);
  switch (definition.type) {
    case 'optional':
    case 'default':
    case 'prefault':
      if (value === undefined) return schema.safeParse(undefined).data;
      return walk(definition.innerType as z.ZodType, value, path, report);
    case 'nullable':
      return value === null ? null : walk(definition.innerType as z.ZodType, value, path, report);
    case 'readonly':
      return walk(definition.innerType as z.ZodType, value, path, report);
    case 'lazy':
      return walk((definition.getter as () => z.ZodType)(), value, path, report);
    case 'object':
      return walkObject(definition, value, path, report);
    case 'array':
      if (!Array.isArray(value)) break;
      return value.map((item, index) =>
        walk(definition.element as z.ZodType, item, [...path, index], report),
      );
    case 'record':
      if (!isMapping(value)) break;
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [
          key,
          walk(definition.valueType as z.ZodType, item, [...path, key], report),
        ]),
      );
    case 'union':
      if (definition.discriminator !== undefined && isMapping(value))
        return walkVariant(definition, value, path, report);
      break;
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues)
    report([...path, ...(issue.path as Path)], describe(issue, value, schema));
  return undefined;
}

function walkObject(definition: Definition, value: unknown, path: Path, report: Reporter): unknown {
  const shape = definition.shape as Readonly<Record<string, z.ZodType>>;
  const known = Object.keys(shape);
  if (!isMapping(value)) {
    report(path, `a mapping is expected, with the keys ${known.join(', ')}; ${found(value)}`);
    return undefined;
  }
  const partial: Record<string, unknown> = {};
  const meant = new Set<string | undefined>();
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(shape, key)) continue;
    if (definition.catchall !== undefined && definitionOf(definition.catchall as z.ZodType).type !== 'never')
      continue;
    const free = known.filter((name) => !Object.hasOwn(value, name));
    meant.add(suggest(key, free));
    report(
      [...path, key],
      `is not a known key.${didYouMean(key, free.length > 0 ? free : known)} Allowed: ${known.join(', ')}`,
      'key',
    );
  }
  for (const [key, child] of Object.entries(shape)) {
    const at = [...path, key];
    if (!Object.hasOwn(value, key) && child._zod.optin === undefined) {
      // A misspelt key has been reported with the right one: no second complaint.
      if (!meant.has(key)) report(at, `is missing${sentenceOf(child)}`, 'key');
      continue;
    }
    partial[key] = walk(child, Object.hasOwn(value, key) ? value[key] : undefined, at, report);
  }
  return partial;
}

function walkVariant(
  definition: Definition,
  value: Record<string, unknown>,
  path: Path,
  report: Reporter,
): unknown {
  const discriminator = definition.discriminator as string;
  const words = new Map<string, z.ZodType>();
  for (const option of definition.options ?? []) {
    const literal = definitionOf(option).shape?.[discriminator];
    for (const word of literal === undefined ? [] : (definitionOf(literal).values ?? []))
      words.set(String(word), option);
  }
  const word = value[discriminator];
  const option = typeof word === 'string' ? words.get(word) : undefined;
  if (option !== undefined) return walk(option, value, path, report);
  const list = [...words.keys()];
  if (word === undefined) report([...path, discriminator], `is missing. Allowed: ${list.join(', ')}`, 'key');
  else
    report(
      [...path, discriminator],
      `${JSON.stringify(word)} is unknown.${didYouMean(String(word), list)} Allowed: ${list.join(', ')}`,
    );
  return undefined;
}

function sentenceOf(schema: z.ZodType): string {
  const sentence = schema.meta()?.description;
  return sentence === undefined
    ? ''
    : `: ${sentence.charAt(0).toLowerCase()}${sentence.slice(1).replace(/\.$/, '')}`;
}

const EXPECTED: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

/** What an issue of Zod's says to a person. */
function describe(issue: z.core.$ZodIssue, value: unknown, schema?: z.ZodType): string {
  switch (issue.code) {
    case 'invalid_type': {
      const expected = EXPECTED[issue.expected] ?? issue.expected;
      return `${expected} is expected; ${found(value)}`;
    }
    case 'too_small':
    case 'too_big':
      return describeSize(issue, value, schema);
    case 'invalid_value': {
      const words = issue.values.map(String);
      return `${JSON.stringify(value)} is unknown.${typeof value === 'string' ? didYouMean(value, words) : ''} Allowed: ${words.join(', ')}`;
    }
    case 'unrecognized_keys':
      return `has unknown keys: ${issue.keys.join(', ')}`;
    case 'invalid_union': {
      const forms = issue.errors.map((option) =>
        option.map((inner) => describe(inner, inner.path.length === 0 ? value : undefined)).join(', '),
      );
      return forms.length === 0
        ? issue.message
        : `fits none of the allowed forms: ${[...new Set(forms)].join('; or ')}`;
    }
    default:
      return issue.message;
  }
}

function describeSize(
  issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig,
  value: unknown,
  schema?: z.ZodType,
): string {
  const isLow = issue.code === 'too_small';
  const limit = String(isLow ? issue.minimum : issue.maximum);
  if (issue.origin === 'string') return isLow ? 'must not be empty' : `is longer than ${limit} characters`;
  if (issue.origin === 'array')
    return isLow ? `at least ${limit} entries are expected` : `at most ${limit} entries are allowed`;
  const { minValue = null, maxValue = null } = (schema ?? {}) as {
    minValue?: number | null;
    maxValue?: number | null;
  };
  const hasBoth =
    Math.abs(minValue ?? Infinity) < Number.MAX_SAFE_INTEGER &&
    (maxValue ?? Infinity) < Number.MAX_SAFE_INTEGER;
  return `${String(value)} is out of range. Allowed: ${hasBoth ? `${minValue} to ${maxValue}` : `${isLow ? 'at least' : 'at most'} ${limit}`}`;
}

function found(value: unknown): string {
  if (value === null) return 'it is empty';
  if (Array.isArray(value)) return 'a list was found';
  if (isMapping(value)) return 'a mapping was found';
  return `found ${JSON.stringify(value)}`;
}
