import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeLayers, networkTotals } from '../../../src/network/totals.js';
import { loadZooNetwork, ZOO } from './zoo.js';

const MIB = 2 ** 20;

function expectWithin(value: number, expected: number, share: number) {
  expect(Math.abs(value / expected - 1)).toBeLessThan(share);
}

/** Parameters: torchvision's model zoo for the first three, Caffe's bvlc_alexnet.caffemodel for AlexNet. */
const PARAMETERS: Readonly<Record<string, number>> = {
  densenet121: 7_978_856,
  resnet50: 25_557_032,
  vgg16: 138_357_544,
  alexnet: 60_965_224,
};

describe('shipped networks', () => {
  it('all load, under the name of their file, and end in a loss', () => {
    const files = readdirSync(ZOO);
    expect(files).toContain('conv-bn-relu-conv.yaml');
    for (const file of files) {
      const network = loadZooNetwork(file.replace('.yaml', ''));
      expect(`${network.name}.yaml`).toBe(file);
      expect(network.layers.at(-1)?.type).toBe('softmax-loss');
    }
  });

  for (const [name, parameters] of Object.entries(PARAMETERS)) {
    it(`${name} has exactly the parameters of the published model`, () => {
      expect(networkTotals(loadZooNetwork(name)).parameters).toBe(parameters);
    });
  }

  // docs/paper.md, "Workload totals". The public tally that the feature figures come from counts in units of 2^20 bytes.
  const totals = [
    {
      name: 'densenet121',
      multiplyAdds: 2.834e9,
      featureBytes: 126 * MIB,
      bnInputBytes: 62.7e6,
      bnLayers: 121,
    },
    { name: 'resnet50', multiplyAdds: 3.858e9, featureBytes: 103 * MIB, bnInputBytes: 42.3e6, bnLayers: 53 },
  ];
  for (const row of totals) {
    it(`${row.name} has the method's multiply-adds, feature bytes and BN input within 1 %`, () => {
      const found = networkTotals(loadZooNetwork(row.name));
      expectWithin(found.multiplyAdds, row.multiplyAdds, 0.01);
      expectWithin(found.featureBytes, row.featureBytes, 0.01);
      expectWithin(found.bnInputBytes, row.bnInputBytes, 0.01);
      expect(found.bnLayers).toBe(row.bnLayers);
    });
  }

  it('VGG-16 has the multiply-adds of its table, layer by layer', () => {
    // Simonyan and Zisserman, table 1, D: [input channels, output channels, height and width] of each 3x3 CONV.
    const convs = [
      [3, 64, 224],
      [64, 64, 224],
      [64, 128, 112],
      [128, 128, 112],
      [128, 256, 56],
      [256, 256, 56],
      [256, 256, 56],
      [256, 512, 28],
      [512, 512, 28],
      [512, 512, 28],
      [512, 512, 14],
      [512, 512, 14],
      [512, 512, 14],
    ] as const;
    const expected = convs.map(([input, output, side]) => 9 * input * output * side * side);
    expected.push(512 * 7 * 7 * 4096, 4096 * 4096, 4096 * 1000);
    const rows = describeLayers(loadZooNetwork('vgg16')).filter((row) => row.multiplyAdds > 0);
    expect(rows.map((row) => row.multiplyAdds)).toEqual(expected);
  });

  it('AlexNet’s groups halve the multiply-adds of its second, fourth and fifth CONV', () => {
    const rows = new Map(describeLayers(loadZooNetwork('alexnet')).map((row) => [row.layer, row]));
    expect(rows.get('conv1')).toMatchObject({ output: '96x55x55', multiplyAdds: 3 * 121 * 96 * 55 * 55 });
    expect(rows.get('conv2')).toMatchObject({ output: '256x27x27', multiplyAdds: 48 * 25 * 256 * 27 * 27 });
    expect(rows.get('conv4')?.multiplyAdds).toBe(192 * 9 * 384 * 13 * 13);
    expect(rows.get('conv5')?.multiplyAdds).toBe(192 * 9 * 256 * 13 * 13);
    expect(rows.get('pool5')?.output).toBe('256x6x6');
  });

  it('DenseNet-121’s channels grow by 32 per composite layer and halve in each transition', () => {
    const rows = new Map(describeLayers(loadZooNetwork('densenet121')).map((row) => [row.layer, row.output]));
    expect(rows.get('pool1')).toBe('64x56x56');
    expect(rows.get('conv2_6/concat')).toBe(`${64 + 6 * 32}x56x56`);
    expect(rows.get('transition2/pool')).toBe('128x28x28');
    expect(rows.get('conv3_12/concat')).toBe(`${128 + 12 * 32}x28x28`);
    expect(rows.get('conv4_24/concat')).toBe(`${256 + 24 * 32}x14x14`);
    expect(rows.get('conv5_16/concat')).toBe(`${512 + 16 * 32}x7x7`);
  });

  it('ResNet-50 has its strides on the first 1x1 CONV and the projection', () => {
    const layers = new Map(loadZooNetwork('resnet50').layers.map((layer) => [layer.name, layer]));
    const strideOf = (name: string) => {
      const layer = layers.get(name);
      return layer?.type === 'conv' ? layer.window.strideHeight : undefined;
    };
    expect(strideOf('conv3_1/residual/conv1')).toBe(2);
    expect(strideOf('conv3_1/projection')).toBe(2);
    expect(strideOf('conv3_1/residual/conv2')).toBe(1);
    expect(layers.get('conv5_3')).toBeUndefined();
    expect(layers.get('conv5_3/relu')?.output).toEqual({ channels: 2048, height: 7, width: 7 });
  });

  it('shrink for numerics: other image size, fewer channels in whole lines', () => {
    const small = loadZooNetwork('densenet121', { imageSize: { height: 32, width: 32 }, channelDivisor: 2 });
    const rows = new Map(describeLayers(small).map((row) => [row.layer, row.output]));
    expect(rows.get('conv1')).toBe('32x16x16');
    expect(rows.get('conv2_1/x2')).toBe('16x8x8');
    expect(rows.get('conv5_16/x2')).toBe('16x1x1');
    // 1000 / 2 = 500, rounded up to a multiple of 16.
    expect(rows.get('fc6')).toBe('512x1x1');
  });
});
