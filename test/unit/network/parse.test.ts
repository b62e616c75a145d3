import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../../src/config/problem.js';
import { parseNetwork } from '../../../src/network/parse.js';
import { describeLayers } from '../../../src/network/totals.js';

const HEAD = `name: test
description: A test.
input: {channels: 16, height: 8, width: 8}
`;
const TAIL = `  - {type: global-pool, name: pool}
  - {type: fc, name: classes, channels: 10}
  - {type: softmax-loss, name: loss}
`;

function parse(layers: string, blocks = '') {
  return parseNetwork(`${HEAD}${blocks}layers:\n${layers}${TAIL}`, 'test.yaml');
}

/** Lines of the error, or an empty list. */
function problemsOf(layers: string, blocks = ''): string[] {
  try {
    parse(layers, blocks);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message.split('\n');
  }
}

const BLOCKS = `blocks:
  unit:
    layers:
      - {type: conv, name: conv, channels: $width, kernel: 3, pad: 1}
      - {type: concat, name: concat, from: [input, conv]}
`;

describe('a network file', () => {
  it('chains layers that do not say where they take their input from', () => {
    const network = parse('  - {type: relu, name: relu}\n');
    expect(network.layers.map((layer) => [layer.name, ...layer.inputs])).toEqual([
      ['input'],
      ['relu', 'input'],
      ['pool', 'relu'],
      ['classes', 'pool'],
      ['loss', 'classes'],
    ]);
  });

  it('repeats a block, numbers it, and feeds each repetition to the next', () => {
    const network = parse(
      '  - {type: block, of: unit, name: unit_$i, repeat: 2, start: 5, with: {width: 32}}\n',
      BLOCKS,
    );
    const rows = describeLayers(network).map((row) => [row.layer, row.output]);
    expect(rows.slice(1, 5)).toEqual([
      ['unit_5/conv', '32x8x8'],
      ['unit_5/concat', '48x8x8'],
      ['unit_6/conv', '32x8x8'],
      ['unit_6/concat', '80x8x8'],
    ]);
    const joined = network.layers.find((layer) => layer.name === 'unit_6/concat');
    expect(joined?.inputs).toEqual(['unit_5/concat', 'unit_6/conv']);
  });

  it('lets a later layer refer to a block by its name', () => {
    const layers = `  - {type: block, of: unit, name: a, with: {width: 16}}
  - {type: relu, name: relu}
  - {type: sum, name: sum, from: [a, relu]}
`;
    const sum = parse(layers, BLOCKS).layers.find((layer) => layer.name === 'sum');
    expect(sum?.inputs).toEqual(['a/concat', 'relu']);
  });

  it('gives blocks inside a block the parameters around them', () => {
    const nested = `${BLOCKS}  outer:
    layers:
      - {type: block, of: unit, name: inner}
`;
    const network = parse('  - {type: block, of: outer, name: o, with: {width: 64}}\n', nested);
    expect(describeLayers(network).find((row) => row.layer === 'o/inner/conv')?.output).toBe('64x8x8');
  });

  it('takes windows as one number or as a pair', () => {
    const network = parse(
      '  - {type: conv, name: wide, channels: 16, kernel: [1, 7], pad: [0, 3], stride: [1, 2]}\n',
    );
    expect(network.layers[1]?.output).toEqual({ channels: 16, height: 8, width: 4 });
  });

  it('rounds pooling down, or as Caffe does', () => {
    const pool = (options: string) =>
      parse(`  - {type: pool, name: p, mode: max, kernel: 3, stride: 2${options}}\n`).layers[1]?.output
        .height;
    // (8 - 3) / 2 + 1 = 3.5
    expect(pool('')).toBe(3);
    expect(pool(', rounding: caffe')).toBe(4);
    // (8 + 2 - 3) / 2 + 1 = 4.5 up is 5, and the fifth window starts at 8 - 1 = 7 < 8, inside the image.
    expect(pool(', pad: 1, rounding: caffe')).toBe(5);
    // (8 + 2 - 2) / 3 + 1 = 3.67 up is 4, but the fourth window starts at 9 - 1 = 8, beyond the image.
    expect(
      parse('  - {type: pool, name: p, mode: max, kernel: 2, stride: 3, pad: 1, rounding: caffe}\n').layers[1]
        ?.output.height,
    ).toBe(3);
  });
});

