export { codingTask } from './coding-task.js';
export { job } from './job.js';
