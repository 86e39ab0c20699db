/** Sweeps on a cluster whose scheduler is Slurm. */
export { type BatchScript, batchScript } from './batch-script.ts';
export { JobBook } from './job-book.ts';
export { type SlurmOptions, slurmOptions, slurmSchema } from './options.ts';
export { type JobIdentity, performInJob, thisJob } from './perform-in-job.ts';
export { calls as slurmCalls, type QueuedJob, queuedJobs } from './queue.ts';
export { cancelSweep, type SlurmSweepOptions, type Standing, slurmSweep, standings } from './slurm-sweep.ts';
