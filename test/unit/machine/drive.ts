/** Runs one phase on a chip, looking at it between events. */
import { type Chip, createChip, wholeChip } from '../../../src/machine/chip.js';
import { advance } from '../../../src/machine/core/advance.js';
import { beginPhase, lastArrivalPs } from '../../../src/machine/core/engine.js';
import { stepMemory } from '../../../src/machine/core/turn.js';
import { nextEntity, setHorizon } from '../../../src/machine/event-order.js';
import type { MachineSpec } from '../../../src/machine/spec.js';
import type { Work } from './small-machine.js';

export function chipOf(spec: MachineSpec, lines = 1 << 20): Chip {
  return createChip(spec, wholeChip(spec), { lines, parameterBase: 0, parameterEnd: 0 });
}

/** @param onEvent called after every event with its number. @returns latest arrival at the barrier, ps */
export function drive(chip: Chip, work: Work, onEvent: (event: number) => void = () => {}): number {
  const { engine, order, clock, cores } = chip;
  const given = new Uint8Array(cores);
  beginPhase(engine, lastArrivalPs(engine), (core, out) => {
    if (given[core] === 1) return false;
    given[core] = 1;
    work(core, out);
    return true;
  });
  let running = cores;
  for (let event = 0; running > 0; event++) {
    const next = nextEntity(order);
    if (order.times[next] === Infinity) throw new Error('nothing can move');
    if (next < cores) {
      setHorizon(order, next, clock);
      if (advance(engine, next)) running--;
    } else {
      stepMemory(engine, next);
    }
    onEvent(event);
  }
  return lastArrivalPs(engine);
}
