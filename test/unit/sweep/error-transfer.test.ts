import { describe, expect, it } from 'vitest';
import { ConfigurationError, notFound } from '../../../src/config/problem.js';
import { ScheduleError, UnknownScheduleError } from '../../../src/schedule/errors.js';
import { isRefusal, packError, unpackError } from '../../../src/sweep/error-transfer.js';

/** What another thread receives. */
function transfer(error: unknown): Error {
  return unpackError(structuredClone(packError(error)));
}

describe('an error that crosses threads', () => {
  const violation = { rule: 'in-place', operation: 'a', tensor: 't', message: 'a overwrites t.' } as const;

  it.each([
    new ConfigurationError([notFound('there is no machine "x".')]),
    new ScheduleError('mvf', [violation]),
    new UnknownScheduleError('bnf', ['bnff']),
    new RangeError('tensors take more than 2^31 lines'),
  ])('keeps class and message: $name', (error) => {
    const received = transfer(error);
    expect(received).toBeInstanceOf(error.constructor);
    expect(received.message).toBe(error.message);
    expect(isRefusal(received)).toBe(true);
  });

  it('keeps name and stack where it is a defect', () => {
    const error = new TypeError('x is undefined');
    const received = transfer(error);
    expect([received.name, received.message, received.stack]).toEqual([
      error.name,
      error.message,
      error.stack,
    ]);
    expect(isRefusal(received)).toBe(false);
  });

  it('may be anything that was thrown', () => {
    expect(transfer('a word').message).toBe('a word');
  });

  it.each<[string, () => unknown]>([
    ['an array too long', () => new Array(-1)],
    ['a typed array too long', () => new Float64Array(2 ** 52)],
    [
      'a stack too deep',
      function deeper(): unknown {
        return deeper();
      },
    ],
    ['a view out of bounds', () => new DataView(new ArrayBuffer(1)).getInt8(2)],
  ])('is a defect where the engine says it: %s', (_what, provoke) => {
    let thrown: unknown;
    try {
      provoke();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(RangeError);
    expect(isRefusal(transfer(thrown))).toBe(false);
  });
});
