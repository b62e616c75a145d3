import type { Argv } from 'yargs';
import { listNames } from '../../config/load.js';
import type { Network } from '../../network/layers.js';
import { loadNetwork } from '../../network/load.js';
import { describeLayers, type NetworkTotals, networkTotals } from '../../network/totals.js';
import { formatFixed, renderTextTable } from '../../report/text-table.js';
import type { CliContext, CreateCommand } from '../command.js';
import { toJson } from '../json.js';
import { renderTable } from '../table.js';

/** `normcore network list|show`. */
export const createCommand: CreateCommand = (context: CliContext) => ({
  command: 'network',
  describe: 'list and show networks',
  builder: (parser: Argv) =>
    parser
      .command(
        'list',
        'the networks that are there by name',
        (list) => list.option('json', { describe: 'as JSON', type: 'boolean', default: false }),
        ({ json }) => listNetworks(context, json),
      )
      .command(
        'show <network>',
        'the sums over a network and a row per layer, per image',
        (show) =>
          show
            .positional('network', {
              describe: 'name, or path of a YAML file',
              type: 'string',
              demandOption: true,
            })
            .option('json', { describe: 'as JSON, with shapes', type: 'boolean', default: false }),
        ({ network, json }) => showNetwork(context, loadNetwork(network), json),
      )
      .demandCommand(1, 'list or show is expected. See: normcore network --help')
      .example('$0 network list', 'names and sizes')
      .example('$0 network show densenet121', 'every layer with its shape and work')
      .example(
        '$0 network show my-net.yaml',
        'whether a file of yours is right, and what it comes to',
      ) as never,
  handler: () => {},
});

function listNetworks(context: CliContext, json: boolean): void {
  const networks = listNames('network').map((name) => {
    const network = loadNetwork(name);
    return { name, ...networkTotals(network), description: network.description };
  });
  if (json) {
    context.out(toJson({ networks }));
    return;
  }
  const rows = networks.map((network) => [
    network.name,
    formatFixed(network.multiplyAdds / 1e9, 3),
    formatFixed(network.parameters / 1e6, 2),
    formatFixed(network.featureBytes / 1e6, 1),
    formatFixed(network.bnInputBytes / 1e6, 1),
    String(network.bnLayers),
    network.description,
  ]);
  context.out(
    renderTable(
      [['network', 'GMAC', 'parameters (M)', 'features (MB)', 'into BN (MB)', 'BNs', 'description'], ...rows],
      ['left', 'right', 'right', 'right', 'right', 'right', 'left'],
    ),
  );
}

function showNetwork(context: CliContext, network: Network, json: boolean): void {
  const totals = networkTotals(network);
  const rows = describeLayers(network);
  if (json) {
    const { name, description, layers } = network;
    context.out(
      toJson({
        name,
        description,
        totals,
        layers: layers.map((layer, at) => ({ ...layer, ...countsOf(rows[at]) })),
      }),
    );
    return;
  }
  const table = renderTextTable(
    [
      { header: 'layer', align: 'left' },
      { header: 'type', align: 'left' },
      { header: 'output (CxHxW)', align: 'left' },
      { header: 'MMAC', align: 'right' },
      { header: 'parameters (k)', align: 'right' },
      { header: 'features (kB)', align: 'right' },
    ],
    rows.map((row) => [
      row.layer,
      row.type,
      row.output,
      formatFixed(row.multiplyAdds / 1e6, 2),
      formatFixed(row.parameters / 1e3, 2),
      formatFixed(row.featureBytes / 1e3, 1),
    ]),
  );
  context.out(`${network.name}: ${network.description}\n\n${describeTotals(totals)}\n${table}`);
}

function describeTotals(totals: NetworkTotals): string {
  return renderTable([
    ['multiply-adds forward, per image', `${formatFixed(totals.multiplyAdds / 1e9, 3)} G`],
    ['parameters', `${formatFixed(totals.parameters / 1e6, 2)} M`],
    ['feature maps, per image', `${formatFixed(totals.featureBytes / 1e6, 1)} MB`],
    ['of which enter a BN', `${formatFixed(totals.bnInputBytes / 1e6, 1)} MB in ${totals.bnLayers} BNs`],
  ]);
}

function countsOf(row: ReturnType<typeof describeLayers>[number] | undefined) {
  if (row === undefined) throw new Error('a layer has no row');
  const { multiplyAdds, parameters, featureBytes } = row;
  return { multiplyAdds, parameters, featureBytes };
}
