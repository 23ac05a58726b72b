/** Named agents: who may be named, who stands in, and for what reasons only. */
import { chooseAgent, refusalOfAgent, standInsOf, withAgent, type AgentSpec } from '../../src/domain/agents';
import { aSpec } from '../client/specs';

const agent = (name: string, changes: Partial<AgentSpec> = {}): AgentSpec => ({
  name,
  handler: 'agent',
  models: [],
  prompt: '',
  enabled: true,
  fallback: [],
  ...changes,
});
const KNOWN = [
  agent('best', { fallback: ['off', 'keyless', 'local'] }),
  agent('off', { enabled: false }),
  agent('keyless'),
  agent('local'),
];
const lacks =
  (...names: readonly string[]) =>
  ({ name }: AgentSpec) =>
    names.includes(name) ? 'no key' : null;

it('is the one that is named, if it lacks nothing', () => {
  expect(chooseAgent('best', KNOWN, lacks())).toMatchObject({
    kind: 'chosen',
    agent: { name: 'best' },
    passedOver: [],
    hasNext: true,
  });
});

it('is the first of its fallbacks that has what it needs, with the reason of each before it', () => {
  const choice = chooseAgent('best', KNOWN, lacks('best', 'keyless'));
  expect(choice).toMatchObject({
    agent: { name: 'local' },
    passedOver: [
      { agent: 'best', reason: 'no key' },
      { agent: 'off', reason: 'it is disabled' },
      { agent: 'keyless', reason: 'no key' },
    ],
    hasNext: false,
  });
  expect(standInsOf({ name: 'local', passedOver: choice.kind === 'chosen' ? choice.passedOver : [] })).toContain(
    'agent local stands in for best: no key',
  );
});

it('is the next one when a program was not there', () => {
  const before = [{ agent: 'best', reason: 'fix.sh: not found' }];
  expect(chooseAgent('best', KNOWN, lacks(), before)).toMatchObject({ agent: { name: 'keyless' }, hasNext: true });
});

it('is nobody where all of them lack something', () => {
  expect(chooseAgent('best', KNOWN, lacks('best', 'keyless', 'local'))).toMatchObject({
    kind: 'refused',
    code: 'agentUnusable',
    says: expect.stringContaining('local: no key'),
  });
});

it('is refused where it is unknown or disabled: nobody stands in for a slip', () => {
  expect(refusalOfAgent('bset', KNOWN)).toMatchObject({
    code: 'unknownAgent',
    says: expect.stringContaining('best, keyless, local'),
  });
  expect(refusalOfAgent('off', KNOWN)).toMatchObject({ code: 'disabledAgent' });
  expect(refusalOfAgent('best', KNOWN)).toBeNull();
});

it('gives the task what it does not name itself', () => {
  const models = [{ provider: 'strong' }];
  const script = { run: './fix', timeoutSeconds: 60, network: false };
  const given = withAgent(aSpec({ agent: 'x' }), agent('x', { handler: 'script', models, script }));
  expect(given).toMatchObject({ handler: 'script', models, script });
  const own = { run: './mine', timeoutSeconds: 60, network: false };
  expect(withAgent(aSpec({ script: own }), agent('x', { handler: 'script', script }))).toMatchObject({ script: own });
});
