/**
 * The shadow checker: walks a kernel's op streams for all threads beside a shadow of the address space that knows, for every line, who loaded
 * and who stored it last, and says which of the rules (see `checkKernel`) are broken.
 *
 * - Every line of `reads` is loaded, every line of `writes` is stored.
 * - Between two barriers a line is stored by one thread only, and no thread loads what another one stores.
 * - An output line is stored once; where the kernel accumulates, again only after its partial result was loaded back.
 * - A line that is no input is stored before it is loaded, and scratch that is stored is loaded (where the caller asks for it).
 * - Nothing but the operands and scratch is touched (where the caller says what the operands are).
 * - The emitted flops are exactly `kernel.flops`.
 */
import type { Kernel, LineRange } from '../kernel.js';
import { Access, OpStream, STREAM_WORDS } from '../op-stream.js';
import { visitRuns, visitTiles } from './runs.js';

export interface KernelRules {
  /** Output lines may be stored again after their partial result was loaded back (reductions in several passes). */
  readonly accumulates?: boolean;
  /** Scratch that is stored must be loaded: a partial sum that nobody adds is lost. Not so for strips of rows that are transformed only to be stored elsewhere. */
  readonly usesScratch?: boolean;
  /** Lines that may be touched beside scratch, prefetches included; anything where absent. */
  readonly operands?: readonly LineRange[];
  /** First line of scratch; with `operands` only. */
  readonly scratchBase?: number;
}

/** Sentences kept per kernel: a broken loop breaks a rule at every line. */
const MOST_PROBLEMS = 20;
const SEVERAL = -2;

/** Checks kernels one after the other; keeps its shadow, so that many kernels of one address space cost one allocation. */
export class ShadowChecker {
  /** Running number of the phase of the last store and load of each line; phases are numbered from 1 over all kernels. */
  #storePhase = new Int32Array(0);
  #storeThread = new Int32Array(0);
  #loadPhase = new Int32Array(0);
  /** Thread of the loads of `#loadPhase`, or SEVERAL. */
  #loadThread = new Int32Array(0);
  /** Stores of the line since the kernel began or it was last loaded. */
  #pending = new Int32Array(0);
  /** Running number of the kernel that has the line among its inputs, its outputs, its operands. */
  #input = new Int32Array(0);
  #output = new Int32Array(0);
  #operand = new Int32Array(0);
  /** Lines outside the outputs that the kernel has stored. */
  #scratch: number[] = [];
  readonly #out = new OpStream();
  #phases = 0;
  #kernels = 0;
  #accesses = 0;

  /** @param lines of the address space, if known; the shadow grows where more are touched */
  constructor(lines = 0) {
    this.#grow(lines);
  }

  /** Line accesses walked so far. */
  get accesses(): number {
    return this.#accesses;
  }

