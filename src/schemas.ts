/** The front door for text from outside: task files and models' answers, as domain values or as lists of faults. */
export { answerSchema, parseAnswer } from './schemas/answer.js';
export { handlerSchema, parseHandler } from './schemas/handler-answer.js';
export { parsePlan, planSchema } from './schemas/plan-answer.js';
export { parseToolCall } from './schemas/tool-calls.js';
export { showFault, type TaskFault } from './schemas/faults.js';
export { parseFile, parseJob, parseJobSpec, type ParsedFile, type ParsedJob } from './schemas/job-file.js';
export { parseSpec, parseTask, taskFromFlags, type ParsedTask } from './schemas/task-file.js';
