import { spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readDelivery } from '../../../src/adapters/events/deliveries';
import { createEventFile } from '../../../src/adapters/events/event-file';
import { openEventLog } from '../../../src/adapters/events/event-log';
import { createOutbox } from '../../../src/adapters/events/outbox';
import { startSender, type Sender, type Sink } from '../../../src/adapters/events/sender';
import { createWebhook } from '../../../src/adapters/events/webhook';
import { until } from '../../client/until';
import { numbersOf, someEvents, startReceiver, type Receiver } from './receiver';

let home: string;
let receiver: Receiver;
let warnings: string[];
const senders: Sender[] = [];
const children: ChildProcess[] = [];

const emit = (count: number, from = 1): Promise<void> =>
  createOutbox({ home, source: 'weaver/host', redact: (text) => text, keepDays: 30, onWarning: () => {} }).emit(
    someEvents(count, from),
  );
const webhook = (more: Partial<Parameters<typeof createWebhook>[0]> = {}): Sink =>
  createWebhook({ url: receiver.url, secret: () => null, headers: () => ({}), batch: 1, timeoutMs: 300, ...more });
async function send(...sinks: readonly Sink[]): Promise<Sender> {
  const sender = await startSender({
    home,
    openLog: () => openEventLog(home),
    sinks,
    onWarning: (says) => warnings.push(says),
    pauseMs: 20,
    pauseMaxMs: 100,
  });
  senders.push(sender);
  return sender;
}
const delivery = () => readDelivery(home, { kind: 'webhook', identity: receiver.url });
const has = (numbers: readonly number[]) => (): boolean =>
  JSON.stringify(numbersOf(receiver.received)) === JSON.stringify(numbers);

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'weaver-sender-'));
  receiver = await startReceiver();
  warnings = [];
});
afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.stop(0)));
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await receiver.stop();
  rmSync(home, { recursive: true, force: true });
});