  /** @returns a sentence per broken rule, none for a sound kernel */
  check(kernel: Kernel, threads: number, rules: KernelRules = {}): string[] {
    const problems = new Set<string>();
    const complain = (message: string): void => {
      if (problems.size < MOST_PROBLEMS) problems.add(message);
    };
    const firstPhase = this.#phases + 1;
    const id = ++this.#kernels;
    this.#mark(() => this.#input, kernel.reads, id);
    this.#mark(() => this.#output, kernel.writes, id);
    this.#mark(() => this.#operand, rules.operands ?? [], id);
    const outOfBounds = rules.operands === undefined ? Infinity : (rules.scratchBase ?? Infinity);
    this.#out.flops = 0;
    this.#scratch = [];
    for (const phase of kernel.phases) {
      this.#phases++;
      for (let thread = 0; thread < threads; thread++) {
        visitTiles(kernel, phase, thread, this.#out, () => {
          this.#walkTile(kernel, phase.name, thread, { id, firstPhase, rules, outOfBounds }, complain);
        });
      }
    }
    this.#checkCovered(kernel, firstPhase, complain);
    const isUnused = (line: number): boolean => (this.#loadPhase[line] as number) < firstPhase;
    if (rules.usesScratch === true && this.#scratch.some((line) => isUnused(line)))
      complain('a line of scratch is stored, but never loaded');
    if (this.#out.flops !== kernel.flops) complain(`emitted ${this.#out.flops} flops of ${kernel.flops}`);
    return [...problems];
  }

  #walkTile(
    kernel: Kernel,
    phaseName: string,
    thread: number,
    scope: {
      readonly id: number;
      readonly firstPhase: number;
      readonly rules: KernelRules;
      readonly outOfBounds: number;
    },
    complain: (message: string) => void,
  ): void {
    const { id, firstPhase, rules, outOfBounds } = scope;
    const accumulates = rules.accumulates === true;
    const phase = this.#phases;
    const say = (line: number, text: (place: string) => string): void =>
      complain(`${phaseName}: ${text(`a line of ${placeOf(kernel, rules, line)}`)}`);
    visitRuns(this.#out, ({ words, steps, streams, firstStream }) => {
      this.#accesses += steps * streams;
      for (let s = 0; s < streams; s++) {
        const word = firstStream + s * STREAM_WORDS;
        const base = words[word + 1] as number;
        const last = base + (steps - 1) * (words[word + 2] as number);
        if (Math.min(base, last) < 0)
          throw new Error(`${kernel.name} ${phaseName}: line ${Math.min(base, last)} is no line`);
        if (Math.max(base, last) >= this.#storePhase.length) this.#grow(Math.max(base, last) + 1);
      }
      for (let step = 0; step < steps; step++) {
        for (let s = 0; s < streams; s++) {
          const word = firstStream + s * STREAM_WORDS;
          const kind = words[word] as number;
          const line = (words[word + 1] as number) + step * (words[word + 2] as number);
          if (outOfBounds !== Infinity && line < outOfBounds && this.#operand[line] !== id) {
            say(line, (place) => `${place} is touched (line ${line}), which is no operand`);
          }
          if (kind === Access.Store || kind === Access.StoreNonTemporal) {
            const isStoredHere = (this.#storePhase[line] as number) >= firstPhase;
            if (this.#storePhase[line] === phase && this.#storeThread[line] !== thread) {
              say(line, (place) => `threads ${this.#storeThread[line]} and ${thread} both store ${place}`);
            }
            if (this.#loadPhase[line] === phase && this.#loadThread[line] !== thread) {
              const reader =
                this.#loadThread[line] === SEVERAL ? 'another thread' : `thread ${this.#loadThread[line]}`;
              say(line, (place) => `${reader} loads ${place} that thread ${thread} stores`);
            }
            if (isStoredHere && this.#output[line] === id) {
              if (!accumulates) say(line, (place) => `${place} is stored more than once`);
              else if ((this.#pending[line] as number) > 0)
                say(line, (place) => `${place} is stored again before what was stored is loaded back`);
            }
            if (!isStoredHere && this.#output[line] !== id) this.#scratch.push(line);
            this.#storePhase[line] = phase;
            this.#storeThread[line] = thread;
            this.#pending[line] = 1;
          } else if (kind === Access.Load || kind === Access.LoadDependent) {
            const storedIn = this.#storePhase[line] as number;
            if (storedIn === phase && this.#storeThread[line] !== thread) {
              say(
                line,
                (place) => `thread ${thread} loads ${place} that thread ${this.#storeThread[line]} stores`,
              );
            }
            const isInput = this.#input[line] === id;
            if (!isInput && storedIn < firstPhase)
              say(line, (place) => `${place} is loaded before it is stored`);
            if (isInput && storedIn >= firstPhase && !accumulates)
              say(line, (place) => `${place} is loaded as an input after it was overwritten`);
            if (this.#loadPhase[line] !== phase) this.#loadThread[line] = thread;
            else if (this.#loadThread[line] !== thread) this.#loadThread[line] = SEVERAL;
            this.#loadPhase[line] = phase;
            this.#pending[line] = 0;
          }
        }
      }
    });
  }

  #checkCovered(kernel: Kernel, firstPhase: number, complain: (message: string) => void): void {
    for (const { tensor, base, lines } of kernel.reads) {
      for (let i = 0; i < lines; i++) {
        if ((this.#loadPhase[base + i] as number) >= firstPhase) continue;
        complain(`a line of ${tensor} is never loaded`);
        break;
      }
    }
    for (const { tensor, base, lines } of kernel.writes) {
      for (let i = 0; i < lines; i++) {
        if ((this.#storePhase[base + i] as number) >= firstPhase) continue;
        complain(`line ${i} of ${lines} of ${tensor} is never stored`);
        break;
      }
    }
  }

  #mark(marks: () => Int32Array, ranges: readonly LineRange[], id: number): void {
    for (const { base, lines } of ranges) {
      if (base + lines > this.#storePhase.length) this.#grow(base + lines);
      marks().fill(id, base, base + lines);
    }
  }

  #grow(lines: number): void {
    const length = Math.max(lines, 2 * this.#storePhase.length, 4096);
    const copy = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(length);
      grown.set(old);
      return grown;
    };
    this.#storePhase = copy(this.#storePhase);
    this.#storeThread = copy(this.#storeThread);
    this.#loadPhase = copy(this.#loadPhase);
    this.#loadThread = copy(this.#loadThread);
    this.#pending = copy(this.#pending);
    this.#input = copy(this.#input);
    this.#output = copy(this.#output);
    this.#operand = copy(this.#operand);
  }
}

/** Checks one kernel on its own. @returns a sentence per broken rule, none for a sound kernel */
export function checkKernel(kernel: Kernel, threads: number, rules: KernelRules = {}): string[] {
  return new ShadowChecker().check(kernel, threads, rules);
}

function placeOf(kernel: Kernel, rules: KernelRules, line: number): string {
  for (const range of [...kernel.writes, ...kernel.reads, ...(rules.operands ?? [])]) {
    if (line >= range.base && line < range.base + range.lines) return range.tensor;
  }
  return line >= (rules.scratchBase ?? 0) ? 'scratch' : 'another tensor';
}
