/** Who runs below a process, from /proc. Plain CommonJS: the preload of a dying worker uses it too. */
'use strict';
const { readdirSync, readFileSync } = require('node:fs');

/** Processes below this one: number, start time (numbers are used again) and command line. */
exports.descendantsOf = (ancestor) => {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(about);
  const below = new Set([ancestor]);
  for (let size = 0; size !== below.size;) {
    size = below.size;
    for (const { pid, parent } of all) if (below.has(parent)) below.add(pid);
  }
  below.delete(ancestor);
  return all.filter(({ pid }) => below.has(pid)).map(({ pid, startedAt, command }) => ({ pid, startedAt, command }));
};

/** Whether that very process still does something: one that only waits to be reaped does not. */
exports.isAlive = ({ pid, startedAt }) =>
  about(String(pid)).some((now) => now.startedAt === startedAt && now.state !== 'Z' && now.state !== 'X');

function about(name) {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').join(' ').trim();
    return [{ pid: Number(name), state: fields[0], parent: Number(fields[1]), startedAt: fields[19], command }];
  } catch {
    return []; // it ended while we looked
  }
}
