/** Networks from the file system: by name in the package, or by path. The only file of `network` that needs Node. */
import { loadText } from '../config/load.js';
import type { Network } from './layers.js';
import { type NetworkOptions, parseNetwork } from './parse.js';

/**
 * Loads a network by name (`densenet121`) or path.
 * @param options make it smaller as it is read
 * @throws ConfigurationError with everything that is wrong, a missing file included
 */
export function loadNetwork(reference: string, options?: NetworkOptions): Network {
  const { text, file } = loadText('network', reference);
  return parseNetwork(text, file, options);
}
