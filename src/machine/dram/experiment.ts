import { createPattern, createXorshift, type Pattern } from '../../trace/patterns.js';
import type { DramMemorySpec } from '../spec.js';
import type { BusTime } from './bus-time.js';
import { createDram, type Dram } from './dram.js';

/**
 * One reference experiment on one channel.
 * - `sat`: one request offered every memory cycle, in order, retried until the controller's queue takes it; latency from acceptance to data.
 * - `chase`: one request outstanding; the next is issued in the cycle after its data (a write's, after it was accepted).
 * - `load:P`: Bernoulli arrivals at the share P of the peak rate of lines; latency from arrival, the wait in front of the controller included.
 */
export interface DramExperiment {
  /** A name that `createPattern` knows. */
  readonly pattern: string;
  readonly mode: string;
  readonly requests: number;
}

export interface DramExperimentResult {
  /** Lines moved times 64 bytes over the elapsed time, 1e9 bytes per second. */
  readonly gbps: number;
  /** Of the data bus: one line per nBL cycles. */
  readonly percentOfPeak: number;
  readonly averageReadLatencyNs: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  /** Row hits over requests that reached a bank. */
  readonly rowHitRate: number;
  /** Memory cycles until the last request's end. */
  readonly cycles: number;
  /** Where the channel's time went; adds up to the elapsed time. */
  readonly busTime: BusTime;
}

const LINE_BYTES = 64;
/** Seed of the arrival process of the references. */
const ARRIVAL_SEED = 0x9e3779b9;

/** A running experiment: its channel, its pattern and what has been seen so far. */
interface Run {
  readonly dram: Dram;
  readonly tCKps: number;
  readonly pattern: Pattern;
  readonly requests: number;
  /** Start of each request's latency, ps, by its number, which is its tag. */
  readonly startPs: Float64Array;
  readonly latencies: Float64Array;
  sent: number;
  reads: number;
  endPs: number;
}

/**
 * Runs one experiment on a single channel of `spec`, its interleaving over channels left out.
 * @throws RangeError for an unknown pattern or mode
 */
export function runDramExperiment(spec: DramMemorySpec, experiment: DramExperiment): DramExperimentResult {
  const { mode, requests } = experiment;
  const { tCKps, timings } = spec.part;
  const run: Run = {
    dram: createDram({ ...spec, channelsPerSocket: 1, interleaveLines: 1 }, 1),
    tCKps,
    pattern: createPattern(experiment.pattern),
    requests,
    startPs: new Float64Array(requests),
    latencies: new Float64Array(requests),
    sent: 0,
    reads: 0,
    endPs: 0,
  };
  run.pattern.next();
  const load = /^load:(\d*\.?\d+)$/.exec(mode);
  if (mode === 'sat') saturate(run);
  else if (mode === 'chase') chase(run);
  else if (load !== null) arrive(run, Number(load[1]) / timings.nBL);
  else
    throw new RangeError(
      `"${mode}" is no mode. Allowed: sat, chase, load:P with P the share of the peak rate`,
    );
  return summarise(run, timings.nBL);
}

/** Offers a request per cycle as long as the controller takes it. */
function saturate(run: Run): void {
  const { dram } = run;
  let offerCycle = 0;
  while (run.sent < run.requests || dram.nextPs[0] < Infinity) {
    const open = run.sent < run.requests && dram.accepts(0, run.pattern.isWrite);
    const offerPs = Math.floor(offerCycle * run.tCKps);
    if (open && offerPs <= dram.nextPs[0]) {
      send(run, offerPs);
      offerCycle++;
    } else {
      const cycle = Math.ceil(dram.nextPs[0] / run.tCKps - 1e-3);
      take(run);
      if (!open) offerCycle = Math.max(offerCycle, cycle + 1);
    }
  }
}

function chase(run: Run): void {
  const { dram } = run;
  let cycle = 0;
  while (run.sent < run.requests) {
    const tag = run.sent;
    send(run, Math.floor(cycle * run.tCKps));
    while (take(run) !== tag);
    cycle = Math.ceil(dram.answerPs[0] / run.tCKps - 1e-3) + 1;
  }
  while (dram.nextPs[0] < Infinity) take(run);
}

/** @param perCycle probability of an arrival in a memory cycle */
function arrive(run: Run, perCycle: number): void {
  const { dram } = run;
  const draw = createXorshift(ARRIVAL_SEED);
  const threshold = perCycle * 2 ** 32;
  for (let cycle = 0; run.sent < run.requests; cycle++) {
    if (draw() >= threshold) continue;
    const timePs = Math.floor(cycle * run.tCKps);
    while (dram.nextPs[0] < timePs) take(run);
    send(run, timePs);
  }
  while (dram.nextPs[0] < Infinity) take(run);
}

function send(run: Run, timePs: number): void {
  run.startPs[run.sent] = timePs;
  run.dram.enqueue(0, run.pattern.line, run.pattern.isWrite, timePs, run.sent);
  run.sent++;
  run.pattern.next();
}

/** Takes one step; returns the tag that it answered. */
function take(run: Run): number {
  const { dram } = run;
  const stepPs = dram.nextPs[0];
  const tag = dram.step(0);
  run.endPs = Math.max(run.endPs, stepPs);
  if (tag < 0) return tag;
  run.endPs = Math.max(run.endPs, dram.answerPs[0]);
  // Writes are answered when they are accepted, which is no latency of memory; a forwarded read's is one cycle.
  if (dram.unloadedPs[0] > 0) run.latencies[run.reads++] = dram.answerPs[0] - run.startPs[tag];
  return tag;
}

function summarise(run: Run, nBL: number): DramExperimentResult {
  const { dram, endPs, tCKps } = run;
  const { rowHits, rowEmpty, rowConflicts, readLatencyPs } = dram.statistics();
  const sorted = run.latencies.subarray(0, run.reads).sort();
  const percentileNs = (share: number): number =>
    sorted.length === 0 ? 0 : sorted[Math.floor(share * (sorted.length - 1))] / 1000;
  const gbps = (run.requests * LINE_BYTES * 1000) / endPs;
  return {
    gbps,
    percentOfPeak: (100 * gbps * nBL * tCKps) / (LINE_BYTES * 1000),
    averageReadLatencyNs: readLatencyPs / Math.max(1, run.reads) / 1000,
    p50Ns: percentileNs(0.5),
    p99Ns: percentileNs(0.99),
    rowHitRate: rowHits / (rowHits + rowEmpty + rowConflicts),
    cycles: Math.round(endPs / tCKps),
    busTime: dram.busTime(0, endPs),
  };
}
