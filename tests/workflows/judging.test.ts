/** A judge whose call is refused: nothing is sent, and nothing is said. */
import type { Called } from '../../src/activities/contract.js';
import { failure } from '../../src/domain/failures.js';
import { judgeOf, scored, type Judging } from '../../src/workflows/modes/judging.js';
import type { Looked } from '../../src/workflows/modes/run-mode.js';

const JUDGE = { provider: 'judge', model: 'm' };
const CONTENT = { sha256: 'ab'.repeat(32), bytes: 3 } as unknown as Called['answer'];
const CALL = { answer: CONTENT } as Called;
const GOOD: Looked = { kind: 'good', key: 'k', text: 'x' };
const SPENT = failure('budgetCost', 'The budget of the job is spent.');

let asked: number;
const judging: Judging = {
  run: { bookCall: () => undefined },
  lineage: 'task-1',
  prompt: CONTENT,
  name: 'a1.t1',
  mayCall: async () => {
    asked += 1;
    return SPENT;
  },
};
beforeEach(() => {
  asked = 0;
});

it('a judge for whom there is no budget chooses nothing and says why', async () => {
  const { word, call } = await judgeOf(judging, JUDGE)([{ index: 0, content: CONTENT }]);
  expect(word).toEqual({ kind: 'unclear', says: 'budgetCost: The budget of the job is spent.' });
  expect([call, asked]).toEqual([null, 1]);
});

it('an answer for whose score there is no budget takes part without one', async () => {
  const looked = await scored(judging, JUDGE, async () => GOOD)(CALL, 0, () => true);
  expect([looked, asked]).toEqual([GOOD, 1]);
});

it('where no more calls may be made, nobody asks for a score', async () => {
  const looked = await scored(judging, JUDGE, async () => GOOD)(CALL, 0, () => false);
  expect([looked, asked]).toEqual([GOOD, 0]);
});
