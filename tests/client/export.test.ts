import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createArtifactStore } from '../../src/adapters/artifacts/artifact-store';
import { createRecords } from '../../src/adapters/artifacts/records';
import { createRedactor } from '../../src/adapters/redact';
import { exportTask, versionsOf } from '../../src/client/export';
import { writeExport } from '../../src/client/export-archive';
import { ExportFiles } from '../../src/client/export-files';
import { exportReadme } from '../../src/client/export-readme';
import type { CallRow } from '../../src/ports';
import { NOTHING_SPENT } from '../../src/domain/record';
import { attempt, BEGIN, decision, succeeded } from './report-example';

const TASK = 'job/x/t/0';
const SECRET = 'the-key-of-somebody';
const SHAPED = `ghp_${'a1B2'.repeat(9)}`;

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'weaver-export-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** A home whose stores have let everything through, so that the export is the last to look. */
function stores() {
  const blind = createRedactor({ secrets: () => [] });
  return {
    artifacts: createArtifactStore({ home, redactor: { redactBytes: (bytes) => bytes } }),
    records: createRecords({ home, redact: blind.redact }),
    ledger: (lineage: string): Promise<readonly CallRow[]> => Promise.resolve(lineage === 'job~x~t~0' ? [aCall] : []),
  };
}

let aCall: CallRow;

async function withTask(): Promise<ExportFiles> {
  const { artifacts, records } = stores();
  const put = (kind: Parameters<typeof artifacts.put>[0], text: string) => artifacts.put(kind, text);
  const prompt = await put('prompt', JSON.stringify([{ role: 'user', content: `Mend it. ${SECRET}` }]));
  const call = { id: 'c1', name: 'read_file', arguments: '{"path":"a.ts"}' };
  const first = await put(
    'conversation',
    JSON.stringify({ parent: prompt, messages: [{ role: 'assistant', content: 'I look.', toolCalls: [call] }] }),
  );
  const last = await put(
    'conversation',
    JSON.stringify({ parent: first, messages: [{ role: 'tool', toolCallId: 'c1', content: '1| a' }] }),
  );
  const answer = await put('answer', JSON.stringify({ text: 'I look.', toolCalls: [call] }));
  const spec = await put('spec', JSON.stringify({ title: 'Mend', description: 'It is broken.' }));
  const diff = await put('diff', `--- a\n+++ b\n+token ${SHAPED}\n`);
  const log = await put('log', 'all green\n');
  const gone = { kind: 'plan', sha256: 'e'.repeat(64), sizeBytes: 5 } as const;
  const check = {
    name: 'unit tests/1',
    passed: true,
    exitCode: 0,
    timedOut: false,
    durationMs: 5,
    signature: 's',
    log,
  };
  const outcome = succeeded('weaver/x');
  await records.append(
    TASK,
    0,
    attempt(0, 1, [0, 9], outcome, { artifacts: [prompt, spec, answer, last, diff, log, gone], checks: [check] }),
  );
  await records.append(TASK, 1, decision(1, 9, outcome, { kind: 'complete', reason: 'the checks passed' }));
  aCall = {
    callId: 'abcdef0123456789',
    provider: 'p',
    model: 'm',
    state: 'answered',
    sends: 1,
    inDoubt: 0,
    tokens: NOTHING_SPENT.tokens,
    costUsdMicros: 3,
    unpriced: false,
    startedAt: BEGIN,
    endedAt: BEGIN + 5,
    answerSha256: answer.sha256,
  };
  const files = new ExportFiles(createRedactor({ secrets: () => [SECRET] }).scrub);
  const entries = await exportTask(stores(), files, TASK, '');
  files.json('versions.json', versionsOf({ weaver: '1', node: 'v', platform: 'p', server: null }, entries));
  return files;
}

const contentOf = ({ files }: ExportFiles, path: string): string =>
  files.find((file) => file.path === path)?.content ?? '';

