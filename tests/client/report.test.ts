import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createArtifactStore } from '../../src/adapters/artifacts/artifact-store';
import { createRecords } from '../../src/adapters/artifacts/records';
import { createRedactor } from '../../src/adapters/redact';
import { storedJob, type JobRows } from '../../src/client/job-rows';
import { reportPage } from '../../src/client/report/page';
import { readReport } from '../../src/client/report/read-report';
import type { ReportData, ReportTask } from '../../src/client/report/report-data';
import type { ArtifactRef } from '../../src/domain/outcome';
import { describeInChromium, findChromium, startChromium } from '../e2e/chromium';
import { attempt, BEGIN, child, decision, EXAMPLE, failed, row, succeeded } from './report-example';

const page = reportPage(EXAMPLE);
const only = (task: ReportTask | undefined, more: Partial<ReportData> = {}): ReportData => ({
  ...EXAMPLE,
  rows: task === undefined ? [] : [task.row],
  tasks: task === undefined ? [] : [task],
  ...more,
});

describe('the page', () => {
  it('says at its head how the job stands, and what it cost', () => {
    expect(page).toContain(
      '<h1>Sessions that end <span class="badge is-dead"><span aria-hidden="true">✗</span> failed</span></h1>',
    );
    for (const [name, value] of [
      ['Tasks', '9 <small>6 succeeded · 1 decomposed · 1 cancelled · 1 dead</small>'],
      ['Attempts', '11'],
      ['Tokens', '57,500'],
      ['Cost', '$0.1150'],
      ['Took', '2 min 19 s'],
      ['Began', '2026-11-21 09:30 UTC'],
    ])
      expect(page).toContain(`<dt>${name}</dt><dd>${value}</dd>`);
  });

  it('names what failed, with its reason and the next step', () => {
    const [wrong = ''] = /<h2>What went wrong<\/h2>[\s\S]*?<\/ul>/.exec(page) ?? [];
    expect(wrong).toContain('The checks failed after the edits.');
    expect(wrong).toContain('weaver logs ID');
    expect(wrong.match(/<li /g)).toHaveLength(2);
  });

  it('has every attempt, decision, question and answer of a task, in their order', () => {
    const steps = [...page.matchAll(/<h4>.*?Attempt (\d)<\/h4>|<strong>(.*?)<\/strong>/g)].map(
      ([, number, said]) => number ?? said,
    );
    expect(steps.slice(4, 11)).toEqual([
      '1',
      'Retry in 2.0 s',
      '2',
      'Retry in 4.0 s',
      'addInstruction',
      '3',
      'Complete',
    ]);
    expect(page).toContain('by ana@desk: approve, because small enough');
    expect(page).toContain('3 tasks proposed and approved: Expire sessions in the store · Say so in the login page');
  });

  it('says who decided otherwise, and what was not taken over', () => {
    const outcome = failed('red');
    const said = {
      kind: 'markDead',
      reason: 'attempts 1/1',
      failure: { code: 'checksFailed', detail: 'red' },
    } as const;
    const shadow = {
      decider: 'bold@1',
      decision: { kind: 'complete', reason: 'good enough' },
      notes: ['1 < 2'],
    } as const;
    const task: ReportTask = {
      row: row('a', 'A', { state: 'dead' }),
      entries: [
        {
          kind: 'decision',
          sequence: 1,
          attempt: 1,
          decidedAt: BEGIN,
          decider: 'default@1',
          decision: said,
          outcome,
          notes: ['frugal@1 was passed over: no idea'],
          shadow,
        },
      ],
      texts: new Map(),
    };
    const html = reportPage(only(task));
    for (const words of ['frugal@1 was passed over: no idea', 'bold@1 would: complete, good enough', '1 &lt; 2'])
      expect(html).toContain(`<p class="note">${words}</p>`);
  });

  it('shows changes and the logs of checks, folded', () => {
    expect(page).toContain('<details class="text"><summary><span class="what">Change</span>');
    expect(page).toContain('<span class="removed">-    this.all.push(session);</span>');
    expect(page).toContain('✖ ends after an hour (3.1 ms)');
  });

  it('has a table, a timeline and a graph of the tasks', () => {
    expect(page.match(/<tr><th scope="row">/g)).toHaveLength(9);
    expect(page.match(/<rect class="out-/g)?.length).toBe(11 + 4);
    expect(page).toContain('class="graph"');
  });

  it('leaves table and graph out for a single task, and unfolds it', () => {
    const single = reportPage(only(EXAMPLE.tasks[2]));
    expect(single).not.toContain('<h2>Graph</h2>');
    expect(single).not.toContain('<table>');
    expect(single).toContain('id="task-store" open>');
    expect(single).toContain('<dt>Branch</dt><dd><code>weaver/store</code></dd>');
  });

  it('is made for nothing that has begun, too', () => {
    const waiting: ReportTask = { row: row('a', 'A', { waitsFor: 'a permit' }), entries: [], texts: new Map() };
    expect(reportPage(only(waiting, { state: 'running' }))).toContain('Nothing is written down on this host.');
  });

  it('lets no text from outside become markup, or hide', () => {
    const evil = '</pre><script>alert(1)</script><img src=x onerror=alert(1)>"\'&\u202e\u001b[31mred\u001b[0m\u0000';
    const outcome = failed(evil);
    const entry = attempt(0, 1, [0, 1], outcome, { model: evil, workers: [evil] });
    const texts = new Map(
      entry.artifacts.map((ref) => [ref.sha256, { text: `+${evil}`, sizeBytes: 10, note: evil }] as const),
    );
    const question = { id: 'q', kind: 'choice', text: evil, options: [evil], default: evil, about: null } as const;
    const task: ReportTask = {
      row: { ...row('a', evil, { state: 'dead', failure: evil, waitsFor: evil }), path: evil },
      entries: [
        entry,
        decision(1, 1, outcome, { kind: 'complete', reason: evil }),
        { kind: 'question', sequence: 2, at: BEGIN, question, until: null },
        { kind: 'answered', sequence: 3, questionId: evil, answer: evil, by: evil, why: evil, at: BEGIN },
        { kind: 'said', sequence: 4, at: BEGIN, update: evil, by: evil, why: evil, detail: evil },
        { kind: 'cancelled', sequence: 5, at: BEGIN, reason: evil, requester: evil },
      ],
      texts,
    };
    const both = [task, { ...task, row: row('b', evil, { needs: [evil] }) }];
    const html = reportPage({
      ...EXAMPLE,
      id: evil,
      title: evil,
      version: evil,
      leftOut: [evil],
      tasks: both,
      rows: both.map((one) => one.row),
    });
    for (const sign of ['<script', '<img', '\u202e', '\u001b', '\u0000']) expect(html).not.toContain(sign);
    expect(html).toContain('⟨202E⟩red⟨0000⟩');
  });

  it('forbids scripts and anything from elsewhere, and names its style by its hash', () => {
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(page).toContain(
      `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
    );
    expect(page).not.toMatch(/<script|\ssrc=|<link|@import|\sstyle=|\son\w+=|https?:(?!\/\/www\.w3\.org\/2000\/svg)/);
  });

  it('stays below 20 MB, and names what it leaves out', () => {
    const big = EXAMPLE.tasks[2];
    if (big === undefined) throw new Error('no example');
    const tasks = Array.from({ length: 4_000 }, (_, at) => ({ ...big, row: { ...big.row, path: `t${at}` } }));
    const html = reportPage({ ...EXAMPLE, tasks, rows: tasks.map((task) => task.row) });
    expect(Buffer.byteLength(html)).toBeLessThan(20_000_000);
    expect(html).toMatch(/<h2>Not on this page<\/h2>\n<ul><li>The attempts of [\d,]+ tasks at the end of the table/);
  });
});

describe('what is read for it', () => {
  let home: string;
  const redactor = createRedactor({ secrets: () => [] });
  const stores = () => ({
    artifacts: createArtifactStore({ home, redactor }),
    records: createRecords({ home, redact: redactor.redact }),
  });
  const about = { id: 'job/x', madeAt: BEGIN, version: '1' };
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'weaver-report-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  async function withAttempt(diff: ArtifactRef, log: ArtifactRef): Promise<JobRows> {
    const check = { name: 'tests', passed: false, exitCode: 1, timedOut: false, durationMs: 1, signature: 's', log };
    const entry = attempt(0, 1, [0, 1], failed('red'), { artifacts: [diff], checks: [check] });
    await stores().records.append('job/x/t/0', 0, entry);
    const rows = [{ ...row('0', 'A', {}), taskId: 'job/x/t/0' }];
    return { jobId: 'job/x', title: 'A', state: 'failed', rows, status: null, source: 'store' };
  }

  it('cuts a change at its end and a log at its beginning, and says so', async () => {
    const { artifacts } = stores();
    const diff = await artifacts.put('diff', `first\n${'+\n'.repeat(200_000)}`);
    const log = await artifacts.put('log', `${'.\n'.repeat(30_000)}last`);
    const view = await withAttempt(diff, log);
    const [task] = (await readReport(stores(), view, view.rows, about)).tasks;
    expect(task?.texts.get(diff.sha256)).toMatchObject({ note: 'The first 200 KB of 400 KB.' });
    expect(task?.texts.get(diff.sha256)?.text).toMatch(/^first/);
    expect(task?.texts.get(log.sha256)).toMatchObject({ note: 'The last 40 KB of 60 KB.' });
    expect(task?.texts.get(log.sha256)?.text).toMatch(/last$/);
  });

  it('says what is not in the store any more', async () => {
    const gone: ArtifactRef = { kind: 'diff', sha256: 'a'.repeat(64), sizeBytes: 5 };
    const view = await withAttempt(gone, { ...gone, kind: 'log' });
    const data = await readReport(stores(), view, view.rows, about);
    expect(reportPage(data)).toContain('Not in the store of this host: Artifact aaaa');
  });

  it('finds the tasks of a job that the server has forgotten, also those that were never begun', async () => {
    const { records } = stores();
    const parts = [child('1', 'First'), child('2', 'Second', ['1'])];
    const outcome = {
      kind: 'proposed',
      children: parts,
      join: false,
      joinSpec: null,
      faults: [],
      plan: parts[0]?.spec ?? gone(),
    } as const;
    await records.append('job/x', 0, {
      kind: 'created',
      sequence: 0,
      at: BEGIN,
      tasks: [
        { path: 'a', title: 'A', parent: null, dependsOn: [] },
        { path: 'b', title: 'B', parent: null, dependsOn: ['a'] },
      ],
    });
    await records.append('job/x/t/a', 0, attempt(0, 1, [0, 10], outcome));
    await records.append(
      'job/x/t/a',
      1,
      decision(1, 10, outcome, { kind: 'decompose', reason: 'r', children: parts, joinSpec: null }),
    );
    await records.remember('task/job/x/t/a', stored('job/x/t/a', 'decomposed'));
    await records.append('job/x/t/a.1', 0, attempt(0, 1, [11, 20], succeeded('weaver/a.1')));
    await records.remember('task/job/x/t/a.1', stored('job/x/t/a.1', 'succeeded'));
    const view = await storedJob(stores(), 'job/x');
    expect(view).toMatchObject({ state: 'running', title: 'A', source: 'store' });
    expect(
      view?.rows.map(({ path, title, state, parent, dependsOn }) => ({
        path,
        title,
        state,
        parent,
        on: dependsOn.map(({ on }) => on),
      })),
    ).toEqual([
      { path: 'a', title: 'A', state: 'decomposed', parent: null, on: [] },
      { path: 'a.1', title: 'First', state: 'succeeded', parent: 'a', on: [] },
      { path: 'a.2', title: 'Second', state: 'pending', parent: 'a', on: ['a.1'] },
      { path: 'b', title: 'B', state: 'pending', parent: null, on: ['a'] },
    ]);
    expect(await storedJob(stores(), 'job/other')).toBeNull();
  });
});

const gone = (): ArtifactRef => ({ kind: 'plan', sha256: 'a'.repeat(64), sizeBytes: 5 });
function stored(taskId: string, state: string): unknown {
  const spending = { tokens: { prompt: 1, completion: 1 }, costUsdMicros: 2 };
  return {
    taskId,
    status: { taskId, title: 'T', state, spending, branch: null },
    result: { attempts: 1, landing: null, failure: null, branch: null, spending },
  };
}

const chromium = findChromium();
describeInChromium('in a browser', () => {
  it('is readable without a network, in the dark, on a small screen and without a script', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weaver-page-'));
    const browser = await startChromium(chromium ?? '');
    try {
      writeFileSync(join(folder, 'report.html'), page);
      const tab = await browser.newPage({ viewport: { width: 1_180, height: 1_000 }, javaScriptEnabled: true });
      const asked: string[] = [];
      const complaints: string[] = [];
      tab.on('request', (request) => asked.push(request.url()));
      tab.on('console', (message) => complaints.push(message.text()));
      await tab.goto(pathToFileURL(join(folder, 'report.html')).href);
      expect(asked).toHaveLength(1);
      expect(complaints).toEqual([]);
      expect(await tab.getByRole('row').count()).toBe(10);
      expect(await tab.getByRole('img', { name: /^Timeline: 8 tasks/ }).isVisible()).toBe(true);
      const ground = () => tab.evaluate('getComputedStyle(document.body).backgroundColor');
      expect(await ground()).toBe('rgb(251, 251, 250)');
      const task = tab.locator('#task-store');
      await task.locator('summary').first().click();
      await task.locator('details.text summary').nth(1).click();
      const picture = process.env['WEAVER_PICTURES'];
      const clip = { x: 0, y: 0, width: 1_180, height: 1_980 };
      if (picture !== undefined) await tab.screenshot({ path: resolve(picture, 'report.png'), fullPage: true, clip });
      expect(await task.getByText('this.all.set(session.user.id, session);').first().isVisible()).toBe(true);
      await tab.emulateMedia({ colorScheme: 'dark' });
      expect(await ground()).toBe('rgb(20, 23, 26)');
      await tab.setViewportSize({ width: 380, height: 800 });
      expect(await tab.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    } finally {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
