import {
  answered,
  answersDue,
  askFor,
  branchWishes,
  fairnessKeyOf,
  giveBack,
  grantFree,
  isUnused,
  NO_PERMITS,
  PERMIT_WAITERS_MAX,
  repositoryWishes,
  type PermitBook,
  type PermitRequest,
} from '../../src/domain/permits';

const request = (taskId: string, more: Partial<PermitRequest> = {}): PermitRequest => ({
  taskId,
  requestId: `r-${taskId}`,
  capacity: 1,
  priority: 3,
  ...more,
});
const asked = (book: PermitBook, ...requests: readonly PermitRequest[]): PermitBook =>
  requests.reduce((now, one) => grantFree(askFor(now, one)), book);
const returned = (book: PermitBook, ...tasks: readonly string[]): PermitBook =>
  tasks.reduce((now, taskId) => grantFree(giveBack(now, `r-${taskId}`)), book);
const holders = (book: PermitBook): readonly string[] => book.holders.map(({ taskId }) => taskId);
const waiting = (book: PermitBook): readonly string[] => book.waiting.map(({ taskId }) => taskId);
const allTold = (book: PermitBook): PermitBook =>
  answersDue(book).reduce((now, { answer }) => answered(now, answer), book);

describe('a permit', () => {
  it('goes to the first who asks; the others stand in line', () => {
    const book = asked(NO_PERMITS, request('a'), request('b'), request('c'));
    expect([holders(book), waiting(book)]).toEqual([['a'], ['b', 'c']]);
    expect(holders(returned(book, 'a'))).toEqual(['b']);
  });

  it('is given as often as there are places', () => {
    const two = { capacity: 2 };
    const book = asked(NO_PERMITS, request('a', two), request('b', two), request('c', two));
    expect([holders(book), waiting(book)]).toEqual([['a', 'b'], ['c']]);
  });

  it('is asked for twice by a repeated request, and given once', () => {
    const book = asked(NO_PERMITS, request('a'), request('a'), request('b'), request('b'));
    expect([holders(book), waiting(book)]).toEqual([['a'], ['b']]);
  });

  it('stays with a task that was reset and asks anew; the return of its former life takes nothing away', () => {
    const book = asked(NO_PERMITS, request('a'), request('a', { requestId: 'second life' }));
    expect(giveBack(book, 'r-a')).toEqual(book);
    expect(isUnused(giveBack(book, 'second life'))).toBe(true);
  });

  it('goes to the urgent first, but nobody is passed by more than ten times', () => {
    const started = asked(NO_PERMITS, request('holder'), request('patient', { priority: 5 }));
    let book = started;
    let holder = 'holder';
    let passed = 0;
    while (holders(book)[0] !== 'patient') {
      book = returned(asked(book, request(`urgent-${passed}`, { priority: 1 })), holder);
      holder = holders(book)[0] ?? '';
      if (holder !== 'patient') passed += 1;
      expect(passed).toBeLessThanOrEqual(10);
    }
    expect(passed).toBe(10);
  });

  it('follows a change of the number of places', () => {
    const book = asked(NO_PERMITS, request('a'), request('b'), request('c', { capacity: 3 }));
    expect([holders(book), waiting(book)]).toEqual([['a', 'b', 'c'], []]);
  });
});

describe('answers', () => {
  it('say who has it, and how many wait before', () => {
    const book = asked(NO_PERMITS, request('a'), request('b'), request('c'));
    expect(answersDue(book)).toEqual([
      { taskId: 'a', answer: { kind: 'granted', requestId: 'r-a' } },
      { taskId: 'b', answer: { kind: 'waits', requestId: 'r-b', holder: 'a', ahead: 0 } },
      { taskId: 'c', answer: { kind: 'waits', requestId: 'r-c', holder: 'a', ahead: 1 } },
    ]);
  });

  it('are given once, and again only to the first in line when the holder is another', () => {
    const told = allTold(asked(NO_PERMITS, request('a'), request('b'), request('c'), request('d')));
    expect(answersDue(told)).toEqual([]);
    expect(answersDue(returned(told, 'a'))).toEqual([
      { taskId: 'b', answer: { kind: 'granted', requestId: 'r-b' } },
      { taskId: 'c', answer: { kind: 'waits', requestId: 'r-c', holder: 'b', ahead: 0 } },
    ]);
  });

  it('tell those for whom the queue is full, and forget them', () => {
    const many = Array.from({ length: PERMIT_WAITERS_MAX + 2 }, (_, n) => request(`t${n}`));
    const book = asked(NO_PERMITS, ...many);
    expect(waiting(book).length).toBe(PERMIT_WAITERS_MAX);
    expect(answersDue(book).at(-1)).toEqual({
      taskId: `t${PERMIT_WAITERS_MAX + 1}`,
      answer: { kind: 'full', requestId: `r-t${PERMIT_WAITERS_MAX + 1}` },
    });
    expect(allTold(book).refused).toEqual([]);
  });

  it('leave a book that fits into a start input when it is full', () => {
    const long = Array.from({ length: PERMIT_WAITERS_MAX + 1 }, (_, n) =>
      request(`${n}`.padEnd(200, 'x'), { requestId: 'u'.repeat(36) + n }),
    );
    expect(JSON.stringify(asked(NO_PERMITS, ...long)).length).toBeLessThan(256 * 1_024);
  });
});

