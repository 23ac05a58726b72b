/** Variables in commands, as a real shell carries them out. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { namesIn, namesInCode, withVariables } from '../../src/domain/shell-variables';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-shell-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shell = (run: string, variables: Readonly<Record<string, string>>): string =>
  execFileSync('sh', ['-c', withVariables(run, variables)], { cwd: folder, encoding: 'utf8' });

const words = (place: string): string => `for word in ${place}; do printf '[%s]' "$word"; done`;

it.each([
  ['two words', '${x}', '[two words]'],
  ['two words', '"${x}"', '[two words]'],
  ['two words', 'a${x}b', '[atwo wordsb]'],
  ["it's", '${x}', "[it's]"],
  ["it's", "'a ${x} b'", "[a it's b]"],
  ['*', '${x}', '[*]'],
  ['', '${x}', '[]'],
  ['line\nline', '${x}', '[line\nline]'],
  ['v', '"$(printf %s ${x})"', '[v]'],
  ['two words', `"$(printf %s '\${x}')"`, '[two words]'],
  ['a\\b"c`d', '${x}', '[a\\b"c`d]'],
])('gives the value %j in %s as one word', (value, place, expected) => {
  expect(shell(words(place), { x: value })).toBe(expected);
});

it.each([
  '${x}',
  '"${x}"',
  "'${x}'",
  "a'b'${x}",
  '"a$(echo ${x})"',
  "# don't\necho ${x}",
  '`echo ${x}`',
  'cat <<E\n${x}\nE',
])('carries nothing out that a value holds: %s', (place) => {
  for (const evil of [
    '$(touch evil)',
    '`touch evil`',
    "'; touch evil; '",
    '"; touch evil; "',
    '${x:-$(touch evil)}',
    'a\ntouch evil',
  ])
    shell(place.startsWith('#') || place.startsWith('cat') ? place : `printf %s ${place}`, { x: evil });
  expect(existsSync(join(folder, 'evil'))).toBe(false);
});

it('is not led astray by quotes in comments', () => {
  expect(shell("# don't\necho ${x}", { x: 'a  b' })).toBe('a  b\n');
});

it('leaves the variables of the shell alone', () => {
  expect(shell('y=1; echo $y "${y:-2}" \\${x}', {})).toBe('1 1 ${x}\n');
});

it('takes no variable that programs know', () => {
  expect(shell('command -v cat >/dev/null && echo ${PATH}', { PATH: 'mine' })).toBe('mine\n');
});

it('gives the lines around a text of its own (<<) whole words too', () => {
  const run = `cat - <<E; ${words('${x}')}; cat <<-'F'; printf '[%s]' \${x}\n"\${x}" $(printf %s "\${x}")\nE\n\t\${x}\n\tF\n${words('${x}')}`;
  expect(shell(run, { x: 'a  b' })).toBe('"a  b" a  b\n[a  b]${x}\n[a  b][a  b]');
});

it('knows a shift of numbers from a text', () => {
  expect(shell('echo $((1<<2)); n=3; echo $((1<<n)) ${x}', { x: 'a  b' })).toBe('4\n8 a  b\n');
});

it.each([
  ["sh -c 'echo ${x}'", ['x']],
  ['/bin/bash -euc "echo ${x}" ${y}', ['x']],
  ['a && eval echo ${x}; echo ${y}', ['x']],
  ['python3 -c "print(\'${x}\')"', ['x']],
  ['node --input-type=module -e "a(`${x}`)"', ['x']],
  ['sh -c "$(printf %s ${x})"', ['x']],
  ['sh <<E\necho ${x}\nE\necho ${y}', ['x']],
  [`sh -c 'echo "$1"' sh \${x}`, []],
  ['cat <<E\n${x}\nE', []],
  ['npm run test -c ${x}', []],
  // what GNU's sed and awk carry out, and what only looks like them
  ['sed -i "s/a/${x}/" ${y}', ['x']],
  ['cd a && LC_ALL=C sed -n -e p -e "s/${x}/b/" ${y}', ['x']],
  ['sed --expression="s/${x}/b/" ${y}', ['x']],
  ['sed -f edits.sed ${x}', []],
  ["sed -i 's/a/b/' ${x}; grep sed ${y}", []],
  ['find . -name a -exec sed -i "s/a/${x}/" {} +', ['x']],
  ['awk "BEGIN { print \\"${x}\\" }" ${y}', ['x']],
  ["awk -F: -v n=${x} '{ print n }' ${y}", []],
  // numbers
  ['echo $(( ${x} + 1 )) "$((${y}))"; ((z = ${z}))', ['x', 'y', 'z']],
  ['if [[ -n ${y} && ${x} -gt 3 ]]; then let n=${z}; fi', ['y', 'x', 'z']],
  ['[ ${x} -gt 3 ] && [[ ${y} == a ]] && echo $(echo ${z})', []],
  // options before the code, and code without a blank before it
  ['python3 -X utf8 -c "${x}"; node -r fs -e "${y}"; bash -O extglob -c "${z}"', ['x', 'y', 'z']],
  ['python3 -c"${x}"; node --eval="${y}"; python3 a.py -c "${z}"', ['x', 'y']],
  ['git -c alias.x="!echo ${x}" x; git -c user.name=${y} commit -m ${z}', ['x']],
  // code by another way
  ['make -f - <<E\nall:\n\techo ${x}\nE', ['x']],
  ['. /dev/stdin <<E\necho ${x}\nE', ['x']],
  ['source <(echo "echo ${x}"); diff <(echo ${y}) a', ['x']],
  ['echo "echo ${x}" | sh; echo ${y} | sort', ['x']],
])('tells which values another program would carry out: %s', (run, names) => {
  expect(namesInCode(run)).toEqual(names);
});

it('names what a command uses, each once', () => {
  expect(namesIn('echo ${a} "${b}" ${a} $c \\${d} ${e:-1} # ${f}')).toEqual(['a', 'b']);
});
