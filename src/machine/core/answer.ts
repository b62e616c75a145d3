/** Answers of memory, handed on from the MSHR that asked to whatever waits for it. */
import { among } from '../among.js';
import { deliverLine } from '../memory-port.js';
import { putFree } from './free-list.js';
import { CORE, REGISTER, WAIT } from './layout.js';
import type { EngineState } from './state.js';
import { wake } from './wait.js';

const { SHIFT: CORE_SHIFT, WAIT_KIND, WAIT_AT } = CORE;
const { READY, SHARE, START, RETURN, DELAY, NEXT, FIRST, FOLLOWER, STORE, OWNER } = REGISTER;
const { ANYTHING, LOAD: WAIT_LOAD, STORE: WAIT_STORE } = WAIT;

/** Memory answers the register `tag` (a read's MSHR, an NT store's buffer): at `answerPs[0]`, of which an idle memory would have taken `unloadedPs[0]`. */
export function answer(e: EngineState, tag: number, answerPs: Float64Array, unloadedPs: Float64Array): void {
  const { times } = e;
  const back = times[tag + RETURN];
  const ready = Math.ceil(answerPs[0]) + back + deliverLine(e.memory, tag, answerPs);
  const total = ready - times[tag + START];
  const idle = unloadedPs[0] + back;
  times[tag + READY] = ready;
  times[tag + SHARE] = total <= idle || total <= 0 ? 1 : idle / total;
  if (tag >= e.fillsAt) settleFill(e, tag, tag);
  else settleMshr(e, tag);
}

/** The answer for a fill buffer is known, that of the register `from`: pass it on to the loads and the store that wait for it. */
function settleFill(e: EngineState, fill: number, from: number): void {
  const { ints, times } = e;
  const core = among(e.cores, ints[fill + OWNER]);
  const ready = times[from + READY];
  const share = times[from + SHARE];
  times[fill + READY] = ready;
  times[fill + SHARE] = share;
  putFree(e.freeFills, core, fill);
  const c = core << CORE_SHIFT;
  const kind = ints[c + WAIT_KIND];
  const waitAt = ints[c + WAIT_AT];
  let relevant = kind === ANYTHING;
  let load = ints[fill + FIRST];
  ints[fill + FIRST] = -1;
  while (load >= 0) {
    times[load + READY] = ready;
    times[load + SHARE] = share;
    if (kind === WAIT_LOAD && load === waitAt) relevant = true;
    load = ints[load + NEXT];
  }
  const store = ints[fill + STORE];
  if (store >= 0) {
    ints[fill + STORE] = -1;
    times[store + READY] = ready;
    times[store + SHARE] = share;
    if (kind === WAIT_STORE && store === waitAt) relevant = true;
  }
  if (relevant) wake(e, core, fill);
}

/** The answer for an MSHR is known: pass it on to the fill buffers and the MSHRs of other clusters that wait for it. */
function settleMshr(e: EngineState, mshr: number): void {
  const { ints, times, coresPerCluster } = e;
  const cluster = among(e.clusters, ints[mshr + OWNER]);
  putFree(e.freeMshrs, cluster, mshr);
  let fill = ints[mshr + FIRST];
  ints[mshr + FIRST] = -1;
  while (fill >= 0) {
    const next = ints[fill + NEXT];
    settleFill(e, fill, mshr);
    fill = next;
  }
  for (let core = cluster * coresPerCluster; core < (cluster + 1) * coresPerCluster; core++)
    if (ints[(core << CORE_SHIFT) + WAIT_KIND] === ANYTHING) wake(e, core, mshr);
  let follower = ints[mshr + FOLLOWER];
  ints[mshr + FOLLOWER] = -1;
  while (follower >= 0) {
    const next = ints[follower + NEXT];
    times[follower + READY] = times[mshr + READY] + times[follower + DELAY];
    times[follower + SHARE] = times[mshr + SHARE];
    settleMshr(e, follower);
    follower = next;
  }
}
