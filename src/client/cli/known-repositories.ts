/** Repositories on this host, before anything is submitted: a slip in a path is told at once. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../config.js';
import type { JobSpec } from '../../domain/job.js';
import { isMap } from '../../domain/plain-object.js';
import { catalogueFault } from '../weaver-fault.js';

/** With a Temporal of its own the workers may be elsewhere: they look themselves. */
export function refuseMissingRepositories({ temporal }: Config, urls: readonly string[]): void {
  if (temporal.configured) return;
  const missing = [...new Set(urls)].filter((url) => isOfThisHost(url) && !existsSync(pathOf(url)));
  if (missing.length > 0) throw catalogueFault('missingRepository', `There is nothing at ${missing.join(', ')}.`);
}

/** Of the defaults and the tasks of a job. */
export const repositoriesIn = ({ tasks, defaults }: JobSpec): readonly string[] =>
  [defaults, ...tasks.map(({ content }) => content)].flatMap(({ repo }) =>
    isMap(repo) && typeof repo['url'] === 'string' ? [repo['url']] : [],
  );

const isOfThisHost = (url: string): boolean => url.startsWith('/') || url.startsWith('file:///');

const pathOf = (url: string): string => (url.startsWith('/') ? url : fileURLToPath(url));