const nameOf = (repository: string, branch: string) => branchWishes({ url: repository, branch })[0]?.name;

describe('wishes', () => {
  const url = 'https://Example.com/acme/app.git';

  it('are made for a branch that is named, and for no other', () => {
    expect(branchWishes({ url })).toEqual([]);
    expect(branchWishes({ url, branch: 'main' })).toEqual([
      { name: expect.stringMatching(/^branch\/[0-9a-f]{16}$/), capacity: 1, words: 'branch main of app.git' },
    ]);
  });

  it('are made for a repository with a limit, and for no other', () => {
    expect(repositoryWishes(url, undefined)).toEqual([]);
    expect(repositoryWishes(url, 2)).toEqual([
      { name: expect.stringMatching(/^repo\/[0-9a-f]{16}$/), capacity: 2, words: 'one of 2 places at app.git' },
    ]);
  });

  it.each(['https://example.com/acme/app', 'https://EXAMPLE.com/acme/app/', 'https://example.com/acme/app.git/'])(
    'know one repository by all its addresses: %s',
    (other) =>
      expect(branchWishes({ url: other, branch: 'b' })[0]?.name).toBe(branchWishes({ url, branch: 'b' })[0]?.name),
  );

  it.each([
    'http://example.com/acme/app',
    'https://ana:secret@example.com/acme/app.git',
    'https://example.com:443/acme//app.git',
    'https://example.com/./acme/old/../app',
    'git@example.com:acme/app.git',
    'example.com:acme/app',
    'ssh://git@EXAMPLE.com/acme/app.git',
    'ssh://example.com:22/acme/app',
    'git://example.com:9418/acme/app',
  ])('know it by every way to get there: %s', (other) => expect(nameOf(other, 'b')).toBe(nameOf(url, 'b')));

  it.each(['file:///srv/app.git', 'file://localhost/srv/app', '/srv//./app.git/', 'FILE:///srv/app'])(
    'know a folder by its addresses: %s',
    (other) => expect(nameOf(other, 'b')).toBe(nameOf('/srv/app', 'b')),
  );

  it('keep repositories apart that are at other places', () => {
    const others = [
      url,
      'https://example.com/acme/app2',
      'https://example.com:8443/acme/app',
      'ssh://git@example.com:443/acme/app',
      'https://example.org/acme/app',
      'git@example.com:app',
      '/example.com/acme/app',
      'acme/app',
      '/acme/app',
    ];
    expect(new Set(others.map((other) => nameOf(other, 'b'))).size).toBe(others.length);
  });

  it('keep repositories apart whose names differ in capitals, and branches', () => {
    const names = [
      nameOf('/srv/App', 'b'),
      nameOf('/srv/app', 'b'),
      nameOf('/srv/app', 'B'),
      nameOf('/srv/app b', 'x'),
    ];
    expect(new Set(names).size).toBe(4);
  });

  it('make a fairness key of at most 64 bytes out of any address', () => {
    for (const address of [url, '/', `https://host/${'ü'.repeat(300)}`, 'git@host:a/b.git'])
      expect(fairnessKeyOf(address)).toMatch(/^[\x21-\x7e]{17,64}$/);
    expect(fairnessKeyOf(url)).toBe(fairnessKeyOf('https://example.com/acme/app.git/'));
  });
});
