/** What a release was about, told by what it says of itself, and the files that it changed for it. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const load = createRequire(path.join(root, 'package.json'));
const { isTestFile } = load('./dist/activities/judging-files.js');
const { isNoise } = load('./dist/domain/choose-files.js');
const { languageOf } = load('./dist/domain/map/languages.js');

/** Fewer, and a list would do. */
const SOURCES_MIN = 40;
const CHANGED_MAX = 3;
const DESCRIPTION_MIN = 40;
const DESCRIPTION_MAX = 2_000;

const ACCOUNT =
  /(?:^|\/)(?:changes?|changelog|history|news|release[-_ ]?notes?)(?:[-_.\d][^/]*)?$|(?:^|\/)docs?\/(?:.*\/)?(?:releases|changelog|changes|whatsnew)\/.*\.(?:rst|txt|md)$|(?:^|\/)sites\/www\/changelog/i;
const BESIDE = /^(?:docs?|examples?|benchmarks?|scripts?|tools?|utils?\/release)\//;

const isSource = (file) => languageOf(file) !== undefined && !isNoise(file) && !isTestFile(file) && !BESIDE.test(file);

/** The task, or in one word why the pair of releases is none. */
export function taskOf({ base, fixed }, before, after) {
  if ([...before.keys()].filter(isSource).length < SOURCES_MIN) return 'small';
  const changed = [...before.keys()].filter((file) => isSource(file) && isChanged(file, before, after, [base, fixed]));
  if (changed.length === 0) return 'unchanged';
  if (changed.length > CHANGED_MAX) return 'large';
  const description = accountOf(before, after, fixed) ?? testsOf(before, after);
  if (description === null) return 'untold';
  if (changed.some((file) => description.includes(path.basename(file)))) return 'named';
  return { title: description.split('\n')[0].slice(0, 100), description, changed };
}

/** Not only by the number of the version in it. */
function isChanged(file, before, after, versions) {
  const [old, now] = [before.get(file), after.get(file)];
  if (now === undefined || old.equals(now)) return false;
  const bare = versions.map((version) => version.replace(/^v/, ''));
  const parts = bare.flatMap((version) => [version, version.split('.').join(', '), version.split('.').join(',')]);
  const [a, b] = [old, now].map((bytes) =>
    bytes
      .toString('utf8')
      .split('\n')
      .map((line) => (/version/i.test(line) || parts.some((version) => line.includes(version)) ? '' : line.trim()))
      .join('\n'),
  );
  return a !== b;
}

/** Lines that the account of changes has gained, without what only people look up. */
function accountOf(before, after, fixed) {
  const version = fixed.replace(/^v/, '');
  const gained = [...after].flatMap(([file, bytes]) => {
    if (!ACCOUNT.test(file) || languageOf(file) !== undefined || isNoise(file)) return [];
    const old = new Set(before.get(file)?.toString('utf8').split('\n'));
    const lines = bytes
      .toString('utf8')
      .split('\n')
      .filter((line) => !old.has(line));
    return lines.length === 0 ? [] : [{ file, lines }];
  });
  const own = gained.filter(({ file }) => file.includes(version));
  const lines = (own.length > 0 ? own : gained).flatMap((account) => account.lines);
  const text = lines.map(plain).filter((line) => line !== '' && !HEADING.test(line));
  const description = text.join('\n').slice(0, DESCRIPTION_MAX);
  return description.length < DESCRIPTION_MIN ? null : description;
}

const HEADING =
  /^[=~^*#-]*$|^#*\s*\[?v?\d+\.\d+(?:\.\d+)?\]?\b.{0,40}$|^(?:release[ds]?|date|version|:\w+:)\b.{0,60}$|^\W*(?:bug ?fix(?:es)?|fixe[ds]|features|changes|misc)\W*$/i;

const plain = (line) =>
  line
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/https?:\/\/\S+/g, '')
    .replaceAll(/:(?:pr|issue|ghissue|user|gh|ticket)[\w-]*:`[^`]*`/g, '')
    .replaceAll(/\(?#\d+\)?|\b[0-9a-f]{7,40}\b|@[\w-]+/g, '')
    .replace(/^[\s*+-]+/, '')
    .trim();

/** Names of the tests that are new. */
function testsOf(before, after) {
  const names = [...after].flatMap(([file, bytes]) => {
    if (!isTestFile(file) || before.get(file)?.equals(bytes)) return [];
    const old = new Set(testNames(before.get(file)?.toString('utf8') ?? ''));
    return testNames(bytes.toString('utf8')).filter((name) => !old.has(name));
  });
  return names.length === 0 ? null : `These tests must pass:\n${names.slice(0, 20).join('\n')}`;
}

const testNames = (text) =>
  [
    ...text.matchAll(/\bdef (test_\w+)|\bfunc (Test\w+)|\b(?:it|test)\(\s*(?:'([^'\n]+)'|"([^"\n]+)"|`([^`\n]+)`)/g),
  ].map(([, ...names]) => names.find((name) => name !== undefined));
