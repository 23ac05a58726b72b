/** The handler script: what a program is told, what its end means, and what of its work may land. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRunScript } from '../../src/activities/run-script.js';
import type { Exchange, Made } from '../../src/activities/contract.js';
import type { TaskSpec } from '../../src/domain/task.js';
import { openWorkWorld, type WorkWorld } from './work-world.js';

let world: WorkWorld;
beforeAll(async () => {
  world = await openWorkWorld({
    'value.txt': 'wrong\n',
    'test.txt': 'one\ntwo\n',
    '.gitignore': 'build/\n',
  });
});
afterAll(() => world.clear());

async function runs(run: string, changes: Partial<TaskSpec> = {}, exchanges: readonly Exchange[] = []): Promise<Made> {
  const script = { run, timeoutSeconds: 20, network: false };
  const input = await world.input({ handler: 'script', script, ...changes });
  return await world.run(() => createRunScript(world.ports)(input, JSON.stringify(exchanges)));
}

const failureOf = (made: Made) => (made.kind === 'failed' ? made.failure : made.kind);

it('lands what the script has changed, and nothing of what it has built', async () => {
  const made = await runs('mkdir build; echo x > build/out; echo right > value.txt; echo done');
  expect(made).toMatchObject({ kind: 'made', stat: { filesChanged: 1 }, subject: 'Make the value right' });
  if (made.kind !== 'made' || made.log === undefined) throw new Error('nothing was made');
  expect(await world.text(made.tree, 'value.txt')).toBe('right\n');
  expect(await world.log(made.log)).toContain('done');
});

it('tells it the task as JSON on its standard input', async () => {
  const copy = join(world.folder, 'told.json');
  await runs(`cat > ${copy}`, { acceptanceCriteria: ['It is right'] }, [
    { question: 'Which?', answer: 'the right one' },
  ]);
  const told = JSON.parse(readFileSync(copy, 'utf8')) as { readonly workspace: string };
  expect(told).toMatchObject({
    version: 'brief@1',
    title: 'Make the value right',
    acceptanceCriteria: ['It is right'],
    checks: [{ name: 'value', run: 'sh check.sh' }],
    branch: 'weaver/x',
    attempt: 1,
    lastFailure: null,
    answers: [{ question: 'Which?', answer: 'the right one' }],
  });
  expect(existsSync(join(told.workspace, 'value.txt'))).toBe(true);
});

it('takes a message and edits from an answer in JSON', async () => {
  const edits = [{ op: 'replace', path: 'value.txt', search: 'wrong', replace: 'right', content: null, to: null }];
  const answer = JSON.stringify({ edits, commitMessage: 'Mend the value' });
  const made = await runs(`printf '%s' '${answer}'; echo working >&2`);
  expect(made).toMatchObject({ kind: 'made', subject: 'Mend the value' });
  expect(made.kind === 'made' ? await world.text(made.tree, 'value.txt') : null).toBe('right\n');
  expect(failureOf(await runs(`echo '{"edits":[{"op":"paint"}]}'`))).toMatchObject({ code: 'malformedAnswer' });
});

it('may propose to split the task, and then nothing of its work is kept', async () => {
  const child = { title: 'A part', description: 'Do it.' };
  const made = await runs(`echo right > value.txt; echo '${JSON.stringify({ children: [child], join: true })}'`);
  expect(made).toMatchObject({ kind: 'plan', answer: { kind: 'answer' }, log: { kind: 'log' } });
  if (made.kind !== 'plan') throw new Error('nothing was proposed');
  expect(JSON.parse(await world.log(made.answer))).toEqual({ children: [child], join: true });
  expect(failureOf(await runs(`echo '{"children":[{"title":"A part"}]}'`))).toMatchObject({ code: 'malformedAnswer' });
  expect(failureOf(await runs(`echo '${JSON.stringify({ children: [child], edits: [] })}'`))).toEqual({
    code: 'malformedAnswer',
    detail: 'It has edits and children; a task is done or split.',
  });
});

it.each([
  ['echo oops >&2; exit 1', { code: 'scriptFailed', detail: 'Exit code 1.' }],
  ['exit 77', { code: 'scriptFailed', detail: 'Exit code 77.' }],
  ['kill -9 $$', { code: 'scriptFailed', detail: 'Exit code none, killed.' }],
  ['exit 2', { code: 'scriptFailed', detail: expect.stringContaining('without a question') }],
  ['if', { code: 'scriptFailed', detail: expect.stringContaining('without a question') }],
  ['echo no such thing; exit 3', { code: 'scriptRefused', detail: 'no such thing' }],
  ['./no-such-program', { code: 'programMissing', detail: expect.stringContaining('no-such-program') }],
  ['echo no-such-program > a; sh a', { code: 'scriptFailed', detail: 'Exit code 127.' }],
  ['exit 126', { code: 'scriptFailed', detail: 'Exit code 126.' }],
  ['exit 0', { code: 'nothingToCommit', detail: expect.any(String) }],
])('ends %s with its failure', async (run, failure) => {
  expect(failureOf(await runs(run))).toEqual(failure);
});

it('gives what it printed as evidence, and the same signature for the same failure', async () => {
  const [first, second] = [
    await runs('echo oops >&2; echo out; exit 1'),
    await runs('echo oops >&2; echo out; exit 1'),
  ];
  if (first.kind !== 'failed' || second.kind !== 'failed') throw new Error('it did not fail');
  expect(await world.log(first.evidence)).toMatch(/\$ echo oops[^]*oops\nout\n\(exit code 1\)/);
  expect(second.signature).toBe(first.signature);
});

it('asks a person with exit code 2', async () => {
  expect(await runs('echo "Which value?"; exit 2')).toMatchObject({ kind: 'question', text: 'Which value?' });
  expect(await runs(`echo '{"question":"Which one?"}'; exit 2`)).toMatchObject({ text: 'Which one?' });
});

it('is stopped at its time limit', async () => {
  const script = { run: 'sleep 30', timeoutSeconds: 1, network: false };
  expect(failureOf(await runs('', { script }))).toEqual({
    code: 'scriptFailed',
    detail: 'It was stopped at its time limit.',
  });
});

it('begins from the clean snapshot, whatever was left in the work tree', async () => {
  await runs('echo half > value.txt; echo left > left.txt; exit 1');
  const made = await runs('test ! -e left.txt && grep -qx wrong value.txt && echo right > value.txt');
  expect(made).toMatchObject({ kind: 'made', stat: { filesChanged: 1 } });
});

it.each([
  ['rm test.txt', { protect: [{ glob: 'test.txt', policy: 'add-only' as const }] }, 'protectedFile'],
  ['printf "one\\n2\\n" > test.txt', { protect: [{ glob: 'test.txt', policy: 'add-only' as const }] }, 'protectedFile'],
  ['echo x > ci.yml', { protect: [{ glob: 'ci.yml', policy: 'deny' as const }] }, 'protectedFile'],
  ['ln -s /etc/passwd out', {}, 'refusedPath'],
  ['ln -s ../../up out', {}, 'refusedPath'],
  ['git init -q clone && touch clone/a', {}, 'workRefused'],
  ['echo "ghp_0123456789abcdefghijklmnopqrstuvwxyz" > token', {}, 'secretInDiff'],
  ['mkdir many; i=0; while [ $i -lt 2001 ]; do : > many/$i; i=$((i+1)); done', {}, 'workRefused'],
])('refuses %s', async (run, changes, code) => {
  expect(failureOf(await runs(run, changes))).toMatchObject({ code });
});

it('lets tests grow', async () => {
  const protect = [{ glob: 'test.txt', policy: 'add-only' as const }];
  expect(await runs('echo three >> test.txt', { protect })).toMatchObject({ kind: 'made' });
});

it('does not read through a link that the script puts in the place of its answer', async () => {
  writeFileSync(join(world.folder, 'private'), '{"commitMessage":"stolen"}');
  const made = await runs(
    `rm "$HOME/.weaver-answer"; ln -s ${join(world.folder, 'private')} "$HOME/.weaver-answer"; echo right > value.txt`,
  );
  expect(made).toMatchObject({ kind: 'made', subject: 'Make the value right' });
});
