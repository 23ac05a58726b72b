import { setupKey, sharedSteps } from '../../src/activities/setup-key.js';

const step = { name: 'install', run: './scripts/install.sh --from "deps/list"', timeoutSeconds: 1, network: true };
const entries = (...paths: readonly string[]) => paths.map((path) => ({ path, oid: 'a', mode: '100644' }));
const keyOf = (...paths: readonly string[]): string => setupKey([step], entries(...paths));

const READ = `
  package.json web/.npmrc .yarnrc .yarnrc.yml .pnpmfile.cjs pnpm-workspace.yaml
  patches/a+1.patch .yarn/patches/a.patch .yarn/releases/yarn.cjs bun.lock .nvmrc .tool-versions
  rust-toolchain.toml .cargo/config.toml .mvn/extensions.xml gradle/libs.versions.toml requirements/dev.txt constraints.txt
  go.work composer.lock a/b.csproj scripts/install.sh deps/list
`;

it.each(READ.trim().split(/\s+/))('a set-up depends on %s', (path) => {
  expect(keyOf('src/a.js', path)).not.toBe(keyOf('src/a.js'));
});

it('a set-up does not depend on sources, nor on files of other names', () => {
  expect(keyOf('src/a.js', 'src/package.json.js', 'install.sh', 'my.npmrc')).toBe(keyOf());
});

it('a step is shared up to the last one with the network, if a lock file says what it fetches', () => {
  const build = { ...step, network: false };
  expect(sharedSteps([build, step, build], entries('Cargo.lock'))).toEqual([build, step]);
  expect(sharedSteps([step], entries('Cargo.toml'))).toEqual([]);
});
