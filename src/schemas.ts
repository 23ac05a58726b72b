/** The front door for text from outside: task files and models' answers, as domain values or as lists of faults. */
export { answerSchema, parseAnswer, type AnswerForm } from './schemas/answer.js';
export { criteriaSchema, parseCriteria, type JudgedCriterion } from './schemas/criteria-answer.js';
export { handlerSchema, parseHandler } from './schemas/handler-answer.js';
export { choiceSchema, parseChoice, parseScore, scoreSchema } from './schemas/judge-answer.js';
export { parseCompare, type ParsedCompare } from './schemas/compare-file.js';
export { parsePlaybook } from './schemas/playbook-file.js';
export { parseChildren, readChildren } from './schemas/children-file.js';
export { parsePlan, planSchema, splitProperties } from './schemas/plan-answer.js';
export { answerOrSplitSchema, parseSplit } from './schemas/split-answer.js';
export { parseScriptAnswer, type ScriptAnswer } from './schemas/script-answer.js';
export { parseToolCall } from './schemas/tool-calls.js';
export { schemaFaults } from './schemas/json-schema.js';
export { showFault, type TaskFault } from './schemas/faults.js';
export { parseFile, parseJob, parseJobSpec, type ParsedFile, type ParsedJob } from './schemas/job-file.js';
export { parseSpec, parseStored, parseTask, taskFromFlags, type ParsedTask } from './schemas/task-file.js';
