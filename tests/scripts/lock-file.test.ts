/** package-lock.json names every package of every platform: where it does not, `npm ci` refuses it on all of them. */
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Checkout, ROOT } from './checkout';

const LOCK = 'package-lock.json';

let checkout: Checkout;

beforeEach(() => {
  checkout = Checkout.empty();
  cpSync(path.join(ROOT, LOCK), path.join(checkout.folder, LOCK));
});
afterEach(() => checkout.remove());

it('is complete', async () => {
  const { stderr } = await checkout.node('complete-lock.mjs');
  expect(stderr).toBe('weaver: 0 packages of other platforms added to package-lock.json\n');
});

it('is made complete where a registry did not serve the packages of another platform', async () => {
  const whole = readFileSync(path.join(checkout.folder, LOCK), 'utf8');
  const lock = JSON.parse(whole) as { packages: Record<string, { version: string; resolved?: string }> };
  const name = 'node_modules/@swc/core-win32-x64-msvc';
  const taken = lock.packages[name];
  delete lock.packages[name];
  checkout.write(LOCK, JSON.stringify(lock));
  expect((await checkout.node('complete-lock.mjs')).stderr).toMatch(/^weaver: 1 packages/);
  const again = JSON.parse(readFileSync(path.join(checkout.folder, LOCK), 'utf8')) as typeof lock;
  expect(again.packages[name]).toEqual({
    version: taken?.version,
    cpu: ['x64'],
    optional: true,
    os: ['win32'],
  });
});
