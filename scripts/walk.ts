/**
 * `npm run walk`: random walks over the update machine, from a random seed unless told. `--fault NAME` walks a machine that is
 * broken on purpose.
 *
 * @example
 * npm run walk -- --walks 5000
 * npm run walk -- --seed 784000166 --path 207:2:16 --replay-path Udf:F
 */
import { parseArgs } from 'node:util';
import { updateMachine } from '../src/machines/update.machine.ts';
import { FAULTS } from '../test/model/support/driver-faults.ts';
import { randomWalks } from '../test/model/support/driver-walk.ts';

const { values } = parseArgs({
  options: {
    walks: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    path: { type: 'string' },
    'replay-path': { type: 'string' },
    fault: { type: 'string' },
  },
});

const { fault } = values;
const broken = fault === undefined ? undefined : FAULTS[fault];
if (fault !== undefined && broken === undefined)
  throw new RangeError(`expected --fault to be one of ${Object.keys(FAULTS).join(', ')}, found ${fault}`);

const { walks, events, hours, taken, failure } = await randomWalks(
  broken === undefined ? updateMachine : broken(),
  Number(values.walks),
  {
    ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
    path: values.path,
    replayPath: values['replay-path'],
  },
);
if (failure === null) {
  console.log(
    `${String(walks)} walks, ${String(events)} events, ${String(hours)} simulated hours, ${String(taken.size)} transitions: nothing found`,
  );
} else {
  console.log(
    `${failure.message}\n\nby: ${failure.commands.join('; ')}\nagain: ${failure.replay}${fault === undefined ? '' : ` --fault ${fault}`}`,
  );
  process.exitCode = 1;
}
