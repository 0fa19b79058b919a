/** The answers that are more than one view, as schemas. */
import { z } from 'zod';
import type { AttemptView, ConfigEntry, LogView, QuarantineView, StoredVersionView } from '../api.ts';
import { attemptView } from './attempts.ts';
import { shape } from './shape.ts';
import { configEntry, logView, quarantineView, storedVersionView } from './views.ts';

/** `GET /v1/history`: newest first. */
export const historyAnswer = shape<{ readonly attempts: readonly AttemptView[] }>()(
  z.strictObject({ attempts: z.array(attemptView) }),
);

/** `GET /v1/versions`: newest first. */
export const versionsAnswer = shape<{ readonly versions: readonly StoredVersionView[] }>()(
  z.strictObject({ versions: z.array(storedVersionView) }),
);

/** `GET /v1/quarantine`: newest first. */
export const quarantineAnswer = shape<{ readonly quarantine: readonly QuarantineView[] }>()(
  z.strictObject({ quarantine: z.array(quarantineView) }),
);

/** `GET /v1/logs`: oldest first. */
export const logsAnswer = shape<{ readonly lines: readonly LogView[] }>()(
  z.strictObject({ lines: z.array(logView) }),
);

/** `GET /v1/config`. */
export const configAnswer = shape<{ readonly config: readonly ConfigEntry[] }>()(
  z.strictObject({ config: z.array(configEntry) }),
);

/** 202: an attempt has begun. */
export const begunAnswer = shape<{ readonly attempt: string }>()(
  z.strictObject({ attempt: z.string().describe('Its id; `GET /v1/attempts/{id}` tells how it goes.') }),
);
