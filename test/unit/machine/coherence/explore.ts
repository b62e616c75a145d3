/**
 * Explores every state that a shared level can be brought into by the caches above it.
 *
 * The shared level holds tags and no data. Beside it stands a model that does: what each private cache, the cache of each socket and main memory hold of each line, and
 * whether it is the latest value (`fresh`). The model learns from what the shared level asks of it and answers; it knows nothing of the protocol.
 */
import { createClock } from '../../../../src/machine/clock.js';
import { ANSWER, ENTRY, GRANT } from '../../../../src/machine/coherence/layout.js';
import { giveUpLine, purgeLine } from '../../../../src/machine/coherence/release.js';
import { requestLine } from '../../../../src/machine/coherence/request.js';
import { cached, heldAt, sharedCounters, sharersOf } from '../../../../src/machine/coherence/shared-level.js';
import { createSharedLevel, type SharedLevel } from '../../../../src/machine/coherence/state.js';
import { createInterconnect } from '../../../../src/machine/interconnect/interconnect.js';
import type { Inclusion } from '../../../../src/machine/spec.js';

export interface Arrangement {
  readonly sockets: number;
  readonly clustersPerSocket: number;
  readonly lines: number;
  readonly inclusion: Inclusion | 'none';
  readonly cacheWays: number;
  readonly directoryWays: number;
}

export type ActionKind = 'read' | 'write' | 'evict' | 'store past the caches';
export interface Action {
  readonly kind: ActionKind;
  readonly cluster: number;
  readonly line: number;
}

interface Copy {
  fresh: boolean;
  dirty: boolean;
  writable: boolean;
  /** `HELD` of the answer to the cluster's last request for the line. */
  noted: number;
}

/** A shared level and the data above and below it. */
class Model {
  readonly level: SharedLevel;
  /** By cluster, then line; null: not held. */
  readonly held: (Copy | null)[][];
  /** Whether the copy in a socket's cache is the latest value; only where `level.cached` says that there is one. */
  readonly cacheFresh: boolean[][];
  readonly memoryFresh: boolean[];
  /** What is wrong, in words; empty while nothing is. */
  readonly wrongs: string[] = [];
  /** Value of a line that a private cache handed over during the action in hand; undefined: none did. */
  #handed = new Map<number, boolean>();

  constructor(readonly arrangement: Arrangement) {
    const { sockets, clustersPerSocket, lines, inclusion, cacheWays, directoryWays } = arrangement;
    const clusters = sockets * clustersPerSocket;
    this.held = Array.from({ length: clusters }, () => new Array<Copy | null>(lines).fill(null));
    this.cacheFresh = Array.from({ length: sockets }, () => new Array<boolean>(lines).fill(false));
    this.memoryFresh = new Array<boolean>(lines).fill(true);
    const clock = createClock();
    this.level = createSharedLevel(
      {
        sockets,
        clustersPerSocket,
        slicesPerSocket: 1,
        sets: 1,
        cacheWays,
        directoryWays,
        inclusion,
        replacement: { kind: 'lru', random: () => 0 },
        slicePs: 10,
        occupancyPs: 0,
        snoopPs: 5,
      },
      {
        interconnect: createInterconnect(
          {
            interconnect: { kind: 'crossbar', columns: 1, rows: 1, hopPs: 1, linkBytesPerSecond: Infinity },
            socketLink: sockets === 2 ? { latencyPs: 100, bytesPerSecond: Infinity } : null,
            sockets,
            tilesPerSocket: clustersPerSocket,
            clustersPerSocket,
            coresPerCluster: 1,
            isWholeSocket: true,
            linkShare: 1,
            aheadPs: 0,
          },
          clock,
        ),
        above: {
          invalidate: (cluster, line) => this.#handOver(cluster, line, true),
          downgrade: (cluster, line) => this.#handOver(cluster, line, false),
        },
        writeMemory: (socket, line) => {
          this.memoryFresh[line] =
            this.#handed.get(line) ?? (this.cacheFresh[socket] as boolean[])[line] === true;
        },
        clock,
      },
    );
  }

