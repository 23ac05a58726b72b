/** Requests through a proxy: a small real one, which finds under any name what this test serves. */
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createPatientFetch } from '../../../src/adapters/model/patient-fetch.js';
import { proxyFor } from '../../../src/adapters/network/proxy-choice.js';

let web: Server;
let proxy: Server;
const sockets = new Set<Socket>();
let asked: string[] = [];
let credentials: (string | undefined)[] = [];

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const listening = (server: Server): Promise<Server> =>
  new Promise((settle) => server.listen(0, '127.0.0.1', () => settle(server)));

/** Tests run in a global of their own, and Node keeps its agent in the real one, once a request was made. */
const NODE_AGENT = Symbol.for('undici.globalDispatcher.1');

beforeAll(async () => {
  await fetch('data:,loaded');
  const real = fetch.constructor('return globalThis')() as object;
  Reflect.set(globalThis, NODE_AGENT, Reflect.get(real, NODE_AGENT));
  web = await listening(createServer((request, response) => response.end(`${request.headers.host}${request.url}`)));
  proxy = createServer((_, response) => response.writeHead(405).end());
  proxy.on('connection', (socket: Socket) => sockets.add(socket));
  proxy.on('connect', ({ url = '', headers }, client: Socket) => {
    asked.push(url);
    credentials.push(headers['proxy-authorization']);
    if (url.startsWith('forbidden.')) return void client.end('HTTP/1.1 407 Who are you\r\n\r\n');
    const inner = connect(portOf(web), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      inner.pipe(client).pipe(inner);
    });
    sockets.add(inner);
  });
  await listening(proxy);
});
beforeEach(() => {
  asked = [];
  credentials = [];
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of [web, proxy]) server.close();
});

const through = (more: Readonly<Record<string, string>> = {}): typeof fetch =>
  createPatientFetch({ http_proxy: `http://ana:p%40ss@127.0.0.1:${portOf(proxy)}`, ...more });

it('reaches through the proxy what no name server knows, with the credentials of its address', async () => {
  const response = await through()('http://model.invalid/v1/models');
  expect(await response.text()).toBe('model.invalid/v1/models');
  expect(asked).toEqual(['model.invalid:80']);
  expect(credentials).toEqual([`Basic ${Buffer.from('ana:p@ss').toString('base64')}`]);
});

it('goes straight to this host, and to what NO_PROXY names', async () => {
  expect(await (await through()(`http://127.0.0.1:${portOf(web)}/x`)).text()).toContain('/x');
  await expect(through({ NO_PROXY: 'other, .invalid' })('http://model.invalid/')).rejects.toMatchObject({
    cause: { code: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) },
  });
  expect(asked).toEqual([]);
});

it('says what the proxy has said, without its password, and that nothing has left', async () => {
  const refused = await through()('http://forbidden.invalid/').catch((thrown: Error) => thrown.cause);
  expect(refused).toMatchObject({
    syscall: 'connect',
    message: `proxy 127.0.0.1:${portOf(proxy)}: HTTP 407 to CONNECT forbidden.invalid:80`,
  });
});

it('speaks TLS with the address behind the proxy, not with the proxy', async () => {
  const env = { HTTPS_PROXY: `127.0.0.1:${portOf(proxy)}` };
  // What answers there speaks none.
  await expect(createPatientFetch(env)('https://model.invalid/')).rejects.toMatchObject({
    cause: { code: expect.stringMatching(/SSL|EPROTO|ECONNRESET/) },
  });
  expect(asked).toEqual(['model.invalid:443']);
});

it.each([
  ['https://api.example.org', { https_proxy: 'http://p:3128' }, 'http://p:3128/'],
  ['https://api.example.org', { http_proxy: 'http://p:3128' }, null],
  ['http://api.example.org', { ALL_PROXY: 'p:3128' }, 'http://p:3128/'],
  ['https://api.example.org', { https_proxy: 'socks5://p:1080' }, null],
  ['https://api.example.org', { https_proxy: 'http://p', no_proxy: 'example.org' }, null],
  ['https://api.example.org', { https_proxy: 'http://p', no_proxy: 'ample.org' }, 'http://p/'],
  ['https://api.example.org', { https_proxy: 'http://p', no_proxy: 'api.example.org:8443' }, 'http://p/'],
  ['https://api.example.org', { https_proxy: 'http://p', no_proxy: '*' }, null],
  ['http://10.1.2.3:8000', { http_proxy: 'http://p', no_proxy: '10.0.0.0/8' }, null],
  ['http://11.1.2.3:8000', { http_proxy: 'http://p', no_proxy: '10.0.0.0/8,::1' }, 'http://p/'],
  ['http://[fd00::1]:8000', { http_proxy: 'http://p', no_proxy: 'fd00::1' }, null],
  ['http://localhost:11434', { http_proxy: 'http://p' }, null],
  ['http://[::1]:11434', { all_proxy: 'http://p' }, null],
])('asks %s with %j by way of %s', (url, env, proxied) => {
  expect(proxyFor(new URL(url), env)?.href ?? null).toBe(proxied);
});
