/** `gapo reward`: commands for authors of reward services. */
import { connect, toJson } from '@gapo/rpc';
import { Command, Option } from 'commander';
import { conformance } from '../conformance/conformance.js';
import { batchSizes, throughput, type Throughput } from '../conformance/throughput.js';
import { exitUser, Exit } from '../exit.js';
import { listenForInterrupts } from '../interrupts.js';
import { address, jsonOption, positive } from '../options/options.js';
import { print, printJson } from '../output.js';
import { makeReporter } from '../render/reporter.js';
import { rewardCheckText } from '../render/rewardCheck.js';
import { rewardServeCommand } from './rewardServe.js';
import { rewardTrainCommand } from './rewardTrain.js';

interface CheckFlags {
  timeout: number;
  seconds: number;
  json?: true;
}

/** The largest batch to time, if the service accepts it. */
const largestBatch = 256;

async function check(target: string, { timeout, seconds, json }: CheckFlags): Promise<void> {
  const reporter = makeReporter(json === true);
  const interrupts = listenForInterrupts();
  const { stopRequested: signal } = interrupts;
  const client = connect('gapo.reward.v1.RewardService', target);
  const deadlineMs = timeout * 1000;
  try {
    const work = (what: string): void => reporter.work(`checking ${target}: ${what}`);
    const { findings, description } = await conformance({ client, address: target, deadlineMs, signal, work });
    const broken = findings.some(({ verdict }) => verdict === 'fails');
    const speeds: Throughput[] = [];
    // A service that breaks the contract is not timed.
    if (description !== undefined && !broken) {
      for (const size of batchSizes(Math.min(description.maxBatch || largestBatch, largestBatch))) {
        reporter.work(`timing ${target}: batches of ${size}`);
        speeds.push(await throughput(client, size, seconds, deadlineMs, signal));
      }
    }
    reporter.finish();
    const described = description && toJson('gapo.reward.v1.DescribeResponse', description);
    if (json) printJson({ address: target, description: described ?? null, findings, speeds });
    else print(rewardCheckText(findings, speeds, description !== undefined));
    if (broken) throw new Exit(exitUser);
  } finally {
    reporter.finish();
    interrupts.release();
    client.close();
  }
}

function checkCommand(): Command {
  return new Command('check')
    .description('test whether a reward service meets the contract, and measure its throughput')
    .argument('<address>', 'its address, as host:port', address)
    .addOption(new Option('--timeout <seconds>', 'deadline of one call').default(30).argParser(positive))
    .addOption(new Option('--seconds <n>', 'how long to time each batch size').default(2).argParser(positive))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Checks the description, the order and number of results, determinism, independence of the rest of the batch, unusual and huge
texts, limits and large calls, and measures throughput by batch size. Exits with 2 if the contract is broken.

Example:
  gapo reward check 127.0.0.1:50061`,
    )
    .action(check);
}

/** Creates the command. */
export function rewardCommand(): Command {
  return new Command('reward')
    .description('train, serve and check reward services')
    .addHelpText(
      'after',
      '\nExample:\n  gapo reward train pairs.jsonl --scratch tokenizer.json --out models/polite\n  gapo reward serve models/polite\n  gapo reward check 127.0.0.1:50061',
    )
    .addCommand(checkCommand())
    .addCommand(rewardServeCommand())
    .addCommand(rewardTrainCommand());
}
