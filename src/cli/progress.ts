/** Progress on standard error: a bar with the time left on a terminal, a line at the start and at each tenth elsewhere. */
import cliProgress from 'cli-progress';
import type { ListProgress } from '../sweep/pool.js';
import type { CliContext } from './command.js';

/** Shows how far a list of points is. */
export interface ProgressDisplay {
  update(progress: ListProgress): void;
  /** Leaves the terminal as it was. */
  stop(): void;
}

const SILENT: ProgressDisplay = { update: () => {}, stop: () => {} };

/** Chooses the display for where standard error goes. */
export function createProgress(context: CliContext, quiet: boolean): ProgressDisplay {
  if (quiet) return SILENT;
  return process.stderr.isTTY ? createBar() : createLines(context);
}

function createBar(): ProgressDisplay {
  const bar = new cliProgress.SingleBar({
    format: '  {bar} {percentage} % | {left} | {finished} of {points} points done{failed}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 40,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    // Ctrl-C is handled where the pool is.
    gracefulExit: false,
  });
  const started = performance.now();
  let isStarted = false;
  return {
    update({ share, pointsDone, pointsFailed = 0, points }) {
      const failed = describeFailed(pointsFailed);
      const payload = { left: timeLeft(started, share), finished: pointsDone, points, failed };
      if (isStarted) bar.update(Math.floor(share * 1000), payload);
      else bar.start(1000, 0, payload);
      isStarted = true;
    },
    stop() {
      if (isStarted) bar.stop();
    },
  };
}

function createLines(context: CliContext): ProgressDisplay {
  const started = performance.now();
  let tenths = -1;
  return {
    update({ share, pointsFailed = 0, points }) {
      if (tenths < 0) {
        tenths = 0;
        context.err(`normcore: simulating ${points} ${points === 1 ? 'point' : 'points'}\n`);
      }
      const now = Math.floor(share * 10 + 1e-9);
      if (now <= tenths) return;
      tenths = now;
      const left = now < 10 ? `, ${timeLeft(started, share)}` : '';
      context.err(`normcore: ${now * 10} % done${left}${describeFailed(pointsFailed)}\n`);
    },
    stop: () => {},
  };
}

/** ", 2 failed", or nothing. */
function describeFailed(points: number): string {
  return points === 0 ? '' : `, ${points} failed`;
}

/** "about 1 min 20 s left", if the rest goes as fast as what is done. */
function timeLeft(startedMs: number, share: number): string {
  // The first few operations say little about the rest.
  if (share < 0.01) return 'estimating the time left';
  return `about ${formatDuration((((performance.now() - startedMs) / share) * (1 - share)) / 1000)} left`;
}

/** "45 s", "2 min 5 s", "1 h 10 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
