import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { atEnd, ended, freePorts, waitUntil } from './slurm-cluster.ts';

/** Whether Slurm's accounting can be had: Debian's `slurmdbd`, `slurm-wlm-mysql-plugin`, `mariadb-server-core`, `mariadb-client`. */
export function accountingInstalled(): boolean {
  try {
    for (const program of ['slurmdbd', 'mariadbd', 'mariadb-install-db', 'sacct'])
      execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Slurm's accounting in a folder: a MariaDB of its own, and the daemon that writes into it. */
export class SlurmAccounting {
  readonly #daemons: ChildProcess[] = [];
  readonly #release = atEnd(() => {
    for (const daemon of this.#daemons) daemon.kill('SIGKILL');
  });
  readonly #folder: string;
  /** What `slurm.conf` says of it. */
  readonly conf: readonly string[];

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.conf = [
      'AccountingStorageType=accounting_storage/slurmdbd',
      'AccountingStorageHost=127.0.0.1',
      `AccountingStoragePort=${port}`,
    ];
  }

  /** @param folder of the cluster, in which Slurm looks for `slurmdbd.conf` */
  static async start(folder: string): Promise<SlurmAccounting> {
    const [database, port] = (await freePorts(2)) as [number, number];
    const accounting = new SlurmAccounting(folder, port);
    const data = join(folder, 'database');
    const log = join(folder, 'slurmdbd.log');
    mkdirSync(data);
    const quiet = { stdio: 'ignore' } as const;
    execFileSync('mariadb-install-db', ['--no-defaults', `--datadir=${data}`, '--user=root'], quiet);
    const rights = join(folder, 'rights.sql');
    await writeFile(
      rights,
      "CREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm';\nGRANT ALL ON *.* TO 'slurm'@'127.0.0.1';\n",
    );
    await writeFile(
      join(folder, 'slurmdbd.conf'),
      `AuthType=auth/none
DbdHost=${hostname()}
DbdAddr=127.0.0.1
DbdPort=${port}
SlurmUser=root
LogFile=${log}
PidFile=${folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=${database}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
`,
      { mode: 0o600 },
    );
    accounting.#daemon('mariadbd', [
      '--no-defaults',
      '--user=root',
      `--datadir=${data}`,
      `--socket=${join(folder, 'database.sock')}`,
      `--pid-file=${join(folder, 'database.pid')}`,
      '--bind-address=127.0.0.1',
      `--port=${database}`,
      `--init-file=${rights}`,
      `--log-error=${join(folder, 'database.log')}`,
      '--innodb-buffer-pool-size=16M',
    ]);
    const said = (path: string) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return '';
      }
    };
    await waitUntil(
      () => /ready for connections/.test(said(join(folder, 'database.log'))),
      () => `waited in vain for the database\n${said(join(folder, 'database.log')).slice(-2000)}`,
    );
    accounting.#daemon('slurmdbd', ['-D']);
    await waitUntil(
      () => /slurmdbd version .* started/.test(said(log)),
      () => `waited in vain for slurmdbd\n${said(log).slice(-2000)}`,
    );
    return accounting;
  }

  /** To be called after the cluster has stopped. */
  async stop(): Promise<void> {
    for (const daemon of this.#daemons.reverse()) await ended(daemon, 'SIGTERM');
    this.#release();
  }

  #daemon(program: string, args: readonly string[]): void {
    const env = { ...process.env, SLURM_CONF: join(this.#folder, 'slurm.conf') };
    const daemon = spawn(program, [...args], { stdio: 'ignore', env });
    daemon.unref();
    this.#daemons.push(daemon);
  }
}
