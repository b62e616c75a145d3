/**
 * When links are busy. A link's future is cut into slots of one flit each, a bit per slot; a message takes the first free slots at or after its time.
 *
 * Messages do not come in the order of their times: the data that a miss in hand calls for are booked when the request is, ahead of requests that leave earlier. A next-free time per link would make
 * those wait for messages that are yet to come. Here they find the gaps before them. Which slots are taken in the end does not depend on the order of booking (a message that finds its slots taken
 * moves on, like a key in a hash table with linear probing), and none is left free while a message waits for it: a link is never idle while there is work, and never carries more than its bandwidth.
 *
 * A message whose gap is too short is cut, as a router with virtual channels interleaves the flits of two messages (Dally, "Virtual-Channel Flow Control", ISCA 1990).
 */
import { Clock, type ClockRegisters } from '../clock.js';
import { FLIT_BYTES } from './message.js';

const { Message: MESSAGE } = Clock;
/** Slots of a page: the bits of a word. */
const PAGE_SLOTS = 32;
/** Pages that a link remembers at least and at most. */
const LEAST_PAGES = 64;
const MOST_PAGES = 2 ** 14;
/** A page in memory that lies further ahead than this is one from before the numbers of pages, 32 bits, began anew. */
const FARTHEST_AHEAD = 2 ** 24;

/** The links of one rate; plain data, booked by `book`. */
export interface Calendar {
  readonly clock: ClockRegisters;
  /** Duration of a slot, ps. */
  readonly slotPs: number;
  readonly slotsPerPs: number;
  /** Pages that are remembered of each link, a power of two; older ones count as full. */
  readonly pages: number;
  /** Pairs of words, those of a page at `2 * (link * pages + number mod pages)`: its number since time 0, and its slots that are taken, a bit each. */
  readonly words: Int32Array;
  /** Flits that each link has carried. */
  readonly flits: Float64Array;
  /** Time that messages have waited for links, ps: one element. */
  readonly waitedPs: Float64Array;
}

/**
 * @param bytesPerSecond of each link and direction, finite
 * @param aheadPs how far ahead of the present messages are booked on an idle machine: what is older than twice that is forgotten
 */
export function createCalendar(
  links: number,
  bytesPerSecond: number,
  aheadPs: number,
  clock: ClockRegisters,
): Calendar {
  const slotPs = (FLIT_BYTES * 1e12) / bytesPerSecond;
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, (2 * aheadPs) / (slotPs * PAGE_SLOTS))));
  const pages = Math.min(MOST_PAGES, Math.max(LEAST_PAGES, wanted));
  return {
    clock,
    slotPs,
    slotsPerPs: 1 / slotPs,
    pages,
    words: new Int32Array(2 * links * pages).map((_, at) => (at % 2 === 0 ? -1 : 0)),
    flits: new Float64Array(links),
    waitedPs: new Float64Array(1),
  };
}

/**
 * Books a message on a link at Clock.Message.
 * @param flits 1 to 31
 * @returns by how many whole ps its end is later than on an idle link
 */
export function book(calendar: Calendar, link: number, flits: number): number {
  const { words, pages } = calendar;
  calendar.flits[link] += flits;
  const slot = calendar.clock[MESSAGE] * calendar.slotsPerPs;
  const page = (slot / PAGE_SLOTS) | 0;
  const shift = slot & (PAGE_SLOTS - 1);
  const wanted = ((1 << flits) - 1) << shift;
  const at = 2 * (link * pages + (page & (pages - 1)));
  if (shift + flits <= PAGE_SLOTS) {
    if (words[at] === page) {
      if ((words[at + 1] & wanted) === 0) {
        words[at + 1] |= wanted;
        return 0;
      }
    } else if (isBehind(words[at], page)) {
      words[at] = page;
      words[at + 1] = wanted;
      return 0;
    }
  }
  return search(calendar, link, flits, page, shift);
}

/** Whether a page in memory is older than another, so that its place is free for that. */
function isBehind(held: number, page: number): boolean {
  const ahead = (held - page) | 0;
  return ahead < 0 || ahead > FARTHEST_AHEAD;
}

/** Takes the first free slots from slot `shift` of page `first` on. @returns as `book` */
function search(calendar: Calendar, link: number, flits: number, first: number, shift: number): number {
  const { words, pages } = calendar;
  let page = first;
  let from = shift;
  let missing = flits;
  for (;;) {
    const at = 2 * (link * pages + (page & (pages - 1)));
    if (words[at] !== page) {
      if (!isBehind(words[at], page)) {
        // Forgotten: so is every page up to the one behind the oldest that can still be remembered.
        page = (words[at] - pages + 1) | 0;
        from = 0;
        continue;
      }
      words[at] = page;
      words[at + 1] = 0;
    }
    let free = ~words[at + 1] & (-1 << from);
    while (free !== 0) {
      const lowest = free & -free;
      free ^= lowest;
      words[at + 1] |= lowest;
      missing--;
      if (missing === 0) {
        const last = ((page - first) | 0) * PAGE_SLOTS + 31 - Math.clz32(lowest);
        const waitPs = Math.round((last - shift - flits + 1) * calendar.slotPs);
        calendar.waitedPs[0] += waitPs;
        return waitPs;
      }
    }
    page = (page + 1) | 0;
    from = 0;
  }
}
