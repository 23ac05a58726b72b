import { PassThrough } from 'node:stream';
import { calledAs, wordingFor } from '../../src/client/cli/called-as.js';
import { Terminal } from '../../src/client/cli/terminal.js';

it.each([
  ['/srv/weaver/scripts/start.mjs', 'npm start --'],
  ['/srv/app/node_modules/.bin/weaver', 'npx weaver'],
  ['/home/ana/.npm/_npx/1f2e/node_modules/.bin/weaver', 'npx weaver'],
  ['/usr/local/bin/weaver', 'weaver'],
  ['/app/dist/cli.js', 'weaver'],
])('what was started as %s is called %s', (script, command) => {
  expect(calledAs(script)).toBe(command);
});

describe('where weaver is not on PATH', () => {
  const { all, advice } = wordingFor('npm start --', ['run', 'up', 'retry', 'retry-now']);

  it('a command line is named as it works here, and nothing else is changed', () => {
    expect(all('Start it (weaver up), or `weaver retry-now ID`; weaver tries again in the weaver home.')).toBe(
      'Start it (npm start -- up), or `npm start -- retry-now ID`; weaver tries again in the weaver home.',
    );
    expect(all('weaver runs /srv/weaver up, weaver retry.')).toBe('weaver runs /srv/weaver up, npm start -- retry.');
    expect(all('Usage: weaver [options] [command]')).toBe('Usage: npm start -- [options] [command]');
  });

  it('a title keeps its words', () => {
    expect(advice('title    Mend weaver run')).toBe('title    Mend weaver run');
    expect(advice('next     weaver retry ID goes on with it.')).toBe('next     npm start -- retry ID goes on with it.');
    expect(advice('  $ weaver up')).toBe('  $ npm start -- up');
  });

  it('people read that, programs and what others have written do not', () => {
    const out = new PassThrough();
    const terminal = new Terminal(out as unknown as NodeJS.WriteStream, out as unknown as NodeJS.WriteStream);
    terminal.useWording({ all, advice });
    terminal.note('(weaver up)');
    terminal.out('  next     weaver up');
    terminal.json({ next: 'weaver up' });
    terminal.raw('next weaver up\n');
    terminal.help('  $ weaver up\n');
    expect(String(out.read()).trim().split('\n')).toEqual([
      '(npm start -- up)',
      '  next     npm start -- up',
      '{"next":"weaver up"}',
      'next weaver up',
      '  $ npm start -- up',
    ]);
  });
});