describe('an export', () => {
  it('holds what was asked, said, changed, checked and decided', async () => {
    const files = await withTask();
    const folder = 'attempts/1-0/';
    expect(files.files.map(({ path }) => path).toSorted()).toEqual([
      `${folder}answer.json`,
      `${folder}attempt.json`,
      `${folder}change.patch`,
      `${folder}checks/unit-tests-1.log`,
      `${folder}conversation.json`,
      `${folder}conversation.txt`,
      `${folder}prompt.json`,
      `${folder}prompt.txt`,
      'decisions.txt',
      'ledger.jsonl',
      'record.jsonl',
      'spec.json',
      'versions.json',
    ]);
    expect(JSON.parse(contentOf(files, `${folder}conversation.json`))).toEqual([
      { role: 'user', content: 'Mend it. [redacted]' },
      {
        role: 'assistant',
        content: 'I look.',
        toolCalls: [{ id: 'c1', name: 'read_file', arguments: '{"path":"a.ts"}' }],
      },
      { role: 'tool', toolCallId: 'c1', content: '1| a' },
    ]);
    expect(contentOf(files, 'ledger.jsonl')).toContain('"costUsdMicros":3');
    expect(JSON.parse(contentOf(files, 'versions.json'))).toMatchObject({
      models: ['openai/gpt-5-mini'],
      sandboxes: ['bubblewrap'],
      deciders: ['default@1'],
    });
  });

  it('has lost known secrets, and what has the shape of one', async () => {
    const all = JSON.stringify((await withTask()).files);
    expect(all).toContain('[redacted]');
    expect(all).not.toContain(SECRET);
    expect(all).not.toContain(SHAPED);
  });

  it('says what is not in it, and why', async () => {
    const files = await withTask();
    const about = { id: TASK, title: 'Mend', state: 'succeeded', madeAt: BEGIN, folders: [''] };
    expect(exportReadme(about, files)).toMatch(
      /## Not in here\n\n- attempts\/1-0\/plan: Artifact e{64} is not in the store/,
    );
  });

  it('is bounded: a file too large, and all of them together', () => {
    const files = new ExportFiles((text) => text);
    files.text('large.txt', 'x'.repeat(4_000_001));
    for (let n = 0; n < 60; n += 1) files.text(`${n}.txt`, 'x'.repeat(3_900_000));
    expect(files.files).toHaveLength(51);
    expect(files.gaps[0]).toBe('large.txt: 4.0 MB, more than a file may have');
    expect(files.gaps[1]).toBe('51.txt: the export is full');
    for (let n = 0; n < 60; n += 1) files.missing(`gone-${n}`, 'gone');
    expect(files.gaps).toHaveLength(21);
  });
});

describe('on the disk', () => {
  const files = [
    { path: 'README.md', content: 'Grüße\n' },
    { path: `attempts/1-0/checks/${'long-name-'.repeat(15)}.log`, content: '' },
  ];

  it('is an archive that every tar can read, with one folder in it', async () => {
    const archive = await writeExport(join(home, 'mine.tar.gz'), files, BEGIN);
    execFileSync('tar', ['-xzf', archive, '-C', home]);
    expect(readFileSync(join(home, 'mine', 'README.md'), 'utf8')).toBe('Grüße\n');
    expect(readdirSync(join(home, 'mine/attempts/1-0/checks'))).toHaveLength(1);
    expect(readdirSync(home).toSorted()).toEqual(['mine', 'mine.tar.gz']);
  });

  it('is the same archive each time', async () => {
    const [a, b] = [join(home, 'a', 'x.tgz'), join(home, 'b', 'x.tgz')];
    for (const file of [a, b]) {
      mkdirSync(join(file, '..'));
      await writeExport(file, files, BEGIN);
    }
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
  });

  it('is a new folder, and never one with something in it', async () => {
    const folder = await writeExport(join(home, 'there'), files, BEGIN);
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe('Grüße\n');
    await expect(writeExport(folder, files, BEGIN)).rejects.toMatchObject({ code: 'usage', exitCode: 2 });
    writeFileSync(join(home, 'file'), '');
    await expect(writeExport(join(home, 'file', 'x.tgz'), files, BEGIN)).rejects.toThrow(/cannot be written: ENOTDIR/);
  });
});
