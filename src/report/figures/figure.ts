/** What a figure is: its name, the simulations that it needs, and how their results become a table and a picture. */
import type { TopLevelSpec } from 'vega-lite';
import type { EdgeResult } from '../../simulate/edge.js';
import type { PointResult, PointSettings } from '../../simulate/point.js';
import type { CsvColumn } from '../csv.js';
import { renderCsv } from '../csv.js';

/** A point by the names of what it is made of; everything else is the command line's default. */
export interface PointRequest {
  readonly network: string;
  readonly machine: string;
  readonly schedule: string;
  /** Images of the mini-batch, where they are not those of the command line's default. */
  readonly batch?: number;
}

/** A point with what it came to. */
export interface FigurePoint {
  readonly settings: PointSettings;
  readonly result: PointResult;
}

/** An edge to be measured under every variant that docs/paper.md counts (see `EDGE_VARIANTS`). */
export interface EdgeRequest {
  readonly machine: string;
  readonly channels: number;
  /** Height and width of the maps, pixels. */
  readonly image: number;
}

/** What the edge came to under one variant. */
export interface EdgeVariantResult {
  readonly name: string;
  /** Sweeps that are counted from the dataflow (docs/paper.md, grade D). */
  readonly counted: { readonly forward: number; readonly backward: number };
  readonly result: EdgeResult;
}

export interface MeasuredEdge {
  readonly machine: string;
  readonly batch: number;
  readonly cores: number;
  readonly totalCores: number;
  readonly mapBytes: number;
  readonly variants: readonly EdgeVariantResult[];
}

/** A figure's numbers and picture. */
export interface FigureContent {
  readonly csv: string;
  /** With its data in it. */
  readonly spec: TopLevelSpec;
}

interface Named {
  /** Of its files, and on the command line: kebab case. */
  readonly name: string;
  /** One line for the list of figures. */
  readonly summary: string;
}

/** Drawn from points that it names. */
export interface PointFigure extends Named {
  readonly source: 'points';
  readonly points: readonly PointRequest[];
  /** @param points in the order of the requests */
  readonly draw: (points: readonly FigurePoint[]) => FigureContent;
}

/** Drawn from the points of a shipped sweep. */
export interface SweepFigure extends Named {
  readonly source: 'sweep';
  readonly sweep: string;
  /** @param points in any order; those that failed are missing */
  readonly draw: (points: readonly FigurePoint[]) => FigureContent;
}

/** Drawn from a measured edge. */
export interface EdgeFigure extends Named {
  readonly source: 'edge';
  readonly edge: EdgeRequest;
  readonly draw: (measured: MeasuredEdge, request: EdgeRequest) => FigureContent;
}

export type Figure = PointFigure | SweepFigure | EdgeFigure;

/** Of every specification. */
export const SCHEMA = 'https://vega.github.io/schema/vega-lite/v6.json';

/** Puts a figure together. */
export function figureOf<Row>(
  columns: readonly CsvColumn<Row>[],
  rows: readonly Row[],
  spec: TopLevelSpec,
): FigureContent {
  return { csv: renderCsv(columns, rows), spec: { $schema: SCHEMA, ...spec } };
}

/** The machine that docs/paper.md takes for the paper's. */
export const MACHINE = 'skylake-sp-2s';

/** Every schedule for one network and machine, in order. */
export function requestsOf(network: string, machine: string, schedules: readonly string[]): PointRequest[] {
  return schedules.map((schedule) => ({ network, machine, schedule }));
}
