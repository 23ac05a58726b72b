/**
 * For `node --require`: makes a worker kill itself at a named point, once.
 *
 *   WEAVER_KILL_AT      `<operation>:<phase>:<n>`: at the n-th call of the operation, such as `git.push:after:1` or
 *                       `fs.rename:before:3`. Phases: `before`, `during` (some milliseconds after the call began, or when it
 *                       is done if that is sooner; `during+50` says how many), `after` (the caller has just been told).
 *   WEAVER_KILL_MARK    file written just before the death: the point, and the processes that were below this one then. While
 *                       it is there nobody is killed.
 *   WEAVER_KILL_COUNTS  file that gets a line for each call, so that a calm run tells which points there are.
 *
 * The operations are the methods of the ports (ports.json), which are wrapped as their adapters hand them out, and the calls
 * that make a file durable or give it its name. Nothing of weaver knows of it.
 */
'use strict';
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const PORTS = require('./ports.json');
const { descendantsOf } = require('./processes.cjs');

const { WEAVER_KILL_AT: point = '', WEAVER_KILL_MARK: mark = '', WEAVER_KILL_COUNTS: counts = '' } = process.env;
const { appendFileSync, existsSync, writeFileSync } = fs;
const { fsyncSync, renameSync } = fs;
const { open: openFile, rename: renameFile } = fs.promises;

const [wanted = '', phase = '', nth = '1'] = point.split(':');
const [moment, delayMs = '3'] = phase.split('+');
const armed = point !== '' && !existsSync(mark);
const seen = new Map();

wrapFactories();
wrapFileSystem();

/** Counts a call; says whether it is the one. */
function arrives(operation) {
  const n = (seen.get(operation) ?? 0) + 1;
  seen.set(operation, n);
  if (counts !== '') appendFileSync(counts, `${operation}\n`);
  return armed && operation === wanted && n === Number(nth);
}

function die() {
  writeFileSync(mark, JSON.stringify({ point, pid: process.pid, below: descendantsOf(process.pid) }));
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way; nothing more may happen.
  for (;;);
}

function around(operation, call) {
  if (!arrives(operation)) return call();
  if (moment === 'before') die();
  if (moment === 'during') setTimeout(die, Number(delayMs));
  const ended = (settle) => (value) => {
    if (moment === 'during') die();
    setImmediate(die);
    return settle(value);
  };
  const result = call();
  if (typeof result?.then !== 'function') return ended((value) => value)(result);
  return result.then(
    ended((value) => value),
    ended((error) => {
      throw error;
    }),
  );
}

function wrapFactories() {
  // Deprecated for loading other languages; nothing else sees a module before those who ask for it.
  const load = require.extensions['.js'];
  require.extensions['.js'] = (module, filename) => {
    load(module, filename);
    const wrapped = PORTS.find(({ module: file }) => filename.endsWith(path.join('/dist', file)));
    if (wrapped === undefined) return;
    const { factory, port, inside } = wrapped;
    const make = module.exports[factory];
    module.exports[factory] = (...args) => {
      const made = make(...args);
      if (inside === undefined) return watched(port, made);
      return Promise.resolve(made).then((result) => ({ ...result, [inside]: watched(port, result[inside]) }));
    };
  };
}

const watched = (port, adapter) =>
  new Proxy(adapter, {
    get(target, name) {
      const method = target[name];
      if (typeof method !== 'function') return method;
      return (...args) => around(`${port}.${String(name)}`, () => method.apply(target, args));
    },
  });

function wrapFileSystem() {
  fs.fsyncSync = (...args) => around('fs.fsyncSync', () => fsyncSync(...args));
  fs.renameSync = (...args) => around('fs.renameSync', () => renameSync(...args));
  fs.promises.rename = (...args) => around('fs.rename', () => renameFile(...args));
  let wrapped = false;
  // The class of file handles is nowhere to be had but from a file handle.
  fs.promises.open = async (...args) => {
    const handle = await openFile(...args);
    if (!wrapped) wrapHandles(Object.getPrototypeOf(handle));
    wrapped = true;
    return handle;
  };
  Module.syncBuiltinESMExports();
}

function wrapHandles(prototype) {
  for (const name of ['sync', 'datasync']) {
    const original = prototype[name];
    prototype[name] = function sync(...args) {
      return around('fs.fsync', () => original.apply(this, args));
    };
  }
}
