/**
 * Checks the kernels of a whole training step: each one by the shadow checker, with what its operation may touch known from the step; that a
 * kernel declares what its operation reads and writes; and that every line is written by an earlier kernel before it is read.
 */
import { externalTensors } from '../../schedule/check.js';
import { tensorAccesses } from '../../training/accesses.js';
import { flops } from '../../training/flops.js';
import type { BatchNorm, Operation, TrainingStep } from '../../training/step.js';
import { type AddressMap, createAddressMap } from '../address-map.js';
import type { Kernel, LineRange, Program } from '../kernel.js';
import { type KernelRules, ShadowChecker } from './shadow.js';

export interface ProgramCheckOptions {
  /** Whether to walk the kernel of an operation; all by default. The others count as having written what they declare. */
  readonly select?: (operation: Operation) => boolean;
  /** The program is that of a share of the chip: `target.threads` of more threads. */
  readonly isShare?: boolean;
  /** Shared between programs to save allocations. */
  readonly checker?: ShadowChecker;
}

export interface ProgramCheck {
  /** `operation: sentence` per broken rule. */
  readonly problems: readonly string[];
  /** Kernels that were walked. */
  readonly kernels: number;
}

/** Kinds of operations that reduce in several passes over their output: CONV and FC keep partial results in memory between blocks. */
const ACCUMULATING: ReadonlySet<Operation['kind']> = new Set([
  'conv-forward',
  'conv-backward-data',
  'conv-backward-weights',
  'fc-forward',
  'fc-backward-data',
  'fc-backward-weights',
]);

/** What the kernel of an operation may and must do with its output and scratch. */
export function rulesOf(operation: Operation): KernelRules {
  const stored: (string | null)[] = [];
  if ('load' in operation) stored.push(operation.load?.storeTo ?? null);
  if (
    'gradient' in operation &&
    typeof operation.gradient === 'object' &&
    operation.gradient.kind !== 'stored'
  )
    stored.push(operation.gradient.storeTo);
  return {
    accumulates: ACCUMULATING.has(operation.kind),
    usesScratch: stored.every((tensor) => tensor === null),
  };
}

/**
 * Checks the kernels of `program`.
 * @param step what the program was lowered from, operation by operation
 */
export function checkProgram(
  step: TrainingStep,
  program: Program,
  options: ProgramCheckOptions = {},
): ProgramCheck {
  const map = createAddressMap(step);
  const checker = options.checker ?? new ShadowChecker(program.lines);
  const written = new Uint8Array(program.lines);
  for (const name of initialTensors(step)) fill(written, rangeOf(map, name));
  const problems: string[] = [];
  let kernels = 0;
  step.operations.forEach((operation, index) => {
    const kernel = program.kernels[index];
    if (kernel === undefined || kernel.name !== operation.name) {
      problems.push(`${operation.name}: has no kernel in its place`);
      return;
    }
    const complain = (message: string): number => problems.push(`${operation.name}: ${message}`);
    // On a share of the chip such a kernel does its share of the mathematics, and leaves the rest of its output to the other shares.
    if (options.isShare !== true || kernel.parameters === 'whole') {
      const mathematics = flops(operation, step);
      if (kernel.flops !== mathematics) complain(`charges ${kernel.flops} flops for ${mathematics}`);
    }
    for (const range of kernel.reads) {
      const missing = written.subarray(range.base, range.base + range.lines).indexOf(0);
      if (missing >= 0)
        complain(`line ${missing} of ${range.lines} of ${range.tensor} is read before a kernel writes it`);
    }
    const operands = operandsOf(operation, step, map);
    checkDeclared(kernel, operands, step, complain);
    if (options.select?.(operation) ?? true) {
      kernels++;
      const rules = {
        ...rulesOf(operation),
        operands: operands.map(({ range }) => range),
        scratchBase: map.parameterEnd,
      };
      for (const problem of checker.check(kernel, program.threads, rules)) complain(problem);
    }
    const isPart = options.isShare === true && kernel.parameters === 'share';
    const covered = isPart
      ? operands.filter(({ isWritten }) => isWritten).map(({ range }) => range)
      : kernel.writes;
    for (const range of covered) fill(written, range);
  });
  return { problems, kernels };
}

