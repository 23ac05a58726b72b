import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weaver-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(file: string, variable?: string) {
  writeFileSync(join(folder, 'weaver.config.yaml'), file);
  const env = { HOME: folder, ...(variable === undefined ? {} : { WEAVER_RECORDINGS: variable }) };
  const loaded = loadConfig({ env, cwd: folder });
  return loaded.kind === 'ok' ? loaded.config.recordings : loaded.faults;
}

describe('recordings', () => {
  it('are none unless they are named', () => {
    expect(load('{}')).toBeNull();
  });

  it('are replayed strictly unless another mode is named', () => {
    expect(load('recordings: { folder: answers }')).toEqual({ folder: join(folder, 'answers'), mode: 'replay' });
    expect(load('recordings: { folder: /srv/answers, mode: fall-through }')).toEqual({
      folder: '/srv/answers',
      mode: 'fall-through',
    });
  });

  it.each([
    ['answers', 'replay'],
    ['record:answers', 'record'],
    ['fall-through:answers', 'fall-through'],
    ['replay:answers', 'replay'],
  ])('of the variable %s take the place of the file', (variable, mode) => {
    expect(load('recordings: { folder: others, mode: record }', variable)).toEqual({
      folder: join(folder, 'answers'),
      mode,
    });
  });

  it('in an unknown mode are refused', () => {
    expect(load('recordings: { folder: answers, mode: rewind }')).toEqual([expect.stringContaining('recordings.mode')]);
    expect(load('recordings: { mode: record }')).toEqual([expect.stringContaining('recordings.folder')]);
  });
});
