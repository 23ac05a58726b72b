import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRecordedCalls } from '../../../src/adapters/model/recorded-calls';
import { removeFolder, requestTo, temporaryFolder } from './model-world';

describe('a folder of recordings that cannot be read', () => {
  let place: string;
  let folder: string;
  beforeEach(() => {
    place = temporaryFolder();
    folder = join(place, 'recordings');
    writeFileSync(folder, 'a file where the folder should be');
  });
  afterEach(() => removeFolder(place));

  const look = (mode: 'replay' | 'fall-through') =>
    createRecordedCalls((text) => text).look(requestTo('http://127.0.0.1:9/v1', 'ab'.repeat(8)), { folder, mode });
  const says = expect.stringMatching(/^The recordings in .* cannot be read: ENOTDIR\.$/);

  it('does not keep the endpoint from being asked where that is allowed, and is told of', async () => {
    expect(await look('fall-through')).toEqual({ kind: 'ask', warning: says });
  });

  it('is the end of the call where nothing else may be asked', async () => {
    expect(await look('replay')).toEqual({ kind: 'missing', says });
  });
});