describe('a wrong network file is refused', () => {
  it('with file, line, column and path of every problem at once', () => {
    const problems = problemsOf(`  - {type: conv, name: a, channels: 16, kernel: 9}
  - {type: conv, name: b, channels: 15, kernel: 1, groups: 2, from: input}
  - {type: lrn, name: c, localSize: 4, from: input}
`);
    expect(problems).toHaveLength(3);
    // HEAD has 3 lines, "layers:" is the fourth.
    expect(problems[0]).toMatch(
      /^test\.yaml:5:\d+ layers\[0\]\.kernel: layer "a": a 9x9 window does not fit .*16x8x8/,
    );
    expect(problems[1]).toMatch(
      /^test\.yaml:6:\d+ layers\[1\]\.channels: layer "b": 15 output channels .* 2 groups/,
    );
    expect(problems[2]).toMatch(
      /^test\.yaml:7:\d+ layers\[2\]\.localSize: layer "c": expected an odd number/,
    );
  });

  it('for a field that a layer type does not have, with the one that was meant', () => {
    const [problem] = problemsOf('  - {type: conv, name: a, channels: 16, kernal: 3}\n');
    expect(problem).toMatch(/layers\[0\]\.kernal: .*Did you mean "kernel"/);
  });

  it('for a layer type that does not exist', () => {
    expect(problemsOf('  - {type: convolution, name: a}\n')[0]).toMatch(/layers\[0\]\.type: .*"convolution"/);
  });

  it('for an input that no layer above has, with the name that was meant', () => {
    const [problem] = problemsOf(
      '  - {type: relu, name: relu1}\n  - {type: sum, name: s, from: [relu1, relu2]}\n',
    );
    expect(problem).toMatch(
      /layers\[1\]\.from\[1\]: no layer above has the name "relu2"\. Did you mean "relu1"/,
    );
  });

  it('for two layers of one name', () => {
    const [problem] = problemsOf('  - {type: relu, name: x}\n  - {type: relu, name: x}\n');
    expect(problem).toMatch(/layers\[1\]\.name: the name "x" is already taken/);
  });

  it('for a name with a dot or a parameter in it, which the names of tensors could be confused with', () => {
    expect(problemsOf('  - {type: relu, name: a.b}\n')[0]).toMatch(
      /layers\[0\]\.name: expected a name of letters/,
    );
    expect(problemsOf('  - {type: relu, name: a_$i}\n')[0]).toMatch(
      /layers\[0\]\.name: expected a name of letters/,
    );
  });

  it('for a layer that takes the name of the input or of a block', () => {
    expect(problemsOf('  - {type: relu, name: input}\n')[0]).toMatch(
      /layers\[0\]\.name: "input" is the input's name/,
    );
    const layers = `  - {type: relu, name: a}
  - {type: block, of: unit, name: a, with: {width: 16}}
`;
    expect(problemsOf(layers, BLOCKS)[0]).toMatch(/layers\[1\]\.name: the name "a" is already taken/);
  });

  it('for shapes that do not join', () => {
    const [sum] = problemsOf(`  - {type: conv, name: a, channels: 32, kernel: 1}
  - {type: sum, name: s, from: [input, a]}
`);
    expect(sum).toMatch(/layer "s": inputs differ in shape: 16x8x8, 32x8x8/);
    const [concat] = problemsOf(`  - {type: conv, name: a, channels: 16, kernel: 1, stride: 2}
  - {type: concat, name: c, from: [input, a]}
`);
    expect(concat).toMatch(/layer "c": inputs differ in height or width: 16x8x8, 16x4x4/);
  });

  it('for one input too many or too few', () => {
    expect(problemsOf('  - {type: sum, name: s}\n')[0]).toMatch(/layer "s": a sum joins at least two layers/);
    const [relu] = problemsOf('  - {type: relu, name: a}\n  - {type: relu, name: r, from: [a, input]}\n');
    expect(relu).toMatch(/layer "r": a relu takes one layer/);
  });

  it('for a layer that nothing uses', () => {
    const [problem] = problemsOf('  - {type: relu, name: a}\n  - {type: relu, name: b, from: input}\n');
    expect(problem).toMatch(/layers\[0\]: layer "a": nothing uses its output/);
  });

  it('for a network without a loss, or with something behind it', () => {
    const headOnly = () => parseNetwork(`${HEAD}layers:\n  - {type: relu, name: relu}\n`, 'test.yaml');
    expect(headOnly).toThrow(/needs a softmax-loss/);
    const behind = () =>
      parse('').layers && parseNetwork(`${HEAD}layers:\n${TAIL}  - {type: relu, name: r}\n`, 'test.yaml');
    expect(behind).toThrow(/layer "r": nothing can follow a softmax-loss/);
  });

  it('for a loss over a map that is not one number per class', () => {
    const text = `${HEAD}layers:\n  - {type: softmax-loss, name: loss}\n`;
    expect(() => parseNetwork(text, 'test.yaml')).toThrow(
      /layer "loss": expected one number per class .*16x8x8/,
    );
  });
});

