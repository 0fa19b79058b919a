/** How far it is: the bar of a download, and the strip of looks at the health against the deadline. */
import type { ControlEvent, ProgressView } from '../../api.ts';
import { element, make } from './dom.ts';
import { bytes, shown, span } from './text.ts';

type Look = Extract<ControlEvent, { kind: 'probe' }>;

const LOOKS_MAX = 400;

/** Nothing is measured now. */
export function clearProgress(): void {
  for (const id of ['progress', 'download', 'probe']) element(id).hidden = true;
  element('strip').replaceChildren();
}

/** Draws a download; a probe is drawn look by look. */
export function drawProgress(progress: ProgressView | null): void {
  if (progress === null) return;
  element('progress').hidden = false;
  if (progress.kind === 'probe') {
    if (element('strip').childElementCount === 0)
      drawProbe(progress.last, progress.elapsed_ms, progress.deadline_ms);
    return;
  }
  const {
    received_bytes: received,
    total_bytes: total,
    bytes_per_second: rate,
    seconds_left: left,
  } = progress;
  element('download').hidden = false;
  const bar = element<HTMLProgressElement>('download-bar');
  bar.max = Math.max(total, 1);
  bar.value = received;
  const speed = rate === null ? '' : ` · ${bytes(rate)}/s`;
  element('download-text').textContent =
    `${bytes(received)} of ${bytes(total)}${speed}${left === null ? '' : ` · ${span(left * 1000)} left`}`;
}

function drawProbe(last: string, elapsed: number, deadline: number): void {
  element('probe').hidden = false;
  element('probe-text').textContent = shown(last, 200);
  element('probe-deadline').textContent = `${span(elapsed)} of ${span(deadline)}`;
}

/** Adds one look at the health to the strip. */
export function addLook({ healthy, detail, elapsed_ms: elapsed, deadline_ms: deadline }: Look): void {
  element('progress').hidden = false;
  drawProbe(detail, elapsed, deadline);
  const strip = element('strip');
  if (strip.childElementCount >= LOOKS_MAX) strip.firstElementChild?.remove();
  const tick = make('span', { class: `tick ${healthy ? 'good' : 'bad'}`, title: shown(detail, 200) });
  tick.style.left = `${String(Math.min(99, (elapsed / Math.max(deadline, 1)) * 100))}%`;
  strip.append(tick);
  const looks = strip.childElementCount;
  const good = strip.querySelectorAll('.good').length;
  strip.setAttribute(
    'aria-label',
    `Health: ${String(looks)} looks, ${String(good)} good; ${span(elapsed)} of ${span(deadline)}`,
  );
}
