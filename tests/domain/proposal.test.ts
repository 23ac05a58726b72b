import { DECOMPOSITION } from '../../src/domain/job';
import type { ProposedChild } from '../../src/domain/outcome';
import { depthOf, proposalFaults, siblingFaults } from '../../src/domain/proposal';

const PLACE = { depth: 0, proposedInJob: 0, parentFingerprint: 'parent' };

const child = (id: number, ...dependsOn: readonly number[]): ProposedChild => ({
  id: `${id}`,
  title: `Part ${id}`,
  dependsOn: dependsOn.map(String),
  fingerprint: `print ${id}`,
  spec: { kind: 'spec', sha256: '0'.repeat(64), sizeBytes: 1 },
});
const children = (count: number): readonly ProposedChild[] => Array.from({ length: count }, (_, n) => child(n + 1));

describe('a proposal that can be started', () => {
  it('has one child, or as many as are allowed', () => {
    expect(proposalFaults(children(1), PLACE)).toEqual([]);
    expect(proposalFaults(children(DECOMPOSITION.childrenMax), PLACE)).toEqual([]);
  });

  it('may have children that wait for each other in any shape without a circle (WT-37, WT-38, WT-39)', () => {
    expect(proposalFaults([child(1), child(2, 1), child(3, 1, 2), child(4, 3)], PLACE)).toEqual([]);
    expect(proposalFaults([child(1, 2, 3), child(2, 4), child(3, 4), child(4, 5), child(5)], PLACE)).toEqual([]);
  });

  it('may be as deep, and be the last one, as the bounds say', () => {
    const { depthMax, proposedMax } = DECOMPOSITION;
    expect(proposalFaults(children(5), { ...PLACE, depth: depthMax - 1, proposedInJob: proposedMax - 5 })).toEqual([]);
  });
});

describe('a proposal is refused', () => {
  it('D-18 without children: an empty list is no way to be done', () => {
    expect(proposalFaults([], PLACE)).toEqual(['decomposition without children']);
  });

  it('with more children than anybody reads', () => {
    expect(proposalFaults(children(21), PLACE)).toEqual(['21 children; at most 20 are allowed']);
  });

  it('below the deepest level', () => {
    expect(proposalFaults(children(2), { ...PLACE, depth: 4 })).toEqual([
      'the children would be at depth 5; the deepest allowed is 4',
    ]);
  });

  it('when the job would have more proposed tasks than it may', () => {
    expect(proposalFaults(children(3), { ...PLACE, proposedInJob: 198 })).toEqual([
      '201 tasks would have been proposed in this job; at most 200 are allowed',
    ]);
  });

  it('D-13 when a child waits for itself, for nobody, or in a circle', () => {
    expect(proposalFaults([child(1, 1)], PLACE)).toEqual(['child 1 depends on itself']);
    expect(proposalFaults([child(1), child(2, 7)], PLACE)).toEqual([
      'child 2 depends on 7, which is no child of this plan',
    ]);
    expect(proposalFaults([child(1, 3), child(2, 1), child(3, 2)], PLACE)).toEqual([
      'the children wait for each other in a circle: 1 → 3 → 2 → 1',
    ]);
  });

  it('when a child is the task itself again: it would be split without end', () => {
    const again = { ...child(2), fingerprint: 'parent' };
    expect(proposalFaults([child(1), again], PLACE)).toEqual(['child 2 is the task itself again']);
  });

  it('when two children are the same', () => {
    const twin = { ...child(3), fingerprint: 'print 1' };
    expect(proposalFaults([child(1), child(2), twin], PLACE)).toEqual(['child 3 is the same as child 1']);
  });

  it('for every reason at once', () => {
    const faults = proposalFaults([...children(20), child(21, 21)], {
      ...PLACE,
      depth: 9,
      parentFingerprint: 'print 4',
    });
    expect(faults).toHaveLength(4);
  });

  it('the same way each time', () => {
    const given = [child(1, 2), child(2, 1), child(2, 9)];
    expect(proposalFaults(given, PLACE)).toEqual(proposalFaults(given, PLACE));
  });
});

it('what a plan says wrong about itself needs no job to be seen', () => {
  expect(siblingFaults([{ id: '1', dependsOn: ['2'] }])).toEqual([
    'child 1 depends on 2, which is no child of this plan',
  ]);
  expect(siblingFaults([])).toEqual([]);
});

describe('the depth of a task', () => {
  it.each([
    ['job/one/t/0', 0],
    ['job/one/t/a-b', 0],
    ['job/1.2/t/a.3', 1],
    ['job/one/t/a.3.20.1', 3],
  ])('of %s is %s', (taskId, depth) => {
    expect(depthOf(taskId)).toBe(depth);
  });
});
