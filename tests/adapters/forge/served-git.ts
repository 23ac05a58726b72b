/** What a played forge has beside its API: repositories that git clones and pushes to over HTTP. */
import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Git's own program behind HTTP, as a web server runs it. */
export function serveGit(request: IncomingMessage, response: ServerResponse, root: string): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
  const program = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_USER: 'weaver',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(program.stdin);
  program.stdin.on('error', () => undefined); // it has answered without reading all
  const chunks: Buffer[] = [];
  program.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  program.on('close', () => {
    const out = Buffer.concat(chunks);
    const end = out.indexOf('\r\n\r\n');
    const headers = out.subarray(0, end).toString('latin1').split('\r\n');
    const fields = headers.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 2),
    ]);
    const { status = '200', ...rest } = Object.fromEntries(fields) as Record<string, string>;
    response.writeHead(Number.parseInt(status, 10), rest);
    response.end(out.subarray(end + 4));
  });
}
