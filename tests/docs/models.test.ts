/** Holds docs/how-to/models.md to the code: its tables, and its examples of a configuration. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadConfig } from '../../src/config';
import { callFailures } from '../../src/domain/call-failures';
import { KINDS, PROVIDER_KINDS } from '../../src/domain/provider-kinds';

const page = readFileSync(resolve(__dirname, '../../docs/how-to/models.md'), 'utf8');

/** Cells of the rows of a table, its head left out, whatever space a formatter has put between. */
function tableAfter(heading: string): readonly (readonly string[])[] {
  const [, text = ''] = page.split(`## ${heading}\n`);
  const lines = text.split('\n');
  const from = lines.findIndex((line) => line.startsWith('|'));
  const to = lines.findIndex((line, index) => index > from && !line.startsWith('|'));
  return lines.slice(from + 2, to).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

it('prints every way in which a call can fail, as the catalogue has it', () => {
  const rows = callFailures().map(({ name, code, family, exitCode, retryRule, next }) => [
    name,
    `\`${code}\``,
    `${family} (${exitCode})`,
    retryRule,
    next,
  ]);
  expect(tableAfter('When a call fails')).toEqual(rows);
});

it('prints every kind of endpoint, as the code knows it', () => {
  const rows = PROVIDER_KINDS.map((kind) => {
    const { baseUrl, keyVariable, peculiar } = KINDS[kind];
    return [`\`${kind}\``, baseUrl === null ? 'to be named' : `\`${baseUrl}\``, `\`${keyVariable}\``, peculiar];
  });
  expect(tableAfter('Kinds of endpoints')).toEqual(rows);
});

it('names fourteen failures, each once', () => {
  const rows = callFailures();
  expect(rows).toHaveLength(14);
  expect(new Set(rows.map(({ code }) => code)).size).toBe(14);
});

it('LC-42 shows configurations that weaver takes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weaver-models-'));
  const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
  expect(blocks.length).toBeGreaterThan(0);
  for (const text of blocks) {
    const file = join(folder, 'weaver.config.yaml');
    writeFileSync(file, text);
    expect(loadConfig({ env: { HOME: folder }, cwd: folder, file })).toMatchObject({ kind: 'ok' });
  }
  rmSync(folder, { recursive: true });
});
