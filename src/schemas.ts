/** The front door for text from outside: task files and models' answers, as domain values or as lists of faults. */
export { answerSchema, parseAnswer } from './schemas/answer.js';
export { showFault, type TaskFault } from './schemas/faults.js';
export { parseSpec, parseTask, taskFromFlags, type ParsedTask } from './schemas/task-file.js';