describe('a wrong block is refused', () => {
  it('where it is unknown, never used, or inside itself', () => {
    const unknown = problemsOf('  - {type: block, of: unut, name: u, with: {width: 16}}\n', BLOCKS);
    expect(
      unknown.some((line) =>
        /layers\[0\]\.of: no block has the name "unut"\. Did you mean "unit"/.test(line),
      ),
    ).toBe(true);
    expect(unknown.some((line) => /blocks\.unit: block "unit" is never used/.test(line))).toBe(true);
    const recursive = `blocks:
  loop:
    layers:
      - {type: block, of: loop, name: again}
`;
    expect(problemsOf('  - {type: block, of: loop, name: l}\n', recursive)[0]).toMatch(
      /"loop" would contain itself/,
    );
  });

  it('where a parameter has no value, once, however often the block is repeated', () => {
    const problems = problemsOf('  - {type: block, of: unit, name: u_$i, repeat: 3}\n', BLOCKS);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(
      /blocks\.unit\.layers\[0\]\.channels: layer "u_1\/conv": parameter \$width has no value/,
    );
  });

  it('where a parameter’s value is out of range', () => {
    const problems = problemsOf('  - {type: block, of: unit, name: u, with: {width: 0}}\n', BLOCKS);
    expect(problems[0]).toMatch(/layer "u\/conv": parameter \$width is 0, less than 1/);
  });

  it('where blocks in blocks multiply without end in sight', () => {
    const nested = `blocks:
  one:
    layers: [{type: relu, name: relu}]
  many:
    layers: [{type: block, of: one, name: one_$i, repeat: 1000}]
`;
    const problems = problemsOf('  - {type: block, of: many, name: many_$i, repeat: 1000}\n', nested);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/layers: the blocks expand to more than 20000 layers/);
  });

  it('where a name is one that every object of the language has', () => {
    const problems = problemsOf('  - {type: block, of: constructor, name: c}\n');
    expect(problems[0]).toMatch(/no block has the name "constructor"/);
    const parameter = problemsOf('  - {type: conv, name: c, channels: $constructor, kernel: 1}\n');
    expect(parameter[0]).toMatch(/parameter \$constructor has no value/);
  });

  it('where it is given a parameter that it does not have', () => {
    const problems = problemsOf(
      '  - {type: block, of: unit, name: u, with: {width: 16, widht: 32}}\n',
      BLOCKS,
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(
      /layers\[0\]\.with\.widht: block "unit" has no parameter \$widht\. Did you mean "width"/,
    );
  });

  it('where repetitions would have one name', () => {
    const problems = problemsOf(
      '  - {type: block, of: unit, name: u, repeat: 2, with: {width: 16}}\n',
      BLOCKS,
    );
    expect(problems[0]).toMatch(/layers\[0\]\.name: a repeated block needs \$i/);
  });
});
