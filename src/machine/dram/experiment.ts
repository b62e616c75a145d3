import { createPattern, createXorshift, type Pattern } from '../../trace/patterns.js';
import { MACHINE_CODE } from '../compiled/code.js';
import { compileDram } from '../compiled/dram.js';
import type { MachineCode } from '../compiled/layout.js';
import type { DramMemorySpec } from '../spec.js';
import type { BusTime } from './bus-time.js';
import { createDram, type Dram } from './dram.js';
import { BATCH, createFeed, type RequestFeed, WRITE_ANSWER } from './feed.js';

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

/** What an experiment on one channel has measured. Latencies are those of reads, from their arrival to the end of their data. */
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

/** Of a write: it is answered when it is accepted, which is no latency of memory. */
const NO_LATENCY = -1;
/** Latencies are counted in as many intervals to find their percentiles. */
const INTERVALS = 2 ** 15;

/** A running experiment: its channel, its pattern and what has been seen so far. */
interface Run {
  readonly dram: Dram;
  readonly feed: RequestFeed;
  readonly tCKps: number;
  readonly pattern: Pattern;
  readonly requests: number;
  /** By a request's number, which is its tag: the start of its latency until it is answered, then the latency, ps; `NO_LATENCY` for an answered write. */
  readonly latencyPs: Float64Array;
  sent: number;
  endPs: number;
}

/**
 * Runs one experiment on a single channel of `spec`, its interleaving over channels left out.
 * @param code the compiled machine that runs the channel; null: it runs as JavaScript, which gives the same
 * @throws RangeError for an unknown pattern or mode
 */
export function runDramExperiment(
  spec: DramMemorySpec,
  experiment: DramExperiment,
  code: MachineCode | null = MACHINE_CODE,
): DramExperimentResult {
  const { mode, requests } = experiment;
  const { tCKps, timings } = spec.part;
  const dram = createDram({ ...spec, channelsPerSocket: 1, interleaveLines: 1 }, 1);
  const feed = createFeed();
  const run: Run = {
    dram: code === null ? dram : compileDram(dram, feed, code),
    feed,
    tCKps,
    pattern: createPattern(experiment.pattern),
    requests,
    latencyPs: new Float64Array(requests),
    sent: 0,
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
  const { dram, feed, pattern, requests } = run;
  while (run.sent < requests) {
    const count = Math.min(BATCH, requests - run.sent);
    for (let i = 0; i < count; i++) {
      feed.line[i] = pattern.line;
      feed.direction[i] = pattern.isWrite ? 1 : 0;
      pattern.next();
    }
    for (let at = 0; at < count; ) {
      const taken = dram.offer(feed, at, count, run.sent);
      for (; at < taken; at++) run.latencyPs[run.sent++] = feed.acceptedPs[at];
      settle(run);
    }
  }
  run.endPs = feed.endPs;
  while (dram.nextPs[0] < Infinity) take(run);
}

/** Turns starts into latencies for the answers of a feed. */
function settle(run: Run): void {
  const { latencyPs } = run;
  const { tag, answerPs, answers } = run.feed;
  for (let i = 0; i < answers; i++)
    latencyPs[tag[i]] = answerPs[i] === WRITE_ANSWER ? NO_LATENCY : answerPs[i] - latencyPs[tag[i]];
}

function chase(run: Run): void {
  const { dram } = run;
  let cycle = 0;
  while (run.sent < run.requests) {
    const tag = run.sent;
    const timePs = Math.floor(cycle * run.tCKps);
    // Accepted writes may still have commands to come.
    while (dram.nextPs[0] < timePs) take(run);
    send(run, timePs);
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
  const { pattern } = run;
  run.latencyPs[run.sent] = timePs;
  run.dram.enqueue(0, pattern.line, pattern.isWrite, timePs, run.sent);
  run.sent++;
  pattern.next();
}

/** Takes one step; returns the tag that it answered. */
function take(run: Run): number {
  const { dram, latencyPs } = run;
  if (dram.nextPs[0] > run.endPs) run.endPs = dram.nextPs[0];
  const tag = dram.step(0);
  if (tag < 0) return tag;
  const answerPs = dram.answerPs[0];
  if (answerPs > run.endPs) run.endPs = answerPs;
  // A forwarded read's latency is one cycle.
  latencyPs[tag] = dram.unloadedPs[0] > 0 ? answerPs - latencyPs[tag] : NO_LATENCY;
  return tag;
}

function summarise(run: Run, nBL: number): DramExperimentResult {
  const { dram, endPs, tCKps, latencyPs } = run;
  const { rowHits, rowEmpty, rowConflicts, readLatencyPs } = dram.statistics();
  let reads = 0;
  for (let i = 0; i < run.requests; i++) if (latencyPs[i] !== NO_LATENCY) latencyPs[reads++] = latencyPs[i];
  const latencies = latencyPs.subarray(0, reads);
  const gbps = (run.requests * LINE_BYTES * 1000) / endPs;
  return {
    gbps,
    percentOfPeak: (100 * gbps * nBL * tCKps) / (LINE_BYTES * 1000),
    averageReadLatencyNs: readLatencyPs / Math.max(1, reads) / 1000,
    p50Ns: percentile(latencies, 0.5) / 1000,
    p99Ns: percentile(latencies, 0.99) / 1000,
    rowHitRate: rowHits / (rowHits + rowEmpty + rowConflicts),
    cycles: Math.round(endPs / tCKps),
    busTime: dram.busTime(0, endPs),
  };
}

/** The value at `share` of the sorted values, 0 if there are none: the values are narrowed down to those of its interval until they are all the same. */
function percentile(values: Float64Array, share: number): number {
  if (values.length === 0) return 0;
  let rank = Math.floor(share * (values.length - 1));
  let left = values;
  for (;;) {
    let least = left[0];
    let most = least;
    for (let i = 0; i < left.length; i++) {
      if (left[i] < least) least = left[i];
      if (left[i] > most) most = left[i];
    }
    if (least === most) return least;
    const scale = (INTERVALS - 1) / (most - least);
    const counts = new Uint32Array(INTERVALS);
    for (let i = 0; i < left.length; i++) counts[Math.floor((left[i] - least) * scale)]++;
    let interval = 0;
    for (; counts[interval] <= rank; interval++) rank -= counts[interval];
    const inside = new Float64Array(counts[interval]);
    let count = 0;
    for (let i = 0; i < left.length; i++) {
      if (Math.floor((left[i] - least) * scale) === interval) inside[count++] = left[i];
    }
    left = inside;
  }
}
