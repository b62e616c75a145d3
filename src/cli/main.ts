#!/usr/bin/env node
import { ExitStatus } from './command.js';
import { describeDefect, runCli } from './run-cli.js';

const argv = process.argv.slice(2);

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that has seen enough (`normcore ... | head`) closes the pipe: that is no error.
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? ExitStatus.Ok);
    if (stream === process.stdout)
      process.stderr.write(`normcore: the output cannot be written: ${error.message}\n`);
    process.exit(ExitStatus.UserError);
  });
}

// Thrown outside the command's own chain of promises, by a timer or a worker.
process.on('uncaughtException', (error) => {
  process.stderr.write(describeDefect(error, argv));
  process.exit(ExitStatus.InternalError);
});

// The status is set and not exited with, so that a pipe receives everything that was written to it.
process.exitCode = await runCli(argv, {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  columns: process.stdout.columns ?? 100,
});
