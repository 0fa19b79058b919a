/** What answers and events are made of, as schemas. Each is proven to be the type of the same name in `api.ts`. */
import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../../error-codes.ts';
import type { StateName } from '../../types.ts';
import type {
  CheckView,
  ConfigEntry,
  DoctorReport,
  ErrorView,
  LogView,
  ProgressView,
  QuarantineView,
  StoredVersionView,
  VersionView,
  WaitingView,
  WorkloadView,
} from '../api.ts';
import { shape } from './shape.ts';

/** A time in UTC. */
export const time = z.iso.datetime();

const count = z.int().min(0);

/** A code of the table. */
export const errorCode = shape<ErrorCode>()(z.enum(Object.keys(ERROR_CODES) as ErrorCode[]));

/** A state of the update machine. */
export const stateName = shape<StateName>()(
  z.enum([
    'recovering',
    'idle',
    'checking',
    'downloading',
    'verifying',
    'staging',
    'waiting',
    'swapping',
    'overlapping',
    'draining',
    'probing',
    'committed',
    'handingOver',
    'rollingBack',
    'rolledBack',
    'failed',
  ]),
);

/** What set an attempt off. */
export const trigger = z.enum(['schedule', 'check', 'update', 'bundle', 'rollback', 'watch', 'recovery']);

/** How an attempt ended. */
export const outcome = z.enum([
  'committed',
  'rolledBack',
  'failed',
  'nothing',
  'available',
  'refused',
  'deferred',
  'error',
  'interrupted',
]);

/** The members of an error. */
export const errorMembers = {
  code: errorCode,
  message: z.string().describe('What was expected and what was found.'),
  next: z.string().describe('What to do about it.'),
};

export const errorView = shape<ErrorView>()(z.strictObject(errorMembers));

const versionMembers = {
  version: z.string(),
  digest: z
    .string()
    .nullable()
    .describe('Release digest; null for the program that was there before any update.'),
};

export const versionView = shape<VersionView>()(z.strictObject(versionMembers));

export const storedVersionView = shape<StoredVersionView>()(
  z.strictObject({
    ...versionMembers,
    committed_at: time.nullable(),
    current: z.boolean(),
    size_bytes: count.describe('Sum of its files.'),
  }),
);

export const progressView = shape<ProgressView>()(
  z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('download'),
      received_bytes: count,
      total_bytes: count,
      bytes_per_second: z
        .number()
        .nullable()
        .describe('Over the last seconds; null while too little is known.'),
      seconds_left: z.number().nullable(),
    }),
    z.strictObject({
      kind: z.literal('probe'),
      last: z.string().describe('The last thing seen.'),
      elapsed_ms: z.number(),
      deadline_ms: z.number(),
    }),
  ]),
);

export const waitingView = shape<WaitingView>()(
  z.strictObject({
    for: z.enum(['window', 'approval', 'lease']),
    reason: z.string(),
    until: time
      .nullable()
      .describe(
        'When the window opens, or a place in the fleet is asked for again; null when a person has to approve it.',
      ),
  }),
);

export const quarantineView = shape<QuarantineView>()(
  z.strictObject({
    digest: z.string(),
    role: z
      .enum(['release', 'daemon'])
      .describe('What failed; of a daemon, the digest is the SHA-256 of its file.'),
    version: z.string(),
    at: time,
    reason: errorView,
    evidence: z.array(z.string()),
  }),
);

/** The members of a workload. */
export const workloadMembers = {
  state: z.string().describe('State of the workload machine.'),
  version: z.string().nullable(),
  pid: z.int().nullable(),
  started_at: time.nullable(),
  restarts: count,
  last_exit: z.string().nullable(),
};

export const workloadView = shape<WorkloadView>()(z.strictObject(workloadMembers));

export const logView = shape<LogView>()(
  z.strictObject({
    at: time,
    level: z.enum(['debug', 'info', 'warn', 'error', 'fatal']),
    message: z.string(),
    attempt: z.string().nullable(),
    code: errorCode.nullable(),
  }),
);

export const configEntry = shape<ConfigEntry>()(
  z.strictObject({
    key: z.string().describe('Dotted: `update.channel`.'),
    value: z.unknown().describe('A secret is `"(hidden)"`.'),
    from: z.string().describe('`default`, `file PATH:LINE` or `env NAME`.'),
  }),
);

const result = z.enum(['pass', 'warn', 'fail']);

export const checkView = shape<CheckView>()(
  z.strictObject({
    name: z.string().describe('Stable: `state_dir.write`, `feed.answers`, …'),
    result: z.enum([...result.options, 'skip']),
    message: z.string().describe('What was found.'),
    next: z.string().describe('What to do; empty when it passed.'),
  }),
);

export const doctorReport = shape<DoctorReport>()(
  z.strictObject({
    inside: z.enum(['daemon', 'caller']),
    result: result.describe('`fail` when the next update would fail.'),
    summary: z.string(),
    checks: z.array(checkView),
  }),
);
