/** What fused where, and why the rest could not: the data behind `normcore schedule show`. */
import type { Operation, TrainingStep } from '../training/step.js';
import { findGradientConv } from './passes/fuse-gradient.js';
import { findNormaliseConv } from './passes/fuse-normalise.js';
import { findStatisticsConv } from './passes/fuse-statistics.js';
import { findGradientTaker, findStatisticsConcat } from './passes/icf.js';
import { findReluHost, reluSites } from './passes/rcf.js';
import { type BnSite, collectBnSites, type Decision, describe, StepIndex } from './step-index.js';

/** Where one part of a layer runs after the schedule. */
export interface PartReport {
  /** Whether it rides on other layers' operations. */
  readonly fused: boolean;
  /** Names of the operations that do it: those it rides on, or its own. */
  readonly operations: readonly string[];
  /** Why it is not fused, or what would fuse it; null where it is. */
  readonly reason: string | null;
}

/** One BN layer. */
export interface BnFusionRow {
  readonly layer: string;
  readonly channels: number;
  /** Mean and variance (sub-BN1 forward). */
  readonly statistics: PartReport;
  /** Normalise, scale, shift (sub-BN2 forward). */
  readonly normalise: PartReport;
  /** dgamma and dbeta (sub-BN2 backward). */
  readonly gradientSums: PartReport;
  /** dX (sub-BN1 backward). */
  readonly inputGradient: PartReport;
  /** All four parts ride on the CONVs before and behind it. */
  readonly wholly: boolean;
  /** All four parts ride on some other operation, Concat and Split included: BN has no operation of its own left. */
  readonly dissolved: boolean;
}

/** One ReLU layer (under the BN's name where the baseline software built it into BN). */
export interface ReluFusionRow extends PartReport {
  readonly layer: string;
}

export interface FusionCounts {
  readonly batchNorms: number;
  readonly wholly: number;
  readonly dissolved: number;
  readonly statistics: number;
  readonly normalise: number;
  readonly gradientSums: number;
  readonly inputGradient: number;
  readonly relus: number;
  readonly relusFused: number;
}

export interface FusionReport {
  readonly network: string;
  readonly schedule: string;
  /** In the order of the network. */
  readonly batchNorms: readonly BnFusionRow[];
  readonly relus: readonly ReluFusionRow[];
  readonly counts: FusionCounts;
}

/**
 * Compares a step before and after a schedule.
 * @param before the step that the schedule started from
 * @param after what `applySchedule` made of it
 */
export function fusionReport(before: TrainingStep, after: TrainingStep): FusionReport {
  const index = new StepIndex(after);
  const batchNorms = [...collectBnSites(after).values()].map((site) => reportBatchNorm(index, site));
  const relus = reportRelus(before, after);
  const count = <T>(rows: readonly T[], holds: (row: T) => boolean) => rows.filter(holds).length;
  return {
    network: after.network,
    schedule: after.schedule,
    batchNorms,
    relus,
    counts: {
      batchNorms: batchNorms.length,
      wholly: count(batchNorms, (row) => row.wholly),
      dissolved: count(batchNorms, (row) => row.dissolved),
      statistics: count(batchNorms, (row) => row.statistics.fused),
      normalise: count(batchNorms, (row) => row.normalise.fused),
      gradientSums: count(batchNorms, (row) => row.gradientSums.fused),
      inputGradient: count(batchNorms, (row) => row.inputGradient.fused),
      relus: relus.length,
      relusFused: count(relus, (row) => row.fused),
    },
  };
}

function reportBatchNorm(index: StepIndex, site: BnSite): BnFusionRow {
  const hosts = [site.statisticsHosts, site.normaliseHosts, site.reduceHosts, site.dataHosts];
  const dissolved = hosts.every((each) => each.length > 0);
  return {
    layer: site.batchNorm.layer,
    channels: site.batchNorm.channels,
    statistics: reportPart(site.statisticsHosts, site.statistics ?? site.whole, () =>
      explain(findStatisticsConv(index, site), 'fuse-statistics', findStatisticsConcat(index, site)),
    ),
    normalise: reportPart(site.normaliseHosts, site.normalise ?? site.whole, () =>
      explain(findNormaliseConv(index, site), 'fuse-normalise'),
    ),
    gradientSums: reportPart(site.reduceHosts, site.reduce ?? site.wholeBackward, () =>
      explain(findNormaliseConv(index, site), 'fuse-normalise'),
    ),
    inputGradient: reportPart(site.dataHosts, site.data ?? site.wholeBackward, () =>
      explain(findGradientConv(index, site), 'fuse-gradient', findGradientTaker(index, site)),
    ),
    wholly: dissolved && hosts.flat().every((operation) => operation.type === 'CONV'),
    dissolved,
  };
}

function reportPart(hosts: readonly Operation[], own: Operation | null, reason: () => string): PartReport {
  if (hosts.length > 0) {
    return { fused: true, operations: hosts.map((operation) => operation.name), reason: null };
  }
  return { fused: false, operations: own === null ? [] : [own.name], reason: reason() };
}

/** The reason against a CONV, or the pass that would fuse it; then what `icf` could do, where it could do anything. */
function explain(conv: Decision<unknown>, pass: string, concat?: Decision<Operation>): string {
  if (conv.reason === null) return `this schedule does not apply ${pass}, which would fuse it`;
  return concat?.host ? `${conv.reason}; icf would let it ride on ${describe(concat.host)}` : conv.reason;
}

function reportRelus(before: TrainingStep, after: TrainingStep): readonly ReluFusionRow[] {
  const beforeIndex = new StepIndex(before);
  const afterIndex = new StepIndex(after);
  const left = new Map(reluSites(after).map((site) => [site.layer, site]));
  return reluSites(before).map((site): ReluFusionRow => {
    const { layer } = site;
    const current = left.get(layer);
    if (current !== undefined) {
      const reason = explain(findReluHost(afterIndex, current), 'rcf');
      return { layer, fused: false, operations: [current.name], reason };
    }
    // A ReLU that is built into BN stays with the normalise when fission splits it.
    const normalise = after.operations.find(
      (operation) => operation.kind === 'bn-normalise' && operation.layer === layer && operation.relu,
    );
    if (normalise !== undefined) {
      const reason = explain(findReluHost(beforeIndex, site), 'rcf');
      return { layer, fused: false, operations: [normalise.name], reason };
    }
    const hosts = beforeIndex.forwardReadersOf(site.output).map((reader) => reader.name);
    return { layer, fused: true, operations: hosts, reason: null };
  });
}
