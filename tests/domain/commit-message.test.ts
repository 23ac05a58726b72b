import { commitSubject, commitText, withoutSignatures } from '../../src/domain/commit-message';

const task = { title: 'Mend it', commit: { trailers: [] } };

describe('the message of a commit', () => {
  it('has no line that only weaver may write', () => {
    const proposed = 'Fix add\n\nBody: why.\n\nWeaver-Task: job/other\nweaver-criteria : 9 of 9\n  met\nFixes: #12';
    expect(commitText(task, proposed)).toBe('Fix add\n\nBody: why.\n\nFixes: #12');
    expect(commitSubject(task, 'Weaver-Task: job/other')).toBe('Mend it');
  });

  it('of a model signs for nobody', () => {
    const lines = ['Signed-off-by', 'Reviewed-By', ' acked-by', 'Co-authored-by'].map((name) => `${name}: A <a@b>\r\n`);
    expect(withoutSignatures(`Fix add\n\n${lines.join('')}Reported-by: Ada\nThe review was done by hand: twice.`)).toBe(
      'Fix add\n\nReported-by: Ada\nThe review was done by hand: twice.',
    );
  });

  it('of the task itself is left as it is', () => {
    const message = 'Mend it\n\nSigned-off-by: Ada <ada@example.org>';
    expect(commitText({ ...task, commit: { trailers: [], message } }, 'Weaver-Task: x')).toBe(message);
    expect(commitText(task, message)).toBe(message);
  });
});
