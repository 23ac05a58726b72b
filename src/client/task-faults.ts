/** All faults of a task file in one. */
import { exitCodeOf, failure, showFailure } from '../domain/failures.js';
import { showFault, type TaskFault } from '../schemas.js';
import { WeaverFault } from './weaver-fault.js';

/** `whole` is what the text is called where no field is to blame. */
export function invalidTask(faults: readonly TaskFault[], file?: string, whole?: string): WeaverFault {
  const failed = failure('invalidTask');
  const shown = showFailure(failed);
  const lines = faults.map((fault) => `  ${showFault(fault, file, whole)}`);
  return new WeaverFault({ ...shown, message: [shown.message, ...lines].join('\n') }, exitCodeOf(failed));
}
