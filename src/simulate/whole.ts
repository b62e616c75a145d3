/** Programs and runs of whole machines: for those who need no share that stands for the rest. */
import type { Program, SoftwareOptions } from '../kernel/kernel.js';
import { lowerProgram } from '../kernel/lower.js';
import { wholeChip } from '../machine/chip.js';
import type { MachineSpec } from '../machine/spec.js';
import type { TrainingStep } from '../training/step.js';
import { type RunOptions, type RunResult, runProgram } from './run.js';
import { wholeSample } from './share.js';
import { targetOf } from './target.js';

/**
 * Lowers a training step for all cores of a machine: a kernel for each of its operations, in order.
 * @throws RangeError where tensors do not fit the address space, or an operation has one of a shape or layout that its kernel cannot take
 */
export function programFor(machine: MachineSpec, step: TrainingStep, software: SoftwareOptions): Program {
  return lowerProgram(step, targetOf(machine, wholeSample(machine, step.batch), step.batch), software);
}

/**
 * Runs a program on a machine, from empty caches; what a kernel leaves in them the next one finds.
 * @param program made for this machine (see `programFor`)
 * @throws SimulatorBug when the time-loss accounts do not add up or the machine is stuck
 */
export function runOn(machine: MachineSpec, program: Program, options: RunOptions = {}): RunResult {
  return runProgram(machine, wholeChip(machine), program, options);
}
