/** Attacks on the stable channel by whoever has stolen the key of stable heads, or that of edge heads, but not both. */
import type { ErrorCode } from '../../../src/error-codes.ts';
import type { AttackRow } from '../support/attack.ts';
import { hostPlatform } from '../../../src/config/index.ts';
import { archive, craft, sha256 } from '../support/craft.ts';
import { headClaims, json, manifestOf, membersOf, release } from '../support/makers.ts';
import type { ClaimChange, Rig } from '../support/rig.ts';

/** An attack that a check of the stable channel meets. */
export interface BakeAttack extends AttackRow {
  /** The stable head. */
  readonly head: (rig: Rig) => Uint8Array | Promise<Uint8Array>;
}

const DAY = 24 * 3600;
const seconds = (): number => Math.floor(Date.now() / 1000);

/** The edge head that first named the release, `days` ago. */
export function edgeHead(
  rig: Rig,
  days: number,
  change: ClaimChange = {},
  key = rig.keys['head-edge'],
): string {
  const iat = seconds() - days * DAY;
  const claims = headClaims({
    seq: 1,
    bundle: rig.good.bytes,
    path: rig.good.path,
    digest: rig.good.digest,
    change: { iat, nbf: iat, exp: iat + 7 * DAY, ...change },
  });
  return craft({ key, typ: 'coresdk-head+jwt', payload: json(claims) }).toString('latin1');
}

/** A stable head with this bake. */
export function stableHead(rig: Rig, bake: string | undefined, change: ClaimChange = {}): Buffer {
  const payload = json(rig.claims({ sub: 'stable', ...(bake === undefined ? {} : { bake }), ...change }));
  return craft({ key: rig.keys['head-stable'], typ: 'coresdk-head+jwt', payload });
}

const attack = (name: string, code: ErrorCode, head: BakeAttack['head']): BakeAttack => ({
  name,
  code,
  defence: 'bake',
  head,
});

const flip = (document: string): string => {
  const at = document.indexOf('.') + 20;
  return document.slice(0, at) + (document[at] === 'A' ? 'B' : 'A') + document.slice(at + 1);
};

/** A rightly signed release 8.0.0 in the feed, as a step of a head. */
async function step(rig: Rig, digest?: string): Promise<object> {
  const { files, digest: right } = release('8.0.0');
  const payload = await archive(membersOf(files, json(manifestOf(files, { version: '8.0.0' }))));
  const bundle = craft({ key: rig.keys.bundle, typ: 'coresdk-bundle+jws', payload });
  await rig.place('bundles/step.jws', bundle);
  const { os, arch } = hostPlatform();
  const bundles = [{ path: 'bundles/step.jws', size: bundle.length, sha256: sha256(bundle) }];
  return { version: '8.0.0', targets: [{ os, arch, release_digest: digest ?? right, bundles }] };
}

/** Every attack on the bake. */
export const BAKE_ATTACKS: readonly BakeAttack[] = [
  attack('a stable head without a bake', 'BAKE_MISSING', (rig) => stableHead(rig, undefined)),
  attack('a stable head with a bake of six days', 'BAKE_TOO_SHORT', (rig) =>
    stableHead(rig, edgeHead(rig, 6)),
  ),
  attack('a stable head with a bake of seven days less a second', 'BAKE_TOO_SHORT', (rig) => {
    const iat = seconds();
    const edge = edgeHead(rig, 0, { iat: iat - 7 * DAY + 1, nbf: iat - 7 * DAY + 1, exp: iat });
    return stableHead(rig, edge, { iat, nbf: iat });
  }),
  attack('a bake from the future', 'BAKE_TOO_SHORT', (rig) => stableHead(rig, edgeHead(rig, -8))),
  attack('a bake signed by the key for stable heads', 'BAKE_INVALID', (rig) =>
    stableHead(rig, edgeHead(rig, 8, {}, rig.keys['head-stable'])),
  ),
  attack('a bake signed by the key for bundles', 'BAKE_INVALID', (rig) =>
    stableHead(rig, edgeHead(rig, 8, {}, rig.keys.bundle)),
  ),
  attack('a bake signed by a key that the program does not know', 'BAKE_INVALID', (rig) =>
    stableHead(rig, edgeHead(rig, 8, {}, rig.foreign['head-edge'])),
  ),
  attack('a bake that was changed after signing', 'BAKE_INVALID', (rig) =>
    stableHead(rig, flip(edgeHead(rig, 8))),
  ),
  attack('a bake that is for another bundle', 'BAKE_INVALID', (rig) => {
    const [target] = rig.claims()['targets'] as Record<string, unknown>[];
    return stableHead(rig, edgeHead(rig, 8, { targets: [{ ...target, release_digest: 'a'.repeat(64) }] }));
  }),
  attack('a bake that is for another platform', 'BAKE_INVALID', (rig) => {
    const [target] = rig.claims()['targets'] as Record<string, unknown>[];
    const arch = target?.['arch'] === 'x64' ? 'arm64' : 'x64';
    return stableHead(rig, edgeHead(rig, 8, { targets: [{ ...target, arch }] }));
  }),
  attack('a bake that is for another version', 'BAKE_INVALID', (rig) =>
    stableHead(rig, edgeHead(rig, 8, { version: '8.9.9' })),
  ),
  attack('a bake that is for another product', 'BAKE_INVALID', (rig) =>
    stableHead(rig, edgeHead(rig, 8, { aud: 'coresdk-other' })),
  ),
  attack('a bake that says it is a stable head', 'BAKE_INVALID', (rig) =>
    stableHead(rig, edgeHead(rig, 8, { sub: 'stable' })),
  ),
  attack('a stable head inside a stable head', 'BAKE_INVALID', (rig) =>
    stableHead(rig, stableHead(rig, undefined).toString('latin1')),
  ),
  attack('an empty bake', 'BAKE_INVALID', (rig) => stableHead(rig, '')),
  attack('a bake of more than the cap of an edge head', 'HEAD_INVALID', (rig) =>
    stableHead(rig, 'A'.repeat(70_000)),
  ),
  attack('a step that edge never named', 'BAKE_INVALID', async (rig) =>
    stableHead(rig, edgeHead(rig, 8), { steps: [await step(rig)] }),
  ),
  attack('a step that edge named with another bundle', 'BAKE_INVALID', async (rig) => {
    const named = { steps: [await step(rig, 'a'.repeat(64))] };
    return stableHead(rig, edgeHead(rig, 8, named), { steps: [await step(rig)] });
  }),
  attack('a step that edge named, of a head that is too young', 'BAKE_TOO_SHORT', async (rig) => {
    const steps = [await step(rig)];
    return stableHead(rig, edgeHead(rig, 6, { steps }), { steps });
  }),
  attack('a security override that the operator did not allow', 'BAKE_TOO_SHORT', (rig) =>
    stableHead(rig, edgeHead(rig, 1), { security: { reason: 'hurry', at: seconds() } }),
  ),
  attack('an edge head in the place of the stable head', 'JWS_KEY_NOT_ALLOWED', (rig) => rig.head()),
];
