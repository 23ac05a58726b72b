/** A check that runs for ever, under a worker that dies: its processes must not write on beside those of the next worker. */
import type { ScriptedAnswer } from '../../src/adapters/model/scripted';
import { answerValue, git, until, World } from '../e2e/world';
import { descendantsOf, isAlive, isRequestProcess } from './seen-processes';

const right: ScriptedAnswer = { kind: 'json', value: answerValue('right') };
/** What checks are told of where tools are is the one thing that tells them which worker runs them. */
const SECOND = '/second';
/** Under the first worker the check never ends. */
const FILES = {
  'value.txt': 'wrong\n',
  'check.sh': [
    `if [ "$JAVA_HOME" != ${SECOND} ]; then while :; do echo tick >> ticks.txt; sleep 0.2; done; fi`,
    'grep -qx right value.txt',
    '',
  ].join('\n'),
};

it.each(['auto', 'none'])(
  'ends them, sandbox %s',
  async (sandbox) => {
    const title = `Left behind ${sandbox}.`;
    const world = await World.start({
      script: [{ when: { contains: title }, answers: [right] }],
      config: `sandbox: ${sandbox}\n`,
      workers: 0,
    });
    try {
      const worker = await world.startWorker();
      const url = world.repository('left', FILES);
      const running = world.carryOut({
        title,
        description: 'Make the value right.',
        repo: { url, branch: 'left' },
        checks: [{ name: 'value', run: 'sh check.sh', timeoutSeconds: 20 }],
      });
      const checks = () => descendantsOf(worker.pid ?? 0).filter((one) => !isRequestProcess(one));
      await until(() => checks().some(({ command }) => command === 'sleep 0.2'), 'the check runs');
      const below = checks();
      expect(below.length).toBeGreaterThan(1);
      worker.kill('SIGKILL');
      await until(() => worker.signalCode === 'SIGKILL', 'the worker dies');
      await world.startWorker({ env: { JAVA_HOME: SECOND } });
      const { state, attempts } = await running;
      expect({ state, attempts, alive: below.filter(isAlive) }).toEqual({ state: 'succeeded', attempts: 1, alive: [] });
      expect(git(url, 'diff', '--name-only', 'main', 'left')).toBe('value.txt');
    } finally {
      await world.stop();
    }
  },
  120_000,
);
