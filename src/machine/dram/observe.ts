import type { MainMemory } from './memory.js';

/** Called with every line that is handed to main memory. */
export type MemoryObserver = (line: number, isWrite: boolean) => void;

/** Main memory that tells an observer of each request before it takes it. */
export function observeMemory(memory: MainMemory, observe: MemoryObserver): MainMemory {
  return {
    ...memory,
    data: null,
    enqueue(channel, line, isWrite, timePs, tag) {
      observe(line, isWrite);
      memory.enqueue(channel, line, isWrite, timePs, tag);
    },
  };
}
