/** A worker thread for what blocks, and errors that keep their code across threads. */
export { WorkerThread, outcome, type Outcome, type TaskOptions, type ThreadTasks } from './workerThread.js';