  #handOver(cluster: number, line: number, drops: boolean): number {
    const copy = this.copy(cluster, line);
    if (copy === null) {
      this.wrongs.push(`cluster ${cluster} is told of line ${line}, which it does not hold`);
      return 0;
    }
    const dirty = copy.dirty ? 1 : 0;
    // A modified value, or whatever a clean owner forwards: unless a modified one was handed over before.
    if (dirty === 1 || !this.#handed.has(line)) this.#handed.set(line, copy.fresh);
    if (drops) this.#set(cluster, line, null);
    else {
      // What goes down to memory passes the socket's slice, which takes it where it holds the line.
      if (dirty === 1) (this.cacheFresh[this.socketOf(cluster)] as boolean[])[line] = copy.fresh;
      copy.dirty = false;
      copy.writable = false;
    }
    return dirty;
  }

  copy(cluster: number, line: number): Copy | null {
    return (this.held[cluster] as (Copy | null)[])[line] as Copy | null;
  }

  #set(cluster: number, line: number, copy: Copy | null): void {
    (this.held[cluster] as (Copy | null)[])[line] = copy;
  }

  socketOf(cluster: number): number {
    return Math.floor(cluster / this.arrangement.clustersPerSocket);
  }

  /** What the caches of the sockets hold of every line: -1, 0 or 1. */
  cached(): number[][] {
    const { sockets, lines } = this.arrangement;
    return Array.from({ length: sockets }, (_, socket) =>
      Array.from({ length: lines }, (__, line) => cached(this.level, socket, line)),
    );
  }

  perform({ kind, cluster, line }: Action): void {
    this.#handed = new Map();
    const before = this.cached();
    const copy = this.copy(cluster, line);
    switch (kind) {
      case 'read':
        if (copy === null) this.#request(cluster, line, false, before);
        break;
      case 'write':
        if (copy === null || !copy.writable) this.#request(cluster, line, true, before);
        this.#settleCaches(before);
        this.#write(cluster, line);
        return;
      case 'evict':
        if (copy === null) return;
        this.#handed.set(line, copy.fresh);
        this.#set(cluster, line, null);
        giveUpLine(this.level, cluster, line, copy.noted, copy.dirty ? 1 : 0, copy.writable);
        break;
      case 'store past the caches':
        purgeLine(this.level, -1, line);
        this.#settleCaches(before);
        for (const fresh of this.cacheFresh) fresh[line] = false;
        for (const row of this.held) {
          const left = row[line];
          if (left !== null && left !== undefined) left.fresh = false;
        }
        this.memoryFresh[line] = true;
        return;
    }
    this.#settleCaches(before);
  }

  /** The line becomes newer than every other copy. */
  #write(cluster: number, line: number): void {
    for (const fresh of this.cacheFresh) fresh[line] = false;
    this.memoryFresh[line] = false;
    this.held.forEach((row, other) => {
      const copy = row[line];
      if (copy !== null && copy !== undefined) copy.fresh = other === cluster;
    });
    const own = this.copy(cluster, line);
    if (own !== null) own.dirty = true;
  }

  #request(cluster: number, line: number, exclusive: boolean, before: number[][]): void {
    const own = this.copy(cluster, line);
    const answered = requestLine(this.level, cluster, cluster, line, exclusive);
    const granted = this.level.answer[ANSWER.GRANTED] as number;
    const socket = this.socketOf(cluster);
    let fresh: boolean;
    if (!answered) fresh = this.memoryFresh[line] === true;
    else if (own !== null) fresh = own.fresh;
    else if (((before[socket] as number[])[line] as number) >= 0 && !this.#handed.has(line))
      fresh = (this.cacheFresh[socket] as boolean[])[line] === true;
    else if (this.#handed.has(line)) fresh = this.#handed.get(line) === true;
    else fresh = this.#remote(1 - socket, line, before);
    this.#handed.set(line, fresh);
    if (exclusive && (granted & GRANT.WRITABLE) === 0)
      this.wrongs.push(`cluster ${cluster} may not write line ${line}, though it asked to`);
    this.#set(cluster, line, {
      fresh,
      dirty: (granted & GRANT.DIRTY) !== 0,
      writable: (granted & GRANT.WRITABLE) !== 0,
      noted: this.level.answer[ANSWER.HELD] as number,
    });
  }

  /** Value that the other socket's cache, or a sharer there, answers with. */
  #remote(socket: number, line: number, before: number[][]): boolean {
    if (((before[socket]?.[line] ?? -1) as number) >= 0)
      return (this.cacheFresh[socket] as boolean[])[line] === true;
    const sharer = this.held.findIndex((row, other) => this.socketOf(other) === socket && row[line] !== null);
    if (sharer >= 0) return this.copy(sharer, line)?.fresh === true;
    this.wrongs.push(`line ${line} comes from socket ${socket}, which does not hold it`);
    return false;
  }

  /** Gives the caches of the sockets the values that came to them in the action. */
  #settleCaches(before: number[][]): void {
    this.cached().forEach((row, socket) => {
      row.forEach((state, line) => {
        const was = before[socket]?.[line] ?? -1;
        const fresh = this.cacheFresh[socket] as boolean[];
        const handed = this.#handed.get(line);
        // A line that appears, or becomes modified, holds what was handed over; one that was modified and is handed another modified value, too.
        if (
          state >= 0 &&
          handed !== undefined &&
          (was < 0 || (state === 1 && was === 0) || (state === 1 && handed))
        )
          fresh[line] = handed;
        else if (state < 0) fresh[line] = false;
      });
    });
  }

  /** Checks single writer or multiple readers, the value of every copy and what the directory knows. */
  check(): void {
    const { sockets, lines, inclusion, clustersPerSocket } = this.arrangement;
    const cached = this.cached();
    for (let line = 0; line < lines; line++) {
      const holders = this.held.flatMap((row, cluster) => (row[line] === null ? [] : [cluster]));
      const writers = holders.filter(
        (cluster) => this.copy(cluster, line)?.writable === true || this.copy(cluster, line)?.dirty === true,
      );
      if (writers.length > 0 && holders.length > 1)
        this.wrongs.push(`line ${line} has writer ${writers.join(', ')} beside copies ${holders.join(', ')}`);
      for (const cluster of holders) {
        if (this.copy(cluster, line)?.fresh !== true)
          this.wrongs.push(`cluster ${cluster} holds an old value of line ${line}`);
        this.#checkNote(cluster, line);
      }
      const writer = writers[0];
      if (writer !== undefined && sockets === 2 && (cached[1 - this.socketOf(writer)]?.[line] ?? -1) >= 0) {
        this.wrongs.push(`line ${line} may be written by ${writer} while the other socket's cache holds it`);
      }
      const modified =
        holders.some(
          (cluster) => this.copy(cluster, line)?.dirty === true && this.copy(cluster, line)?.fresh === true,
        ) || cached.some((row, socket) => row[line] === 1 && this.cacheFresh[socket]?.[line] === true);
      if (!modified && this.memoryFresh[line] !== true)
        this.wrongs.push(`the latest value of line ${line} is lost`);
      const known = sharersOf(this.level, line).sort((a, b) => a - b);
      if (known.join() !== holders.join())
        this.wrongs.push(`line ${line} is held by [${holders}], the directory knows [${known}]`);
      if (inclusion === 'inclusive') {
        for (const cluster of holders) {
          if ((cached[Math.floor(cluster / clustersPerSocket)]?.[line] ?? -1) < 0)
            this.wrongs.push(`the inclusive cache lacks line ${line} of cluster ${cluster}`);
        }
      }
    }
  }

  /** A cluster gives a line up by the note that it was answered with: it must still be true of where the directory's entry stands and, if the cluster alone may write, of what stands there. */
  #checkNote(cluster: number, line: number): void {
    const copy = this.copy(cluster, line);
    if (copy === null) return;
    const at = heldAt(this.level, this.socketOf(cluster), line);
    const modified = (this.level.directory.words[at] as number) & ENTRY.DIRTY;
    if (copy.noted >> 1 !== at || (copy.writable && (copy.noted & 1) !== modified))
      this.wrongs.push(`the note of line ${line} in cluster ${cluster} is out of date`);
  }

  /** Everything that can be seen of the state. */
  key(): string {
    const copies = this.held.map((row) =>
      row
        .map((copy) =>
          copy === null ? '-' : (copy.dirty ? 'M' : copy.writable ? 'E' : 'S') + (copy.fresh ? '' : '!'),
        )
        .join(''),
    );
    const turn = sharedCounters(this.level).directoryEvictions % this.arrangement.directoryWays;
    return `${copies.join('|')} ${this.cached().join('|')} ${this.cacheFresh.join('|')} ${this.memoryFresh} ${turn}`;
  }
}

