import type { RealCase } from './case.js';
import { goCases } from './cases-go.js';
import { javascriptCases } from './cases-javascript.js';
import { pythonCases } from './cases-python.js';

/** Every real case; each one is a task that a person could have given to weaver on the day of the base release. */
export const realCases: readonly RealCase[] = [...pythonCases, ...javascriptCases, ...goCases];
