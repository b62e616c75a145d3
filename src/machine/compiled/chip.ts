/** A chip whose event loop runs as WebAssembly. */
import type { Chip } from '../chip.js';
import { growRingAt } from './grow-ring.js';
import { MachineImage } from './image.js';
import { instantiate } from './instance.js';
import type { MachineCode } from './layout.js';

/** What runs a chip's events: see `runEvents` in core/run-events.ts. */
export type EventRunner = (events: number, running: number) => number;

/**
 * Moves a chip into a compiled machine. From then on its events must be run by what is returned; in between, its data may be read and changed as before.
 * @returns null where the chip has something that is not compiled (a replacement policy beyond LRU and FIFO, a memory that stands for another), and is run as JavaScript
 */
export function compileChip(chip: Chip, code: MachineCode): EventRunner | null {
  const { engine, memory, streams } = chip;
  if (memory.data === null) return null;
  const image = MachineImage.of(code, [
    ['EngineState', engine],
    ['ChannelSet', memory.data.kind === 'dram' ? memory.data.set : null],
    ['IdealState', memory.data.kind === 'ideal' ? memory.data.state : null],
  ]);
  if (image === null) return null;
  const instance = instantiate(code, image, {
    refill: (core) => {
      const stream = streams[core];
      stream.clear();
      const isMore = engine.refill(core, stream);
      image.copyStream(stream);
      return isMore ? 1 : 0;
    },
    observe: (line, isWrite) => engine.memory.observe(line, isWrite !== 0),
    growRing: (pointer) => growRingAt(image, pointer),
  });
  return (events, running) => {
    image.copyIn();
    const left = instance.runEvents(events, running);
    image.copyOut();
    return left;
  };
}
