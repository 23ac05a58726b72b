import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { grammarFaults } from '../../src/activities/grammar-faults.js';
import { createSourceParser, type RunningSourceParser } from '../../src/adapters/source/source-parser.js';
import { syntaxErrors } from '../../src/domain/guards/syntax-errors.js';
import type { ChangedFile } from '../../src/domain/guards/change.js';
import { compileThread } from '../adapters/source/compiled-thread.js';

let compiled: ReturnType<typeof compileThread>;
let sourceParser: RunningSourceParser;
beforeAll(() => {
  compiled = compileThread();
  sourceParser = createSourceParser({ program: compiled.program });
});
afterAll(() => {
  sourceParser.close();
  rmSync(compiled.folder, { recursive: true, force: true, maxRetries: 5 });
});

const SOUND = 'def a():\n    return 1\n';
const BROKEN = 'def a(:\n    return 1\n';

const changed = (path: string, before: string | null, after: string | null): ChangedFile => ({
  path,
  change: 'modified',
  lines: [],
  isBinary: false,
  isTest: false,
  isFree: false,
  texts: { before, after },
});

async function refused(...files: readonly ChangedFile[]): Promise<readonly string[]> {
  const faults = await grammarFaults({ sourceParser }, files);
  return syntaxErrors({ files, words: '' }, faults).map(({ path }) => path);
}

it('refuses what could be read before and cannot any more, and new files that cannot be read', async () => {
  const files = [
    changed('broken.py', SOUND, BROKEN),
    changed('new.py', null, BROKEN),
    changed('mended.py', BROKEN, SOUND),
    changed('sound.py', SOUND, `${SOUND}\n\nb = a()\n`),
    changed('gone.py', SOUND, null),
  ];
  expect(await refused(...files)).toEqual(['broken.py', 'new.py']);
});

it('does not count what was wrong before, nor languages of which a grammar cannot tell', async () => {
  const files = [
    changed('old.py', BROKEN, `${BROKEN}${BROKEN}`),
    changed('macros.c', 'int a;\n', 'BEGIN(a) int a END\n'),
    changed('a.kt', '', '((('),
  ];
  expect(await refused(...files)).toEqual([]);
});

it('lets the checks tell where the parser is not to be had', async () => {
  const missing = createSourceParser({ program: join(compiled.folder, 'missing.js') });
  const files = [changed('broken.py', SOUND, BROKEN)];
  const faults = await grammarFaults({ sourceParser: missing }, files);
  expect(syntaxErrors({ files, words: '' }, faults)).toEqual([]);
});
