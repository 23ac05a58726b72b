/** Order of the test files: on a cold cache jest starts the largest first, and one of minutes that is short ends up alone at the end. */
const { default: Sequencer } = require('@jest/test-sequencer');

/** Folders whose files take longest. */
const HEAVY = [
  '/tests/real/',
  '/tests/chaos/',
  '/tests/cli/',
  '/tests/e2e/',
  '/tests/docs/examples',
  '/tests/replay/',
  '/tests/scripts/',
  '/tests/workflows/',
  '/tests/adapters/git/',
];

module.exports = class HeavyFirst extends Sequencer {
  sort(tests) {
    // oxlint-disable-next-line unicorn/no-array-sort -- a method of jest's, and no array
    return super.sort(tests).toSorted((a, b) => rank(a) - rank(b));
  }
};

function rank({ path }) {
  const at = HEAVY.findIndex((folder) => path.includes(folder));
  return at === -1 ? HEAVY.length : at;
}
