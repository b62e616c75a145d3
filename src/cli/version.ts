import { readFileSync } from 'node:fs';

/** Version of the package. `src/cli` and `dist/cli` are equally deep in it. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
