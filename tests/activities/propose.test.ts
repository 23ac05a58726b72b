import { sharedLimits } from '../../src/activities/child-spec.js';
import { createPropose } from '../../src/activities/propose.js';
import type { ArtifactRef } from '../../src/domain/outcome.js';
import { PAYLOAD_BYTES_MAX, utf8Bytes } from '../../src/domain/payload-limit.js';
import { proposalFaults, type PlannedChild } from '../../src/domain/proposal.js';
import type { TaskSpec } from '../../src/domain/task.js';
import { parseSpec } from '../../src/schemas.js';
import { openActivityWorld, type ActivityWorld } from './activity-world.js';
import { CALL, LINEAGE, paidAnswer } from './paid-answer.js';

let world: ActivityWorld;
beforeEach(() => {
  world = openActivityWorld();
});
afterEach(() => world.clear());

const planned = (title: string, more: Partial<PlannedChild> = {}): PlannedChild => ({
  title,
  description: `Do ${title}.`,
  acceptanceCriteria: [`${title} is done`],
  relatedFiles: [],
  checks: [],
  dependsOn: [],
  ...more,
});

const LIMITS: TaskSpec['limits'] = { attempts: 2, wallTimeSeconds: 60, outageSeconds: 5, tokens: 1_000 };
const PARENT: Partial<TaskSpec> = {
  title: 'Everything',
  description: 'The whole of it.',
  acceptanceCriteria: ['All is well'],
  repo: { url: '/srv/git/value.git', baseBranch: 'main', branch: 'everything' },
  handler: 'plan',
  checks: [{ name: 'all', run: 'sh all.sh', timeoutSeconds: 900 }],
  protect: [{ glob: 'LICENSE', policy: 'deny' }],
  limits: LIMITS,
  models: [{ provider: 'p', model: 'm' }],
  setup: [{ name: 'npm ci', run: 'npm ci', timeoutSeconds: 60, network: true }],
  commit: { author: 'Ada <ada@example.org>', trailers: ['Signed-off-by: Ada'], message: 'Everything at once' },
  tags: ['nightly'],
  key: 'once',
  people: { approve: ['plan', 'push'], waitSeconds: 60, unanswered: 'stuck' },
  priority: 2,
};

async function propose(
  plan: { readonly children: readonly PlannedChild[]; readonly join?: boolean; readonly notes?: string },
  parent = PARENT,
) {
  await paidAnswer(world, { join: false, notes: '', question: null, ...plan });
  const spec = await world.spec(parent);
  return await world.run(() => createPropose(world.ports)({ lineage: LINEAGE, callId: CALL, spec }));
}

const stored = async (ref: ArtifactRef | undefined | null): Promise<TaskSpec> =>
  JSON.parse((await world.ports.artifacts.get(ref ?? { sha256: '' })).toString('utf8')) as TaskSpec;

