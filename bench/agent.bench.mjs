/**
 * What the agent costs beside its model and its commands: a turn on a small and on a large repository, opening the second
 * workspace of the large one, an edit. Each beside what plain git, a plain shell and the engine alone take for the same.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BenchWorld, GIT, run, taskFor } from './bench-world.mjs';
import { figure, median, round, summary, timed } from './figures.mjs';
import { packageRepository, TARGET, targetLine } from './package-repository.mjs';
import { stepsOf } from './timeline.mjs';

export const name = 'agent';

const REPOSITORIES = {
  small: {
    atMostMs: 30,
    packages: [
      { name: 'rxjs', version: '7.8.2', sha256: '2312f8ffd9726ffd7bd53ea12c5f13663d09a3dc3326f448c70b88f5ef6fac82' },
    ],
  },
  large: {
    atMostMs: 120,
    packages: [
      {
        name: '@mui/icons-material',
        version: '9.5.0',
        sha256: 'a6b1886d687c9ac1de05e22d3d67d2b23c16aaa551d52960ce9e641c0471d134',
      },
      {
        name: '@mdi/svg',
        version: '7.4.47',
        sha256: 'de92e5dc9ce46c392ab5c53aa7190b19f82b40cb48872a083f788c7e13e91fef',
      },
    ],
  },
};

const KINDS = ['list', 'read', 'search', 'edit', 'create', 'run'];
/** The first round of a conversation waits for the checks at the base, and is left out. */
const CYCLES = 6;
const CONVERSATIONS = 3;
const TURNS = Array.from({ length: CYCLES }, () => KINDS).flat();
const BARE = 'Bench bare call.';
/** Characters of the messages of a bare call: about those of a conversation in its middle. */
const BARE_CHARACTERS = 24_000;
const WORKSPACES = 5;

export default async function (context) {
  const titles = Object.keys(REPOSITORIES).flatMap((size) => rounds().map((n) => titleOf(size, n)));
  const rules = [
    ...titles.map(conversationRule),
    { when: { contains: BARE }, answers: [toolsAnswer('list', 0, BARE)] },
  ];
  const world = await BenchWorld.start(context, rules);
  try {
    await Promise.all([world.startWorker(), world.startFloorWorker(), world.connect()]);
    const measured = {};
    const repositories = {};
    for (const [size, { packages }] of Object.entries(REPOSITORIES)) {
      context.say(`agent: the ${size} repository`);
      repositories[size] = await packageRepository(world, size, packages);
      measured[size] = await measureTurns(context, world, size, repositories[size]);
    }
    context.say(`agent: ${WORKSPACES} workspaces of ${repositories.large.files} files`);
    const workspaces = await measureWorkspaces(world, repositories.large);
    return resultsOf(measured, repositories, workspaces, await measureEdits(world));
  } finally {
    await world.stop();
  }
}

const rounds = () => Array.from({ length: CONVERSATIONS }, (_, n) => n);
const titleOf = (size, n) => `Bench conversation ${size} ${n}.`;

// ---------------------------------------------------------------- turns

const call = (tool, given) => ({ name: tool, arguments: given });

/** Something new in each turn: nothing that was remembered of an earlier one helps. */
const CALLS = {
  list: (n) => call('list_files', { glob: `**/*${n}*`, page: 1 }),
  read: (n) => call('read_file', { path: TARGET, from: 1 + n, to: 20 + n }),
  search: (n) => call('search', { regex: searched(n), glob: null, page: 1 }),
  edit: (n, title) => {
    const search = targetLine(100 + n);
    return call('edit_file', { path: TARGET, edits: [{ search, replace: `${title} ${search}`, all: false }] });
  },
  create: (n, title) => call('write_file', { path: `notes/${title} ${n}.txt`, content: `${n}\n` }),
  run: (n) => call('run', { what: command(n), timeoutSeconds: null }),
};

const searched = (n) => `line ${n} of the file`;
const command = (n) => `echo look ${n}`;

const toolsAnswer = (kind, n, title) => ({ kind: 'tools', calls: [CALLS[kind](n, title)] });

function conversationRule(title) {
  const finish = { summary: 'Done.', commitMessage: 'Change the notes', criteria: [], question: null };
  return {
    when: { contains: title },
    answers: [
      ...TURNS.map((kind, n) => toolsAnswer(kind, n, title)),
      { kind: 'tools', calls: [call('finish', finish)] },
    ],
  };
}

