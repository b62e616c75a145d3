/** The event loop: one phase of a kernel on a chip. */
import type { KernelPhase } from '../kernel/kernel.js';
import type { OpStream } from '../kernel/op-stream.js';
import type { Chip } from '../machine/chip.js';
import type { EventRunner } from '../machine/compiled/chip.js';
import { beginPhase, lastArrivalPs, releaseCores } from '../machine/core/engine.js';
import { CORE } from '../machine/core/layout.js';
import { runEvents, STUCK } from '../machine/core/run-events.js';
import type { EngineState } from '../machine/core/state.js';
import { stepMemory } from '../machine/core/turn.js';
import { describeWaits } from '../machine/core/waits.js';
import { nextEntity } from '../machine/event-order.js';

/** A defect of the simulator itself: the accounts do not add up, or nothing can move any more. */
export class SimulatorBug extends Error {
  override readonly name = 'SimulatorBug';
}

/**
 * Simulated time without an instruction after which a chip counts as stuck, ps: 1 ms. A request that waits for all queues of a chip to drain and for refreshes takes some
 * microseconds.
 */
const STUCK_PS = 1e9;
/** Events between two looks at whether the cores get on: few enough to notice soon (and for the host to change to better code of the event loop), enough to cost nothing. */
const EVENTS_BETWEEN_LOOKS = 1024;

/** Notices when simulated time goes by and no core gets on. */
class Watchdog {
  readonly #engine: EngineState;
  readonly #seen: Float64Array;
  #sincePs = 0;

  constructor(engine: EngineState, startPs: number) {
    this.#engine = engine;
    this.#sincePs = startPs;
    // Where in its program each core was last seen: instructions, and the run for those that have none.
    this.#seen = new Float64Array(2 * engine.cores).fill(-1);
  }

  /** @returns whether no core has got on for too long */
  look(nowPs: number): boolean {
    const { ints, times, cores } = this.#engine;
    for (let core = 0; core < cores; core++) {
      const c = core * CORE.STRIDE;
      const instruction = times[c + CORE.INSTRUCTION];
      const run = ints[c + CORE.RUN];
      if (this.#seen[2 * core] === instruction && this.#seen[2 * core + 1] === run) continue;
      this.#seen[2 * core] = instruction;
      this.#seen[2 * core + 1] = run;
      this.#sincePs = nowPs;
    }
    return nowPs - this.#sincePs > STUCK_PS;
  }
}

/** What runs a chip's events where it has not been compiled. */
export function interpret({ engine }: Chip): EventRunner {
  return (events, running) => runEvents(engine, events, running);
}

/**
 * Runs one phase: every core walks its tiles, then the barrier.
 * @param run what runs the chip's events
 * @returns when the barrier opens
 * @throws SimulatorBug when nothing can move, or no core gets on for a long simulated time, with who waits for whom
 */
export function runPhase(
  chip: Chip,
  phase: KernelPhase,
  startPs: number,
  run: EventRunner = interpret(chip),
): number {
  const { engine, order, cores } = chip;
  const tiles = new Int32Array(cores);
  const counts = Float64Array.from({ length: cores }, (_, core) => phase.tileCount(core));
  beginPhase(engine, startPs, (core: number, out: OpStream) => {
    const tile = tiles[core];
    if (tile >= counts[core]) return false;
    tiles[core] = tile + 1;
    phase.emit(core, tile, out);
    // A stream of unknown length ends with a tile that adds nothing.
    return out.length > 0 || counts[core] !== Infinity;
  });
  const watchdog = new Watchdog(engine, startPs);
  for (let running = cores; running > 0; ) {
    running = run(EVENTS_BETWEEN_LOOKS, running);
    if (running === STUCK) throw stuck(chip, phase, 'Nothing can move');
    if (running > 0 && watchdog.look(order.times[nextEntity(order)]))
      throw stuck(chip, phase, `No core got on for ${STUCK_PS / 1e9} ms`);
  }
  const openPs = lastArrivalPs(engine) + chip.barrierPs;
  releaseCores(engine, openPs);
  return openPs;
}

function stuck({ engine, cores }: Chip, phase: KernelPhase, what: string): SimulatorBug {
  const waits = Array.from({ length: cores }, (_, core) => describeWaits(engine, core));
  return new SimulatorBug(`${what} in phase ${phase.name}:\n${waits.join('\n')}`);
}

/** Lets the memory channels finish what was handed to them. */
export function drainMemory({ engine, memory, order, cores }: Chip): void {
  for (;;) {
    const next = nextEntity(order);
    if (next < cores || order.times[next] === Infinity || !memory.busy(next - cores)) return;
    stepMemory(engine, next);
  }
}
