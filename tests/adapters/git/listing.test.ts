import { changeListing, parseListing, type Listing } from '../../../src/adapters/git/listing';
import type { TreeChange } from '../../../src/ports';

const OID = 'a'.repeat(40);

const listingOf = (...keys: readonly string[]): Listing =>
  parseListing(OID, Buffer.from(keys.map((key) => `100644 blob ${OID}      3\t${key}\0`).join(''), 'latin1'));

const file = { mode: '100644', bytes: Buffer.from('new\n') };
const keysAfter = (before: Listing, ...changes: readonly TreeChange[]): readonly string[] => [
  ...changeListing(before, changes).listing.files.keys(),
];

it('keeps the order of bytes when files come first, last, between, or again after their removal', () => {
  const before = listingOf('b', 'd', 'f');
  expect(keysAfter(before, ['g', file], ['a', file], ['e', file], ['c', file])).toEqual([...'abcdefg']);
  expect(keysAfter(before, ['b', null], ['b', file], ['a', file])).toEqual(['a', 'b', 'd', 'f']);
  expect(keysAfter(before, ['d', null], ['dd', file])).toEqual(['b', 'dd', 'f']);
});

it('names a file by its path beside the bytes of its name', () => {
  const umlaut = Buffer.from('\u00fcber').toString('latin1');
  const { listing } = changeListing(listingOf('plain', umlaut), [['\u00e9t\u00e9', file]]);
  expect([...listing.files].map(([key, { path }]) => [key, path])).toEqual([
    ['plain', 'plain'],
    [Buffer.from('\u00e9t\u00e9').toString('latin1'), '\u00e9t\u00e9'],
    [umlaut, '\u00fcber'],
  ]);
});
