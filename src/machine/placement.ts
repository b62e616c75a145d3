/** Which socket's memory a page lives in. */

export interface PlacementShape {
  readonly policy: 'first-touch' | 'interleave' | 'first-socket';
  readonly pageBytes: number;
  readonly sockets: number;
  /** Lines of the address space. */
  readonly lines: number;
  /** Lines [parameterBase, parameterEnd) are shared by the threads of both sockets. */
  readonly parameterBase: number;
  readonly parameterEnd: number;
  /**
   * The simulated cores stand for a slice of a chip of two sockets, all on one of them. Memory of the other socket is then the
   * mirror image of our own: what our cores ask of it, its cores ask of ours, so that the request is served here and pays for the way.
   */
  readonly mirrored: boolean;
}

export interface Placement {
  /** Socket (0 or 1) whose memory holds the line, for a core of `socket`; with `mirrored`, 1 stands for "the other socket". */
  homeOf(line: number, socket: number): number;
}

export function createPlacement(shape: PlacementShape): Placement {
  const { policy, sockets, mirrored, parameterBase, parameterEnd } = shape;
  const pageShift = Math.log2(shape.pageBytes / 64);
  if (sockets === 1 && !mirrored) return { homeOf: () => 0 };
  // Pages alternate between sockets; the multiplicative hash keeps strided tensors from falling on one socket.
  const alternate = (line: number): number => Math.imul(line >> pageShift, 0x9e3779b1) >>> 31;
  if (mirrored) {
    if (policy === 'first-touch')
      return { homeOf: (line) => (line >= parameterBase && line < parameterEnd ? alternate(line) : 0) };
    return { homeOf: alternate };
  }
  if (policy === 'first-socket') return { homeOf: () => 0 };
  if (policy === 'interleave') return { homeOf: alternate };
  const home = new Int8Array(Math.floor(shape.lines / 2 ** pageShift) + 1).fill(-1);
  return {
    homeOf(line, socket) {
      const page = line >> pageShift;
      const known = home[page] as number;
      if (known >= 0) return known;
      // Parameters are initialised before training by whichever thread: they alternate.
      const chosen = line >= parameterBase && line < parameterEnd ? alternate(line) : socket;
      home[page] = chosen;
      return chosen;
    },
  };
}
