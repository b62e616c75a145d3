/** Who waits for whom, from a core to main memory, for the report of a chip that is stuck. */
import { channelFor } from '../memory-port.js';
import { CORE, REGISTER, UNKNOWN, WAIT } from './layout.js';
import type { EngineState } from './state.js';

/** What a core waits for, and that for in turn, in one line. */
export function describeWaits(e: EngineState, core: number): string {
  const c = core * CORE.STRIDE;
  if (e.ints[c + CORE.FINISHED] !== 0) return `core ${core} has finished`;
  const who = `core ${core} at ${e.times[c + CORE.TIME]} ps`;
  if (e.ints[c + CORE.ASLEEP] === 0) return `${who} waits for its turn`;
  const kind = e.ints[c + CORE.WAIT_KIND];
  if (kind === WAIT.ANYTHING) {
    const cluster = e.ints[c + CORE.CLUSTER];
    const fills = waiting(fillsOf(e, core), e).map((fill) => describeFill(e, core, fill));
    const mshrs = waiting(mshrsOf(e, cluster), e).map((mshr) => describeMshr(e, core, mshr));
    return `${who} waits for a miss register; without an answer are: ${[...fills, ...mshrs].join('; ') || 'none'}`;
  }
  const register = e.ints[c + CORE.WAIT_AT];
  const name = kind === WAIT.LOAD ? 'its oldest load' : 'its oldest store';
  const fill = waiting(fillsOf(e, core), e).find((candidate) =>
    kind === WAIT.LOAD
      ? listFrom(e, candidate, REGISTER.FIRST).includes(register)
      : e.ints[candidate + REGISTER.STORE] === register,
  );
  return `${who} waits for ${name}, it for ${fill === undefined ? 'no fill buffer' : describeFill(e, core, fill)}`;
}

function describeFill(e: EngineState, core: number, fill: number): string {
  const line = e.ints[fill + REGISTER.LINE];
  const name = `fill buffer ${(fill - e.fillsAt) / REGISTER.STRIDE - core * e.fills}`;
  if (line < 0)
    return `${name} (write-combining), it for main memory to take its line since ${e.times[fill + REGISTER.START]} ps`;
  const mshr = mshrsOf(e, e.ints[core * CORE.STRIDE + CORE.CLUSTER]).find((candidate) =>
    listFrom(e, candidate, REGISTER.FIRST).includes(fill),
  );
  return `${name} (line ${line}), it for ${mshr === undefined ? 'no MSHR' : describeMshr(e, core, mshr)}`;
}

function describeMshr(e: EngineState, core: number, mshr: number): string {
  const cluster = e.ints[mshr + REGISTER.OWNER];
  const line = e.ints[mshr + REGISTER.LINE];
  const name = `MSHR ${(mshr - e.mshrsAt) / REGISTER.STRIDE - cluster * e.mshrs} of cluster ${cluster} (line ${line})`;
  for (let supplier = 0; supplier < e.clusters; supplier++) {
    const followed = mshrsOf(e, supplier).find((candidate) =>
      listFrom(e, candidate, REGISTER.FOLLOWER).includes(mshr),
    );
    if (followed !== undefined)
      return `${name}, it for ${describeMshr(e, supplier * e.coresPerCluster, followed)}`;
  }
  return `${name}, it for channel ${channelFor(e.memory, core, line)} of main memory since ${e.times[mshr + REGISTER.START]} ps`;
}

function waiting(registers: readonly number[], e: EngineState): number[] {
  return registers.filter((register) => e.times[register + REGISTER.READY] === UNKNOWN);
}

function fillsOf(e: EngineState, core: number): number[] {
  return Array.from(
    { length: e.fills },
    (_, index) => e.fillsAt + (core * e.fills + index) * REGISTER.STRIDE,
  );
}

function mshrsOf(e: EngineState, cluster: number): number[] {
  return Array.from(
    { length: e.mshrs },
    (_, index) => e.mshrsAt + (cluster * e.mshrs + index) * REGISTER.STRIDE,
  );
}

/** Registers in the list that starts at a word of another. */
function listFrom(e: EngineState, register: number, first: number): number[] {
  const list: number[] = [];
  for (let at = e.ints[register + first]; at >= 0; at = e.ints[at + REGISTER.NEXT]) list.push(at);
  return list;
}
