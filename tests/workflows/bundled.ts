/** The workflows of all tests of one part, for one bundle: weaver's own, and those that the tests put beside them. */
export { caller } from '../chaos/limits-workflows.js';
export { compareModels } from '../../src/workflows/compare-models.js';
export { permits } from '../../src/workflows/permits.js';
export { providerLimits } from '../../src/workflows/provider-limits.js';
export { smallJob, smallTask } from './permits/priority-workflows.js';
export { holder } from './permits/sharing-workflows.js';
export { calls } from './provider-limits/keeper-workflows.js';
