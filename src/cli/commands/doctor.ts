import type { Command } from 'commander';
import type { DoctorReport } from '../../control/api.ts';
import { UpdateError } from '../../errors.ts';
import type { CliContext, DaemonOptions } from '../context.ts';
import { doctorText } from '../doctor-text.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';
import { plainJson } from '../plain.ts';

/** What can be said where no daemon answers: that, and whatever can be examined from here. */
async function withoutDaemon(
  context: CliContext,
  options: DaemonOptions,
  { message, info }: UpdateError,
): Promise<DoctorReport> {
  const { config } = await context.load(options);
  const seen = await context.examine?.({ config, embedded: context.embedded });
  return {
    inside: 'caller',
    result: 'fail',
    summary: `there will be no next update: no daemon answers${
      seen === undefined || seen.result === 'pass' ? '' : `; and ${seen.summary}`
    }`,
    checks: [
      { name: 'daemon.answers', result: 'fail', message, next: info.next },
      { name: 'config.valid', result: 'pass', message: 'the configuration is valid', next: '' },
      ...(seen?.checks.filter(({ name }) => name !== 'daemon.answers' && name !== 'config.valid') ?? []),
    ],
  };
}

/** `core sidecar doctor`. */
export function addDoctor(parent: Command, context: CliContext): void {
  withDaemon(parent.command('doctor'))
    .summary('whether the next update would go through')
    .description(
      'Looks whether the next update would go through: the state directory, free space, the feed, the clock, keys and heads, the service manager. The daemon looks, from inside of its own sandbox; where none answers, this program looks from here, which may see more or less than a daemon would.',
    )
    .option('--json', 'the report, for programs')
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar doctor', 'core sidecar doctor --json'))
    .action(async ({ json, ...options }: DaemonOptions & { readonly json?: true }) => {
      const show = (report: DoctorReport): void => {
        context.print(json ? plainJson(report) : doctorText(report, context.style));
      };
      try {
        const report = await (await context.connect(options)).doctor();
        show(report);
        context.end(report.result === 'fail' ? 1 : 0);
      } catch (error) {
        if (!(error instanceof UpdateError) || error.code !== 'DAEMON_UNREACHABLE') throw error;
        show(await withoutDaemon(context, options, error));
        context.end(6);
      }
    });
}
