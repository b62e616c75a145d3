/**
 * Normcore as a library without Node: everything that a browser can run. `normcore` (index.ts) has all of this, and what reads files and starts threads.
 *
 * From top to bottom: texts become machines and networks; a network becomes a training step, which schedules rewrite; a step becomes a program for a machine; a machine runs it.
 * Everything is a pure function of its arguments; what goes in and comes out is plain data, but for kernels and passes, which are functions.
 */

// Machines, DRAM parts and networks from the texts of their files.

export {
  type ConfigKind,
  type ConfigSource,
  dramChannel,
  readDramPart,
  readMachine,
  type SourceResult,
} from './config/machine.js';
export type { DramControllerSettings } from './config/machine-schema.js';
export { ConfigurationError, type Problem } from './config/problem.js';
export type { DramMemorySpec, DramPartSpec, MachineSpec } from './machine/spec.js';
export type { Layer, Network } from './network/layers.js';
export { type NetworkOptions, parseNetwork } from './network/parse.js';

// Training steps: the operations of a network's forward and backward pass on named tensors.

export { buildTrainingStep } from './training/build.js';
export type { TrainingOptions } from './training/plan.js';
export type { Operation, TrainingStep } from './training/step.js';

// Schedules and their passes; what passes of one's own are written with.

export { applyPass, applySchedule } from './schedule/apply.js';
export { nothingLeft, onEveryOperation } from './schedule/conditions.js';
export { ScheduleError, UnknownScheduleError, type Violation } from './schedule/errors.js';
export type { Condition, ScheduleOptions, SchedulePass } from './schedule/pass.js';
export { NAMED_SCHEDULES, type NamedSchedule, SCHEDULE_PASSES } from './schedule/registry.js';
export { operationsOf, StepEditor } from './schedule/step-editor.js';
export { StepIndex } from './schedule/step-index.js';

// Whether a schedule computes what the baseline computes.

export {
  scaledDown,
  type VerifyOptions,
  type VerifyReport,
  type VerifyRow,
  verifyNetwork,
} from './numerics/verify.js';

// Programs: the op streams of a step's operations, blocked for a machine.

export type { Kernel, KernelPhase, Program, SoftwareOptions } from './kernel/kernel.js';
export { peakBandwidth, peakFlops } from './simulate/target.js';

// Runs: of a program, and of a point, which is a network under a schedule on a machine.

export { BUS_CAUSES, type BusCause, type BusTime } from './machine/dram/bus-time.js';
export { type Gains, type PointRow, withGains } from './report/gain.js';
export { SimulatorBug } from './simulate/phase.js';
export {
  type OperationResult,
  type PointResult,
  type PointSettings,
  type Progress,
  type Sampling,
  simulatePoint,
} from './simulate/point.js';
export type { KernelResult, RunOptions, RunResult } from './simulate/run.js';
export { programFor, runOn } from './simulate/whole.js';
export { CORE_STATES, type CoreState } from './statistics/core-time.js';
export type { InterconnectUse } from './statistics/link-use.js';
export type { PrefetchUse } from './statistics/prefetch-use.js';
export { TIME_CATEGORIES, type TimeCategory } from './statistics/time-loss.js';
export { DEFAULT_POINT } from './sweep/point-options.js';

// Address traces: from bytes and to bytes, through plain caches and with timing.

export { type LevelGeometry, machineGeometry, parseGeometry } from './machine/cache/functional/geometry.js';
export type { LevelCounts } from './machine/cache/functional/hierarchy.js';
export {
  type AccessBatch,
  type ByteSink,
  type ByteSource,
  TraceAccess,
  TraceError,
  type TraceReader,
  type TraceWriter,
} from './trace/access.js';
export { createBinaryWriter } from './trace/binary/writer.js';
export { createDinWriter } from './trace/din.js';
export {
  type FunctionalOptions,
  type FunctionalReplay,
  replayFunctional,
} from './trace/functional-replay.js';
export { openTrace, type Trace } from './trace/open.js';
export { type AccessCounts, recordKernel } from './trace/record.js';
export type { TimedLevel } from './trace/timed-levels.js';
export {
  replayTimed,
  type TimedMemory,
  type TimedOptions,
  type TimedReplay,
} from './trace/timed-replay.js';

// DRAM experiments: an address pattern on one channel.

export {
  type DramExperiment,
  type DramExperimentResult,
  runDramExperiment,
} from './machine/dram/experiment.js';
export { type ReferenceMapping, referenceMapping } from './machine/dram/reference-mapping.js';
