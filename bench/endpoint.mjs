/** The scripted endpoint in a process of its own, so that its work is not counted as the client's. `node endpoint.mjs ROOT < rules` */
import { createRequire } from 'node:module';
import path from 'node:path';
import { text } from 'node:stream/consumers';

const [root] = process.argv.slice(2);
const { startScriptedEndpoint } = createRequire(import.meta.url)(
  path.join(root, 'dist', 'adapters', 'model', 'scripted.js'),
);
const { baseUrl } = await startScriptedEndpoint({ script: JSON.parse(await text(process.stdin)), keepRequests: false });
process.stdout.write(`${baseUrl}\n`);
