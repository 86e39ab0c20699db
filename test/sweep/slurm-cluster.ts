import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Whether the programs of Debian's `slurm-wlm` are installed. */
export function slurmInstalled(): boolean {
  try {
    for (const program of ['slurmctld', 'slurmd', 'sbatch'])
      execFileSync('which', [program], { stdio: 'ignore' });
    // Its daemons take any user for the cluster's only as root; and without a machine name there is no address.
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}

export interface ClusterOptions {
  /** Partitions beside `main`, and whatever else goes into `slurm.conf`. */
  readonly conf?: readonly string[];
  /** Lines of `slurm.conf` for accounting, of a `slurmdbd` that answers. */
  readonly accounting?: readonly string[];
  /** Folder of the cluster; a fresh one unless told. */
  readonly folder?: string;
}

/** A Slurm of two nodes with one processor each on this machine: no munge, nothing in /etc. */
export class SlurmCluster {
  readonly folder: string;
  readonly #daemons = new Map<string, ChildProcess>();
  readonly #release: () => void;

  private constructor(folder: string) {
    this.folder = folder;
    this.#release = atEnd(() => this.#killWhatIsLeft());
  }

  /** Starts it, and points `SLURM_CONF` of this process and its children at it. */
  static async start({
    conf: more = [],
    accounting = ['AccountingStorageType=accounting_storage/none'],
    folder: given,
  }: ClusterOptions = {}): Promise<SlurmCluster> {
    const folder = given ?? (await mkdtemp(join(tmpdir(), 'gain-slurm-')));
    const cluster = new SlurmCluster(folder);
    await mkdir(join(folder, 'state'));
    const [controller, node1, node2] = await freePorts(3);
    const conf = `ClusterName=one
SlurmctldHost=${hostname()}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmctldPort=${controller}
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool/%n
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.%n.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.%n.log
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
KillWait=5
MinJobAge=300
SlurmdTimeout=10
SchedulerParameters=sched_interval=1,sched_min_interval=100000
${accounting.join('\n')}
NodeName=node1 NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${node1} CPUs=1 State=UNKNOWN
NodeName=node2 NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${node2} CPUs=1 State=UNKNOWN
PartitionName=main Nodes=node[1-2] Default=YES MaxTime=INFINITE State=UP
${more.join('\n')}
`;
    await writeFile(join(folder, 'slurm.conf'), conf);
    process.env.SLURM_CONF = join(folder, 'slurm.conf');
    cluster.#daemon('slurmctld', ['-D', '-c']);
    for (const node of ['node1', 'node2']) await cluster.startNode(node);
    try {
      await cluster.until(() => idleNodes() === 2, 'two idle nodes');
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  async startNode(node: string): Promise<void> {
    await mkdir(join(this.folder, 'spool', node), { recursive: true });
    this.#daemon(node, ['-D', '-N', node]);
  }

  /** Ends a node at once: its daemon, and everything that runs on it. */
  async killNode(node: string): Promise<void> {
    const daemon = this.#daemons.get(node)!;
    daemon.kill('SIGSTOP');
    const running = this.#processes().filter(
      ({ pid, environment, files }) =>
        pid !== daemon.pid &&
        (environment.includes(`SLURMD_NODENAME=${node}`) ||
          files.includes(join(this.folder, `slurmd.${node}.log`))),
    );
    // No last word to the controller: a step must not tell of the end of its job.
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const)
      for (const { pid } of running) signalled(pid, signal);
    await ended(daemon, 'SIGKILL');
    this.#daemons.delete(node);
  }

  /**
   * Lets a job that was requeued begin.
   *
   * Slurm makes it wait for as long as a credential holds (two minutes), since a node refuses one that is not younger
   * than the revocation of the job's last: clocked in whole seconds, so that `now` is too soon and the job is killed
   * as not startable.
   */
  letBegin(job: string): void {
    execFileSync('scontrol', ['update', `JobId=${job}`, 'StartTime=now+2']);
  }

  /** @throws when it does not come true in the given time, with what the controller said last */
  async until(holds: () => boolean | Promise<boolean>, what: string, seconds = 90): Promise<void> {
    const why = () => `waited in vain for ${what}\n${this.log('slurmctld').slice(-2000)}`;
    await waitUntil(holds, why, seconds);
  }

  /** What a daemon has said: `slurmctld`, `slurmd.node1` … */
  log(daemon: string): string {
    return readFileSync(join(this.folder, `${daemon}.log`), 'utf8');
  }

  async stop(): Promise<void> {
    try {
      execFileSync('scancel', ['--user=root', '--signal=KILL', '--full'], { stdio: 'ignore' });
      execFileSync('scancel', ['--user=root'], { stdio: 'ignore' });
      // A step tells the controller of its end, and without one keeps trying for ever.
      await this.until(() => queueIsEmpty(), 'the queue to empty', 20);
    } catch {
      // Nothing to cancel, or the controller is gone.
    }
    await Promise.all([...this.#daemons.values()].map((daemon) => ended(daemon, 'SIGTERM')));
    this.#killWhatIsLeft();
    this.#release();
    await rm(this.folder, { recursive: true, force: true });
  }

  #daemon(name: string, args: readonly string[]): void {
    const program = name === 'slurmctld' ? 'slurmctld' : 'slurmd';
    const daemon = spawn(program, [...args], { stdio: 'ignore', env: process.env });
    // It must not keep a test alive that has failed; `exit` ends it.
    daemon.unref();
    this.#daemons.set(name, daemon);
  }

  /** Daemons, steps and jobs of this cluster: whatever has its `SLURM_CONF` or its logs, this process left out. */
  #processes(): Process[] {
    const own = `SLURM_CONF=${join(this.folder, 'slurm.conf')}`;
    return readdirSync('/proc').flatMap((name): Process[] => {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === process.pid) return [];
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        // A step writes its title over its environment, or over a part of it.
        const files = logsOf(pid);
        const isOwn = environment.includes(own) || files.some((file) => file.startsWith(`${this.folder}/`));
        return isOwn ? [{ pid, environment, files }] : [];
      } catch {
        return [];
      }
    });
  }

  #killWhatIsLeft(): void {
    for (const { pid } of this.#processes()) signalled(pid, 'SIGKILL');
  }
}

