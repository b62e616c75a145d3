/**
 * Sizes of the messages on the links, in flits of 8 bytes.
 *
 * An address message (a request, a snoop, an invalidation, an acknowledgement) is one flit: a line address of 40 to 46 bits, the operation, the sender and a transaction number. A line message
 * (data, a write-back) is a header flit and 64 bytes. So are QPI's and UPI's: "1 with header information and 8 with 64 bits of actual data" (Intel Xeon Processor E5 and E7 v3
 * Uncore Performance Monitoring Reference Manual, QPI link layer), still nine to a line on UPI (perf's UPI_DATA_BANDWIDTH_TX counts 64/9 B per flit); and so are gem5's Ruby
 * messages, 8 and 72 bytes.
 */
export const FLIT_BYTES = 8;
export const ADDRESS_FLITS = 1;
export const LINE_FLITS = 9;

/** Time for which a message keeps a link busy, whole ps: its serialisation. 0 on a link without limit. */
export function serialisationPs(flits: number, bytesPerSecond: number): number {
  return Math.round((flits * FLIT_BYTES * 1e12) / bytesPerSecond);
}
