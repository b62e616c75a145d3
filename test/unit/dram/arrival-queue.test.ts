import { expect, it } from 'vitest';
import { createRequestRing, popRequest, pushRequest } from '../../../src/machine/dram/arrival-queue.js';

it('keeps what waits in order when a full ring grows whose oldest request is in its middle', () => {
  const ring = createRequestRing(4);
  const taken: number[][] = [];
  const take = (): void => {
    const { head } = ring;
    taken.push([ring.line[head], ring.direction[head], ring.timePs[head], ring.tag[head]] as number[]);
    popRequest(ring);
  };
  const request = (i: number): [number, number, number, number] => [2 ** 40 + i, i % 2, 1000 * i, 50 - i];
  for (let i = 0; i < 3; i++) pushRequest(ring, ...request(i));
  take();
  take();
  for (let i = 3; i < 13; i++) pushRequest(ring, ...request(i));
  expect(ring.count).toBe(11);
  while (ring.count > 0) take();
  expect(taken).toEqual(Array.from({ length: 13 }, (_, i) => request(i)));
});
