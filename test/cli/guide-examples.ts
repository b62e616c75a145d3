/** The examples of a guide in docs/: blocks that show a command and what it prints. */
import { expect } from 'vitest';
import type { Outcome } from './harness.js';

export interface GuideExample {
  /** What follows the program's name. */
  readonly argv: string[];
  /** Lines that the command prints, without blanks at their ends. */
  readonly shown: readonly string[];
  readonly status: number;
}

/**
 * Reads the blocks whose command line begins with `program`.
 * @param guide text of a Markdown file; in its blocks `...` stands for what is left out
 */
export function readExamples(guide: string, program: string): GuideExample[] {
  return [...guide.matchAll(/```console\n\$ (\S+) (.+)\n([\s\S]*?)```/g)]
    .filter(([, name]) => name === program)
    .map(([, , command = '', text = '']) => {
      const status = /\[exit status (\d+)\]\n/.exec(text);
      const shown = text
        .replace(status?.[0] ?? '', '')
        .split('\n')
        .filter((line) => line !== '' && line !== '...');
      return { argv: command.split(' '), shown, status: Number(status?.[1] ?? 0) };
    });
}

/** Expects that the command ended as the guide says and printed every line that it shows, in that order. */
export function expectShown({ shown, status }: GuideExample, outcome: Outcome): void {
  expect(outcome.status, outcome.err).toBe(status);
  const lines = `${outcome.out}\n${outcome.err}`.split('\n').map((line) => line.trimEnd());
  let from = 0;
  for (const line of shown) {
    expect(lines.slice(from), 'lines that are left').toContain(line);
    from = lines.indexOf(line, from) + 1;
  }
}
