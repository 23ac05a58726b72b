import { readScheduleFile, type ScheduleFileOptions } from '../../src/client/schedule-file.js';
import { WeaverFault } from '../../src/client/weaver-fault.js';

const FILE = `title: Tidy of \${date}
description: |
  Tidy \${part} at \${time}.
repo:
  url: \${repo}
  branch: tidy/\${scheduledTime}
checks:
  - run: echo $\${HOME} && npm test -- \${part}
limits:
  attempts: 2
`;

const OPTIONS: ScheduleFileOptions = {
  schedule: 'tidy',
  parameters: { part: 'src', repo: '/srv/app.git' },
  key: undefined,
  label: 'tidy.yaml',
};

function faultOf(text: string, options: Partial<ScheduleFileOptions> = {}): string {
  try {
    readScheduleFile(text, { ...OPTIONS, ...options });
  } catch (thrown) {
    if (thrown instanceof WeaverFault) return `${thrown.message} ${thrown.next}`;
    throw thrown;
  }
  return 'no fault';
}

it('puts parameters in and leaves times for each run', () => {
  const { content, title, key } = readScheduleFile(FILE, OPTIONS);
  expect({ title, key }).toEqual({ title: 'Tidy of ${date}', key: 'tidy-${scheduledTime}' });
  expect(content).toMatchObject({
    kind: 'task',
    spec: {
      title: 'Tidy of ${date}',
      description: 'Tidy src at ${time}.\n',
      repo: { url: '/srv/app.git', branch: 'tidy/${scheduledTime}' },
      checks: [{ run: 'echo $${HOME} && npm test -- src' }],
      limits: { attempts: 2 },
    },
  });
});

it('takes job files too', () => {
  const tasks = ['a', 'b'].map((id) => ({ id, title: `Do ${id}`, description: 'For ${part} on ${date}' }));
  const job = { title: 'Two on ${date}', repo: { url: '${repo}' }, tasks };
  const { content } = readScheduleFile(JSON.stringify(job), OPTIONS);
  expect(content).toMatchObject({
    kind: 'job',
    job: { title: 'Two on ${date}', tasks: [{ id: 'a', content: { description: 'For src on ${date}' } }, { id: 'b' }] },
  });
});

it.each([
  ['the file', FILE.replace('limits:', 'key: tidy-${date}\nlimits:'), {}, 'tidy-${date}'],
  ['the command line, before the file', FILE, { key: 'every-${part}-${time}' }, 'every-src-${time}'],
])('takes the key from %s', (_, text, more, key) => {
  expect(readScheduleFile(text, { ...OPTIONS, ...more }).key).toBe(key);
});

it('leaves times of the schedule’s own zone for each run too, and says that they are named', () => {
  const text = FILE.replace('of ${date}', 'of ${localDate} ${localTime} ${date} ${time}');
  const { title, isLocal } = readScheduleFile(text, OPTIONS);
  expect({ title, isLocal }).toEqual({ title: 'Tidy of ${localDate} ${localTime} ${date} ${time}', isLocal: true });
  expect(readScheduleFile(FILE, OPTIONS).isLocal).toBe(false);
  expect(readScheduleFile(FILE, { ...OPTIONS, key: 'tidy-${localDate}', timezone: 'Europe/Berlin' }).isLocal).toBe(
    true,
  );
});

describe('refuses', () => {
  it('a name without a value, with its line and what to do', () => {
    const says = faultOf(FILE.replace('at ${time}', 'for ${wo}'));
    expect(says).toContain(
      'tidy.yaml:2: description names ${wo}, which has no value: give --param wo=…, or write $${wo}',
    );
  });

  it('what would be wrong when it is rendered, with its line', () => {
    expect(faultOf(FILE, { parameters: { part: 'src', repo: 'nowhere' } })).toMatch(
      /tidy\.yaml:5: repo\.url is a relative path/,
    );
    expect(faultOf(FILE.replace('attempts: 2', 'attempts: none'))).toContain(
      'tidy.yaml:10: limits.attempts must be a number',
    );
    expect(faultOf(FILE.replace('tidy/${sch', 'tidy ${sch'))).toMatch(/tidy\.yaml:6: repo\.branch/);
  });

  it.each([
    [
      'a parameter that the file does not name',
      { parameters: { ...OPTIONS.parameters, more: 'x' } },
      /does not name the parameter more/,
    ],
    [
      'a parameter with the name of a time',
      { parameters: { ...OPTIONS.parameters, date: 'x' } },
      /date has a value of its own/,
    ],
    [
      'a key that is the same for every run',
      { key: 'tidy' },
      /Every run would have the key “tidy”.*\$\{scheduledTime\}/,
    ],
    ['a key that names nothing', { key: 'tidy-${when}' }, /\$\{when\}, which has no value/],
    [
      'a key of a day that is not the schedule’s',
      { key: 'tidy-${date}', timezone: 'America/Los_Angeles' },
      /\$\{date\}, the day in UTC; the schedule is in America\/Los_Angeles.*\$\{localDate\}/,
    ],
    ['a key that cannot be one', { key: 'tidy/${date}' }, /“tidy\/2026-11-21” cannot be a key/],
  ])('%s', (_, more, says) => {
    expect(faultOf(FILE, more)).toMatch(says);
  });

  it('an empty file', () => {
    expect(faultOf('', { parameters: {} })).toContain('is empty');
  });
});

it('does not take numbers of the file for the times that stand in while it is read', () => {
  const text = FILE.replace('Tidy ${part}', 'Tidy 230000 80000226T230000Z 8000-02-26 ${part}');
  const { content } = readScheduleFile(text, OPTIONS);
  expect(content).toMatchObject({ spec: { description: 'Tidy 230000 80000226T230000Z 8000-02-26 src at ${time}.\n' } });
});
