/** What becomes of benchmark results: a table to read, a file to compare with, a place in the README. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import path from 'node:path';
import { runCommand } from './run-command.mjs';

const VERSION_TIMEOUT_MS = 15_000;

const BEGIN = '<!-- bench -->';
const END = '<!-- /bench -->';

/** Where figures come from, as far as it bears on them. */
export async function describeMachine(root, temporalBinary) {
  const ask = async (command, args) => {
    const { code, stdout } = await runCommand(command, args, { cwd: root, timeoutMs: VERSION_TIMEOUT_MS });
    return code === 0 ? stdout.trim() : null;
  };
  const [commit, changes, git, temporal] = await Promise.all([
    ask('git', ['rev-parse', 'HEAD']),
    ask('git', ['status', '--porcelain', '--untracked-files=no']),
    ask('git', ['--version']),
    ask(temporalBinary, ['--version']),
  ]);
  const processors = cpus();
  return {
    cores: processors.length,
    processor: processors[0]?.model.trim() ?? 'unknown',
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.versions.node,
    git,
    temporal,
    commit: commit === null ? null : `${commit}${changes === '' ? '' : ' with changes'}`,
  };
}

/** A Markdown table of all figures. */
export function tableOf({ benches }) {
  const rows = Object.values(benches)
    .flatMap(({ figures }) => figures)
    .map(({ name, value, unit, ...limits }) => [
      name,
      `${inWords(value)}${unit === 'ratio' ? '' : ` ${unit}`}`,
      promiseOf(limits),
    ]);
  return [['', 'measured', 'promised'], ['---', '---:', '---'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

const inWords = (value) => (Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en-US') : String(value));

function promiseOf({ atMost, atLeast, aim, met }) {
  const sign = atMost === undefined ? '≥' : '≤';
  const limit = atMost ?? atLeast;
  if (limit === undefined) return '';
  return `${sign} ${inWords(limit)}${aim === undefined ? '' : `, aim ${inWords(aim)}`}${met ? '' : ' (missed)'}`;
}

/** Writes bench/results/latest.json, and the table between the README's markers if it has them. */
export async function keepResults(root, results) {
  const folder = path.join(root, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'latest.json'), `${JSON.stringify(results, null, 2)}\n`);
  const readme = path.join(root, 'README.md');
  if (!existsSync(readme)) return;
  const text = readFileSync(readme, 'utf8');
  const next = await formatted(root, readme, withTable(text, results));
  if (next !== text) writeFileSync(readme, next);
}

/** The text with the table of these results; unchanged if it has no place for one. */
function withTable(text, results) {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin === -1 || end < begin) return text;
  const { machine, date } = results;
  const about = `${date.slice(0, 10)}, ${machine.cores} cores (${machine.processor}), ${machine.memoryGigabytes} GB, Node ${machine.node}, ${machine.temporal}.`;
  return `${text.slice(0, begin + BEGIN.length)}\n\n${tableOf(results)}\n\n${about}\n\n${text.slice(end)}`;
}

/** As `npm run check` wants it. */
async function formatted(root, file, text) {
  const prettier = await import('prettier');
  return await prettier.format(text, { ...(await prettier.resolveConfig(file)), filepath: file });
}
