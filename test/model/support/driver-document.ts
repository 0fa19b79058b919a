/** The document of plans, as anybody gets it: from `core statechart paths`, and checked against the published schema. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PlanDocument } from '../../../src/statechart/plans/index.ts';
import { core } from '../../cli/support/core.ts';

/** The published JSON Schema, as something that checks. */
async function publishedSchema(): Promise<z.ZodType> {
  const path = join(import.meta.dirname, '../../../statecharts/plans.schema.json');
  return z.fromJSONSchema(JSON.parse(await readFile(path, 'utf8')) as Parameters<typeof z.fromJSONSchema>[0]);
}

/** Runs `core statechart paths --format json --machine NAME`. */
export async function readPlans(machine: 'update' | 'workload'): Promise<PlanDocument> {
  const { exit, out, err } = await core(['statechart', 'paths', '--format', 'json', '--machine', machine]);
  if (exit !== 0) throw new Error(err);
  return (await publishedSchema()).parse(JSON.parse(out)) as PlanDocument;
}
