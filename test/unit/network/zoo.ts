/** Reads a shipped network. */
import { readFileSync } from 'node:fs';
import { type NetworkOptions, parseNetwork } from '../../../src/network/parse.js';

/** Directory of the shipped networks. */
export const ZOO = new URL('../../../workloads/networks/', import.meta.url);

export function loadZooNetwork(name: string, options?: NetworkOptions) {
  return parseNetwork(readFileSync(new URL(`${name}.yaml`, ZOO), 'utf8'), `${name}.yaml`, options);
}