describe('the sender', () => {
  it('brings every event to the webhook, in order', async () => {
    await send(webhook());
    await emit(5);
    await until(has([1, 2, 3, 4, 5]), 'all are there');
    const [first] = receiver.received;
    expect(first?.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    expect(first?.body).toBe((await openEventLog(home).read(0, 1))[0]?.line);
  });

  it('tells a new receiver what happens from now on', async () => {
    await emit(3);
    await send(webhook());
    await emit(1, 4);
    await until(has([4]), 'the fourth is there');
    expect((await delivery())?.lost).toBe(0);
  });

  it('goes on where the sender before it has stopped', async () => {
    const sender = await send(webhook());
    await emit(2);
    await until(has([1, 2]), 'two are there');
    await sender.stop(1_000);
    await emit(2, 3);
    await send(webhook());
    await until(has([1, 2, 3, 4]), 'the others are there');
    expect(warnings).toEqual([]);
  });

  it('takes what is there along when it is stopped, and leaves at once when nothing is taken', async () => {
    const sender = await send(webhook());
    await emit(40);
    await sender.stop(5_000);
    expect(numbersOf(receiver.received)).toHaveLength(40);
    receiver.answer = 'nothing';
    const second = await send(webhook({ timeoutMs: 60_000 }));
    await emit(1, 41);
    await until(() => receiver.received.length === 41, 'it is on its way');
    const began = Date.now();
    await second.stop(100);
    expect(Date.now() - began).toBeLessThan(2_000);
  });

  it.each([500, 503, 429, 404, 401, 302])(
    'keeps an event for a receiver that answers %i until it takes it',
    async (status) => {
      receiver.answer = status;
      await send(webhook());
      await emit(2);
      await until(() => receiver.received.length >= 7, 'it was tried often');
      expect(new Set(numbersOf(receiver.received))).toEqual(new Set([1]));
      expect(await delivery()).toMatchObject({ number: 0, failing: { says: `HTTP ${status}` }, refused: 0 });
      receiver.answer = 200;
      await until(async () => (await delivery())?.number === 2, 'both are taken');
      expect(await delivery()).toMatchObject({ failing: null });
      expect(warnings).toEqual([
        `http://127.0.0.1:${receiver.port} takes no events: HTTP ${status}. They wait.`,
        `http://127.0.0.1:${receiver.port} takes events again.`,
      ]);
    },
  );

  it('gives up on an answer that does not come, and tries again', async () => {
    receiver.answer = 'nothing';
    await send(webhook());
    await emit(1);
    await until(() => receiver.received.length >= 2, 'it was tried twice');
    expect((await delivery())?.failing?.says).toBe('no answer within 0.3 s');
    receiver.answer = 204;
    await until(async () => (await delivery())?.number === 1, 'it is taken');
  });

  it('waits for a receiver that is down, and for nobody longer', async () => {
    const { port } = receiver;
    await receiver.stop();
    await send(webhook());
    const began = Date.now();
    await emit(3);
    expect(Date.now() - began).toBeLessThan(2_000);
    await until(async () => (await delivery())?.failing?.says === 'ECONNREFUSED', 'it is seen to be down');
    receiver = await startReceiver(port);
    await until(() => numbersOf(receiver.received).length === 3, 'all are there');
  });

  it('heeds the pause that the receiver asks for', async () => {
    receiver.answer = 429;
    receiver.headers = { 'retry-after': '1' };
    await send(webhook());
    await emit(1);
    await until(() => receiver.received.length === 1, 'it was tried');
    const first = Date.now();
    receiver.answer = 204;
    await until(() => receiver.received.length === 2, 'it was tried again');
    expect(Date.now() - first).toBeGreaterThan(800);
  });

  it('leaves an event out that the receiver refuses again and again, so that the others get through', async () => {
    receiver.answer = (events) => (events.some(({ sequence }) => Number(sequence) === 2) ? 422 : 204);
    await send(webhook({ batch: 10 }));
    await emit(3);
    await until(async () => (await delivery())?.number === 3, 'the third is taken');
    expect(await delivery()).toMatchObject({ refused: 1, failing: null });
    expect(numbersOf(receiver.received).filter((number) => number === 1)).toEqual([1, 1]);
  });

  it('sends several at once if it is told to', async () => {
    await emit(1);
    receiver.answer = 500;
    await send(webhook({ batch: 100 }));
    await emit(30, 2);
    await until(() => receiver.received.length > 2, 'it was tried');
    receiver.answer = 204;
    await until(async () => (await delivery())?.number === 31, 'all are taken');
    expect(receiver.received.at(-1)?.events.length).toBeGreaterThan(20);
    expect(receiver.received.at(-1)?.headers['content-type']).toBe('application/cloudevents-batch+json; charset=utf-8');
  });

  it('signs what it sends, so that the receiver can tell it from others', async () => {
    const key = Buffer.from('0123456789abcdef');
    await send(
      webhook({ secret: () => `whsec_${key.toString('base64')}`, headers: () => ({ authorization: 'Bearer x' }) }),
    );
    await emit(1);
    await until(has([1]), 'it is there');
    const { headers = {}, body = '' } = receiver.received[0] ?? {};
    const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    expect(decodeURIComponent(String(headers['webhook-id']))).toBe('job/x/t/0#1');
    expect(headers['authorization']).toBe('Bearer x');
  });

  it('has one receiver wait without the other', async () => {
    receiver.answer = 500;
    const copy = join(home, 'copies', 'events.jsonl');
    await send(webhook(), createEventFile(copy));
    await emit(3);
    await until(async () => {
      const state = await readDelivery(home, { kind: 'file', identity: copy });
      return state?.number === 3;
    }, 'the file has all');
    expect(
      readFileSync(copy, 'utf8')
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual(['job/x/t/0#1', 'job/x/t/0#2', 'job/x/t/0#3']);
  });

  it('begins also where nothing can be told yet', async () => {
    writeFileSync(join(home, 'events'), 'in the way');
    await send(webhook());
    expect(warnings).toEqual([expect.stringMatching(/^Events cannot be sent: .*EEXIST/)]);
    rmSync(join(home, 'events'));
    await until(async () => (await delivery()) !== null, 'the way is free');
    await emit(2);
    await until(() => numbersOf(receiver.received).includes(2), 'it is told');
  });

  it('lets one process of a home send at a time', async () => {
    await Promise.all([send(webhook()), send(webhook())]);
    await emit(20);
    await until(async () => (await delivery())?.number === 20, 'all are taken');
    expect(has(Array.from({ length: 20 }, (_, at) => at + 1))()).toBe(true);
  });

  it('tells an event again, under its id, after it was killed before it could note the delivery', async () => {
    const child = spawn(
      process.execPath,
      [join(__dirname, 'send-events.cjs'), resolve(__dirname, '../../../src'), home, receiver.url],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    children.push(child);
    receiver.answer = (events) => {
      if (events.some(({ sequence }) => Number(sequence) === 3)) child.kill('SIGKILL');
      return 204;
    };
    await until(async () => (await delivery()) !== null, 'it has begun', 60_000);
    await emit(4);
    await until(() => child.signalCode === 'SIGKILL', 'it is killed', 60_000);
    expect(numbersOf(receiver.received)).toEqual([1, 2, 3]);
    receiver.answer = 204;
    await send(webhook());
    await until(async () => (await delivery())?.number === 4, 'its successor has taken over');
    expect(receiver.received.flatMap(({ events }) => events.map(({ id }) => id))).toEqual(
      [1, 2, 3, 3, 4].map((number) => `job/x/t/0#${number}`),
    );
  });
});
