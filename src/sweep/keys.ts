/** What a point's result follows from, as a hash. */
import type { Network } from '../network/layers.js';
import type { PointSettings } from '../simulate/part.js';
import { canonicalJson, sha256 } from './canonical.js';
import { codeVersion } from './code-version.js';
import { planParts } from './part-jobs.js';

/** A point's settings as plain data, without what no result depends on: descriptions, and the functions of the user's passes. */
export function plainSettings(point: PointSettings): Readonly<Record<string, unknown>> {
  const { userPasses: _functions, ...plain } = point;
  const { description: _ofNetwork, ...network } = point.network;
  const { description: _ofMachine, ...machine } = point.machine;
  return { ...plain, network, machine };
}

/** Hash of a point's settings. Passes of the user's own enter by what they make of the training step, as their code cannot be had whole. */
export function hashSettings(point: PointSettings): string {
  const { network: _network, ...settings } = plainSettings(point);
  const rewritten = point.userPasses?.length ? rewriting(point) : null;
  return sha256(canonicalJson([settings, hashNetwork(point.network), rewritten]));
}

/** Most of a point's settings by far, and one for all points of most sweeps. */
const networkHashes = new WeakMap<Network, string>();

function hashNetwork(network: Network): string {
  const known = networkHashes.get(network);
  if (known !== undefined) return known;
  const { description: _description, ...plain } = network;
  const hash = sha256(canonicalJson(plain));
  networkHashes.set(network, hash);
  return hash;
}

function rewriting(point: PointSettings): readonly string[] {
  try {
    return planParts([point]).map(({ identity }) => identity);
  } catch (error) {
    // Such a point fails, with this cause.
    return [String(error)];
  }
}

/** Key of a result: its settings and the simulator's code. */
export function keyOf(settingsHash: string): string {
  return sha256(`${settingsHash} ${codeVersion()}`);
}