describe('children of a plan', () => {
  it('are numbered in the order proposed and wait for those that the plan names (WT-25)', async () => {
    const { children } = await propose({
      children: [planned('One'), planned('Two', { dependsOn: [1] }), planned('Three', { dependsOn: [1, 2] })],
    });
    expect(children.map(({ id, title, dependsOn }) => [id, title, dependsOn])).toEqual([
      ['1', 'One', []],
      ['2', 'Two', ['1']],
      ['3', 'Three', ['1', '2']],
    ]);
  });

  it("inherit where, how and within which limits; branch, key, message and the approval of the plan are the parent's own (WT-25)", async () => {
    const { children } = await propose({ children: [planned('One', { relatedFiles: ['src/one.ts'] })] });
    expect(await stored(children[0]?.spec)).toEqual({
      title: 'One',
      description: 'Do One.',
      acceptanceCriteria: ['One is done'],
      repo: { url: '/srv/git/value.git', baseBranch: 'main' },
      handler: 'one-shot',
      checks: PARENT.checks,
      relatedFiles: ['src/one.ts'],
      protect: PARENT.protect,
      limits: PARENT.limits,
      models: PARENT.models,
      setup: PARENT.setup,
      commit: { author: 'Ada <ada@example.org>', trailers: ['Signed-off-by: Ada'] },
      tags: ['nightly'],
      people: { approve: ['push'], waitSeconds: 60, unanswered: 'stuck' },
      priority: 2,
    });
  });

  it('have the checks that the plan names for them, a command of the parent with the time it has there', async () => {
    const { children } = await propose({ children: [planned('One', { checks: ['sh all.sh', 'npm test -- one'] })] });
    expect((await stored(children[0]?.spec)).checks).toEqual([
      { name: 'sh all.sh', run: 'sh all.sh', timeoutSeconds: 900 },
      { name: 'npm test -- one', run: 'npm test -- one', timeoutSeconds: 300 },
    ]);
  });

  it('come of an answer in the store too, which a program has given', async () => {
    const plan = { children: [planned('One')], join: false };
    const answer = await world.ports.artifacts.put('answer', JSON.stringify(plan));
    const spec = await world.spec(PARENT);
    const { children } = await world.run(() => createPropose(world.ports)({ lineage: LINEAGE, answer, spec }));
    expect(children.map(({ title }) => title)).toEqual(['One']);
  });

  it('look for checks again where the parent has found none', async () => {
    const { children, joinSpec } = await propose({ children: [planned('One')], join: true }, { ...PARENT, checks: [] });
    expect(await stored(children[0]?.spec)).not.toHaveProperty('checks');
    expect(await stored(joinSpec)).not.toHaveProperty('checks');
  });

  it('have a pull request each where nobody joins them, with a title of its own', async () => {
    const pullRequest = { draft: true, title: 'All of it', labels: ['bot'], reviewers: [] };
    const parent = { ...PARENT, landing: { onMovedBase: 'keep' as const, pullRequest } };
    const { title: _, ...own } = pullRequest;
    const apart = await propose({ children: [planned('One')] }, parent);
    expect((await stored(apart.children[0]?.spec)).landing).toEqual({ onMovedBase: 'keep', pullRequest: own });
  });

  it('leave the pull request to the join, which opens it in the name of the whole', async () => {
    const pullRequest = { draft: false, labels: [], reviewers: [] };
    const parent = { ...PARENT, landing: { onMovedBase: 'rebase' as const, pullRequest } };
    const joined = await propose({ children: [planned('One')], join: true }, parent);
    expect(await stored(joined.children[0]?.spec)).not.toHaveProperty('landing');
    expect((await stored(joined.joinSpec)).landing?.pullRequest?.title).toBe('Everything');
  });

  it('are valid tasks, as if somebody had written them', async () => {
    const { priority: _, people: __, ...plain } = PARENT;
    const { children } = await propose({ children: [planned('One', { checks: ['true'] })] }, plain);
    const spec = await stored(children[0]?.spec);
    expect(parseSpec(spec)).toEqual(spec);
  });

  it('that only repeat the parent are known by it, whatever their blanks and capitals', async () => {
    const again = { title: 'EVERYTHING', description: ' The  whole\nof it. ', acceptanceCriteria: ['all is well'] };
    const { children, parentFingerprint } = await propose({ children: [planned('One'), planned('', again)] });
    expect(parentFingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(proposalFaults(children, { depth: 0, proposedInJob: 0, parentFingerprint })).toEqual([
      'child 2 is the task itself again',
    ]);
  });

  it('are not the same when one word differs', async () => {
    const { children } = await propose({
      children: [planned('One'), planned('One', { acceptanceCriteria: ['Other'] })],
    });
    expect(new Set(children.map(({ fingerprint }) => fingerprint)).size).toBe(2);
  });
});

describe('the join of a plan', () => {
  it('is the parent again, on the branch that was asked for', async () => {
    const { join, joinSpec } = await propose({ children: [planned('One')], join: true });
    const { key: _, ...kept } = PARENT;
    expect(join).toBe(true);
    expect(await stored(joinSpec)).toEqual({
      ...kept,
      title: 'Join: Everything',
      handler: 'join',
      relatedFiles: [],
      limits: halved(LIMITS),
      people: { approve: ['push'], waitSeconds: 60, unanswered: 'stuck' },
    });
  });

  it('is told how its conflicts are asked about; the parts are not', async () => {
    const modes = { judge: { mode: 'any' }, resolve: { mode: 'consensus' }, plan: { mode: 'single' } } as const;
    const models = [{ provider: 'a' }, { provider: 'b' }];
    const parent = { ...PARENT, handler: 'plan', judge: true, models, modes } as const;
    const { children, joinSpec } = await propose({ children: [planned('One')], join: true }, parent);
    const { judge, resolve } = modes;
    expect((await stored(joinSpec)).modes).toEqual({ judge, resolve });
    expect((await stored(children[0]?.spec ?? null)).modes).toEqual({ judge });
  });

  it('is not there if the plan wants none', async () => {
    expect(await propose({ children: [planned('One')] })).toMatchObject({ join: false, joinSpec: null });
  });
});

/** One child and the join share what the parent may spend. */
function halved(limits: TaskSpec['limits']): TaskSpec['limits'] {
  const { costUsdMicros, tokens } = limits;
  return {
    ...limits,
    ...(costUsdMicros === undefined ? {} : { costUsdMicros: Math.floor(costUsdMicros / 2) }),
    ...(tokens === undefined ? {} : { tokens: Math.floor(tokens / 2) }),
  };
}

describe('a plan', () => {
  it('shares what the parent has left among the children and the join', async () => {
    const spent = { costUsdMicros: 0, tokens: 40 };
    expect(sharedLimits({ ...LIMITS, tokens: 100 }, spent, 3).tokens).toBe(20);
    expect(sharedLimits({ ...LIMITS, tokens: 30 }, spent, 3).tokens).toBe(1);
  });

  it('is kept for people, in Markdown', async () => {
    const { plan } = await propose({
      children: [planned('One'), planned('Two', { dependsOn: [1], relatedFiles: ['a.ts'], checks: ['npm test'] })],
      join: true,
      notes: 'First the ground.',
    });
    expect(plan.kind).toBe('plan');
    expect((await world.ports.artifacts.get(plan)).toString('utf8')).toBe(`# Plan: Everything

First the ground.

## 1. One

Do One.

Done when:

- One is done

Checks: those of the task.

## 2. Two

After 1.

Do Two.

Done when:

- Two is done

Files:

- a.ts

Checks:

- npm test

At the end the branches are merged and the checks of the task run on the whole.
`);
  });

  it('gives the same children again when the step runs twice', async () => {
    const plan = { children: [planned('One'), planned('Two')], join: true };
    expect(await propose(plan)).toEqual(await propose(plan));
  });

  it('of twenty children fits into a payload, whatever their titles and edges', async () => {
    const children = Array.from({ length: 20 }, (_, n) =>
      planned(`${n} ${(n % 2 === 0 ? '"' : '漢').repeat(190)}`, {
        dependsOn: Array.from({ length: n }, (__, on) => on + 1),
      }),
    );
    const proposed = await propose({ children, join: true });
    expect(utf8Bytes(JSON.stringify(proposed))).toBeLessThanOrEqual(PAYLOAD_BYTES_MAX);
    expect(Math.max(...proposed.children.map(({ title }) => title.length))).toBeLessThanOrEqual(100);
    expect((await stored(proposed.children[1]?.spec)).title).toHaveLength(192);
  });

  it('that is empty proposes nothing, which the rules refuse', async () => {
    const { children, parentFingerprint } = await propose({ children: [] });
    expect(proposalFaults(children, { depth: 0, proposedInJob: 0, parentFingerprint })).toEqual([
      'decomposition without children',
    ]);
  });

  it('that the ledger has lost is a fault, not an empty plan', async () => {
    const spec = await world.spec(PARENT);
    const activity = createPropose(world.ports);
    const run = world.run(() => activity({ lineage: LINEAGE, callId: 'cd'.repeat(20), spec }));
    await expect(run).rejects.toMatchObject({
      code: 'infrastructure',
      message: expect.stringContaining('home'),
      retryable: true,
    });
  });
});
