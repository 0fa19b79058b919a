import { CopiesModel, type Copies } from '../../bundle/patch-copies.ts';
import { codeHeader, MAGIC, type PatchHeader } from '../../bundle/patch-header.ts';
import { BEFORE, MARGIN, TargetModel } from '../../bundle/patch-model.ts';
import { AddressMap } from '../../bundle/patch-shifts.ts';
import { workOf } from '../../bundle/patch-work.ts';
import type { ProgramLayout } from './program-layout.ts';
import { RangeEncoder } from './range-encoder.ts';

/** Both files; `base` has MARGIN zeros before and after it, `target` BEFORE zeros before it. */
export interface PaddedFiles {
  readonly base: Uint8Array;
  readonly target: Uint8Array;
}

/** Writes a patch, given what to copy. Yields now and then, for a break; returns the patch. */
export function* encodePatch(
  files: PaddedFiles,
  base: ProgramLayout,
  target: ProgramLayout,
  copies: Copies,
): Generator<void, Uint8Array, undefined> {
  const coder = new RangeEncoder();
  const header: PatchHeader = {
    baseSize: files.base.length - 2 * MARGIN,
    targetSize: files.target.length - BEFORE,
    machine: base.machine === target.machine ? base.machine : 'none',
    base: base.layout,
    target: target.layout,
    copies: copies.count,
  };
  codeHeader(coder, header);
  const list = new CopiesModel();
  for (let i = 0; i < copies.count; i++) list.code(coder, copies, i, header.baseSize, header.targetSize);
  const map = new AddressMap(copies, header.baseSize, header.base, header.target);
  const model = new TargetModel(coder, header, map);
  for (const { from, to, length } of workOf(copies, header.targetSize)) {
    if (from < 0) model.literals(files.target, BEFORE + to, BEFORE + to + length);
    else model.copy(files.base, MARGIN + from, from, files.target, BEFORE + to, to, length, true);
    yield;
  }
  const coded = coder.finish();
  const patch = new Uint8Array(MAGIC.length + coded.length);
  patch.set(MAGIC);
  patch.set(coded, MAGIC.length);
  return patch;
}
