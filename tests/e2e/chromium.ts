/** A headless Chromium of the machine, for tests that look at pages. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { describeWhere } from '../where';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** `WEAVER_CHROMIUM`, or the first one on PATH; null if there is none. */
export function findChromium(): string | null {
  const named = process.env['WEAVER_CHROMIUM'];
  if (named !== undefined) return named;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(existsSync) ?? null;
}

export const describeInChromium = describeWhere(
  findChromium() !== null,
  'Chromium: install it, or set WEAVER_CHROMIUM',
);

/** Talks to nobody but the pages it is sent to. */
export const startChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
