import { git } from '../e2e/world.js';
import type { RunReport } from '../../src/client/run-report.js';
import { lastJson, openDesk } from './weaver.js';

describe('the demo', () => {
  it('needs nothing: it pushes a commit of the scripted answer to a repository made on the spot, and says so', async () => {
    const desk = openDesk();
    const startedAt = Date.now();
    const { exitCode, stdout, stderr } = await desk.weaver(['demo'], { ownProcess: true });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining('No model is configured') });
    expect(stdout).toMatch(
      /^succeeded\n[^]*branch {3}weaver\/\S+\n[^]*commit {3}[0-9a-f]{40}[^]*changed {2}\d+ files?, [^]*1 attempt, 1 call, [^]*web ui {3}http/,
    );
    const [, repository = '', branch = ''] = /git -C (\S+) log -p -1 (\S+)/.exec(stdout) ?? [];
    expect(git(repository, 'rev-list', '--count', `main..${branch}`)).toBe('1');
    expect(Date.now() - startedAt).toBeLessThan(30_000);

    const again = lastJson(await desk.weaver(['demo', '--json'])) as RunReport;
    expect(again).toMatchObject({
      state: 'succeeded',
      exitCode: 0,
      attempts: 1,
      calls: { sent: 1, inDoubt: 0 },
      failure: null,
    });
    await desk.clear();
  });
});