/** @throws with what `why` says when it does not come true in the given time */
export async function waitUntil(
  holds: () => boolean | Promise<boolean>,
  why: () => string,
  seconds = 90,
): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await wait(100)) {
    if (await holds()) return;
  }
  throw new Error(why());
}

interface Process {
  readonly pid: number;
  readonly environment: readonly string[];
  readonly files: readonly string[];
}

/** What the process of a step has open, its log among it. */
function logsOf(pid: number): string[] {
  if (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() !== 'slurmstepd') return [];
  return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
}

function signalled(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended by itself.
  }
}

function queueIsEmpty(): boolean {
  return (
    execFileSync('squeue', ['--noheader'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim() === ''
  );
}

/**
 * Calls back when this process ends without its `after`, as that of a test does which ran out of time.
 *
 * @returns what takes it back
 */
export function atEnd(callback: () => void): () => void {
  const end = () => process.exit(143);
  process.once('exit', callback).once('SIGTERM', end);
  return () => process.off('exit', callback).off('SIGTERM', end);
}

/** Nodes that wait for work. */
function idleNodes(): number {
  try {
    const said = execFileSync('sinfo', ['--noheader', '--Node', '--format=%N %t'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    // A line for each partition of a node.
    return new Set(said.split('\n').filter((line) => line.endsWith(' idle'))).size;
  } catch {
    return 0;
  }
}

/** Ends a daemon, by force where it takes more than ten seconds. */
export async function ended(daemon: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const gone = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill(signal);
  await Promise.race([gone, wait(10_000).then(() => daemon.kill('SIGKILL'))]);
}

/** Ports that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
