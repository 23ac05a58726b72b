/** `npm start`: sets up what is missing, then is the `weaver` command; without arguments the demo. */
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkNodeVersion } from './node-version.mjs';
import { runScript } from './progress.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

await runScript(async () => {
  checkNodeVersion();
  const { ensurePackages } = await import('./packages.mjs');
  await ensurePackages();
  const { ensureBuilt } = await import('./build.mjs');
  await ensureBuilt();
  const cli = path.join(root, 'dist', 'cli.js');
  const args = process.argv.slice(2);
  // In this very process: signals, exit code and terminal are the command's own. By the name of this script it knows how it was called.
  process.argv = [process.execPath, fileURLToPath(import.meta.url), ...(args.length === 0 ? ['demo'] : args)];
  await import(pathToFileURL(cli).href);
});
