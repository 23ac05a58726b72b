/** `node fill-the-disk.cjs SOURCE HOME`: stores until the disk is full; prints the faults as JSON, and what can still be read. */
'use strict';
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const [source, home] = process.argv.slice(2);
require('../sandbox/load-sources.cjs')(source);
const { createArtifactStore } = require(path.join(source, 'adapters/artifacts/artifact-store.ts'));
const { createRecords } = require(path.join(source, 'adapters/artifacts/records.ts'));

const store = createArtifactStore({ home, redactor: { redactBytes: (bytes) => bytes } });
const records = createRecords({ home, redact: (text) => text });
const faultOf = (cause) => ({ name: cause.name, code: cause.code, retryable: cause.retryable });

async function main() {
  const kept = await store.put('log', randomBytes(20_000));
  const faults = [];
  await store.put('log', randomBytes(2_000_000)).catch((cause) => faults.push(faultOf(cause)));
  fs.writeFileSync(path.join(home, 'filler'), '');
  try {
    for (;;) fs.appendFileSync(path.join(home, 'filler'), randomBytes(4_096));
  } catch {
    // Now there is no room at all.
  }
  await records
    .append('task', 1, { big: randomBytes(9_000).toString('hex') })
    .catch((cause) => faults.push(faultOf(cause)));
  await records
    .remember('task/a', { big: randomBytes(9_000).toString('hex') })
    .catch((cause) => faults.push(faultOf(cause)));
  const drafts = fs.readdirSync(home, { recursive: true }).filter((name) => name.endsWith('.draft'));
  process.stdout.write(
    JSON.stringify({ faults, drafts, read: (await store.get(kept)).length, entries: await records.read('task') }),
  );
}

void main();
