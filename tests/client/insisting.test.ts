import { createServer, type AddressInfo, type Server } from 'node:net';
import { insisting } from '../../src/client/insisting';
import { temporalFault } from '../../src/client/temporal-faults';

let listening: Server;
let address = '';
beforeAll(async () => {
  listening = createServer((socket) => socket.destroy());
  await new Promise<void>((settle) => listening.listen(0, '127.0.0.1', settle));
  address = `127.0.0.1:${(listening.address() as AddressInfo).port}`;
});
afterAll(() => void listening.close());

const said = (code: number, details: string): Error =>
  Object.assign(new Error(details), { code, details, metadata: {} });
const late = said(4, 'Deadline exceeded after 0.2s');

/** Fails so often, and counts how often it is asked. */
function failing(times: number, error: Error) {
  let asked = 0;
  const ask = async (): Promise<string> => {
    asked += 1;
    if (asked <= times) throw error;
    return 'here';
  };
  return { ask, asked: () => asked };
}

it.each([late, said(14, 'Connection dropped')])('asks a server that is only slow again: %s', async (error) => {
  const { ask, asked } = failing(2, error);
  expect(await insisting(address, ask)).toBe('here');
  expect(asked()).toBe(3);
});

it('says at last how long it has waited, and not how long the last try was', async () => {
  const { ask, asked } = failing(Infinity, late);
  await expect(insisting(address, ask, 400)).rejects.toMatchObject({
    name: 'WeaverFault',
    code: 'temporalUnreachable',
    exitCode: 4,
    message: expect.stringMatching(/is there, and has not answered in \d+ s\.$/),
    next: expect.stringContaining('Try again'),
  });
  expect(asked()).toBeGreaterThan(1);
});

it('asks once where nothing listens, and where it is answered', async () => {
  const nobody = failing(1, late);
  await expect(insisting('127.0.0.1:1', nobody.ask)).rejects.toMatchObject({
    message: expect.stringContaining('127.0.0.1:1: no answer in 1 s'),
  });
  for (const answer of [said(7, 'not allowed'), said(5, 'not found'), said(14, 'self-signed certificate')]) {
    const answered = failing(1, answer);
    await expect(insisting(address, answered.ask)).rejects.toBe(answer);
    expect(answered.asked()).toBe(1);
  }
  expect(nobody.asked()).toBe(1);
});

it('keeps the fault that was made of it', () => {
  const fault = temporalFault(late, address, 41_000);
  expect(fault?.message).toContain('no answer in 41 s');
  expect(temporalFault(fault, 'elsewhere')).toBe(fault);
});
