/** The results of a run's evaluations: DATA_DIR/RUN/evaluations/VERSION.json, without samples. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageBytes, type EvaluationReport, type EvaluationReportInput } from '@gapo/rpc';
import { contentOf, UserError, writeAtomicallySync } from '@gapo/service';
import { storedJson } from '../state/storedJson.js';
import type { RunDirectory } from './runDirectory.js';

const fileName = /^([0-9]{1,15})\.json$/;

/** Keeps the evaluations of one run. */
export class Evaluations {
  readonly #directory: RunDirectory;
  readonly #path: string;

  constructor(directory: RunDirectory) {
    this.#directory = directory;
    this.#path = join(directory.path, 'evaluations');
  }

  /** Keeps a result in place of an earlier one of the same version. @throws UserError if it cannot be written */
  async keep(report: EvaluationReportInput): Promise<void> {
    this.#directory.assertWritable();
    await mkdir(this.#path, { recursive: true });
    const text = JSON.stringify({ ...report, samples: [] });
    writeAtomicallySync(join(this.#path, `${String(report.version ?? 0)}.json`), `${text}\n`);
  }

  /** Returns the results, by version. @throws UserError if one cannot be read */
  async list(): Promise<readonly EvaluationReport[]> {
    const names = await readdir(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw new UserError(`${this.#path} cannot be read: ${error.message}`, { cause: error });
    });
    const versions = names.flatMap((name) => fileName.exec(name)?.[1] ?? []).map(Number);
    return Promise.all(versions.sort((a, b) => a - b).map((version) => this.#read(version)));
  }

  async #read(version: number): Promise<EvaluationReport> {
    const path = join(this.#path, `${version}.json`);
    try {
      const report = storedJson((await contentOf(path)).toString('utf8')) as EvaluationReport;
      // Throws unless it can be sent.
      messageBytes('gapo.training.v1.EvaluationReport', report);
      return report;
    } catch (error) {
      throw new UserError(`${path} is no result of an evaluation: remove it, and evaluate the version again`, {
        cause: error,
      });
    }
  }
}
