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
  readonly kind: Kind;
  /** log2 of a page's lines. */
  readonly pageShift: number;
  readonly parameterBase: number;
  readonly parameterEnd: number;
  /** Socket by page, -1 for a page that has not been touched yet; for first touch on two sockets. */
  readonly homes: Int8Array;
}

/** How a line's home is found: it is always the first socket; pages alternate; those of the parameters alternate, the rest are the own socket's; first touch. */
const KIND = { FIRST: 0, ALTERNATE: 1, OWN: 2, FIRST_TOUCH: 3 } as const;
type Kind = (typeof KIND)[keyof typeof KIND];
const { FIRST, ALTERNATE, OWN } = KIND;

function kindOf({ policy, sockets, mirrored }: PlacementShape): Kind {
  if (sockets === 1 && !mirrored) return KIND.FIRST;
  if (mirrored) return policy === 'first-touch' ? KIND.OWN : KIND.ALTERNATE;
  if (policy === 'first-socket') return KIND.FIRST;
  return policy === 'interleave' ? KIND.ALTERNATE : KIND.FIRST_TOUCH;
}

export function createPlacement(shape: PlacementShape): Placement {
  const kind = kindOf(shape);
  const pageShift = Math.log2(shape.pageBytes / 64);
  const pages = kind === KIND.FIRST_TOUCH ? Math.floor(shape.lines / 2 ** pageShift) + 1 : 0;
  const { parameterBase, parameterEnd } = shape;
  return { kind, pageShift, parameterBase, parameterEnd, homes: new Int8Array(pages).fill(-1) };
}

/** Socket (0 or 1) whose memory holds the line, for a core of `socket`; with `mirrored`, 1 stands for "the other socket". */
export function homeOf(p: Placement, line: number, socket: number): number {
  const { kind } = p;
  if (kind === FIRST) return 0;
  if (kind === ALTERNATE) return alternate(p, line);
  // Parameters are initialised before training by whichever thread: they alternate.
  const isParameter = line >= p.parameterBase && line < p.parameterEnd;
  if (kind === OWN) return isParameter ? alternate(p, line) : 0;
  const page = line >> p.pageShift;
  const known = p.homes[page];
  if (known >= 0) return known;
  const chosen = isParameter ? alternate(p, line) : socket;
  p.homes[page] = chosen;
  return chosen;
}

/** Pages alternate between sockets; the multiplicative hash keeps strided tensors from falling on one socket. */
function alternate(p: Placement, line: number): number {
  return Math.imul(line >> p.pageShift, 0x9e3779b1) >>> 31;
}