async function measureTurns(context, world, size, repository) {
  const weaver = emptyByKind();
  const floor = emptyByKind();
  const plain = { search: [], run: [], call: [] };
  for (const n of rounds()) {
    context.say(`agent: ${size}, conversation ${n + 1} of ${CONVERSATIONS}`);
    collect(weaver, await conversation(world, titleOf(size, n), repository));
    collect(floor, await floorConversation(world, `floor-${size}-${n}`));
    await plainTools(world, repository, n, plain);
  }
  return { weaver, floor, plain };
}

const emptyByKind = () => Object.fromEntries(KINDS.map((kind) => [kind, []]));

function collect(byKind, times) {
  for (const [n, ms] of times.entries()) if (n >= KINDS.length) byKind[TURNS[n]].push(ms);
}

async function conversation(world, title, { url }) {
  const branch = title.replaceAll(/\W+/g, '-').toLowerCase();
  const checks = [{ name: 'nothing', run: 'true', timeoutSeconds: 20 }];
  const task = taskFor(title, url, `${branch}x`, { handler: 'agent', checks, relatedFiles: [] });
  const { jobId, taskId } = await world.client.submit(task);
  const { state, ...result } = await world.client.result(jobId);
  if (state !== 'completed') throw new Error(`${title} ended ${state}: ${JSON.stringify(result)}`);
  return turnsOf(await world.temporal.workflow.getHandle(taskId).fetchHistory());
}

async function floorConversation(world, workflowId) {
  const turns = [...TURNS.map((kind) => ({ runs: kind === 'run' })), { runs: false }];
  await world.runFloor('floorConversation', workflowId, turns);
  return turnsOf(await world.temporal.workflow.getHandle(workflowId).fetchHistory());
}

/** From one call to the next; the last one has none. */
function turnsOf(history) {
  const calls = stepsOf(history).filter(({ type }) => type === 'callModel');
  return calls.slice(1).map(({ atMs }, n) => atMs - calls[n].atMs);
}

/** The same commands by a plain shell and plain git, and the endpoint by a bare fetch. */
async function plainTools(world, { url, tree }, conversationNumber, plain) {
  const settings = { cwd: url, env: { ...world.environment(), ...GIT } };
  for (let cycle = 1; cycle < CYCLES; cycle += 1) {
    const n = 100 * conversationNumber + cycle;
    const search = ['grep', '-I', '-n', '-z', '--no-color', '--full-name', '-P', '-e', searched(n), tree];
    plain.search.push((await timed(() => run('git', search, settings))).ms);
    plain.run.push((await timed(() => run('sh', ['-c', command(n)], settings))).ms);
    plain.call.push((await timed(() => bareCall(world.baseUrl))).ms);
  }
}

async function bareCall(baseUrl) {
  const messages = [{ role: 'user', content: BARE.padEnd(BARE_CHARACTERS, ' and so on') }];
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'scripted-1', messages, stream: true }),
  });
  await response.text();
}

// ---------------------------------------------------------------- workspaces

/** The first workspace is opened before, so that the mirror is there; each next one is a second. */
async function measureWorkspaces(world, { url }) {
  const { createGit } = world.load('adapters/git/create-git.js');
  const home = path.join(world.folder, 'workspaces-home');
  mkdirSync(home);
  const environment = world.environment();
  const git = createGit({ home, environment, tokenOf: () => undefined, redact: (text) => text });
  const open = async (workspace) => {
    const { baseCommit, baseTree } = await git.open({ url, baseBranch: 'main', branch: 'bench' });
    await git.checkout({ url, workspace, commit: baseCommit, tree: baseTree, keep: [] });
  };
  const settings = { cwd: url, env: { ...environment, ...GIT } };
  const plainGit = (...args) => run('git', args, settings);
  await open('first');
  const measured = { weaver: [], git: [] };
  for (let n = 0; n < WORKSPACES; n += 1) {
    const folder = path.join(world.folder, `worktree-${n}`);
    const ways = {
      weaver: () => open(`w${n}`),
      git: () => plainGit('worktree', 'add', '--quiet', '--detach', folder, 'main'),
    };
    for (const who of n % 2 === 0 ? ['weaver', 'git'] : ['git', 'weaver'])
      measured[who].push((await timed(ways[who])).ms);
    await git.close(`w${n}`);
    await plainGit('worktree', 'remove', '--force', folder);
  }
  return measured;
}

