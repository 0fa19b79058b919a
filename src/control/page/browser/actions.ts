/** The buttons: what each asks, and when it is there. */
import type { Status } from '../../api.ts';
import { api } from './api.ts';
import type { Question } from './ask.ts';
import { element } from './dom.ts';
import { shown } from './text.ts';

const version = (text: string | null): string => shown(text ?? 'the release', 64);

/** The question of each button, by the button's id. */
export const QUESTIONS: Readonly<Record<string, (status: Status) => Question>> = {
  'do-check': ({ channel }) => ({
    title: 'Check now?',
    text:
      channel === 'manual'
        ? 'On the manual channel nothing is fetched: the check only reports.'
        : `Looks at the ${channel} channel now instead of at the next interval. A new release is installed if nothing holds it back.`,
    yes: 'Check now',
    act: async () => {
      await api.check();
      return 'A check has begun.';
    },
  }),
  'do-apply': () => ({
    title: 'Apply a bundle from a file?',
    text: 'The daemon reads the file on its own host, verifies it, and installs it if it is newer and trusted.',
    yes: 'Apply',
    field: {
      label: 'Path on the daemon’s host',
      hint: '/media/usb/coresdk-sidecar-1.2.0.jws',
      required: true,
    },
    act: async (path) => {
      await api.apply(path);
      return 'The file is being looked at.';
    },
  }),
  'do-approve': ({ to }) => ({
    title: `Approve ${version(to)}?`,
    text: `${version(to)} is staged and verified. Once approved it is swapped in as soon as a window is open.`,
    yes: `Approve ${version(to)}`,
    act: async () => {
      await api.approve();
      return `${version(to)} is approved.`;
    },
  }),
  'do-pause': () => ({
    title: 'Pause updates?',
    text: 'Nothing is updated by itself until you resume, not even after a restart. An update that has not touched the workload is put off.',
    yes: 'Pause',
    field: { label: 'Why (whoever looks next will see it)', hint: 'optional', required: false },
    act: async (reason) => {
      await api.pause(reason === '' ? null : reason);
      return 'Updates are paused.';
    },
  }),
  'do-resume': ({ paused }) => ({
    title: 'Resume updates?',
    text: paused === null ? 'Updates go on by themselves.' : `Paused because: ${shown(paused.message, 300)}.`,
    yes: 'Resume',
    act: async () => {
      await api.resume();
      return 'Updates go on.';
    },
  }),
  'do-rollback': ({ current, versions }) => ({
    title: `Go back from ${version(current.version)}?`,
    text: `${version(current.version)} is stopped and put into quarantine, and the version before is started and probed. The workload is away for a moment.`,
    yes: 'Roll back',
    field: {
      label: 'To which version',
      hint: 'the version before',
      required: false,
      options: versions.filter((it) => !it.current && it.committed_at !== null).map((it) => it.version),
    },
    act: async (to) => {
      await api.rollback(to === '' ? null : to);
      return 'The rollback has begun.';
    },
  }),
  'do-retry': () => ({
    title: 'Run the rollback again?',
    text: 'The rollback that failed is run once more.',
    yes: 'Retry',
    act: async () => {
      await api.retry();
      return 'The rollback runs again.';
    },
  }),
};

/** Shows the buttons that can do something now. */
export function drawActions({ state, paused, disabled, waiting }: Status): void {
  const idle = state === 'idle';
  const there: Readonly<Record<string, boolean>> = {
    'do-check': idle,
    'do-apply': idle,
    'do-approve': state === 'waiting' && waiting?.for === 'approval',
    'do-pause': paused === null && state !== 'failed',
    'do-resume': paused !== null && state !== 'failed',
    'do-rollback': idle,
    'do-retry': state === 'failed',
  };
  for (const [id, is] of Object.entries(there))
    element(id).hidden = !is || (disabled !== null && id !== 'do-retry');
}