interface Operand {
  readonly storage: string;
  readonly range: LineRange;
  readonly isRead: boolean;
  readonly isWritten: boolean;
}

function operandsOf(operation: Operation, step: TrainingStep, map: AddressMap): Operand[] {
  return tensorAccesses(operation, step, { bnBlocking: 'streaming' }).map(({ tensor, reads, writes }) => ({
    storage: storageOf(step, tensor),
    range: rangeOf(map, tensor),
    isRead: reads > 0,
    isWritten: writes > 0,
  }));
}

/** What the kernel declares is what the operation accesses: no more, and no less but for what it writes itself before it reads it. */
function checkDeclared(
  kernel: Kernel,
  operands: readonly Operand[],
  step: TrainingStep,
  complain: (message: string) => void,
): void {
  const declared = (ranges: readonly LineRange[]) =>
    new Set(ranges.map(({ tensor }) => storageOf(step, tensor)));
  const reads = declared(kernel.reads);
  const writes = declared(kernel.writes);
  const read = new Set(operands.filter(({ isRead }) => isRead).map(({ storage }) => storage));
  const written = new Set(operands.filter(({ isWritten }) => isWritten).map(({ storage }) => storage));
  for (const storage of reads) if (!read.has(storage)) complain(`reads ${storage}, which is no operand`);
  for (const storage of writes) if (!written.has(storage)) complain(`writes ${storage}, which is no operand`);
  for (const storage of written) if (!writes.has(storage)) complain(`does not write ${storage}`);
  for (const storage of read)
    if (!reads.has(storage) && !written.has(storage)) complain(`does not read ${storage}`);
}

/** Tensors that hold their values before the step begins: inputs, labels, parameters, momenta, running statistics. */
function initialTensors(step: TrainingStep): Set<string> {
  const initial = new Set(externalTensors(step));
  for (const { runningMean, runningVariance } of step.batchNorms.values())
    initial.add(runningMean).add(runningVariance);
  return new Set([...initial].filter((name) => step.tensors.has(name)));
}

function storageOf(step: TrainingStep, tensor: string): string {
  return step.tensors.get(tensor)?.storage ?? tensor;
}

function rangeOf(map: AddressMap, tensor: string): LineRange {
  return { tensor, base: map.baseOf(tensor), lines: map.linesOf(tensor) };
}

function fill(written: Uint8Array, { base, lines }: LineRange): void {
  written.fill(1, base, base + lines);
}

/**
 * A key that two operations share if their kernels differ in addresses only: kind, geometry, fused parts, and which operands share their
 * storage. For checking each shape of a network once.
 */
export function shapeKey(operation: Operation, step: TrainingStep): string {
  const storages = new Map<string, number>();
  const describe = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(describe);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, describe(item)]));
    if (typeof value !== 'string') return value;
    const tensor = step.tensors.get(value);
    if (tensor !== undefined) {
      if (!storages.has(tensor.storage)) storages.set(tensor.storage, storages.size);
      return [tensor.role, tensor.shape, tensor.layout, tensor.elementBytes, storages.get(tensor.storage)];
    }
    return value;
  };
  const { name: _name, layer: _layer, ...rest } = operation;
  const entries = Object.entries(rest).map(([key, value]) => [
    key,
    describe(withoutBatchNorms(value, step.batchNorms)),
  ]);
  return JSON.stringify(entries);
}

/** BN layers by their number of channels: their names do not matter. */
function withoutBatchNorms(value: unknown, batchNorms: ReadonlyMap<string, BatchNorm>): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutBatchNorms(item, batchNorms));
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'string' && batchNorms.has(value)
      ? { channels: batchNorms.get(value)?.channels }
      : value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) =>
      ['batchNorm', 'accumulate'].includes(key)
        ? [key, withoutBatchNorms(item, batchNorms)]
        : [key, Array.isArray(item) || typeof item === 'object' ? withoutBatchNorms(item, batchNorms) : item],
    ),
  );
}
