import type { RealCase } from './case.js';
import { goCases } from './cases-go.js';
import { javascriptCases } from './cases-javascript.js';
import { pythonCases } from './cases-python.js';
import { furtherGoCases } from './further-go.js';
import { furtherJavascriptCases } from './further-javascript.js';
import { furtherPythonCases } from './further-python.js';
import { furtherRustCases } from './further-rust.js';

/** Every real case; each one is a task that a person could have given to weaver on the day of the base release. */
export const realCases: readonly RealCase[] = [...pythonCases, ...javascriptCases, ...goCases];

/**
 * Three packages of one language show no more than two: one of each is for soaks. Of Python it is the source distribution,
 * which takes twenty seconds of building to fetch.
 */
const FOR_SOAKS = new Set(['go-wordwrap-characters', 'cachetools-missing-not-stored']);

/** What this run carries: every case in a soak, six of them in three languages otherwise. */
export const casesOfThisRun: readonly RealCase[] =
  process.env['WEAVER_SOAK'] === '1' ? realCases : realCases.filter(({ name }) => !FOR_SOAKS.has(name));

/** Beside those, more of the same kind for conversations with tools. */
export const furtherCases: readonly RealCase[] = [
  ...furtherPythonCases,
  ...furtherJavascriptCases,
  ...furtherGoCases,
  ...furtherRustCases,
];

/** Of which it is looked at whether they are what they say. */
export const casesLookedAt: readonly RealCase[] =
  process.env['WEAVER_SOAK'] === '1' ? [...realCases, ...furtherCases] : casesOfThisRun;
