/** Places the blocks of a network file: nested entries with local names become one flat list with full names and plain numbers. */
import type { BlockEntry, LayerEntry, NetworkFile, PlainEntry } from './schema.js';

/** Where in the file something is: keys and indices from the root. */
export type FilePath = readonly (string | number)[];

/** One thing wrong with a network file. */
export interface NetworkProblem {
  readonly path: FilePath;
  readonly message: string;
  /** The value that is wrong where it is a name, and the names it could have been: what a "did you mean" picks from. */
  readonly name?: string;
  readonly candidates?: readonly string[];
}

/** Value of a field in which `$parameter` may stand. */
export type Dimension = number | string | readonly [number, number];

/** A layer of the file in its place: full name, full names of its inputs. */
export interface PlacedEntry {
  readonly entry: PlainEntry;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly path: FilePath;
  readonly parameters: Readonly<Record<string, number>>;
}

export interface Expansion {
  readonly entries: readonly PlacedEntry[];
  readonly problems: readonly NetworkProblem[];
}

/** Name of the network's input and, inside a block, of the block's input. */
export const INPUT = 'input';

function isPlaceholder(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('$');
}

/** Beyond this a network is a mistake in "repeat", or blocks in blocks that multiply. */
const MAX_LAYERS = 20_000;

interface Scope {
  readonly prefix: string;
  readonly input: string;
  readonly parameters: Readonly<Record<string, number>>;
  /** Blocks being placed, outermost first: a block inside itself has no end. */
  readonly open: readonly string[];
}

class Expander {
  readonly entries: PlacedEntry[] = [];
  readonly problems: NetworkProblem[] = [];
  readonly usedBlocks = new Set<string>();
  readonly #fullNames = new Set<string>([INPUT]);
  readonly #file: NetworkFile;

  constructor(file: NetworkFile) {
    this.#file = file;
  }

  /** Places a list of entries and returns the full name of the last one's output. */
  place(entries: readonly LayerEntry[], path: FilePath, scope: Scope): string {
    if (this.entries.length > MAX_LAYERS) return scope.input;
    /** Full name of what a local name stands for. */
    const local = new Map<string, string>([[INPUT, scope.input]]);
    let previous = scope.input;
    entries.forEach((entry, index) => {
      const at = [...path, index];
      const inputs = this.#resolveInputs(entry, at, previous, local);
      const isBlock = entry.type === 'block';
      const last = isBlock ? this.#placeBlock(entry, at, inputs, scope, local) : scope.prefix + entry.name;
      if (!isBlock) {
        this.#declare(entry.name, last, [...at, 'name']);
        this.entries.push({ entry, name: last, inputs, path: at, parameters: scope.parameters });
      }
      local.set(entry.name, last);
      previous = last;
    });
    return previous;
  }

  #resolveInputs(
    entry: LayerEntry,
    at: FilePath,
    previous: string,
    local: ReadonlyMap<string, string>,
  ): string[] {
    if (entry.from === undefined) return [previous];
    const names = typeof entry.from === 'string' ? [entry.from] : entry.from;
    return names.map((wanted, index) => {
      const full = local.get(wanted);
      if (full !== undefined) return full;
      this.problems.push({
        path: typeof entry.from === 'string' ? [...at, 'from'] : [...at, 'from', index],
        message: `no layer above has the name "${wanted}"`,
        name: wanted,
        candidates: [...local.keys()],
      });
      return wanted;
    });
  }

  #placeBlock(
    entry: BlockEntry,
    at: FilePath,
    inputs: readonly string[],
    scope: Scope,
    local: Map<string, string>,
  ): string {
    const block = this.#findBlock(entry.of);
    const unplaced = scope.prefix + entry.name;
    if (block === undefined) {
      const candidates = Object.keys(this.#file.blocks);
      this.problems.push({
        path: [...at, 'of'],
        message: `no block has the name "${entry.of}"`,
        name: entry.of,
        candidates,
      });
      return unplaced;
    }
    this.usedBlocks.add(entry.of);
    if (scope.open.includes(entry.of)) {
      this.problems.push({ path: [...at, 'of'], message: `block "${entry.of}" would contain itself` });
      return unplaced;
    }
    if (inputs.length > 1) {
      this.problems.push({ path: [...at, 'from'], message: 'a block takes one input' });
    }
    if (entry.repeat > 1 && !entry.name.includes('$i')) {
      const message = 'a repeated block needs $i, the number of the repetition, in its name';
      this.problems.push({ path: [...at, 'name'], message });
      return unplaced;
    }
    this.#checkParameters(entry, at);
    const parameters = { ...scope.parameters, ...entry.with };
    let input = inputs[0] as string;
    for (let i = 0; i < entry.repeat; i++) {
      const name = entry.name.replaceAll('$i', String(entry.start + i));
      this.#declare(name, scope.prefix + name, [...at, 'name']);
      input = this.place(block.layers, ['blocks', entry.of, 'layers'], {
        prefix: `${scope.prefix}${name}/`,
        input,
        parameters,
        open: [...scope.open, entry.of],
      });
      local.set(name, input);
    }
    return input;
  }

  /** A value that nothing in the block asks for is a misspelt name. */
  #checkParameters(entry: BlockEntry, at: FilePath): void {
    const used = new Set<string>();
    this.#collectParameters(entry.of, used, new Set());
    for (const name of Object.keys(entry.with)) {
      if (used.has(name)) continue;
      const message = `block "${entry.of}" has no parameter $${name}`;
      this.problems.push({ path: [...at, 'with', name], message, name, candidates: [...used] });
    }
  }

  #collectParameters(block: string, used: Set<string>, visited: Set<string>): void {
    if (visited.has(block)) return;
    visited.add(block);
    for (const entry of this.#findBlock(block)?.layers ?? []) {
      if (entry.type === 'block') this.#collectParameters(entry.of, used, visited);
      else for (const value of Object.values(entry)) if (isPlaceholder(value)) used.add(value.slice(1));
    }
  }

  #findBlock(name: string) {
    return Object.hasOwn(this.#file.blocks, name) ? this.#file.blocks[name] : undefined;
  }

  #declare(local: string, full: string, path: FilePath): void {
    if (local === INPUT) {
      this.problems.push({ path, message: `"${INPUT}" is the input's name; a layer needs another` });
    } else if (this.#fullNames.has(full)) {
      this.problems.push({ path, message: `the name "${full}" is already taken` });
    }
    this.#fullNames.add(full);
  }
}

/**
 * Places all blocks of a network file.
 *
 * @returns the layers in file order, and every problem found; a layer with a problem is still in the list
 */
export function expandBlocks(file: NetworkFile): Expansion {
  const expander = new Expander(file);
  expander.place(file.layers, ['layers'], { prefix: '', input: INPUT, parameters: {}, open: [] });
  if (expander.entries.length > MAX_LAYERS) {
    expander.problems.push({
      path: ['layers'],
      message: `the blocks expand to more than ${MAX_LAYERS} layers`,
    });
  }
  for (const name of Object.keys(file.blocks)) {
    if (!expander.usedBlocks.has(name)) {
      expander.problems.push({ path: ['blocks', name], message: `block "${name}" is never used` });
    }
  }
  return { entries: expander.entries, problems: expander.problems };
}
