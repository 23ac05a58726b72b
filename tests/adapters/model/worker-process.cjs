/** A worker that makes one call and says how far it is: one JSON object a line. Its order comes on the standard input. */
const { join } = require('node:path');
const { createInterface } = require('node:readline');

const [dist] = process.argv.slice(2);
const { createModel } = require(join(dist, 'adapters/model/model.js'));
const say = (word, more = {}) => process.stdout.write(`${JSON.stringify({ word, ...more })}\n`);

async function main() {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const { home, request, holds } = JSON.parse((await lines.next()).value);
  const model = createModel({
    home,
    redact: (text) => text,
    apiKeyOf: (variable) => process.env[variable],
    idleSeconds: 5,
    onWarning: (warning) => say('warning', { warning }),
  });
  if (holds) {
    await model.prewarm();
    say('connected');
    await lines.next();
  }
  const call = model.call(request, new AbortController().signal, () => say('progress'));
  say('asked');
  say('result', { result: await call });
  await lines.next(); // until it is killed, or its input ends
  model.close();
}

void main();
