export { codingTask } from './coding-task.js';
export { janitor } from './janitor.js';
export { job } from './job.js';
export { permits } from './permits.js';
export { scheduledJob } from './scheduled-job.js';
