/** YAML text to plain data that remembers where everything was written. Pure: text in, document or `ConfigurationError` out. */
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import { ConfigurationError, type Path, type Problem, renderPath } from './problem.js';

/** Where a value was written; and its key, where it has one. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The places of a value and of everything in it. */
export interface PlaceTree {
  readonly value: Place;
  readonly key: Place;
  readonly children: ReadonlyMap<string | number, PlaceTree>;
}

/** A configuration file's data and the places of its parts. After `mergeDocuments` the parts may come from several files. */
export interface ConfigDocument {
  readonly file: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly places: PlaceTree;
}

/** Values in one file beyond which it cannot be a configuration (aliases that expand without end). */
const MAX_NODES = 200_000;
const MAX_DEPTH = 64;

/**
 * Parses a YAML 1.2 file whose top level is a mapping.
 * @param file name to print in messages
 * @throws ConfigurationError with every syntax error, duplicate key, unknown tag and key that is not a text
 */
export function parseDocument(text: string, file: string): ConfigDocument {
  const problems: Problem[] = [];
  const counter = new LineCounter();
  const place = (offset: number): Place => {
    const { line, col } = counter.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const report = (where: Place, path: Path, message: string): void => {
    problems.push({ ...where, path: renderPath(path), message });
  };

  const binary = /[\0\ufffd]/.exec(text);
  if (binary !== null) {
    throw new ConfigurationError([
      { file, line: 0, column: 0, path: '', message: 'is not a text file (UTF-8 YAML is expected)' },
    ]);
  }
  const documents = parseAllDocuments(text, {
    lineCounter: counter,
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.2',
  });
  const document = 'empty' in documents ? undefined : documents[0];
  if (document === undefined || document.contents === null) {
    throw new ConfigurationError([{ file, line: 0, column: 0, path: '', message: 'is empty' }]);
  }
  const second = 'empty' in documents ? undefined : documents[1];
  if (second !== undefined)
    report(place(second.range[0]), [], 'a second document begins here; one per file is expected');
  for (const error of [...document.errors, ...document.warnings]) {
    report(place(error.pos[0]), [], `YAML: ${firstLine(error.message)}`);
  }
  if (!isMap(document.contents)) {
    if (problems.length === 0)
      report(
        place(document.contents.range[0]),
        [],
        'a mapping of keys to values is expected at the top of the file',
      );
    throw new ConfigurationError(problems);
  }

  const resolved = new Map<Alias, Node | undefined>();
  const resolve = (alias: Alias): Node | undefined => {
    if (!resolved.has(alias)) resolved.set(alias, alias.resolve(document));
    return resolved.get(alias);
  };
  let nodes = 0;
  const walk = (node: Node | null, path: Path, key: Place): [unknown, PlaceTree] => {
    if (++nodes > MAX_NODES || path.length > MAX_DEPTH) {
      report(key, [], 'the file expands to too many values or is nested too deeply');
      throw new ConfigurationError(problems);
    }
    const value = node?.range ? place(node.range[0]) : key;
    const target = isAlias(node) ? resolve(node) : node;
    if (isAlias(node) && target === undefined)
      report(value, path, `the alias *${node.source} refers to nothing before it`);
    if (isMap(target)) {
      const data: Record<string, unknown> = {};
      const children = new Map<string, PlaceTree>();
      for (const pair of target.items) {
        const keyNode = pair.key as Node;
        const where = keyNode?.range ? place(keyNode.range[0]) : value;
        const name = isScalar(keyNode) ? String(keyNode.value) : '';
        if (name === '') {
          report(where, path, 'a key must be a plain text');
          continue;
        }
        const earlier = children.get(name);
        if (earlier !== undefined) {
          report(where, [...path, name], `is given twice; first in line ${earlier.key.line}`);
          continue;
        }
        const [childData, childPlaces] = walk(pair.value as Node | null, [...path, name], where);
        put(data, name, childData);
        children.set(name, childPlaces);
      }
      return [data, { value, key, children }];
    }
    if (isSeq(target)) {
      const items = target.items.map((item, index) => {
        const itemNode = item as Node;
        return walk(itemNode, [...path, index], itemNode?.range ? place(itemNode.range[0]) : value);
      });
      return [
        items.map(([data]) => data),
        { value, key, children: new Map(items.map(([, places], index) => [index, places])) },
      ];
    }
    return [isScalar(target) ? target.value : null, { value, key, children: new Map() }];
  };
  const [data, places] = walk(document.contents, [], place(document.contents.range[0]));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return { file, data: data as Record<string, unknown>, places };
}

/** Where the value at a path was written; for a path that is not there, its nearest parent. A missing key is reported at the key it is missing from. */
export function placeOf(document: ConfigDocument, path: Path, of: 'value' | 'key' = 'value'): Place {
  let tree = document.places;
  for (const step of path) {
    const next = tree.children.get(step);
    if (next === undefined) return tree.key;
    tree = next;
  }
  return tree[of];
}

/** A problem at a path of a document. */
export function problemAt(
  document: ConfigDocument,
  path: Path,
  message: string,
  of: 'value' | 'key' = 'value',
): Problem {
  return { ...placeOf(document, path, of), path: renderPath(path), message };
}

/**
 * Lays one document over another: mappings merge key by key, everything else is replaced; `null` takes a part away.
 * A mapping whose `kind` differs from the base's replaces it whole, because the keys of one kind mean nothing to another.
 * Places follow their values, so that a message points to the file that a value came from.
 */
export function mergeDocuments(base: ConfigDocument, over: ConfigDocument): ConfigDocument {
  const [data, places] = mergeValues(base.data, base.places, over.data, over.places);
  return { file: over.file, data: data as Record<string, unknown>, places };
}

function mergeValues(
  base: unknown,
  basePlaces: PlaceTree,
  over: unknown,
  overPlaces: PlaceTree,
): [unknown, PlaceTree] {
  if (!isMapping(base) || !isMapping(over)) return [over, overPlaces];
  if ('kind' in over && over.kind !== base.kind) return [over, overPlaces];
  const data: Record<string, unknown> = { ...base };
  const children = new Map(basePlaces.children);
  for (const key of Object.keys(over)) {
    const below = basePlaces.children.get(key);
    const above = overPlaces.children.get(key);
    if (above === undefined) continue;
    const [value, places] =
      below === undefined ? [over[key], above] : mergeValues(base[key], below, over[key], above);
    put(data, key, value);
    children.set(key, places);
  }
  return [data, { value: overPlaces.value, key: overPlaces.key, children }];
}

/** Whether a value is a mapping as a document holds it. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Sets an own property whatever its name: a key called `__proto__` must come out as an unknown key, not as a prototype. */
function put(data: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(data, key, { value, enumerable: true, configurable: true, writable: true });
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] as string;
}
