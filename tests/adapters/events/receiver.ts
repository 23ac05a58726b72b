/** A real receiver of events over HTTP, and a home for the sender; both gone after the test. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { CloudEvent, WeaverEvent } from '../../../src/domain/events';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly events: readonly CloudEvent[];
}

export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly received: readonly Received[];
  /** Status of the coming answers, or no answer at all. */
  answer: number | 'nothing' | ((events: readonly CloudEvent[]) => number);
  headers: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function startReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      const parsed: unknown = JSON.parse(body);
      const events = (Array.isArray(parsed) ? parsed : [parsed]) as readonly CloudEvent[];
      received.push({ headers: request.headers, body, events });
      const { answer } = receiver;
      if (answer === 'nothing') return;
      response.writeHead(typeof answer === 'number' ? answer : answer(events), receiver.headers).end();
    })();
  });
  await new Promise<void>((settle) => server.listen(port, '127.0.0.1', settle));
  const { port: actual } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${actual}/hook`,
    port: actual,
    received,
    answer: 204,
    headers: {},
    stop: () => close(server),
  };
  return receiver;
}

const close = (server: Server): Promise<void> =>
  new Promise((settle) => {
    server.close(() => settle());
    server.closeAllConnections();
  });

export const numbersOf = (received: readonly Received[]): readonly number[] =>
  received.flatMap(({ events }) => events.map(({ sequence }) => Number(sequence)));

/** Events that differ by their ids only. */
export const someEvents = (count: number, from = 1): readonly WeaverEvent[] =>
  Array.from({ length: count }, (_, at) => ({
    name: 'TaskChanged',
    id: `job/x/t/0#${from + at}`,
    subject: 'job/x/t/0',
    at: 1_700_000_000_000 + at,
    data: { update: 'pause', by: 'ana', why: 'lunch', detail: '' },
  }));
