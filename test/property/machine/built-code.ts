/** The compiled machine of the build: the sources have none. */
import type { MachineCode } from '../../../src/machine/compiled/layout.js';

const built = (await import(new URL('../../../dist/machine/compiled/code.js', import.meta.url).href)) as {
  readonly MACHINE_CODE: MachineCode;
};

export const BUILT_CODE = built.MACHINE_CODE;
