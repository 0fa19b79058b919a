/** The roles of the one program. Each is loaded only when it is chosen. */
import { complain } from './complain.ts';
import type { DoctorReport } from './control/api.ts';
import type { ExamineFromHereOptions } from './daemon/examine-from-here.ts';
import { embedded } from './embedded.ts';
import { UpdateError } from './errors.ts';
import { ownProgram } from './program.ts';

const HELP = `coresdk-sidecar ${embedded.version}: runs the CoreSDK sidecar and updates it in place

Usage:
  coresdk-sidecar [--config FILE]   run the daemon in the foreground
  coresdk-sidecar serve             run the built-in sidecar service (CORESDK_HTTP_ADDR, 127.0.0.1:7701;
                                    CORESDK_GRPC_ADDR, 127.0.0.1:7700 or none)
  coresdk-sidecar self-test [--config FILE]
                                    say whether this program could be the daemon of this host; changes nothing
  coresdk-sidecar core …            the CLI; the same as calling this program \`core\`
  coresdk-sidecar --version | --help

Options:
  --config FILE   configuration (default /etc/coresdk/sidecar.yaml, which need not exist)
  --inspect       before --config, from source only: watch the statechart with the Stately Inspector, on loopback

Exit codes: 0 stopped in good order, 1 error, 2 usage or configuration.
`;

async function runCore(args: readonly string[]): Promise<number> {
  const { runCli } = await import('./cli/run.ts');
  const deps = {
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    embedded,
    // Only where no daemon answers, so only then is it loaded.
    examine: async (options: ExamineFromHereOptions): Promise<DoctorReport> => {
      const { examineFromHere } = await import('./daemon/examine-from-here.ts');
      return examineFromHere(options, ownProgram());
    },
  };
  return runCli(args, deps);
}

/**
 * Runs the role that the program's name and first argument choose.
 *
 * @param name - what the program was called as, without its folder
 * @param args - its arguments
 * @returns the exit code; it rejects only by a fault of this program
 */
export async function runRole(name: string, args: readonly string[]): Promise<number> {
  const [first, second] = args;
  if (name === 'core') return runCore(args);
  if (first === 'core') return runCore(args.slice(1));
  if (args.some((arg) => arg === '--help' || arg === '-h')) {
    process.stdout.write(HELP);
    return 0;
  }
  if (first === 'serve' && second === undefined) {
    const { runServe } = await import('./sidecar/serve.ts');
    return runServe({ env: process.env, version: embedded.version, stderr: process.stderr });
  }
  if (first === 'guard') {
    const { runGuard } = await import('./daemon/run-guard.ts');
    return runGuard(args.slice(1), process.env);
  }
  const inspect = first === '--inspect';
  const selfTest = first === 'self-test';
  const [option, path, ...more] = inspect || selfTest ? args.slice(1) : args;
  const wellFormed =
    option === undefined || (option === '--config' && path !== undefined && more.length === 0);
  if (!wellFormed)
    return complain(
      new UpdateError(
        'USAGE',
        `expected \`serve\`, \`self-test\`, \`core\` or \`--config FILE\`, found ${args.join(' ')}`,
      ),
    );
  if (selfTest) {
    const { runSelfTest } = await import('./daemon/self-test.ts');
    return runSelfTest({ configPath: path, program: ownProgram(), embedded });
  }
  const { runDaemon } = await import('./daemon/run.ts');
  return runDaemon({
    configPath: path,
    program: ownProgram(),
    inspect,
  });
}
