import { loadText } from '../config/load.js';
import type { Network } from '../network/layers.js';
import { parseNetwork } from '../network/parse.js';

/**
 * Loads a network by name (`densenet121`) or path.
 * @throws ConfigurationError with everything that is wrong, a missing file included
 */
export function loadNetwork(reference: string): Network {
  const { text, file } = loadText('network', reference);
  return parseNetwork(text, file);
}
