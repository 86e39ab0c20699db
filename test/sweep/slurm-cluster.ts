import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
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

/** A Slurm of two nodes with one processor each on this machine: no munge, no accounting, nothing in /etc. */
export class SlurmCluster {
  readonly folder: string;
  readonly #daemons = new Map<string, ChildProcess>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts it, and points `SLURM_CONF` of this process and its children at it. */
  static async start(): Promise<SlurmCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'gain-slurm-'));
    const cluster = new SlurmCluster(folder);
    await mkdir(join(folder, 'state'));
    const [controller, node1, node2] = await freePorts(3);
    // Ports of nodes are given as a list; slurm.conf wants them as one expression.
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
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
KillWait=5
MinJobAge=300
SlurmdTimeout=10
SchedulerParameters=sched_interval=1,sched_min_interval=100000
NodeName=node1 NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${node1} CPUs=1 State=UNKNOWN
NodeName=node2 NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${node2} CPUs=1 State=UNKNOWN
PartitionName=main Nodes=node[1-2] Default=YES MaxTime=INFINITE State=UP
`;
    await writeFile(join(folder, 'slurm.conf'), conf);
    process.env.SLURM_CONF = join(folder, 'slurm.conf');
    cluster.#daemon('slurmctld', ['-D', '-c']);
    for (const node of ['node1', 'node2']) await cluster.startNode(node);
    await cluster.until(() => sinfo() === 2, 'two idle nodes');
    return cluster;
  }

  async startNode(node: string): Promise<void> {
    await mkdir(join(this.folder, 'spool', node), { recursive: true });
    this.#daemon(node, ['-D', '-N', node]);
  }

  /** Ends a node's daemon at once. */
  async killNode(node: string): Promise<void> {
    await ended(this.#daemons.get(node)!, 'SIGKILL');
    this.#daemons.delete(node);
  }

  /** @throws when it does not come true within a minute */
  async until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (let tries = 0; tries < 600; tries++) {
      if (await holds()) return;
      await wait(100);
    }
    throw new Error(`waited in vain for ${what}`);
  }

  async stop(): Promise<void> {
    try {
      execFileSync('scancel', ['--user=root', '--signal=KILL', '--full'], { stdio: 'ignore' });
    } catch {
      // Nothing to cancel, or the controller is gone.
    }
    await Promise.all([...this.#daemons.values()].map((daemon) => ended(daemon, 'SIGTERM')));
    await rm(this.folder, { recursive: true, force: true });
  }

  #daemon(name: string, args: readonly string[]): void {
    const program = name === 'slurmctld' ? 'slurmctld' : 'slurmd';
    const daemon = spawn(program, [...args], { stdio: 'ignore', env: process.env });
    this.#daemons.set(name, daemon);
  }
}

/** Nodes that wait for work. */
function sinfo(): number {
  try {
    const said = execFileSync('sinfo', ['--noheader', '--Node', '--format=%N %t'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return said.split('\n').filter((line) => line.endsWith(' idle')).length;
  } catch {
    return 0;
  }
}

async function ended(daemon: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const gone = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill(signal);
  await Promise.race([gone, wait(10_000).then(() => daemon.kill('SIGKILL'))]);
}

async function freePorts(count: number): Promise<number[]> {
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
