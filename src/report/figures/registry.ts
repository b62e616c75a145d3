/** Every figure: a file in this folder and a line here. */
import { bandwidthOverTime } from './bandwidth-over-time.js';
import { convShare } from './conv-share.js';
import { dramBySchedule } from './dram-by-schedule.js';
import { edgeSweeps } from './edge-sweeps.js';
import type { Figure } from './figure.js';
import { gainByBandwidth } from './gain-by-bandwidth.js';
import { gainByBatch } from './gain-by-batch.js';
import { gainByChannels } from './gain-by-channels.js';
import { gainByLlc } from './gain-by-llc.js';
import { gainMap } from './gain-map.js';
import { roofline } from './roofline.js';
import { timeByMachine } from './time-by-machine.js';
import { timeBySchedule } from './time-by-schedule.js';

export const FIGURES: readonly Figure[] = [
  timeBySchedule,
  dramBySchedule,
  convShare,
  timeByMachine,
  bandwidthOverTime,
  gainByBandwidth,
  gainMap,
  gainByBatch,
  gainByLlc,
  gainByChannels,
  roofline,
  edgeSweeps,
];