// ---------------------------------------------------------------- edits

/** Lines of the files that are edited: one as people write it, one of the longest. */
const FILES = [
  { lines: 400, runs: 500 },
  { lines: 50_000, runs: 50 },
];
const WARM_UPS = 20;

/** One line in the middle is replaced, in memory; beside it, the whole file is written. */
async function measureEdits(world) {
  const { applyEdits } = world.load('domain/apply-edits.js');
  const rows = [];
  for (const { lines, runs } of FILES) {
    const text = Array.from({ length: lines }, (_, n) => targetLine(n)).join('');
    const bytes = Buffer.from(text);
    const base = {
      entries: new Map([[TARGET, { mode: '100644', sizeBytes: bytes.length }]]),
      files: new Map([[TARGET, { mode: '100644', bytes }]]),
    };
    const search = targetLine(lines / 2);
    const file = path.join(world.folder, 'edited');
    writeFileSync(file, bytes);
    const measured = { apply: [], write: [] };
    for (let n = 0; n < WARM_UPS + runs; n += 1) {
      const edit = { op: 'replace', path: TARGET, search, replace: `new ${n} ${search}`, content: null, to: null };
      const applied = await timed(() => applyEdits([edit], base, { protect: () => 'allow' }));
      const [change] = applied.result.changes;
      const written = await timed(() => writeFile(file, change.file.bytes));
      if (n < WARM_UPS) continue;
      measured.apply.push(applied.ms);
      measured.write.push(written.ms);
    }
    rmSync(file);
    rows.push({ lines, bytes: bytes.length, ...measured });
  }
  return rows;
}

// ---------------------------------------------------------------- figures

function resultsOf(measured, repositories, workspaces, edits) {
  const turns = Object.entries(REPOSITORIES).map(([size, { atMostMs }]) =>
    turnFigures(measured[size], repositories[size].files, atMostMs),
  );
  const [opened, added] = [summary(workspaces.weaver), summary(workspaces.git)];
  return {
    figures: [
      ...turns.flatMap(({ figures }) => figures),
      figure(
        `a second workspace of ${thousands(repositories.large.files)} files by \`git worktree add\``,
        added.median,
        'ms',
      ),
      figure("the same by weaver, by git's time", opened.median / added.median, 'ratio', { atMost: 1.3 }),
      ...edits.flatMap(editFigures),
    ],
    turns: Object.fromEntries(Object.keys(REPOSITORIES).map((size, n) => [size, turns[n].profile])),
    workspaces: { weaver: opened, git: added },
  };
}

const thousands = (count) => count.toLocaleString('en-US');

function turnFigures({ weaver, floor, plain }, files, atMost) {
  const callMs = median(plain.call);
  const beside = (kind) => median(floor[kind]) + callMs + (plain[kind] === undefined ? 0 : median(plain[kind]));
  const own = KINDS.flatMap((kind) => weaver[kind].map((ms) => ms - beside(kind)));
  const about = `on ${thousands(files)} files`;
  const profile = Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      {
        weaver: summary(weaver[kind]),
        floorMs: round(median(floor[kind])),
        commandMs: round(plain[kind] === undefined ? 0 : median(plain[kind])),
        ownMs: round(median(weaver[kind]) - beside(kind)),
      },
    ]),
  );
  return {
    figures: [
      figure(
        `a turn of the agent ${about}, beyond model, command and floor (median of ${own.length})`,
        median(own),
        'ms',
        { atMost },
      ),
      ...KINDS.map((kind) => figure(`of these, turns that ${VERBS[kind]}`, profile[kind].ownMs, 'ms')),
    ],
    profile: { callMs: round(callMs), ...profile },
  };
}

const VERBS = {
  list: 'list files',
  read: 'read a file',
  search: 'search',
  edit: 'edit a file',
  create: 'write a new file',
  run: 'run a command',
};

const editFigures = ({ lines, apply, write }) => [
  figure(`writing a file of ${thousands(lines)} lines`, median(write), 'ms'),
  figure(`an edit of it, by the time of writing it`, median(apply) / median(write), 'ratio', { atMost: 2 }),
];