function replay(arrangement: Arrangement, path: readonly Action[]): Model {
  const model = new Model(arrangement);
  for (const action of path) model.perform(action);
  return model;
}

/**
 * What cannot be seen: whether the cache of a socket believes that the other one may hold the line. Brought out by letting go of the line in one socket and reading it
 * there again.
 */
function hiddenKey(arrangement: Arrangement, path: readonly Action[]): string {
  if (arrangement.sockets === 1) return '';
  let key = '';
  for (let line = 0; line < arrangement.lines; line++) {
    for (let socket = 0; socket < arrangement.sockets; socket++) {
      const model = replay(arrangement, path);
      const first = socket * arrangement.clustersPerSocket;
      for (let cluster = first; cluster < first + arrangement.clustersPerSocket; cluster++)
        model.perform({ kind: 'evict', cluster, line });
      model.perform({ kind: 'read', cluster: first, line });
      key += model.copy(first, line)?.writable === true ? 'w' : 'r';
    }
  }
  return key;
}

export interface Exploration {
  readonly states: number;
  /** The shortest way to the first wrong state, and what is wrong there. */
  readonly failure: string | null;
}

/** Breadth-first over every action from every state. Stops at the first wrong state. */
export function explore(
  arrangement: Arrangement,
  kinds: readonly ActionKind[] = ['read', 'write', 'evict', 'store past the caches'],
): Exploration {
  const actions: Action[] = [];
  for (let cluster = 0; cluster < arrangement.sockets * arrangement.clustersPerSocket; cluster++) {
    for (let line = 0; line < arrangement.lines; line++)
      for (const kind of kinds) actions.push({ kind, cluster, line });
  }
  const seen = new Set<string>([new Model(arrangement).key() + hiddenKey(arrangement, [])]);
  let frontier: (readonly Action[])[] = [[]];
  while (frontier.length > 0) {
    const next: (readonly Action[])[] = [];
    for (const path of frontier) {
      for (const action of actions) {
        const longer = [...path, action];
        const model = replay(arrangement, longer);
        model.check();
        if (model.wrongs.length > 0) {
          const steps = longer.map(({ kind, cluster, line }) => `${cluster}: ${kind} ${line}`).join('; ');
          return { states: seen.size, failure: `${steps} -> ${model.wrongs.join('; ')}` };
        }
        const key = model.key() + hiddenKey(arrangement, longer);
        if (seen.has(key)) continue;
        seen.add(key);
        next.push(longer);
      }
    }
    frontier = next;
  }
  return { states: seen.size, failure: null };
}
