import { specHash } from '../../src/client/spec-hash.js';
import { aSpec } from './specs.js';

describe('the hash of a specification', () => {
  it('does not depend on the order of fields', () => {
    const spec = aSpec({ repo: { url: '/a', branch: 'b' } });
    const turned = aSpec({ repo: { branch: 'b', url: '/a' } });
    expect(specHash(Object.fromEntries(Object.entries(spec).toReversed()) as unknown as typeof spec)).toBe(
      specHash(turned),
    );
  });

  it('does not depend on the key, nor on the patience with outages', () => {
    const patient = aSpec({ key: 'k', limits: { attempts: 3, wallTimeSeconds: 600, outageSeconds: 43_200 } });
    expect(specHash(patient)).toBe(specHash(aSpec()));
  });

  it.each([
    ['title', aSpec({ title: 'Make the value wrong' })],
    ['order of a list', aSpec({ tags: ['b', 'a'] })],
    ['limit', aSpec({ limits: { attempts: 4, wallTimeSeconds: 600, outageSeconds: 600 } })],
    ['nested field', aSpec({ repo: { url: '/srv/git/value.git', branch: 'x' } })],
  ])('depends on the %s', (_what, other) => {
    expect(specHash(other)).not.toBe(specHash(aSpec({ tags: ['a', 'b'] })));
  });
});
