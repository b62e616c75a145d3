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

/** Slots of a page: the bits of a word. */
const PAGE_SLOTS = 32;
/** Pages that a link remembers at least and at most. */
const LEAST_PAGES = 64;
const MOST_PAGES = 2 ** 14;

/** The links of one rate; plain data, booked by `book`. */
export interface Calendar {
  readonly clock: ClockRegisters;
  /** Duration of a slot, ps. */
  readonly slotPs: number;
  readonly slotsPerPs: number;
  /** Pages that are remembered of each link, a power of two; older ones count as full. */
  readonly pages: number;
  /** Number of the page (since time 0) that a place holds, `[link * pages + page mod pages]`. */
  readonly page: Float64Array;
  /** Slots that are taken, a bit each, in the same places. */
  readonly taken: Int32Array;
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
    page: new Float64Array(links * pages).fill(-1),
    taken: new Int32Array(links * pages),
    flits: new Float64Array(links),
    waitedPs: new Float64Array(1),
  };
}

/**
 * Books a message on a link at Clock.Depart.
 * @param flits 1 to 31
 * @returns by how many whole ps its end is later than on an idle link
 */
export function book(calendar: Calendar, link: number, flits: number): number {
  const { page: pageAt, taken, pages } = calendar;
  const booked = calendar.flits;
  booked[link] = (booked[link] as number) + flits;
  const slot = Math.floor((calendar.clock[Clock.Depart] as number) * calendar.slotsPerPs);
  const first = Math.floor(slot / PAGE_SLOTS);
  const shift = slot & (PAGE_SLOTS - 1);
  const place = link * pages + (first & (pages - 1));
  if ((pageAt[place] as number) < first) {
    pageAt[place] = first;
    taken[place] = 0;
  }
  const wanted = ((1 << flits) - 1) << shift;
  if (shift + flits <= PAGE_SLOTS && pageAt[place] === first && ((taken[place] as number) & wanted) === 0) {
    taken[place] = (taken[place] as number) | wanted;
    return 0;
  }
  return search(calendar, link, flits, first, shift);
}

/** Takes the first free slots from slot `shift` of page `first` on. @returns as `book` */
function search(calendar: Calendar, link: number, flits: number, first: number, shift: number): number {
  const { page: pageAt, taken, pages } = calendar;
  let page = first;
  let from = shift;
  let missing = flits;
  for (;;) {
    const place = link * pages + (page & (pages - 1));
    const held = pageAt[place] as number;
    if (held > page) {
      // Forgotten: so is every page up to the one behind the oldest that can still be remembered.
      page = held - pages + 1;
      from = 0;
      continue;
    }
    if (held < page) {
      pageAt[place] = page;
      taken[place] = 0;
    }
    let free = ~(taken[place] as number) & (-1 << from);
    while (free !== 0) {
      const lowest = free & -free;
      free ^= lowest;
      taken[place] = (taken[place] as number) | lowest;
      missing--;
      if (missing === 0) {
        const last = (page - first) * PAGE_SLOTS + 31 - Math.clz32(lowest);
        const waitPs = Math.round((last - shift - flits + 1) * calendar.slotPs);
        calendar.waitedPs[0] = (calendar.waitedPs[0] as number) + waitPs;
        return waitPs;
      }
    }
    page++;
    from = 0;
  }
}
