/** Connections through a proxy: CONNECT, and TLS inside of it where the address is https. */
import { request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** As long as Node's fetch takes for a connection. */
const CONNECT_TIMEOUT_MS = 10_000;

export interface Target {
  readonly hostname: string;
  readonly port: string;
  readonly secure: boolean;
}

/** Rejects with words that name the proxy, never its user or password. */
export async function openTunnel(proxy: URL, target: Target): Promise<Socket> {
  const socket = await ask(proxy, target);
  return target.secure ? await secured(socket, target) : socket;
}

function ask(proxy: URL, { hostname, port }: Target): Promise<Socket> {
  const place = `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
  const request = proxy.protocol === 'https:' ? requestSecure : requestPlain;
  return new Promise((settle, fail) => {
    const failed = (why: string): void => fail(notConnected(`proxy ${proxy.host}: ${why}`));
    const asking = request({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: place,
      headers: { host: place, ...authorization(proxy) },
      agent: false,
      timeout: CONNECT_TIMEOUT_MS,
    });
    asking
      .once('connect', ({ statusCode }, socket: Socket) => {
        if (statusCode === 200) return settle(socket.setTimeout(0));
        socket.destroy();
        failed(`HTTP ${statusCode} to CONNECT ${place}`);
      })
      .once('response', ({ statusCode }) => {
        asking.destroy();
        failed(`HTTP ${statusCode} to CONNECT ${place}`);
      })
      .once('timeout', () => asking.destroy(new Error('no answer in time')))
      .once('error', ({ message }) => failed(message))
      .end();
  });
}

function authorization({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

function secured(socket: Socket, { hostname }: Target): Promise<Socket> {
  return new Promise((settle, fail) => {
    const tls = connectTls({ socket, servername: hostname, ALPNProtocols: ['http/1.1'] });
    const timer = setTimeout(() => tls.destroy(notConnected('no TLS in time')), CONNECT_TIMEOUT_MS);
    tls.once('error', fail);
    tls.once('secureConnect', () => {
      clearTimeout(timer);
      tls.off('error', fail);
      settle(tls);
    });
    tls.once('close', () => clearTimeout(timer));
  });
}

/** Marked as the system marks its own: nothing of the request has left. */
const notConnected = (message: string): Error => Object.assign(new Error(message), { syscall: 'connect' });
