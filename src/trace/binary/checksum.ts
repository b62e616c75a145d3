/** CRC-32 as gzip and PNG use it (ISO 3309; polynomial 0xEDB88320 reflected). */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * Checksum of bytes[from .. to).
 * @param before checksum of what comes before them; absent: nothing does
 */
export function crc32(bytes: Uint8Array, from: number, to: number, before = 0): number {
  let value = ~before;
  for (let at = from; at < to; at++)
    value = (value >>> 8) ^ (TABLE[(value ^ (bytes[at] as number)) & 255] as number);
  return ~value >>> 0;
}
