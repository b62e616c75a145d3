/**
 * The machine's hot functions as WebAssembly. The build writes them here, in the built package; from the sources, as tests run them, there are none, and the functions run as JavaScript.
 */
import type { MachineCode } from './layout.js';

export const MACHINE_CODE: MachineCode | null = null;
