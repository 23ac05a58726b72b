import { jobIdOfKey } from '../../src/client/task-id';
import { isKey } from '../../src/domain/key';
import { parseTask } from '../../src/schemas';

/** Whether a task file may name it, whether a client may submit under it. */
const accepted = (key: string) => {
  const file = parseTask(JSON.stringify({ title: 't', description: 'd', repo: { url: '/srv/x.git' }, key }));
  let byClient = true;
  try {
    jobIdOfKey(key);
  } catch {
    byClient = false;
  }
  return { rule: isKey(key), file: file.kind === 'ok', client: byClient };
};

describe('a key', () => {
  it.each(['login-fix', 'nightly~2', 'nightly-2026-11-21T02:00:00Z', 'a+b', '_', 'x'.repeat(100)])(
    '%j is one to the task file and to the client alike',
    (key) => expect(accepted(key)).toEqual({ rule: true, file: true, client: true }),
  );

  it.each(['', 'a b', 'a/b', 'é', 'a\n', 'x'.repeat(101), '.', '..'])('%j is none to either', (key) =>
    expect(accepted(key)).toEqual({ rule: false, file: false, client: false }),
  );
});
