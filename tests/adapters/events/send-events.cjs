/** `node send-events.cjs SOURCE HOME URL`: a process that sends the events of a home until it is ended. */
'use strict';
const path = require('node:path');

const [source, home, url] = process.argv.slice(2);
require('../sandbox/load-sources.cjs')(source);
const { openEventLog } = require(path.join(source, 'adapters/events/event-log.ts'));
const { startSender } = require(path.join(source, 'adapters/events/sender.ts'));
const { createWebhook } = require(path.join(source, 'adapters/events/webhook.ts'));

const webhook = createWebhook({ url, secret: () => null, headers: () => ({}), batch: 1, timeoutMs: 5_000 });
startSender({ home, openLog: () => openEventLog(home), sinks: [webhook], onWarning: () => {} });
setInterval(() => {}, 60_000);
