/** From AssemblyScript to a binary in which the constants that the host fills in can be found. */
import asc from 'assemblyscript/asc';
import binaryen from 'binaryen';
import type { CodeConstant } from '../machine/compiled/layout.js';
import { CONSTANTS_MODULE } from './prelude.js';
import { CompileError } from './source.js';

/**
 * Limits of inlining, in binaryen's units of size. V8 does not inline WebAssembly, so that all of it happens here: small functions always, larger ones where that is called for by a
 * constant argument or a single call.
 */
const INLINE = { always: 100, flexible: 300, oneCaller: 20_000 } as const;

const { MutableGlobals, NontrappingFPToInt, SIMD128, BulkMemory, BulkMemoryOpt, SignExt } = binaryen.Features;
/** What AssemblyScript uses; all of it runs on every Node and browser that this package runs on. */
const FEATURES = MutableGlobals | NontrappingFPToInt | SIMD128 | BulkMemory | BulkMemoryOpt | SignExt;

export interface Assembly {
  /** The binary, in base 64. */
  readonly wasm: string;
  readonly constants: readonly CodeConstant[];
}

/** @throws CompileError with what the assembler says */
export async function assemble(text: string): Promise<Assembly> {
  const module = binaryen.readBinaryWithFeatures(await toBinary(text), FEATURES);
  binaryen.setOptimizeLevel(4);
  binaryen.setShrinkLevel(0);
  binaryen.setAlwaysInlineMaxSize(INLINE.always);
  binaryen.setFlexibleInlineMaxSize(INLINE.flexible);
  binaryen.setOneCallerInlineMaxSize(INLINE.oneCaller);
  binaryen.setAllowInliningFunctionsWithLoops(true);
  module.optimize();
  return markConstants(module.emitText());
}

async function toBinary(text: string): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const messages = asc.createMemoryStream();
  const { error } = await asc.main(
    [
      'machine.ts',
      '-O3',
      '--noAssert',
      '--runtime',
      'stub',
      '--enable',
      'simd',
      '--importMemory',
      '--disableWarning',
      '--outFile',
      'machine.wasm',
    ],
    {
      stdout: messages,
      stderr: messages,
      readFile: (name) => (name === 'machine.ts' ? text : null),
      writeFile: (name, contents) => {
        if (name === 'machine.wasm') binary = contents as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error === null && binary !== undefined) return binary;
  throw new CompileError(messages.toString());
}

/**
 * Puts a marker of its own in the place of every use of an imported constant, and finds the markers in the binary: that is where the host writes. Optimisation must be over, since it would
 * take the markers for the values.
 */
function markConstants(text: string): Assembly {
  const markers = new Map<string, Marker>();
  const declaration = new RegExp(
    `^ *\\(import "${CONSTANTS_MODULE}" "([^"]+)" \\(global (\\S+) (i32|f64)\\)\\)\\n`,
    'gm',
  );
  const without = text.replace(declaration, (_, path: string, name: string, type: string) => {
    markers.set(name, { path, isDouble: type === 'f64', number: markers.size, uses: 0 });
    return '';
  });
  const marked = without.replace(/\(global\.get (\S+?)\)/g, (use, name: string) => {
    const marker = markers.get(name);
    if (marker === undefined) return use;
    marker.uses++;
    return `(${marker.isDouble ? 'f64' : 'i32'}.const ${numberOf(marker)})`;
  });
  const module = binaryen.parseText(marked);
  module.setFeatures(FEATURES);
  const binary = module.emitBinary();
  const constants = [...markers.values()].map((marker) => ({
    path: marker.path,
    isDouble: marker.isDouble,
    places: findPlaces(binary, marker),
  }));
  return { wasm: Buffer.from(binary).toString('base64'), constants };
}

interface Marker {
  readonly path: string;
  readonly isDouble: boolean;
  readonly number: number;
  uses: number;
}

/** Of as many bytes as any value: an integer beyond 2^27 takes the five bytes that any integer of 32 bits fits. */
const FIRST_INTEGER = 0x5eed_0000;
/** 1234.5e200 and the doubles behind it. */
const FIRST_DOUBLE = 1.2345e203;

function numberOf({ isDouble, number }: Marker): number {
  return isDouble ? FIRST_DOUBLE * (1 + number * 2 ** -40) : FIRST_INTEGER + number;
}

/** @throws CompileError where a marker does not stand as often as it was put */
function findPlaces(binary: Uint8Array, marker: Marker): number[] {
  const pattern = marker.isDouble ? doubleConstant(numberOf(marker)) : integerConstant(numberOf(marker));
  const bytes = Buffer.from(binary.buffer, binary.byteOffset, binary.byteLength);
  const places: number[] = [];
  for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) places.push(at + 1);
  if (places.length !== marker.uses)
    throw new CompileError(`${marker.path} is used ${marker.uses} times and found ${places.length} times`);
  return places;
}

/** The instruction `i32.const` with a value of five bytes. */
function integerConstant(value: number): Buffer {
  const groups = [0, 7, 14, 21, 28].map((shift) => (value >> shift) & 127);
  return Buffer.from([0x41, ...groups.map((group, index) => (index < 4 ? group | 128 : group))]);
}

/** The instruction `f64.const`. */
function doubleConstant(value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = 0x44;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}
