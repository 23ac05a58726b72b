/** Asks a Temporal frontend whether it serves, with one bare gRPC request: no client library, no child process. */
import { connect } from 'node:http2';

/** ListSearchAttributes answers only when the namespace exists, and shows whether its attributes are registered. */
const PATH = '/temporal.api.operatorservice.v1.OperatorService/ListSearchAttributes';

const GRPC_HEADER_BYTES = 5;

/** True if the frontend at `host:port` knows the namespace and all these search attributes. Never rejects. */
export async function serves(
  address: string,
  wanted: { readonly namespace: string; readonly searchAttributes: readonly string[] },
  timeoutMs: number,
): Promise<boolean> {
  const answer = await post(address, message(wanted.namespace), timeoutMs);
  return answer !== null && wanted.searchAttributes.every((name) => answer.includes(name));
}

/** The request: field 1, the namespace, behind gRPC's header (not compressed, length). */
function message(namespace: string): Buffer {
  const text = Buffer.from(namespace);
  const body = Buffer.concat([Buffer.from([0x0a, ...varint(text.length)]), text]);
  const header = Buffer.alloc(GRPC_HEADER_BYTES);
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
}

const varint = (value: number): readonly number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];

/** The answer's bytes, or null for any ending but gRPC's OK. */
function post(address: string, body: Buffer, timeoutMs: number): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const session = connect(`http://${address}`);
    const timer = setTimeout(() => settle(null), timeoutMs);
    const settle = (answer: Buffer | null): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(answer);
    };
    session.once('error', () => settle(null));
    session.once('connect', () => {
      const stream = session.request({
        ':method': 'POST',
        ':path': PATH,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const chunks: Buffer[] = [];
      let status: string | undefined;
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('trailers', (trailers) => (status = String(trailers['grpc-status'])));
      stream.once('error', () => settle(null));
      stream.once('end', () => setImmediate(() => settle(status === '0' ? Buffer.concat(chunks) : null)));
      stream.end(body);
    });
  });
}
