/** `npm run plans`: writes `statecharts/plans.schema.json` from `src/statechart/plans/format.ts`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { planSchemaText } from '../src/statechart/plans/index.ts';

await writeFile(join(import.meta.dirname, '../statecharts/plans.schema.json'), planSchemaText());
