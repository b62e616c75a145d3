/** How busy the links of a run were. */
import type { LinkTraffic } from '../machine/interconnect/network.js';

/** Links of one kind over a run. */
export interface LinkUse {
  /** Directed links. */
  readonly links: number;
  /** Bandwidth of each, 1e9 bytes per second. */
  readonly gbpsEach: number;
  /** Bytes carried, headers included; a message counts once for each link on its way. */
  readonly bytes: number;
  /** Share of the run for which links were busy, on average over them. */
  readonly meanBusyShare: number;
  /** The same of the link that was busy for longest, and which one that is. */
  readonly maxBusyShare: number;
  readonly busiest: string;
  /** Time that messages waited for links, summed over them. */
  readonly queueingSeconds: number;
}

/** Null where links have no limit, and where they are not simulated. */
export interface InterconnectUse {
  /** Within sockets. */
  readonly links: LinkUse | null;
  /** Between sockets. */
  readonly socketLink: LinkUse | null;
}

/** @param timePs of the run; 0 gives shares of 0 */
export function interconnectUse(
  traffic: { readonly links: LinkTraffic | null; readonly socketLink: LinkTraffic | null },
  timePs: number,
): InterconnectUse {
  return { links: linkUse(traffic.links, timePs), socketLink: linkUse(traffic.socketLink, timePs) };
}

function linkUse(traffic: LinkTraffic | null, timePs: number): LinkUse | null {
  if (traffic === null) return null;
  const { links, bytesPerSecond, bytes, busiest, busiestBytes, waitedPs } = traffic;
  const room = bytesPerSecond * timePs * 1e-12;
  const share = (carried: number): number => (room === 0 ? 0 : carried / room);
  return {
    links,
    gbpsEach: bytesPerSecond / 1e9,
    bytes,
    meanBusyShare: links === 0 ? 0 : share(bytes / links),
    maxBusyShare: share(busiestBytes),
    busiest,
    queueingSeconds: waitedPs * 1e-12,
  };
}
