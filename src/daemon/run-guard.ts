/** The guard's role alone: a part of the executable (`scripts/build/parts.ts`), whose module may export one name. */
export { runGuard } from './guard-role.ts';
