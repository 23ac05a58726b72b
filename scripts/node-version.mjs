/** The oldest Node that weaver runs on. Loaded first: this file must parse on old ones too. */
import { SetupFault } from './progress.mjs';

const OLDEST = [20, 19];

/** Throws on an older Node. */
export function checkNodeVersion(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new SetupFault(`this is Node ${version}; weaver needs ${OLDEST.join('.')} or newer.`, {
    next: 'Install a current Node.js (https://nodejs.org).',
  });
}
