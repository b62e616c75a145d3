import type { PrefetchSpec } from '../spec.js';
import { createStreamTable, ENTRY, type StreamTable } from './stream-table.js';

/** The policies as the hot path tells them apart. */
export const Policy = { None: 0, NextLine: 1, Stride: 2, Streamer: 3 } as const;
export type Policy = (typeof Policy)[keyof typeof Policy];

/** Words of an offer: what a policy would have fetched. */
export const OFFER = {
  /** The first line, and the distance from each to the next. */
  FIRST: 0,
  STEP: 1,
  /** Entry of the stream that offers, or -1. */
  ENTRY: 2,
  STRIDE: 3,
} as const;

const { FIRST, STEP, ENTRY: OFFERING } = OFFER;
const { AHEAD } = ENTRY;

/** What a policy makes of its settings. */
export interface PrefetchShape {
  readonly policy: Policy;
  /** Streams that a core's table holds; 0 for a policy without one. */
  readonly entries: number;
  /** Lines offered per access at most. */
  readonly degree: number;
  /** How far ahead of the newest access the policy may run, in steps of its stream. */
  readonly distance: number;
  readonly pageBytes: number;
  /** Streams are told apart by page, not by the number of the line stream. */
  readonly byPage: boolean;
}

/** The prefetchers of all cores as plain data. */
export interface PrefetchState {
  readonly policy: Policy;
  readonly degree: number;
  readonly distance: number;
  /** log2 of the lines of a page. */
  readonly pageShift: number;
  readonly byPage: boolean;
  /** Last line of the address space. */
  readonly lastLine: number;
  readonly table: StreamTable;
  /** Of the last access observed: see `OFFER`. */
  readonly offer: Int32Array;
}

const LINE_BYTES = 64;

/** @param lines of the address space, none of which beyond is ever offered */
export function createPrefetchState(shape: PrefetchShape, cores: number, lines: number): PrefetchState {
  const { policy, degree, distance, byPage } = shape;
  return {
    policy,
    degree,
    distance,
    pageShift: Math.log2(shape.pageBytes / LINE_BYTES),
    byPage,
    lastLine: lines - 1,
    table: createStreamTable(cores, Math.max(1, shape.entries)),
    offer: new Int32Array(OFFER.STRIDE),
  };
}

/** First line of the page that a line is in. */
export function firstOfPage({ pageShift }: PrefetchState, line: number): number {
  return (line >> pageShift) << pageShift;
}

/** Last line of the page that a line is in, or of the address space. */
export function lastOfPage(p: PrefetchState, line: number): number {
  return Math.min(firstOfPage(p, line) + (1 << p.pageShift) - 1, p.lastLine);
}

/** Notes what a policy offers. */
export function offerLines({ offer }: PrefetchState, entry: number, first: number, step: number): void {
  offer[FIRST] = first;
  offer[STEP] = step;
  offer[OFFERING] = entry;
}

/** The first `lines` lines of the last offer have been asked for, or are there: their stream goes on behind them. */
export function acceptOffer({ offer, table }: PrefetchState, lines: number): void {
  const entry = offer[OFFERING];
  if (entry >= 0) table.words[entry + AHEAD] += lines * offer[STEP];
}

/** What a policy's file exports beside the function that observes. */
export type ShapeOf<Spec extends PrefetchSpec> = (spec: Spec) => PrefetchShape;
